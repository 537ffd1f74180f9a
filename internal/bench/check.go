package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// asker checks one token after the other. Their ids are written in place, so that
// asking costs neither memory nor a walk over a million tokens.
type asker struct {
	ids   [3][36]byte
	token client.Token
	i     uint64
}

func (w world) asker(seed uint64) *asker {
	a := &asker{i: mix(seed)}
	a.token.Claims = w.claims(1 << 60)
	for i, name := range []string{"jti", "sid", "sub"} {
		copy(a.ids[i][:], id('x', uint64(i)))
		a.token.Claims[name] = unsafe.String(&a.ids[i][0], 36)
	}
	return a
}

// next is a good token with a jti, a sid and a sub that nobody has asked for yet.
func (a *asker) next() client.Token {
	a.i++
	x := mix(a.i)
	for i := range a.ids {
		binary.LittleEndian.PutUint64(a.ids[i][8:], x|0x8080808080808080>>7)
	}
	return a.token
}

// rate is the nanoseconds that a check takes, of so many goroutines together.
func rate(c *client.Client, w world, goroutines int) float64 {
	const n = 300_000
	var all sync.WaitGroup
	start := time.Now()
	for g := range goroutines {
		a := w.asker(uint64(time.Now().UnixNano()) + uint64(g))
		all.Go(func() {
			for range n {
				if err := c.Check(a.next()); err != nil {
					panic(err)
				}
			}
		})
	}
	all.Wait()
	return float64(time.Since(start).Nanoseconds()) / float64(n*goroutines)
}

// reference is the nanoseconds of one dependent read from memory of so many bytes.
func reference(size int) func() float64 {
	block := memory.Make(size)
	data := block.Bytes()
	for i := 0; i < len(data); i += 8 {
		data[i] = byte(mix(uint64(i)))
	}
	slots, zero := uint64(size/8-1), uint64(time.Now().Unix()>>60)
	return func() float64 {
		const n = 500_000
		x := uint64(1)
		start := time.Now()
		for range n {
			x = mix(x)
			x += binary.LittleEndian.Uint64(data[8*(x>>32*slots>>32):]) & zero
		}
		took := time.Since(start)
		runtime.KeepAlive(block)
		if x == 0 {
			panic("mix is a bijection")
		}
		return float64(took.Nanoseconds()) / n
	}
}

func hashBlock() float64 {
	const n = 500_000
	var in [53]byte
	start := time.Now()
	for i := range n {
		in[0] = byte(i)
		sum := sha256.Sum256(in[:])
		in[1] ^= sum[0]
	}
	return float64(time.Since(start).Nanoseconds()) / n
}

// checking measures Check on the list of the site, through a client that follows it: P4.
func (b *bench) checking(s *site) {
	c := s.open(s.bucket, s.path("client"))
	s.answered(c)
	ref := reference(c.Status().Bytes)
	var one, two, block, line, bound, gain sample
	rate(c, s.world, 2)
	for range 9 {
		block, line = append(block, hashBlock()), append(line, ref())
		one, two = append(one, rate(c, s.world, 1)), append(two, rate(c, s.world, 2))
		bound = append(bound, one[len(one)-1]/(block[len(block)-1]+1.5*line[len(line)-1]))
		gain = append(gain, one[len(one)-1]/two[len(two)-1])
	}
	b.bar("P4", "Check with jti, sid and sub, × (SHA-256 of a block + 1.5 REF)",
		fmt.Sprintf("%.2f (%.0f ns, %s; SHA-256 %.0f, REF %.0f)", bound.median(), one.median(), one.spread(), block.median(), line.median()), "≤ 3", bound.median() <= 3)
	a := s.asker(1)
	allocs := testing.AllocsPerRun(10_000, func() { _ = c.Check(a.next()) })
	b.bar("P4", "allocations of a check", fmt.Sprint(allocs), "0", allocs == 0)
	b.bar("P4", "work of two goroutines, × that of one", fmt.Sprintf("%.2f (%s)", gain.median(), gain.spread()), "≥ 1.9", gain.median() >= 1.9)

	// One goroutine checks while the client takes a version every 10 ms on the other core.
	staged := &stagedStore{Reader: s.bucket}
	staged.version.Store(s.head().Version)
	c = s.open(staged, "")
	for range 60 {
		s.step(1000)
	}
	refreshing := func(stop <-chan bool) {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			staged.version.Store(min(staged.version.Load()+1, s.head().Version))
			check(c.Refresh(context.Background()))
		}
	}
	gain = nil
	for range 3 {
		var one, two float64
		beside(refreshing, func() { one = rate(c, s.world, 1) })
		beside(refreshing, func() { two = rate(c, s.world, 2) })
		gain = append(gain, one/two)
	}
	b.bar("P4", "the same while the client refreshes every 10 ms", fmt.Sprintf("%.2f (%s)", gain.median(), gain.spread()), "≥ 1.9", gain.median() >= 1.9)
	staged.version.Store(s.head().Version - 40)
	c = s.open(staged, "")
	var busy sample
	b.checks = latencies(c, s.world, 1_000_000)
	beside(refreshing, func() { busy = latencies(c, s.world, 1_000_000) })
	b.log("     a check one by one: p50 %.0f, p99 %.0f ns; while the other core refreshes %.0f, %.0f", b.checks.median(), b.checks.quantile(0.99), busy.median(), busy.quantile(0.99))
	b.plots = append(b.plots, latencyPlot(b.checks, busy))
}

// beside runs f while something else runs until it is told to stop.
func beside(other func(stop <-chan bool), f func()) {
	stop := make(chan bool)
	var done sync.WaitGroup
	done.Go(func() { other(stop) })
	f()
	close(stop)
	done.Wait()
}

// stagedStore shows a history only up to a version.
type stagedStore struct {
	store.Reader
	version atomic.Uint64
}

func (s *stagedStore) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if name == signer.LatestName {
		name = signer.ManifestName(s.version.Load())
	}
	return s.Reader.Get(ctx, name, limit, etag)
}

// latencies times checks one by one, less what it takes to look at the clock.
func latencies(c *client.Client, w world, n int) sample {
	runtime.GC()
	clock := asking(n/10, func(int) {}).median()
	a := w.asker(uint64(time.Now().UnixNano()))
	return asking(n, func(int) {
		if err := c.Check(a.next()); err != nil {
			panic(err)
		}
	}).less(clock)
}
