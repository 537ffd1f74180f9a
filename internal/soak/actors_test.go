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
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/store"
)

func (s *soak) dir(path string) store.Store {
	d, err := store.OpenDir(path)
	require.NoError(s, err)
	return d
}

func (s *soak) publish(ctx context.Context, bucket, cache store.Store, l *log) error {
	r, err := publish.Run(ctx, publish.Config{
		Store: bucket, Cache: cache, Key: s.key, Source: l, SourceName: l.name, Create: true, Issuer: issuer, MaxTokenLife: tokenLife,
		ValidFor: validFor, Now: s.clock.now, Rand: rand.Reader,
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
		for range r.IntN(100) {
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
		c, err := client.Open(life, client.Config{Store: where, Keys: s.key.Public(), Cache: cache, Interval: 100 * time.Millisecond, Now: s.clock.now})
		if err != nil {
			s.Error(err)
			stop()
			return
		}
		var following sync.WaitGroup
		following.Go(func() { c.Follow(life) })
		for life.Err() == nil {
			source := r.IntN(publishers)
			s.check(life, c, source, s.model.logs[source].alive(r))
			if r.IntN(50) == 0 {
				pause(life, 10*time.Millisecond) // others want to run, too
			}
		}
		following.Wait()
		stop()
	}
}

// check holds one verdict against what the client's version says of the token.
func (s *soak) check(ctx context.Context, c *client.Client, source, token int) {
	l := s.model.logs[source]
	version, before := c.Status().Version, s.clock.now()
	err := c.Check(l.token(token))
	after := s.clock.now()
	if c.Status().Version != version {
		return // a refresh came between
	}
	if errors.Is(err, client.ErrNoList) {
		s.stale.Add(1)
		return
	}
	said, modelErr := s.model.version(ctx, version)
	if modelErr != nil {
		if ctx.Err() == nil {
			s.Errorf("version %d was believed, and cannot be read: %v", version, modelErr)
		}
		return
	}
	s.checks.Add(1)
	want, right := l.revokes(token, said.rows[source]), false
	switch err.(type) {
	case nil:
		right = !want && before.Before(said.expires)
	case *client.RevokedError:
		right = want
		s.revoked.Add(1)
	case *client.StaleError:
		right = !want && !after.Before(said.expires)
		s.stale.Add(1)
	}
	if !right {
		s.wrong.Add(1)
		s.Errorf("version %d, %d rows of %s, good until %s: token %d is revoked: %v, and between %s and %s the verdict was %v",
			version, said.rows[source], l.name, said.expires, token, want, before, after, err)
	}
}

// collects garbage, as early as may be.
func (s *soak) collects(ctx context.Context, bucket store.Store) {
	for ctx.Err() == nil {
		r, err := collect.Run(ctx, collect.Config{Store: bucket, Keys: s.key.Public(), Keep: collect.MinKeep, Now: s.clock.now})
		if err == nil {
			s.collected.Add(1)
		} else if s.hitch.CompareAndSwap(nil, &err) {
			s.Logf("the first collection that failed: %v", err)
		}
		if r != nil {
			s.deleted.Add(int64(r.Deleted.Things()))
		}
		pause(ctx, time.Second)
	}
}

// listens lets the model hear of every version before its record is collected.
func (s *soak) listens(ctx context.Context) {
	for ctx.Err() == nil {
		if v, _, err := history.Hint(ctx, s.model.direct, s.key.Public(), ""); err == nil {
			_, _ = s.model.version(ctx, v.Version)
		}
		pause(ctx, 100*time.Millisecond)
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
	s.Logf("%s passed, by the list's clock", s.clock.now().Sub(s.clock.began).Round(time.Minute))
	s.Logf("%d versions published, %d races lost, %d runs failed; %d collections deleted %d objects", s.published.Load(), s.lost.Load(), s.failed.Load(), s.collected.Load(), s.deleted.Load())
	s.Logf("%d clients started, %d checks held against the model, %d of them revoked, %d stale or without a list; wrong: %d", s.starts.Load(), s.checks.Load(), s.revoked.Load(), s.stale.Load(), s.wrong.Load())
	s.Logf("%d of %d requests met a fault: %v", total, proxy.Requests(), injected)
}

// settles lets every publisher finish without faults: then the list holds every row of every
// source, and verifies from its bytes.
func (s *soak) settles(direct store.Store) {
	for _, l := range s.model.logs {
		require.NoError(s, s.publish(s.Context(), direct, nil, l))
	}
	c, err := client.Open(s.Context(), client.Config{Store: direct, Keys: s.key.Public(), Now: s.clock.now})
	require.NoError(s, err)
	said, err := s.model.version(s.Context(), c.Status().Version)
	require.NoError(s, err)
	for i, l := range s.model.logs {
		require.Len(s, l.rows, said.rows[i], "rows are missing")
		for token := range tokensOfSource {
			s.check(s.Context(), c, i, l.newest()*tokensOfSource+token)
		}
	}
	require.Zero(s, s.wrong.Load())
	report, err := audit.Verify(s.Context(), direct, s.key.Public(), func(string, int64, int64) {})
	require.NoError(s, err)
	require.Empty(s, report.Findings)
	require.EqualValues(s, report.Head, c.Status().Version)
	infos, err := direct.List(s.Context(), "", "")
	require.NoError(s, err)
	s.Logf("%d versions verify, with %d entries; %d objects are left", report.Versions, c.Status().Entries, len(infos))
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
