// Package soak lets everything run together for as long as one likes: publishers that race,
// followers that restart, collections, and a network that does what networks do, while a
// model holds every verdict against what the version in question says.
//
//	REVOCAST_SOAK=1h go test ./internal/soak -v -timeout 2h
package soak_test

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/clocked"
	"github.com/revocast/revocast/internal/faultproxy"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

const publishers, followers = 4, 6

// A soak is a run under way.
type soak struct {
	*testing.T
	key   *signer.PrivateKey
	model *model
	clock *clock
	seed  atomic.Uint64
	hitch atomic.Pointer[error] // the first of a collection

	published, lost, failed, collected, deleted atomic.Int64
	checks, revoked, wrong, stale, starts       atomic.Int64
}

func (s *soak) random() *mathrand.Rand { return mathrand.New(mathrand.NewPCG(s.seed.Add(1), 2)) }

func TestSoak(t *testing.T) {
	length := 40 * time.Second
	if text := os.Getenv("REVOCAST_SOAK"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	server := miniotest.Start(t)
	bucket := server.Public(t)
	plan := faultproxy.Everything(1, 0.02)
	plan.Patience = time.Second
	proxy, err := faultproxy.New(server.Endpoint, plan)
	require.NoError(t, err)
	front := httptest.NewServer(proxy)
	open := func(endpoint string) store.Store {
		b, err := s3.Open(t.Context(), "s3://"+bucket+"/list?endpoint="+endpoint)
		require.NoError(t, err)
		return b
	}
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	passing := &clock{began: time.Now().Truncate(time.Second), length: length}
	direct := clocked.New(open(server.Endpoint), passing.now)
	faulty := func() store.Store { return direct.As(open(front.URL)) }
	s := &soak{T: t, key: key, clock: passing, model: &model{direct: direct, keys: key.Public()}}
	for i := range publishers {
		s.model.logs = append(s.model.logs, &log{name: fmt.Sprint("source ", i), clock: passing, changes: map[int][]change{}})
	}
	require.NoError(t, s.publish(t.Context(), direct, nil, s.model.logs[0])) // there is a list
	goroutines := runtime.NumGoroutine()

	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	var all sync.WaitGroup
	for i, l := range s.model.logs {
		cache := s.dir(t.TempDir())
		if i%2 == 1 {
			cache = nil
		}
		all.Go(func() { s.publishes(ctx, faulty(), cache, l) })
	}
	for i := range followers {
		where := store.Reader(open(front.URL))
		if i%2 == 1 {
			where, err = store.Open(front.URL + "/" + bucket + "/list")
			require.NoError(t, err)
		}
		cache := s.dir(t.TempDir())
		if i%3 == 2 {
			cache = nil
		}
		all.Go(func() { s.follows(ctx, where, cache) })
	}
	all.Go(func() { s.collects(ctx, faulty()) })
	all.Go(func() { s.listens(ctx) })
	all.Go(func() { s.watches(ctx, length) })
	all.Wait()

	s.report(proxy)
	require.Zero(t, s.wrong.Load())
	require.Positive(t, s.checks.Load())
	require.Positive(t, s.revoked.Load())
	require.Positive(t, s.deleted.Load())
	s.settles(direct)
	front.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+5 }, time.Minute, 10*time.Millisecond,
		"%d goroutines at first, %d now", goroutines, runtime.NumGoroutine())
}
