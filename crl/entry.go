package crl

import "math"

// Moments are Unix seconds.
const (
	// Always as an entry's Before revokes outright, whenever a token was issued.
	Always int64 = math.MaxInt64
	// Never as an entry's Exp keeps it until it is reinstated.
	Never int64 = math.MaxInt64
	// MaxTime is the last moment that a row, an entry or a manifest may name:
	// the end of the year 9999, as in RFC 3339.
	MaxTime int64 = 253402300799
)

// An Entry is one revocation.
type Entry struct {
	Rule   uint8  // id of the rule
	Key    uint64 // fingerprint of the claims' values
	Before int64  // only tokens issued before this moment, or Always
	Exp    int64  // the latest expiry of any token that it can match, or Never
	// Moment is when the revocation was decided, in Unix milliseconds. The lists of readers hold
	// no moments, and there it is 0.
	Moment int64
}

// Outright tells whether the entry revokes whenever the token was issued.
func (e Entry) Outright() bool { return e.Before == Always }

// Combine returns the entry that revokes what either of two entries for the same claims revokes:
// the later Before, the later Exp and the later Moment. Always and Never are the largest times, so
// they win by themselves.
func (e Entry) Combine(o Entry) Entry {
	e.Before = max(e.Before, o.Before)
	e.Exp = max(e.Exp, o.Exp)
	e.Moment = max(e.Moment, o.Moment)
	return e
}

// Revokes tells whether a token that matches the entry is revoked by it, from
// the token's iat and whether it has one.
func (e Entry) Revokes(iat int64, hasIat bool) bool {
	return !hasIat || iat < e.Before
}

// form is the part of a list that the entry lives in.
func (e Entry) form() form {
	if e.Outright() {
		return formOutright
	}
	return formBefore
}
