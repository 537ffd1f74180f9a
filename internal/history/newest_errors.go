package history

import (
	"fmt"

	"github.com/revocast/revocast/signer"
)

// A GapError says that a version is missing although a later one exists. Either its manifest was
// deleted, or the store is a replica that it has not reached yet. A publisher that used its number
// again would fork the history.
type GapError struct {
	Store   string // the store's address
	Missing uint64 // the first version that is missing
	Later   uint64 // a later one that exists
}

func (e *GapError) Error() string {
	return fmt.Sprintf("version %d is missing in %s although version %d exists", e.Missing, e.Store, e.Later)
}

// A LostError says that the store lacks the manifest of a version that existed, and all later ones.
// It may be another store, or one that was restored from an older copy. If Hint equals Version, the
// hint alone is left of that version.
type LostError struct {
	Store   string // the store's address
	Version uint64 // the version whose manifest is missing
	Newest  uint64 // the newest version in the store, or 0
	Hint    uint64 // the version that the hint is a copy of, 0 if it is missing or unreadable
}

func (e *LostError) Error() string {
	holds := fmt.Sprintf("the newest there is version %d", e.Newest)
	if e.Newest == 0 {
		holds = "it holds no version"
	}
	if e.Hint == e.Version {
		return fmt.Sprintf("%s in %s is a copy of version %d, whose own manifest is missing; %s", signer.LatestName, e.Store, e.Version, holds)
	}
	return fmt.Sprintf("version %d is gone from %s; %s", e.Version, e.Store, holds)
}

// A ForkError says that two manifests contradict each other. It wraps [ErrFork]. Both are signed by
// trusted keys, and have the same version, or Found is the next one and does not follow Known.
type ForkError struct {
	Store string   // the store's address
	Known *Version // accepted before, or read before Found
	Found *Version // in its own place in the store
	Hint  bool     // Known is the hint
}

func (e *ForkError) Error() string {
	switch {
	case e.Found.Version != e.Known.Version:
		return fmt.Sprintf("%v: version %d in %s does not follow version %d", ErrFork, e.Found.Version, e.Store, e.Known.Version)
	case e.Hint:
		return fmt.Sprintf("%v: %s in %s is another manifest of version %d than %s", ErrFork, signer.LatestName, e.Store, e.Known.Version, signer.ManifestName(e.Known.Version))
	}
	return fmt.Sprintf("%v: %s holds another manifest of version %d than the one that was accepted before", ErrFork, e.Store, e.Known.Version)
}

// Unwrap returns [ErrFork].
func (e *ForkError) Unwrap() error { return ErrFork }

// An OtherListError says that the store holds the list of another issuer than the known version's.
type OtherListError struct {
	Store        string // the store's address
	Known, Found string // the issuers of the known version and of the list in the store
}

func (e *OtherListError) Error() string {
	return fmt.Sprintf("the list in %s is of the issuer %q, and the version that was accepted before is of %q", e.Store, e.Found, e.Known)
}

// A RestartedError says that the store holds another list of the known version's issuer: it has
// another salt. Readers that accepted versions of the known list refuse it.
type RestartedError struct {
	Store  string // the store's address
	Issuer string // of both lists
}

func (e *RestartedError) Error() string {
	return fmt.Sprintf("%s holds another list of the issuer %q than the one that was accepted before", e.Store, e.Issuer)
}
