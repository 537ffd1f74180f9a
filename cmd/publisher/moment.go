package main

import (
	"fmt"
	"strconv"
	"time"
)

// firstTokens is a moment before all JSON Web Tokens, whose first draft is of 2010.
var firstTokens = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const timeForms = "nor a time such as 2026-11-24T12:00:00Z, nor Unix seconds"

// expiry reads --exp; nil is the zero time. It lies in the future, or else the
// revocation would be recorded, look like one, and never revoke anything.
func expiry(s *string, now time.Time) (time.Time, error) {
	if s == nil {
		return time.Time{}, nil
	}
	if *s == "" {
		return time.Time{}, fmt.Errorf("--exp is empty: give it a duration such as 1h, or leave it out")
	}
	t, ok := parseTime(*s)
	if !ok {
		d, err := time.ParseDuration(*s)
		if err != nil {
			return t, fmt.Errorf("--exp %q is neither a duration such as 1h or 720h, %s", *s, timeForms)
		}
		t = now.Add(d)
	}
	if !t.After(now) {
		return t, fmt.Errorf("--exp %s is not in the future, so it would revoke nothing; it is when the last token that can match expires", *s)
	}
	return t, nil
}

// issuedBefore reads --before; nil is the zero time. Empty is refused, as a script with an
// unset variable gives it: leaving --before out revokes more, and for longer.
func issuedBefore(s *string, now time.Time) (time.Time, error) {
	if s == nil {
		return time.Time{}, nil
	}
	switch *s {
	case "":
		return time.Time{}, fmt.Errorf("--before is empty: write --before now, or leave it out to revoke whatever the claims match, whenever it was issued")
	case "now":
		return now, nil
	}
	t, ok := parseTime(*s)
	if !ok {
		return t, fmt.Errorf("--before %q is neither now, %s", *s, timeForms)
	}
	// A year is also a number of seconds, and the zero time of Go, in the year 1, would be
	// taken for none. Either would be recorded, look like a revocation, and revoke nothing.
	if t.Before(firstTokens) {
		return t, fmt.Errorf("--before %s is %s, when no token had been issued, so it would revoke nothing; write now, or a time such as 2026-11-24T12:00:00Z: a number is taken for Unix seconds",
			*s, t.UTC().Format(time.RFC3339))
	}
	return t, nil
}

func parseTime(s string) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(seconds, 0), true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}
