package soak_test

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/faultproxy"
	"github.com/revocast/revocast/internal/publish"
	"github.com/revocast/revocast/store"
)

func (s *soak) dir(path string) store.Store {
	d, err := store.OpenDir(path)
	require.NoError(s, err)
	return d
}

func (s *soak) publish(ctx context.Context, bucket, cache store.Store, l *log) error {
	r, err := publish.Run(ctx, publish.Config{
		Store: bucket, Cache: cache, Key: s.key, Source: l, Create: true, Issuer: issuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: time.Now, Rand: rand.Reader,
	})
	if r != nil {
		s.published.Add(1)
		s.lost.Add(int64(r.Lost))
	} else {
		s.failed.Add(1)
	}
	return err
}

// publishes adds rows and publishes. A run that fails is followed by the next.
func (s *soak) publishes(ctx context.Context, bucket, cache store.Store, l *log) {
	r := s.random()
	for ctx.Err() == nil {
		for range r.IntN(20) {
			l.append(r)
		}
		run, cancel := context.WithTimeout(ctx, 20*time.Second) // now and then a process is killed
		_ = s.publish(run, bucket, cache, l)
		cancel()
		pause(ctx, time.Duration(r.IntN(200))*time.Millisecond)
	}
}

// follows is a service that checks tokens and is started anew now and then.
func (s *soak) follows(ctx context.Context, where store.Reader, cache store.Store) {
	r := s.random()
	for ctx.Err() == nil {
		s.starts.Add(1)
		life, stop := context.WithTimeout(ctx, time.Duration(1+r.IntN(8))*time.Second)
		c, err := client.Open(life, client.Config{Store: where, Keys: s.key.Public(), Cache: cache, Interval: 100 * time.Millisecond})
		if err != nil {
			s.Error(err)
			stop()
			return
		}
		var following sync.WaitGroup
		following.Go(func() { c.Follow(life) })
		for life.Err() == nil {
			l, token := s.model.logs[r.IntN(len(s.model.logs))], r.IntN(tokensOfSource)
			s.check(life, c, l, token)
			if r.IntN(50) == 0 {
				pause(life, 10*time.Millisecond) // others want to run, too
			}
		}
		following.Wait()
		stop()
	}
}

// check holds one verdict against what the client's version says of the token.
func (s *soak) check(ctx context.Context, c *client.Client, l *log, token int) {
	version := c.Status().Version
	err := c.Check(l.token(token))
	if c.Status().Version != version {
		return // a refresh came between
	}
	if errors.Is(err, client.ErrNoList) {
		s.stale.Add(1)
		return
	}
	rows, modelErr := s.model.rows(ctx, version, l)
	if modelErr != nil {
		if ctx.Err() == nil {
			s.Errorf("version %d was believed, and cannot be read: %v", version, modelErr)
		}
		return
	}
	s.checks.Add(1)
	_, revoked := errors.AsType[*client.RevokedError](err)
	if revoked {
		s.revoked.Add(1)
	}
	if want := l.revokes(token, rows); want != revoked || err != nil && !revoked {
		s.wrong.Add(1)
		s.Errorf("version %d, %d rows of %s: token %d is revoked: %v, and the verdict was %v", version, rows, l.name, token, want, err)
	}
}

// collects garbage. A list this young has little.
func (s *soak) collects(ctx context.Context, bucket store.Store) {
	for ctx.Err() == nil {
		_, err := collect.Run(ctx, collect.Config{Store: bucket, Keys: s.key.Public(), Keep: 2 * time.Hour, Now: time.Now})
		if err == nil {
			s.collected.Add(1)
		}
		pause(ctx, 5*time.Second)
	}
}

// watches tells how it goes, ten times. What lives in memory must not grow, but for the
// model's rows and cursors, which are a few megabytes an hour.
func (s *soak) watches(ctx context.Context, length time.Duration) {
	var early uint64
	for i := 0; ctx.Err() == nil; i++ {
		pause(ctx, length/10)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if i == 2 {
			early = m.HeapAlloc
		}
		if early > 0 && m.HeapAlloc > 2*early+64<<20 {
			s.Errorf("%d bytes live in memory, and %d did at first", m.HeapAlloc, early)
		}
		s.Logf("%d versions, %d checks, %d wrong; %d goroutines, %.1f MB live", s.published.Load(), s.checks.Load(), s.wrong.Load(), runtime.NumGoroutine(), float64(m.HeapAlloc)/1e6)
	}
}

func (s *soak) report(proxy *faultproxy.Proxy) {
	injected, total := proxy.Injected(), int64(0)
	delete(injected, faultproxy.None)
	for _, n := range injected {
		total += n
	}
	s.Logf("%d versions published, %d races lost, %d runs failed, %d collections", s.published.Load(), s.lost.Load(), s.failed.Load(), s.collected.Load())
	s.Logf("%d clients started, %d checks held against the model, %d of them revoked, %d without a list; wrong: %d", s.starts.Load(), s.checks.Load(), s.revoked.Load(), s.stale.Load(), s.wrong.Load())
	s.Logf("%d of %d requests met a fault: %v", total, proxy.Requests(), injected)
}

// settles lets every publisher finish without faults: then the list verifies from its bytes, and
// holds every row of every source.
func (s *soak) settles(direct store.Store) {
	for _, l := range s.model.logs {
		require.NoError(s, s.publish(s.Context(), direct, nil, l))
	}
	report, err := audit.Verify(s.Context(), direct, s.key.Public(), func(string, int64, int64) {})
	require.NoError(s, err)
	require.Empty(s, report.Findings)
	c, err := client.Open(s.Context(), client.Config{Store: direct, Keys: s.key.Public()})
	require.NoError(s, err)
	require.EqualValues(s, report.Head, c.Status().Version)
	for _, l := range s.model.logs {
		rows, err := s.model.rows(s.Context(), report.Head, l)
		require.NoError(s, err)
		require.Len(s, l.rows, rows, "rows are missing")
		for token := range tokensOfSource {
			s.check(s.Context(), c, l, token)
		}
	}
	require.Zero(s, s.wrong.Load())
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
