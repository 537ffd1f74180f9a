// Package plural has the words for how many there are of something.
package plural

import "fmt"

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
