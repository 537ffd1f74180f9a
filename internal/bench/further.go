package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

// batch is how many rows a further publication brings.
const batch = 10_000

// further measures publications on top of a list, of a command and of one process: P9, P9b, P17.
func (b *bench) further(s *site) {
	s.publish(batch) // the cache is there; the clock, the disk and the caches of the machine are warm now
	state := s.cached("list-") + s.cached("ledger-")
	sha := hashing(int(state))
	var walls, peaks sample
	last := map[string]int64{}
	for range 5 {
		before := s.files()
		r := s.publish(batch)
		walls, peaks = append(walls, r.wall), append(peaks, r.rss)
		last = s.files()
		for name := range before {
			if !strings.HasSuffix(name, "/latest.jwt") && !strings.HasSuffix(name, "/manifest.jwt") || strings.Contains(name, "versions/") {
				delete(last, name)
			}
		}
	}
	reading := timed(5, func() { s.write(s.path("scratch"), 0, batch) }) // as long as to read them
	waits := s.waits(last)
	ratio := (walls.median() - reading.median()) / sha.median()
	b.bar("P9", "publication of 10,000 rows on top, × SHA-256 of list and ledger",
		fmt.Sprintf("%.2f (%.0f ms, %s, of it %.0f ms for %d files to be on the disk; SHA-256 %.0f ms)", ratio, 1e3*walls.median(), walls.spread(), 1e3*waits.median(), len(last), 1e3*sha.median()),
		"≤ 3, plus reading the rows", ratio <= 3)
	b.bar("P9", "the same, peak RSS, × list and ledger", fmt.Sprintf("%.2f (%s)", peaks.median()/state, size(peaks.median())), "≤ 3", peaks.median() <= 3*state)

	var out childResult
	s.child("every", &out, nil)
	b.bar("P9b", "the same rows in a process that goes on, × SHA-256 of the list",
		fmt.Sprintf("%.2f (%.0f ms; SHA-256 %.0f ms)", out.Start/b.sha.median(), 1e3*out.Start, 1e3*b.sha.median()), "≤ 1", out.Start <= b.sha.median())

	n, stored := float64(out.Entries), s.ledgerStored()
	b.bar("P17", "the ledger in the bucket, bytes an entry", fmt.Sprintf("%.2f (%s)", stored/n, size(stored)), "≤ 5", stored <= 5*n)
	b.bar("P17", "the ledger in the memory of a publisher, bytes an entry, growth of RSS beyond the list",
		fmt.Sprintf("%.2f (%s; in its cache %.2f)", out.Steady/n, size(out.Steady), out.Moments/n), "≤ 5", out.Steady <= 5*n)
}

// cached is the bytes of the files in the publisher's cache whose names begin so.
func (s *site) cached(prefix string) (bytes float64) {
	for name, size := range s.files() {
		if strings.HasPrefix(name, "publisher/"+prefix) {
			bytes += float64(size)
		}
	}
	return bytes
}

// files are the sizes of all files in the bucket and the publisher's cache.
func (s *site) files() map[string]int64 {
	all := map[string]int64{}
	for _, folder := range []string{"bucket", "publisher"} {
		dir, err := store.OpenDir(s.path(folder))
		check(err)
		infos, err := dir.List(context.Background(), "", "")
		check(err)
		for _, info := range infos {
			all[folder+"/"+info.Name] = info.Size
		}
	}
	return all
}

// waits is what it takes to write files of these sizes so that they are on the disk.
func (s *site) waits(files map[string]int64) sample {
	dir, err := store.OpenDir(s.path("waits"))
	check(err)
	return timed(5, func() {
		for name, size := range files {
			check(dir.Put(context.Background(), name, make([]byte, size)))
		}
	})
}

// ledgerStored is the bytes of all objects that the newest record names.
func (s *site) ledgerStored() (bytes float64) {
	v := s.head()
	record, err := (&ledger.Objects{Bucket: s.bucket}).Record(context.Background(), v)
	check(err)
	bytes = float64(v.Ledger.Size)
	for _, o := range record.Line.Objects {
		bytes += float64(o.Size)
	}
	return bytes
}

// growing is a source in memory that gets rows from time to time.
type growing struct {
	rows []source.Row
	wake func()
	open chan bool // closed when it is watched
}

func (g *growing) String() string { return "growing" }

func (g *growing) Read(_ context.Context, _ source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	for i := range g.rows {
		if err := visit(&g.rows[i]); err != nil {
			return source.Result{}, err
		}
	}
	return source.Result{Cursor: source.Cursor(`{}`), Rows: int64(len(g.rows))}, nil
}

func (g *growing) Watch(ctx context.Context, wake func(), _ func(string)) {
	g.wake = wake
	close(g.open)
	<-ctx.Done()
}

// every publishes batches of rows in this process, one after the other. Start is the median of the
// seconds that one takes, Steady the memory beyond the list, and Moments the bytes of the ledger in
// the cache.
func (s *site) every() (out childResult) {
	before := memoryNow()
	g := &growing{open: make(chan bool)}
	cfg := s.config(0)
	cfg.Source = g
	var began time.Time
	var took sample
	cfg.Step = func(step string, _ int64) {
		if strings.HasPrefix(step, "looking") {
			began = time.Now()
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	next := uint64(1) << 40 // no row of the list
	check(publish.Every(ctx, cfg, time.Hour, func(r *publish.Result, err error) {
		check(err)
		took = append(took, time.Since(began).Seconds())
		out.Entries = r.Entries
		if len(took) > 8 {
			g.rows = nil
			out.Steady = memoryNow() - before
			stop()
			return
		}
		s.fill(g, next)
		next += batch
		<-g.open
		g.wake()
	}))
	out.Start = took[2:].median() // the first one loads the cache, the second one warms up
	out.Steady -= s.cached("list-")
	out.Moments = s.cached("ledger-")
	return out
}

// fill makes a batch from a row on the rows of a source.
func (s *site) fill(g *growing, from uint64) {
	g.rows = g.rows[:0]
	_, err := rows{s.world, from, from + batch}.Read(context.Background(), nil, func(row *source.Row) error {
		g.rows = append(g.rows, *row)
		return nil
	})
	check(err)
}

// memoryNow is what this process holds when it has given back what it can.
func memoryNow() float64 {
	for range 3 {
		runtime.GC() // memory outside of the heap is freed by cleanups
		time.Sleep(50 * time.Millisecond)
	}
	debug.FreeOSMemory()
	return memoryOf(os.Getpid(), "VmRSS")
}
