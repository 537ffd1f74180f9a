package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// late is a bucket as a reader sees it that read the hint a while ago, and fetches the rest now.
type late struct {
	store.Reader
	hint   []byte
	missed int // objects that were gone
}

func (l *late) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if name == signer.LatestName {
		return store.Object{Data: l.hint, ETag: "late"}, nil
	}
	obj, err := l.Reader.Get(ctx, name, limit, etag)
	if errors.Is(err, store.ErrNotFound) && strings.HasSuffix(name, ".crl.zst") {
		l.missed++
	}
	return obj, err
}

// started is a reader that read the hint and then paused.
type started struct {
	version uint64
	hint    []byte
	at      int64
	cache   store.Store // nil if it held nothing before
}

// Versions and heartbeats are published, and garbage is collected. A reader that read the hint within
// the last hour finds the objects that it names. One that paused for longer reaches that version or
// a later one. All verdicts are the model's, and an audit finds nothing after any collection.
func TestCollectAgainstTheModel(t *testing.T) {
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 101+seed)
			var paused []started
			runs, deleted, inTime, tooLate, missed := 0, 0, 0, 0, 0
			for w.operations < max(30_000, operations(1_000_000)/20) {
				w.step()
				w.now += w.r.Int64N(600)
				if w.r.IntN(2) == 0 {
					paused = append(paused, w.start())
				}
				if w.r.IntN(4) == 0 {
					runs++
					deleted += w.collect()
				}
				if len(paused) > 0 && w.r.IntN(3) == 0 {
					i := []int{0, w.r.IntN(len(paused)), len(paused) - 1}[w.r.IntN(3)]
					s := paused[i]
					paused = slices.Delete(paused, i, i+1)
					if w.now-s.at > 3600 {
						tooLate++
					} else {
						inTime++
					}
					if w.goOn(s) {
						missed++
						require.Greater(t, w.now-s.at, int64(3600), "a reader of the last hour missed an object")
					}
				}
			}
			t.Logf("%d versions, %d collections deleted %d objects; readers that paused: %d up to an hour, %d for longer, of which %d missed an object", w.head, runs, deleted, inTime, tooLate, missed)
			require.NotZero(t, deleted)
			require.NotZero(t, inTime)
			require.True(t, testing.Short() || missed > 0)
		})
	}
}

// start lets a reader read the hint, which has the cache of a client or none.
func (w *world) start() started {
	hint, err := w.bucket.Get(w.ctx, signer.LatestName, 1<<20, "")
	require.NoError(w.t, err)
	s := started{version: w.head, hint: hint.Data, at: w.now}
	if i := w.r.IntN(len(w.readers) + 1); i < len(w.readers) {
		s.cache = w.readers[i].cache.(*memory).clone()
	}
	return s
}

// goOn lets a reader fetch the objects, and reports whether one was gone.
func (w *world) goOn(s started) (missed bool) {
	view := &late{Reader: w.bucket, hint: s.hint}
	cfg := client.Config{Store: view, Keys: w.key.Public(), Now: func() time.Time { return time.Unix(w.now, 0) }}
	if s.cache != nil {
		cfg.Cache = s.cache
	}
	c, err := client.Open(w.ctx, cfg)
	require.NoError(w.t, err)
	require.NoError(w.t, c.Status().Err)
	got := c.Status().Version
	require.GreaterOrEqual(w.t, got, s.version)
	require.Contains(w.t, []uint64{s.version, w.head}, got)
	if _, known := w.versions[got]; known {
		w.check(&reader{"late", c, s.cache, got}, 20)
	}
	return view.missed > 0
}

// collect runs once, and audits everything.
func (w *world) collect() int {
	r, err := collect.Run(w.ctx, collect.Config{
		Store: w.bucket, Keys: w.key.Public(), Keep: time.Duration(3600+w.r.IntN(4*3600)) * time.Second,
		Now: func() time.Time { return time.Unix(w.now, 0) },
	})
	require.NoError(w.t, err)
	require.Equal(w.t, r.Garbage, r.Deleted)
	report, err := audit.Verify(w.ctx, w.bucket, w.key.Public(), func(string, int64, int64) {})
	require.NoError(w.t, err)
	require.Empty(w.t, report.Findings)
	require.EqualValues(w.t, w.head, report.Versions)
	hourAgo := true
	for version := w.head; version >= r.WholeFrom || hourAgo; version-- {
		v, err := history.Read(w.ctx, w.bucket, w.key.Public(), version)
		require.NoError(w.t, err)
		_, err = audit.StateAt(w.ctx, w.bucket, v)
		require.NoError(w.t, err)
		// A reader may be at a version that was the newest an hour ago, and at no earlier one.
		hourAgo = version > 1 && v.IssuedAt > w.now-3600
	}
	return r.Deleted.Things()
}
