package publish

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

// A scene is a list in a directory, its source, and a publisher's cache.
type scene struct {
	t    *testing.T
	dir  string
	key  *signer.PrivateKey
	rows said
	now  int64
	cfg  func(*Config)
}

func newScene(t *testing.T) *scene {
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	return &scene{t: t, dir: t.TempDir(), key: key, rows: said{name: "rows"}, now: noon / 1000}
}

func (s *scene) open(name string) store.Store {
	s.t.Helper()
	d, err := store.OpenDir(filepath.Join(s.dir, name))
	require.NoError(s.t, err)
	return d
}

// revoke adds a row to the source that holds for a day.
func (s *scene) revoke(jti string) {
	s.rows.rows = append(s.rows.rows, jtiRow(jti, s.now*1000, s.now+86400))
}

func jtiRow(jti string, moment, exp int64) source.Row {
	return source.Row{Names: []string{"jti"}, Values: []string{jti}, Before: source.None, Exp: exp, Moment: moment}
}

// run publishes to a bucket, with a cache that may be nil. Either may fail.
func (s *scene) run(bucket, cache store.Store) (*Result, error) {
	cfg := Config{
		Store: bucket, Cache: cache, Key: s.key, Source: &s.rows, Create: true, Issuer: testIssuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: func() time.Time { return time.Unix(s.now, 0) }, Rand: rand.Reader,
	}
	if s.cfg != nil {
		s.cfg(&cfg)
	}
	return Run(s.t.Context(), cfg)
}

func (s *scene) publish() {
	s.t.Helper()
	_, err := s.run(s.open("list"), s.open("cache"))
	require.NoError(s.t, err)
}

// copy returns the same scene in a directory of its own.
func (s *scene) copy(t *testing.T) *scene {
	c := *s
	c.t, c.dir = t, t.TempDir()
	c.rows.rows = slices.Clone(s.rows.rows)
	require.NoError(t, os.CopyFS(c.dir, os.DirFS(s.dir)))
	return &c
}

// holds proves the list from its bytes, and that it revokes all rows of the source and nothing else.
// It loads the ledger from the store alone.
func (s *scene) holds(what string) {
	s.t.Helper()
	report, err := audit.Verify(s.t.Context(), s.open("list"), s.key.Public(), func(string, int64, int64) {})
	require.NoError(s.t, err, what)
	require.Empty(s.t, report.Findings, what)
	c, err := client.Open(s.t.Context(), client.Config{Store: s.open("list"), Keys: s.key.Public(), Now: func() time.Time { return time.Unix(s.now, 0) }})
	require.NoError(s.t, err, what)
	for _, row := range s.rows.rows {
		err := c.Check(s.token(row.Values[0]))
		if s.now-row.Exp > 7200 {
			require.NoError(s.t, err, "%s: %s has expired", what, row.Values[0])
		} else {
			require.ErrorAs(s.t, err, new(*client.RevokedError), "%s: %s", what, row.Values[0])
		}
	}
	require.NoError(s.t, c.Check(s.token("good")), what)
	head, err := history.Head(s.t.Context(), s.open("list"), s.key.Public(), nil)
	require.NoError(s.t, err, what)
	_, err = ledger.Load(s.t.Context(), &ledger.Objects{Bucket: s.open("list")}, head, nil)
	require.NoError(s.t, err, what)
}

func (s *scene) token(jti string) client.Token {
	return client.Token{Claims: map[string]any{"iss": testIssuer, "jti": jti, "iat": s.now - 60, "exp": s.now + 60}}
}

