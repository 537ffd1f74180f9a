package collect_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// paused is a bucket whose reader falls asleep before it gets an object of some name.
type paused struct {
	store.Reader
	before func(name string) bool
	sleep  func() // nil once it has slept
}

func (p *paused) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if p.sleep != nil && p.before(name) {
		p.sleep()
		p.sleep = nil
	}
	return p.Reader.Get(ctx, name, limit, etag)
}

// days pass, with publications and collections, until nothing of before is left but manifests.
func (l *list) days() {
	for range 30 {
		l.publish(10 * time.Hour)
	}
	require.NotZero(l.t, l.gc(time.Hour).Deleted.Snapshots)
}

// A client that was suspended between the hint and the objects, a laptop's for one, comes
// to the newest version at once, with something in its cache or without.
func TestAClientSleepsForDays(t *testing.T) {
	for _, held := range []uint64{0, 5} {
		t.Run(fmt.Sprintf("holding version %d", held), func(t *testing.T) {
			l := newList(t)
			cache, err := store.OpenDir(t.TempDir())
			require.NoError(t, err)
			now := func() time.Time { return l.now }
			for range 12 {
				l.publish(time.Hour)
				if l.head == held {
					_, err := client.Open(t.Context(), client.Config{Store: l.bucket, Keys: l.key.Public(), Cache: cache, Now: now})
					require.NoError(t, err)
				}
			}
			asleep := &paused{l.bucket, func(name string) bool { return name != signer.LatestName }, l.days}
			c, err := client.Open(t.Context(), client.Config{Store: asleep, Keys: l.key.Public(), Cache: cache, Now: now})
			require.NoError(t, err)
			require.NoError(t, c.Status().Err)
			require.Nil(t, asleep.sleep, "it never slept")
			require.Equal(t, l.head, c.Status().Version)
			for jti := range l.head {
				require.Error(t, c.Check(client.Token{Claims: map[string]any{"iss": "i", "jti": fmt.Sprint(jti + 1)}}))
			}
			restarted, err := client.Open(t.Context(), client.Config{Store: l.bucket, Keys: l.key.Public(), Cache: cache, Now: now})
			require.NoError(t, err)
			require.Equal(t, l.head, restarted.Status().Version)
		})
	}
}

// A mirror takes so long that what it set out for is gone: it ends with a newer version.
func TestAMirrorTakesDays(t *testing.T) {
	l := newList(t)
	for range 12 {
		l.publish(time.Hour)
	}
	asleep := &paused{l.bucket, func(name string) bool { return name == signer.ManifestName(2) }, l.days}
	to, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	r, err := audit.Mirror(t.Context(), asleep, to, l.key.Public(), func(string, int64, int64) {})
	require.NoError(t, err)
	require.Equal(t, l.head, r.Head)
	require.NotZero(t, r.Gone)
	require.EqualValues(t, l.head, verify(t, to, l.key.Public()).Head)
}

// If an object of the newest version is gone there is nothing to move on to, and the error says what is missing.
func TestNothingToMoveOnTo(t *testing.T) {
	l := newList(t)
	l.publish(0)
	v, err := history.Read(t.Context(), l.bucket, l.key.Public(), 1)
	require.NoError(t, err)
	require.NoError(t, l.bucket.Delete(t.Context(), v.Objects[0].Name()))
	_, _, err = history.Follow(t.Context(), l.bucket, l.key.Public(), v, nil)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorContains(t, err, v.Objects[0].Name())
	to, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	_, err = audit.Mirror(t.Context(), l.bucket, to, l.key.Public(), func(string, int64, int64) {})
	require.ErrorContains(t, err, v.Objects[0].Name())
}
