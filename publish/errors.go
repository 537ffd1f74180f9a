package publish

import "github.com/revocast/revocast/internal/history"

// Errors of a store in which the history is not one unbroken line, for errors.As. Nothing is
// published there, because readers could not follow.
type (
	// A GapError says that a version is missing although a later one exists.
	GapError = history.GapError
	// A LostError says that the store lacks the newest version that was known, and all later ones.
	LostError = history.LostError
	// A ForkError says that two manifests of the history contradict each other.
	ForkError = history.ForkError
	// A RestartedError says that the store holds another list of the same issuer than before.
	RestartedError = history.RestartedError
	// An OtherListError says that the store holds the list of another issuer than before.
	OtherListError = history.OtherListError
)
