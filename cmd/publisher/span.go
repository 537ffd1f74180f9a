package main

import (
	"fmt"
	"strings"
	"time"
)

// A span is a flag for a length of time, which is never zero or negative: a zero
// would mean the same as leaving the flag out, and nobody writes that on purpose.
type span time.Duration

func (s *span) UnmarshalText(text []byte) error {
	d, err := parseSpan(string(text))
	if err == nil && d == 0 {
		err = fmt.Errorf("%s is too short; leave the flag out, or give it a length of time such as 30s or 24h", text)
	}
	*s = span(d)
	return err
}

// A limit is a span of which zero means that there is no limit any more.
type limit time.Duration

func (l *limit) UnmarshalText(text []byte) error {
	d, err := parseSpan(string(text))
	*l = limit(d)
	return err
}

// parseSpan takes Go's notation alone. Days are left out on purpose, as Go
// leaves them out: they have 23 or 25 hours now and then, and a list's promises are exact.
func parseSpan(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil && strings.HasSuffix(s, "d"):
		return 0, fmt.Errorf("%q is given in days, which durations do not have: write hours, as in 720h for 30 days", s)
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration of at most 292 years such as 30s, 1h30m or 720h", s)
	case d < 0:
		return 0, fmt.Errorf("%s is negative; write a length of time such as 30s or 24h", s)
	}
	return d, nil
}

// wholeSeconds refuses what a manifest, which counts in seconds, cannot say: a
// part of a second that is cut off would make a limit of 0.5s into none.
func wholeSeconds(flag string, d time.Duration) error {
	if d%time.Second != 0 {
		return fmt.Errorf("--%s %s is not a whole number of seconds, which is what a list counts in", flag, d)
	}
	return nil
}
