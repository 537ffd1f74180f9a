package publish

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// grow adds a version with changes to a manifest as addDelta does, with a delta of
// one size for each change.
func grow(m *signer.Manifest, size int64) {
	m.Version++
	m.State.Changed = m.Version
	m.State.Changes++
	m.Objects = append(m.Objects, signer.Object{From: m.Version - 1, To: m.Version, Changes: 1, Size: size})
	for i, level := range levels[1:] {
		parts := due(m, i)
		if parts == nil {
			break
		}
		o := signer.Object{From: parts[0].From, To: m.Version, Changes: level.changes}
		for _, p := range parts {
			o.Size += p.Size
		}
		m.Objects = append(m.Objects, o)
	}
	m.Objects = trim(m.Objects)
}

// Bar P12: whoever is 1 to 500 changes behind takes at most 12 requests, the one for
// the manifest included, and at most half as much again as one delta would be.
func TestTheWayIsShortFromAnywhere(t *testing.T) {
	const size = 8000
	m := &signer.Manifest{Version: 1, State: signer.State{Changed: 1, Changes: 1}}
	for m.Version < 1300 {
		grow(m, size)
		require.LessOrEqual(t, len(m.Objects), 30)
		if m.Version < 600 && m.Version%7 != 0 {
			continue
		}
		for behind := uint64(1); behind <= min(500, m.Version-1); behind += 1 + behind/9 {
			way, err := history.Plan(m, m.Version-behind)
			require.NoError(t, err, "%d behind %d", behind, m.Version)
			require.LessOrEqual(t, len(way), 11, "%d behind %d", behind, m.Version)
			bytes := int64(0)
			for _, o := range way {
				bytes += o.Size
			}
			require.LessOrEqual(t, float64(bytes), 1.5*size*float64(behind), "%d behind %d", behind, m.Version)
		}
	}
}

// A list that has just begun is reached from its first version, too.
func TestTheWayFromTheFirstVersion(t *testing.T) {
	m := &signer.Manifest{Version: 1, State: signer.State{Changed: 1, Changes: 1}}
	for m.Version < 200 {
		grow(m, 100)
		_, err := history.Plan(m, 1)
		require.NoError(t, err, "version %d", m.Version)
	}
}
