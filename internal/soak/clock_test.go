package soak_test

import "time"

// Time flies: an hour passes in six seconds, so that tokens end, entries are dropped, and
// garbage is collected, as they are in the course of weeks. It stops at the end of the soak.
const (
	speed      = 600
	tokenLife  = 2 * time.Hour
	validFor   = 2 * time.Hour
	generation = time.Hour // from one generation of tokens to the next
)

type clock struct {
	began  time.Time
	length time.Duration
}

func (c *clock) now() time.Time {
	return c.began.Add(speed * min(time.Since(c.began), c.length))
}
