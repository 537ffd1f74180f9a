package publish

import (
	"math/rand/v2"
	"time"
)

// maxAttempts bounds how often a run starts over because others commit. Each
// lost race is a version that somebody else published.
const maxAttempts = 100

// maxDoublings bounds how far waiting grows: to turns of 32 publishers.
const maxDoublings = 5

// backoff is how long to wait after a lost race, at random, so that the losers of one do
// not meet in the next. It counts in the time that the attempt took, which is how long a
// race lasts: milliseconds in a directory, seconds with a large list far away.
//
// Who starts over at once does so beside everybody else, and all but one of them work
// in vain. With windows that double, 32 publishers that never pause lose about as many
// races as they publish versions, and none of them more than a few dozen in a row.
func backoff(lost int, attempt time.Duration) time.Duration {
	return rand.N(max(attempt, time.Millisecond) << min(lost+1, maxDoublings))
}
