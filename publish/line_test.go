package publish

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
)

// The objects of the ledger lead on from its newest snapshot, whichever version that is of, and few
// of them are fetched.
func TestTheLedgerLeadsOnFromEverySnapshot(t *testing.T) {
	for _, every := range []int{2, 3, 5, 7, 9, 12, 20, 33} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			b := newBench(t)
			b.Cache, b.SnapshotEvery = nil, every
			for i := range 60 {
				r := b.publish("a", say(fmt.Sprint("u", i), noon+int64(i)*1000))
				require.Empty(t, r.Warnings)
				line := b.state().Line
				way, err := history.Way(line.Objects, 0, line.To)
				require.NoError(t, err)
				require.LessOrEqual(t, len(way), 12)
			}
		})
	}
}

// A version that only moves a cursor adds to the ledger too, and no snapshot comes of it.
func TestALongLedgerWithoutSnapshots(t *testing.T) {
	b := newBench(t)
	b.Cache = nil
	b.publish("a", say("alice", noon))
	for i := range 300 {
		require.Empty(t, b.publish(fmt.Sprint("source ", i)).Warnings)
	}
	s := b.state()
	require.Len(t, s.Sources, 301)
	way, err := history.Way(s.Line.Objects, 0, s.Line.To)
	require.NoError(t, err)
	require.LessOrEqual(t, len(way), 16)
}