// Every operation of every kind of run, on the store and on the cache, fails in every way. It leaves
// a list that verifies, the next run succeeds, and no row is lost. The short form tries some of the
// operations.
func TestCrashMatrix(t *testing.T) {
	runs := map[string]func(*scene){
		"the first version": func(*scene) {},
		"some rows":         func(s *scene) { s.revoke("early"); s.publish(); s.revoke("late") },
		"no rows":           func(s *scene) { s.revoke("early"); s.publish() },
		"a snapshot":        func(s *scene) { s.revoke("early"); s.publish(); s.revoke("late"); s.cfg = snapshots },
		"levels of deltas":  func(s *scene) { s.revokeAll(8) },
		"an expiry": func(s *scene) {
			s.revoke("early")
			s.publish()
			s.now += 2 * 86400
			s.publish()
			s.now += 86400
			s.revoke("late")
		},
		"a cache left behind":   func(s *scene) { s.revokeAll(2); s.leaveBehind() },
		"a cache that is cut":   func(s *scene) { s.revokeAll(2); s.cutCache() },
		"a ledger that is lost": func(s *scene) { s.revokeAll(2); s.loseLedger() },
	}
	step := int64(1)
	if testing.Short() {
		step = 11
	}
	var faults [faulty.KilledAfter + 1]atomic.Int64
	t.Cleanup(func() {
		for _, way := range faulty.Ways {
			t.Logf("%s: %d", way, faults[way].Load())
		}
	})
	for name, prepare := range runs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := newScene(t)
			prepare(origin)
			origin.revoke("last")
			for _, broken := range []string{"list", "cache"} {
				for _, way := range faulty.Ways {
					for n := int64(1); ; n += step {
						failed := int64(0)
						// Pauses between retries take no time in a bubble.
						synctest.Test(t, func(t *testing.T) { failed = origin.crash(t, broken, n, way) })
						faults[way].Add(failed)
						if failed == 0 {
							break // the run has no more operations
						}
					}
				}
			}
		})
	}
}

// crash publishes from a copy of the scene while the n-th operation fails, and then once more. It
// returns how many operations failed.
func (origin *scene) crash(t *testing.T, broken string, n int64, way faulty.Way) int64 {
	s := origin.copy(t)
	f := &faulty.Store{Store: s.open(broken), N: n, Way: way}
	bucket, cache := store.Store(f), s.open("cache")
	if broken == "cache" {
		bucket, cache = s.open("list"), f
	}
	what := fmt.Sprintf("operation %d on the %s %s", n, broken, way)
	result, err := s.run(bucket, cache)
	if broken == "cache" {
		require.NoError(t, err, "a run does not need the cache: %s", what)
	}
	if err == nil {
		s.holds(what)
	}
	s.now += 30
	s.revoke("after")
	next, err := s.run(s.open("list"), s.open("cache"))
	require.NoError(t, err, what)
	if result != nil {
		require.Equal(t, result.Version+1, next.Version, what)
	}
	s.holds(what)
	s.now += 30
	last, err := s.run(s.open("list"), s.open("cache"))
	require.NoError(t, err, what)
	require.Empty(t, last.Warnings, "the cache is whole again: %s", what)
	return f.Failed()
}

func snapshots(cfg *Config) { cfg.SnapshotEvery = 1 }

// revokeAll publishes versions with a row each.
func (s *scene) revokeAll(versions int) {
	for i := range versions {
		s.revoke(fmt.Sprint("row ", i))
		s.publish()
	}
}

// leaveBehind publishes from another machine, so that the cache lags.
func (s *scene) leaveBehind() {
	for i := range 3 {
		s.revoke(fmt.Sprint("elsewhere ", i))
		_, err := s.run(s.open("list"), nil)
		require.NoError(s.t, err)
	}
}

// cutCache leaves half of each file in the cache.
func (s *scene) cutCache() {
	s.files("cache", func(path string) {
		data, err := os.ReadFile(path)
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(path, data[:len(data)/2], 0o600))
	})
}

// loseLedger removes the ledger from the list, and the cache.
func (s *scene) loseLedger() {
	require.NoError(s.t, os.RemoveAll(filepath.Join(s.dir, "list", "ledger")))
	require.NoError(s.t, os.RemoveAll(filepath.Join(s.dir, "cache")))
}

// files calls a function with the path of each file below a directory of the scene.
func (s *scene) files(dir string, with func(path string)) {
	require.NoError(s.t, filepath.WalkDir(filepath.Join(s.dir, dir), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			with(path)
		}
		return err
	}))
}
