package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/store"
)

func (s *site) open(r store.Reader, cache string) *client.Client {
	cfg := client.Config{Store: r, Keys: s.key.Public()}
	if cache != "" {
		var err error
		cfg.Cache, err = store.OpenDir(cache)
		check(err)
	}
	c, err := client.Open(context.Background(), cfg)
	check(err)
	return c
}

// answered makes sure that a client tells a revoked token from a good one.
func (w world) answered(c *client.Client) {
	if err := c.Check(client.Token{Claims: w.claims(0)}); err == nil {
		panic("a revoked token was accepted")
	}
	check(c.Check(client.Token{Claims: w.claims(1 << 60)}))
}

// period is how many refreshes P8 is amortised over: in so many there is one at
// which the publisher, and with it every client, writes the list anew.
const period = 128

// following measures a client over HTTP and its cache: P2, P6, P7, P8.
func (b *bench) following(s *site) {
	var requests, received atomic.Int64
	counting := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return &countedConn{conn, &requests, &received}, err
	}}}
	address, stop := s.server()
	defer stop()
	remote, err := store.OpenHTTP(address, counting)
	check(err)
	ctx := context.Background()

	s.step(0) // nothing new: the publisher writes the list out whole
	b.log("following %d versions of 1,000 rows", period)
	c := s.open(remote, s.path("client"))
	s.answered(c)
	requests.Store(0)
	received.Store(0)
	check(c.Refresh(ctx))
	b.bar("P6", "a poll with no news, requests and bytes", fmt.Sprintf("%d and %d", requests.Load(), received.Load()), "≤ 1 and ≤ 500", requests.Load() <= 1 && received.Load() <= 500)

	var each sample
	for range period {
		s.step(1000)
		runtime.GC()
		start := cpu()
		check(c.Refresh(ctx))
		each = append(each, cpu()-start)
	}
	total := 0.0
	for _, t := range each {
		total += t
	}
	rebuild := each.quantile(1) // the refresh in which the client wrote its list anew
	part := total / period / rebuild
	b.bar("P8", "refresh by 1,000 entries, CPU amortised over 128, of a rebuild",
		fmt.Sprintf("%.1f %% (%.1f ms; median %.1f; rebuild %.0f ms)", 100*part, 1e3*total/period, 1e3*each.median(), 1e3*rebuild), "≤ 2 %", part <= 0.02)

	var starts, hashes, peaks, steady sample
	syscall.Sync() // what was written until now is not this measurement's business
	for range 9 {
		var out childResult
		s.child("cold", &out, nil)
		starts, hashes = append(starts, out.Start), append(hashes, out.Hash)
	}
	ratio := starts.median() / hashes.median()
	b.bar("P7", "cold start to the first answer, × SHA-256 of the cache", fmt.Sprintf("%.2f (%.0f ms, %s; SHA-256 %.0f ms)", ratio, 1e3*starts.median(), starts.spread(), 1e3*hashes.median()), "≤ 1.6", ratio <= 1.6)

	for range 3 {
		var out childResult
		s.child("memory", &out, func() { s.step(1000); s.step(0) })
		steady, peaks = append(steady, out.Steady/float64(out.Entries)), append(peaks, out.Peak/float64(out.Entries))
	}
	b.bar("P2", "memory of a client, bytes an entry, growth of RSS", fmt.Sprintf("%.2f (%s)", steady.median(), steady.spread()), "≤ 6.2", steady.median() <= 6.2)
	b.bar("P2", "the same at the peak of a refresh that rewrites the list", fmt.Sprintf("%.2f", peaks.median()), "≤ 13.6", peaks.median() <= 2.2*6.2)
}

// countedConn counts the requests of a client that sends each in one write, and
// the bytes of the answers.
type countedConn struct {
	net.Conn
	requests, received *atomic.Int64
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.requests.Add(1)
	return c.Conn.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	return n, err
}

// behind measures how long the way is for clients that are so many versions behind: P12.
func (b *bench) behind(s *site) {
	n := uint64(min(b.scale/10, 1e6))
	b.log("512 versions of 1,000 rows, on top of %d", n)
	first := s.config(n)
	first.Create, first.Issuer, first.MaxTokenLife = true, issuer, 24*time.Hour
	s.run(first)
	for range 20 {
		s.step(1000)
	}
	distances := []uint64{1, 2, 3, 5, 10, 20, 50, 100, 250, 500}
	held := map[uint64]*history.State{}
	last := s.head().Version + 512
	ctx := context.Background()
	deltas := map[uint64]*crl.File{}
	for s.head().Version < last {
		r := s.step(1000)
		for _, o := range r.Objects {
			if o.Changes == 1 && o.From != 0 {
				f, err := history.Fetch(ctx, s.bucket, o)
				check(err)
				deltas[o.To] = f
			}
		}
		if d := last - r.Version; slices.Contains(distances, d) {
			state, err := history.Load(ctx, s.bucket, s.head(), nil)
			check(err)
			held[d] = state
		}
	}
	most, worst := 0, 0.0
	for _, d := range distances {
		counted := &countedStore{Reader: s.bucket}
		_, err := history.Load(ctx, counted, s.head(), held[d])
		check(err)
		direct := deltas[last-d+1]
		for v := last - d + 2; v <= last; v++ {
			direct, err = crl.Compose(direct, deltas[v])
			check(err)
		}
		o, _, err := history.Pack(direct)
		check(err)
		most = max(most, counted.requests+1)
		worst = max(worst, float64(counted.bytes)/float64(o.Size))
		b.log("     %3d behind: %d objects, %.2f × the bytes of one delta", d, counted.requests, float64(counted.bytes)/float64(o.Size))
	}
	b.bar("P12", "1 to 500 versions behind: requests at most", fmt.Sprint(most), "≤ 12", most <= 12)
	b.bar("P12", "the same, bytes, × one direct delta", fmt.Sprintf("%.2f", worst), "≤ 1.5", worst <= 1.5)
}

type countedStore struct {
	store.Reader
	requests, bytes int
}

func (c *countedStore) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	obj, err := c.Reader.Get(ctx, name, limit, etag)
	c.requests++
	c.bytes += len(obj.Data)
	return obj, err
}
