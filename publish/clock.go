package publish

import (
	"errors"
	"fmt"
	"time"

	"github.com/revocast/revocast/internal/history"
)

// ErrClock means that the clock of this machine reads earlier than the moment at which the last
// version was issued. [Config].ClockWasAhead goes on knowingly.
var ErrClock = errors.New("the clock is wrong")

// issuedAt is the moment of the next version: what the clock says, unless that is
// before the version at the head. Within the skew, time stands still rather than going back.
func (d *draft) issuedAt(now int64) (int64, error) {
	if d.base == nil {
		return now, nil
	}
	head := d.base.Version
	skew := int64(Skew / time.Second)
	switch {
	case now >= head.IssuedAt-skew:
		return max(now, head.IssuedAt), nil
	case !d.ClockWasAhead:
		return 0, fmt.Errorf("%w: it says %s, and version %d was issued at %s", ErrClock,
			stamp(now), head.Version, stamp(head.IssuedAt))
	case head.State.Dropped > now-head.Policy.Skew:
		// From here on entries would be dropped that are needed.
		return 0, fmt.Errorf("%w: it says %s, and version %d has dropped what ends by %s already; publish again after %s, or start a new list under another prefix", ErrClock,
			stamp(now), head.Version, stamp(head.State.Dropped), stamp(head.State.Dropped+head.Policy.Skew))
	}
	return now, nil
}

// dropMoment is the moment up to which a version drops what has ended: the skew and one
// validFor before the version before it was issued. A clock that jumps ahead would drop what is
// still needed, and cannot be told from a publisher that was off. So a version goes by the
// clock of the one before, and drops no more than twice the time that passed between the
// two: a single version with a wrong clock does no harm, and a list that was left alone
// for a month is rid of that month's entries after another.
func dropMoment(head *history.Version, now, skew, validFor int64) int64 {
	if head == nil {
		return max(now-skew-validFor, 0)
	}
	end := min(now, head.IssuedAt) - skew - validFor
	end = min(end, head.State.Dropped+2*(now-head.IssuedAt))
	return max(end, head.State.Dropped)
}
