package client

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoList is the answer of Check while the client has no list yet: it has
// neither fetched one nor found one in its cache.
var ErrNoList = errors.New("no revocation list has been loaded yet, so nothing can be said about any token")

// ErrRollback means that a store offered an older version than was accepted
// before, or another manifest of the same version. It was not accepted.
var ErrRollback = errors.New("the store offers an older revocation list than the one accepted before")

// MaxAuthAgeRule is the name that stands among the rules of a [RevokedError] for
// a login longer ago than the list's max_auth_age allows.
const MaxAuthAgeRule = "max_auth_age"

// A RevokedError says that the token is revoked.
type RevokedError struct {
	// Rules are the names of all rules that match, in alphabetical order.
	Rules []string
	// Before is, for each of Rules, the moment before which tokens are revoked by it;
	// zero if it revokes whenever a token was issued.
	Before []time.Time
	// Version and AsOf say which version of the list revokes it, and when that
	// version was issued.
	Version uint64
	AsOf    time.Time
}

func (e *RevokedError) Error() string {
	return fmt.Sprintf("the token is revoked by %s (version %d of the list)", strings.Join(e.Rules, ", "), e.Version)
}

// A StaleError says that the token is not in the list, but that the list is
// older than the caller allows, so that it may have been revoked since.
type StaleError struct {
	Version uint64
	AsOf    time.Time // when the list was issued
	Until   time.Time // when it became stale
	Now     time.Time
}

func (e *StaleError) Error() string {
	if e.Now.Before(e.AsOf) {
		return fmt.Sprintf("the clock says %s, and version %d of the revocation list was issued at %s: set the clock",
			stamp(e.Now), e.Version, stamp(e.AsOf))
	}
	return fmt.Sprintf("version %d of the revocation list, issued at %s, is stale since %s", e.Version, stamp(e.AsOf), stamp(e.Until))
}

// A NotCoveredError says that the list makes no promise about the token: a
// revocation of it may be missing or dropped.
type NotCoveredError struct {
	Reason string
}

func (e *NotCoveredError) Error() string {
	return "the revocation list does not cover the token: " + e.Reason
}

// A ClaimError says that a claim that the list has a rule for, or a time, has a
// value that nobody can match, so that a revocation may have been missed.
type ClaimError struct {
	Claim  string
	Reason string
	Err    error
}

func (e *ClaimError) Error() string {
	return fmt.Sprintf("the token's claim %q cannot be checked: %s", e.Claim, e.Reason)
}

func (e *ClaimError) Unwrap() error { return e.Err }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
