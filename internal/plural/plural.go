// Package plural has the words for how many there are of something.
package plural

import (
	"fmt"
	"strings"
)

// Of is what n of something are called.
func Of[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Count is the number and what so many are called.
func Count[N int | int64 | uint64](n N, one, many string) string {
	return fmt.Sprintf("%d %s", n, Of(n, one, many))
}

// And joins parts as in "a, b and c". There must be at least one.
func And(parts []string) string {
	last := len(parts) - 1
	if last == 0 {
		return parts[0]
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
