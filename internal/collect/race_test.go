package collect_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/clocked"
	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// publishTo publishes a revocation of each jti.
func publishTo(t testing.TB, s store.Store, key *signer.PrivateKey, now func() time.Time, jtis ...string) *publish.Result {
	t.Helper()
	var rows strings.Builder
	for _, jti := range jtis {
		fmt.Fprintf(&rows, `{"jti":"%s","exp":1999999999}`+"\n", jti)
	}
	src := file.Stream(strings.NewReader(rows.String()), file.Options{})
	r, err := publish.Run(t.Context(), publish.Config{
		Store: s, Key: key, Source: src, Create: true, Issuer: "i", MaxTokenLife: 24 * time.Hour,
		ValidFor: 24 * time.Hour, Now: now, Rand: rand.Reader, SnapshotEvery: 20,
	})
	if err != nil {
		t.Error(err)
		return nil
	}
	if len(r.Warnings) > 0 {
		t.Errorf("something was gone that version %d was made of: %q", r.Version, r.Warnings)
	}
	return r
}

func TestRacingPublishers(t *testing.T) {
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	race(t, s)
}

func TestRacingPublishersOnMinIO(t *testing.T) {
	s, err := s3.Open(t.Context(), miniotest.Start(t).Address(t))
	require.NoError(t, err)
	race(t, s)
}

// Publishers race, for whom an hour passes with every few versions, while several collect
// at once and readers follow. Nobody notices the others, and no row is lost.
func race(t *testing.T, s store.Store) {
	const publishers, rounds, collectors, readers = 6, 8, 2, 2
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	clock := atomic.Int64{}
	clock.Store(1_800_000_000)
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	bucket := clocked.New(s, now)
	publishTo(t, bucket, key, now)

	ctx, stop := context.WithCancel(t.Context())
	var work, others sync.WaitGroup
	var runs, deleted, refreshes atomic.Int64
	for range collectors {
		others.Go(func() {
			for ctx.Err() == nil {
				r, err := collect.Run(t.Context(), collect.Config{Store: bucket, Keys: key.Public(), Keep: time.Hour, Now: now})
				if err != nil {
					t.Error(err)
					return
				}
				runs.Add(1)
				deleted.Add(int64(r.Deleted.Things()))
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for range readers {
		c, err := client.Open(ctx, client.Config{Store: bucket, Keys: key.Public(), Now: now})
		require.NoError(t, err)
		others.Go(func() {
			for ctx.Err() == nil {
				if err := c.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				refreshes.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	for p := range publishers {
		work.Go(func() {
			for round := range rounds {
				publishTo(t, bucket, key, now, fmt.Sprint(p, ".", round))
				clock.Add(15 * 60)
			}
		})
	}
	work.Wait()
	stop()
	others.Wait()
	clock.Add(15 * 60)
	publishTo(t, bucket, key, now)
	_, err = collect.Run(t.Context(), collect.Config{Store: bucket, Keys: key.Public(), Keep: time.Hour, Now: now})
	require.NoError(t, err)

	c, err := client.Open(t.Context(), client.Config{Store: bucket, Keys: key.Public(), Now: now})
	require.NoError(t, err)
	require.Equal(t, publishers*rounds, c.Status().Entries)
	for p := range publishers {
		for round := range rounds {
			require.Error(t, c.Check(client.Token{Claims: map[string]any{"iss": "i", "jti": fmt.Sprint(p, ".", round)}}))
		}
	}
	require.NotZero(t, deleted.Load(), "nothing was collected while they raced")
	report := verify(t, bucket, key.Public())
	require.Equal(t, publishers*rounds+2, report.Versions)
	t.Logf("%d versions, %d runs of gc deleted %d objects, %d refreshes", report.Versions, runs.Load(), deleted.Load(), refreshes.Load())
}
