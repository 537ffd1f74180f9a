package collect_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/collect"
)

const year = 365 * 24 * time.Hour

// The clock of the machine that has the directory and publishes into it is a year ahead, for
// one version. Until the next one there is nothing to go by; then gc goes on, though
// the files of that version bear the wrong date for good.
func TestAClockThatWasAYearAhead(t *testing.T) {
	l := newList(t)
	for range 20 {
		l.publish(time.Hour)
	}
	l.publish(year)
	l.now = l.now.Add(-year)
	_, err := collect.Run(t.Context(), l.config(time.Hour))
	require.ErrorIs(t, err, collect.ErrClock)
	require.ErrorContains(t, err, "publish once with --clock-was-ahead, and run gc again")

	l.clockWasAhead = true
	l.publish(time.Minute)
	r := l.gc(time.Hour)
	require.NotZero(t, r.Garbage)
	require.LessOrEqual(t, r.WholeFrom, uint64(20))
	require.True(t, l.whole(19) && l.whole(20) && l.whole(21))

	l.clockWasAhead = false
	for range 30 {
		l.publish(10 * time.Hour)
	}
	r = l.gc(time.Hour)
	require.EqualValues(t, l.head-2, r.WholeFrom)
	require.NotZero(t, r.Garbage)
	require.False(t, l.whole(20))
	require.NotZero(t, r.Young, "what bears the date of next year stays until then")
	l.verify()
}

// One clock is that of the publisher, of gc and of the directory, and leaps ahead for one
// version: nothing contradicts it. A reader that started a minute before still finds all.
func TestTheOnlyClockLeaps(t *testing.T) {
	l := newList(t)
	for range 40 {
		l.publish(time.Minute)
	}
	l.publish(400 * 24 * time.Hour)
	r := l.gc(time.Hour)
	require.Zero(t, r.Garbage, "all versions are of the last hour, as far as is known")
	for version := uint64(1); version <= l.head; version++ {
		require.True(t, l.whole(version))
	}

	// The clock is set, and the list goes on.
	l.now, l.clockWasAhead = l.now.Add(-400*24*time.Hour), true
	l.publish(time.Minute)
	require.Zero(t, l.gc(time.Hour).Garbage)
	for range 20 {
		l.publish(time.Hour)
	}
	require.NotZero(t, l.gc(time.Hour).Garbage)
	require.False(t, l.whole(30))
	l.verify()
}
