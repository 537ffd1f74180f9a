package client_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/store"
)

func TestFollowTakesWhatIsPublished(t *testing.T) {
	l := newList(t)
	l.publish("")
	synctest.Test(t, func(t *testing.T) {
		wire := &link{Reader: l.bucket}
		c := l.open(func(cfg *client.Config) { cfg.Store = wire; cfg.Interval = 10 * time.Second })
		ctx, stop := context.WithCancel(t.Context())
		go c.Follow(ctx)

		l.publish(`{"jti":"stolen","exp":"2027-01-16T00:00:00Z"}` + "\n")
		require.NoError(t, c.Check(l.token(map[string]any{"jti": "stolen"})), "nobody told it yet")
		time.Sleep(15 * time.Second) // the longest that a wait may be
		synctest.Wait()
		var revoked *client.RevokedError
		require.ErrorAs(t, c.Check(l.token(map[string]any{"jti": "stolen"})), &revoked)

		// Without news a poll is one request, and polls are jittered around the interval.
		before := wire.requests.Load()
		time.Sleep(1000 * time.Second)
		synctest.Wait()
		polls := wire.requests.Load() - before
		require.InDelta(t, 100, polls, 20)

		// A network that fails is asked less and less often, and not given up.
		wire.down.Store(true)
		before = wire.requests.Load()
		time.Sleep(1000 * time.Second)
		synctest.Wait()
		require.Less(t, wire.requests.Load()-before, int64(40))
		require.ErrorIs(t, c.Status().Err, errUnplugged)

		wire.down.Store(false)
		l.publish(`{"jti":"stolen too","exp":"2027-01-16T00:00:00Z"}` + "\n")
		time.Sleep(16 * 15 * time.Second)
		synctest.Wait()
		require.ErrorAs(t, c.Check(l.token(map[string]any{"jti": "stolen too"})), &revoked)
		require.NoError(t, c.Status().Err)
		stop()
		synctest.Wait()
	})
}

func TestStartsWithoutANetwork(t *testing.T) {
	l := newList(t)
	wire := &link{Reader: l.bucket}
	wire.down.Store(true)
	c := l.open(func(cfg *client.Config) { cfg.Store = wire })
	require.ErrorIs(t, c.Check(l.token(nil)), client.ErrNoList)
	require.False(t, c.Status().Loaded)

	wire.down.Store(false)
	require.Error(t, c.Refresh(t.Context()), "there is nothing published yet")
	require.ErrorIs(t, c.Check(l.token(nil)), client.ErrNoList)

	l.publish("")
	require.NoError(t, c.Refresh(t.Context()))
	require.NoError(t, c.Check(l.token(nil)))
}

func TestWorksFromItsCacheAlone(t *testing.T) {
	l := newList(t)
	l.publish(everyKind)
	wire := &link{Reader: l.bucket}
	online := func(cfg *client.Config) { cfg.Store = wire; cfg.Cache = l.cache("cache") }
	l.open(online)
	wire.down.Store(true)
	c := l.open(online)
	require.NoError(t, c.Check(l.token(nil)))
	var revoked *client.RevokedError
	require.ErrorAs(t, c.Check(l.token(map[string]any{"jti": "stolen"})), &revoked)
	require.EqualValues(t, 1, c.Status().Version)
}

// A publisher that dies between its commit and the hint leaves latest.jwt behind.
func TestFindsAVersionThatTheHintDoesNotTell(t *testing.T) {
	l := newList(t)
	l.publish("")
	hint, err := l.bucket.Get(t.Context(), "latest.jwt", 1<<20, "")
	require.NoError(t, err)
	c := l.open()
	l.sleep(10 * time.Minute)
	l.publish(everyKind)
	require.NoError(t, l.bucket.Put(t.Context(), "latest.jwt", hint.Data))

	newcomer := l.open()
	require.EqualValues(t, 1, newcomer.Status().Version, "a fresh hint is taken at its word, for half of the list's life")
	l.sleep(20 * time.Minute)
	require.NoError(t, c.Refresh(t.Context()))
	require.EqualValues(t, 2, c.Status().Version)

	require.NoError(t, l.bucket.Delete(t.Context(), "latest.jwt"))
	require.EqualValues(t, 2, l.open().Status().Version)
}

func TestCatchesUpFromAnyVersion(t *testing.T) {
	l := newList(t)
	l.publish("")
	var behind []*client.Client
	for i := range 80 {
		behind = append(behind, l.open(func(cfg *client.Config) { cfg.Cache = l.cache(time.Duration(i).String()) }))
		l.publish(`{"jti":"`+time.Duration(i).String()+`","exp":"2027-01-16T00:00:00Z"}`+"\n",
			func(cfg *publish.Config) { cfg.SnapshotEvery = 500 })
	}
	for i, c := range behind {
		require.EqualValues(t, i+1, c.Status().Version)
		require.NoError(t, c.Refresh(t.Context()))
		require.EqualValues(t, 81, c.Status().Version)
		for j := range 80 {
			require.Error(t, c.Check(l.token(map[string]any{"jti": time.Duration(j).String()})))
		}
		require.NoError(t, c.Check(l.token(map[string]any{"jti": "80ns"})))
	}
}

// Checks go on, from several goroutines, while refreshes swap the list.
func TestChecksWhileRefreshing(t *testing.T) {
	l := newList(t)
	l.publish(everyKind)
	c := l.open()
	good, stolen := l.token(map[string]any{"jti": "good"}), l.token(map[string]any{"jti": "stolen"})
	done := make(chan struct{})
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if c.Check(good) != nil || c.Check(stolen) == nil {
					panic("a wrong verdict")
				}
			}
		})
	}
	for i := range 20 {
		l.publish(`{"jti":"` + time.Duration(i).String() + `","exp":"2027-01-16T00:00:00Z"}` + "\n")
		require.NoError(t, c.Refresh(t.Context()))
	}
	close(done)
	workers.Wait()
}

func TestConfigurationErrors(t *testing.T) {
	l := newList(t)
	for _, cfg := range []client.Config{
		{},
		{Store: l.bucket},
		{Keys: l.key.Public()},
		{Store: l.bucket, Keys: l.key.Public(), MaxAge: -1},
		{Store: l.bucket, Keys: l.key.Public(), Interval: -1},
	} {
		_, err := client.Open(t.Context(), cfg)
		require.ErrorContains(t, err, "client: Config.")
	}
}

var _ store.Reader = (*link)(nil)
