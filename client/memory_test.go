package client_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
)

// Lists of more than a megabyte lie outside the Go heap and are unmapped when nobody
// holds them. Checks go on in the old list while a new one takes its place and the
// collector runs; whoever touched unmapped memory would be killed.
func TestChecksWhileListsAreFreed(t *testing.T) {
	l := newList(t)
	var rows strings.Builder
	for i := range 250_000 {
		fmt.Fprintf(&rows, `{"jti":"%d","exp":%d}`+"\n", i, l.clock.Load()+86400)
	}
	l.publish(rows.String())
	c := l.open(func(cfg *client.Config) { cfg.Cache = l.cache("cache") })
	require.Greater(t, c.Status().Bytes, 1<<20)

	var stop atomic.Bool
	var checks atomic.Int64
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			for i := 0; !stop.Load(); i++ {
				bad, good := l.token(map[string]any{"jti": fmt.Sprint((i*7919 + g) % 250_000)}), l.token(map[string]any{"jti": "good"})
				if c.Check(bad) == nil || c.Check(good) != nil {
					t.Error("a check was wrong")
					return
				}
				checks.Add(2)
			}
		})
	}
	for i := range 12 {
		l.publish(fmt.Sprintf(`{"jti":"new-%d","exp":%d}`+"\n", i, l.clock.Load()+86400))
		require.NoError(t, c.Refresh(t.Context()))
		l.publish("") // all entries are written out, by every client too
		require.NoError(t, c.Refresh(t.Context()))
		runtime.GC()
		require.Error(t, c.Check(l.token(map[string]any{"jti": fmt.Sprintf("new-%d", i)})))
	}
	stop.Store(true)
	all.Wait()
	require.EqualValues(t, 25, c.Status().Version)
	require.Positive(t, checks.Load())
}
