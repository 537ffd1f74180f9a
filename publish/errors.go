package publish

import "github.com/revocast/revocast/internal/history"

// Errors of a store in which the history is not one unbroken line. Nothing is published there,
// because readers could not follow. The errors are pointers, for errors.As:
//
//	var gap *publish.GapError
//	if errors.As(err, &gap) { … }
type (
	// A GapError says that a version is missing although a later one exists. Its fields are Store
	// string, the address of the store, and Missing and Later uint64, the first version that is
	// missing and a later one that exists.
	GapError = history.GapError
	// A LostError says that the store lacks the newest version that was known, and all later ones.
	// Its fields are Store string, the address of the store, and three of type uint64: Version is
	// missing; Newest is the newest version in the store, or 0; Hint is the version that the hint
	// is a copy of, 0 if it is missing or unreadable.
	LostError = history.LostError
	// A ForkError says that two manifests of the history contradict each other. Its fields are
	// Store string, the address of the store; Known and Found, the two manifests, with the members
	// of a signer.Manifest and their Bytes; and Hint bool, which reports whether Known is the hint.
	ForkError = history.ForkError
	// A RestartedError says that the store holds another list of the same issuer than before. Its
	// fields are Store and Issuer, both string: the address of the store, and the issuer of both
	// lists.
	RestartedError = history.RestartedError
	// An OtherListError says that the store holds the list of another issuer than before. Its
	// fields are Store, Known and Found, all string: the address of the store, the issuer of the
	// known version, and that of the list in the store.
	OtherListError = history.OtherListError
)
