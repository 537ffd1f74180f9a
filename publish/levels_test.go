package publish

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// A growing is the objects of a list, or of a ledger, after some versions that all changed it. Each
// change takes the same number of bytes.
type growing struct {
	levels  []level
	objects []signer.Object
	changes uint64
}

const changeSize = 8000

func newGrowing(levels []level) *growing {
	return &growing{levels, []signer.Object{{To: 1, Changes: 1}}, 1}
}

// grow adds a version, as lengthen does for the list and the ledger.
func (g *growing) grow() {
	g.changes++
	newest := signer.Object{From: g.changes - 1, To: g.changes, Changes: 1, Size: changeSize}
	g.objects = (&draft{}).lengthen(g.levels, g.objects, newest, g.changes, 0, func(parts []signer.Object, changes uint64) (signer.Object, error) {
		o := signer.Object{From: parts[0].From, To: g.changes, Changes: changes}
		for _, p := range parts {
			o.Size += p.Size
		}
		return o, nil
	})
}

// Bar P12: a reader that is 1 to 500 changes behind makes at most 12 requests, including the one
// for the manifest. It fetches at most half as much again as one delta would have.
func TestTheWayIsShortFromAnywhere(t *testing.T) {
	t.Parallel()
	for g := newGrowing(listLevels); g.changes < 1300; {
		g.grow()
		require.LessOrEqual(t, len(g.objects), 31)
		if g.changes < 600 && g.changes%7 != 0 {
			continue
		}
		for behind := uint64(1); behind <= min(500, g.changes-1); behind += 1 + behind/9 {
			g.reaches(t, behind, 11, 1.5)
		}
	}
}

// The way of the ledger is short from farther back.
func TestTheWayOfTheLedgerIsShort(t *testing.T) {
	t.Parallel()
	for g := newGrowing(ledgerLevels); g.changes < 70_000; {
		g.grow()
		require.LessOrEqual(t, len(g.objects), 51)
		if g.changes%3989 != 0 {
			continue
		}
		for behind := uint64(1); behind < g.changes; behind += 1 + behind/3 {
			g.reaches(t, behind, 25, 2)
		}
	}
}

// reaches checks the way from a version that is some changes behind: its number of objects, and how
// much longer it is than one delta would be.
func (g *growing) reaches(t *testing.T, behind uint64, most int, longer float64) {
	way, err := history.Way(g.objects, g.changes-behind, g.changes)
	require.NoError(t, err, "%d behind %d", behind, g.changes)
	require.LessOrEqual(t, len(way), most, "%d behind %d", behind, g.changes)
	bytes := int64(0)
	for _, o := range way {
		require.NotZero(t, o.From, "%d behind %d: a snapshot", behind, g.changes)
		bytes += o.Size
	}
	require.LessOrEqual(t, float64(bytes), longer*changeSize*float64(behind), "%d behind %d", behind, g.changes)
}

// A young list is reached from its first version.
func TestTheWayFromTheFirstVersion(t *testing.T) {
	for g := newGrowing(listLevels); g.changes < 200; {
		g.grow()
		_, err := history.Way(g.objects, 1, g.changes)
		require.NoError(t, err, "version %d", g.changes)
	}
}
