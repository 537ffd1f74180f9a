package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/store"
)

// Every operation of a client on its cache fails in every way, while it starts and while
// it refreshes. It checks all the same; after a restart without a network it answers as a version says that
// it had accepted, or has no list; and with the network it takes the newest one.
func TestCrashMatrixOfTheCache(t *testing.T) {
	l, w := small(t)
	faults := map[faulty.Way]int64{}
	// The cache before: nothing, an old version, and the newest but for a heartbeat.
	for before := range 3 {
		for _, way := range faulty.Ways {
			for n := int64(1); ; n++ {
				what := fmt.Sprintf("from %d versions, operation %d %s", before, n, way)
				dir := t.TempDir()
				if before > 0 {
					require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(l.dir, fmt.Sprint("at ", before)))))
				}
				kept, err := store.OpenDir(dir)
				require.NoError(t, err)
				f := &faulty.Store{Store: kept, N: n, Way: way}
				require.True(t, w.holds(t, l, what, func(cfg *client.Config) { cfg.Cache = f }), what)

				wire := &link{Reader: l.bucket}
				wire.down.Store(true)
				restarted := func(cfg *client.Config) { cfg.Store, cfg.Cache = wire, kept }
				if !w.holds(t, l, what+", offline", restarted) {
					require.Zero(t, before, "%s: the version that was there is lost", what)
				}
				wire.down.Store(false)
				require.True(t, w.holds(t, l, what+", restarted", restarted))
				require.EqualValues(t, 3, l.open(restarted).Status().Version, what)
				wire.down.Store(true)
				require.EqualValues(t, 3, l.open(restarted).Status().Version, "%s: the next update was not kept", what)
				faults[way] += f.Failed()
				if f.Failed() == 0 {
					break
				}
			}
		}
	}
	t.Logf("faults injected: %v", faults)
}
