package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// site is a list on this machine and all that its publisher has.
type site struct {
	world
	dir       string
	publisher string // the built command
	key       *signer.PrivateKey
	bucket    store.Store
	next      uint64 // the first row that is not published
}

func newSite(dir, publisher string) *site {
	s := &site{world: world{now: time.Now().Unix()}, dir: dir, publisher: publisher}
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	check(err)
	data, err := key.MarshalJWK()
	check(err)
	check(os.MkdirAll(dir, 0o700))
	check(os.WriteFile(s.path("signing.jwk"), data, 0o600))
	s.key = key
	s.bucket, err = store.OpenDir(s.path("bucket"))
	check(err)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// taken is what one run of the publisher took.
type taken struct {
	wall float64 // seconds
	rss  float64 // bytes at the peak
}

// publish writes rows into a file of their own and runs the publisher on it.
func (s *site) publish(n uint64, flags ...string) taken {
	file := s.path(fmt.Sprintf("rows-%d.jsonl", s.next))
	s.write(file, s.next, s.next+n)
	s.next += n
	defer os.Remove(file)
	cmd := exec.Command(s.publisher, append([]string{"publish", "--store", s.path("bucket"), "--cache", s.path("publisher"),
		"--source", file, "--source-name", filepath.Base(file), "--key", s.path("signing.jwk"), "--valid-for", "10m"}, flags...)...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	check(cmd.Start())
	// The kernel's ru_maxrss would count this process too, at the moment of its fork.
	stop, peak := make(chan bool), make(chan float64)
	go func() {
		highest := 0.0
		for {
			highest = max(highest, memoryOf(cmd.Process.Pid, "VmHWM"))
			select {
			case <-stop:
				peak <- highest
				return
			case <-time.After(3 * time.Millisecond):
			}
		}
	}()
	err := cmd.Wait()
	wall := time.Since(start).Seconds()
	close(stop)
	check(err)
	return taken{wall, <-peak}
}

// config is the publisher as a library, for many versions in one process.
func (s *site) config(n uint64) publish.Config {
	cache, err := store.OpenDir(s.path("publisher"))
	check(err)
	s.next += n
	return publish.Config{
		Store: s.bucket, Key: s.key, Cache: cache, Source: rows{s.world, s.next - n, s.next},
		ValidFor: 10 * time.Minute,
	}
}

func (s *site) step(n uint64) *publish.Result { return s.run(s.config(n)) }

func (s *site) run(cfg publish.Config) *publish.Result {
	r, err := publish.Run(context.Background(), cfg)
	check(err)
	return r
}

func (s *site) head() *history.Version {
	v, err := history.Head(context.Background(), s.bucket, s.key.Public(), nil)
	check(err)
	return v
}

// hashing is the time that SHA-256 takes for so many bytes, on one core.
func hashing(n int) sample {
	data := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
	return timed(7, func() { sha256.Sum256(data) })
}

// entropy is the least number of bits an entry that keys, befores and expiries
// take: of each section log2 of the sets of its size, and the codes as often as they occur.
func entropy(f *crl.File) float64 {
	type section struct {
		rule    uint8
		befores bool
	}
	count, expiries := map[section]float64{}, map[section]map[int64]float64{}
	befores := map[section]map[int64]float64{}
	for e := range f.Entries() {
		s := section{e.Rule, !e.Outright()}
		if count[s]++; expiries[s] == nil {
			expiries[s], befores[s] = map[int64]float64{}, map[int64]float64{}
		}
		expiries[s][e.Exp]++
		befores[s][e.Before]++
	}
	bits := 0.0
	for s, n := range count {
		keys, _ := math.Lgamma(n + 1)
		bits += 64*n - keys/math.Ln2
		for _, column := range []map[int64]float64{expiries[s], befores[s]} {
			for _, times := range column {
				bits -= times * math.Log2(times/n)
			}
		}
	}
	return bits / float64(f.Len())
}

// publishing measures what the publisher does: P1, P6, P9, P9b, P10, P17.
func (b *bench) publishing(s *site) {
	n := uint64(b.scale)
	b.log("writing %d rows and publishing them for the first time", n)
	first := s.publish(n, "--create", "--issuer", issuer, "--max-token-life", "24h")
	rate := float64(n) / first.wall
	b.bar("P10", "first publication, rows from JSONL, a second", fmt.Sprintf("%.2f M (%.1f s, peak RSS %s)", rate/1e6, first.wall, size(first.rss)), "≥ 1 M", rate >= 1e6)

	v := s.head()
	snapshot := v.Objects[slices.IndexFunc(v.Objects, func(o signer.Object) bool { return o.From == 0 })]
	f, err := history.Fetch(context.Background(), s.bucket, snapshot)
	check(err)
	wire, least := 8*float64(snapshot.Size)/float64(n), entropy(f)
	b.bar("P1", "snapshot on the wire, bits an entry over the entropy", fmt.Sprintf("+%.2f (%.2f; entropy %.2f)", wire-least, wire, least), "≤ +1.5", wire <= least+1.5)
	b.listBytes = len(f.Bytes())
	b.sha = hashing(b.listBytes)
	b.further(s)

	s.publish(1000)
	v = s.head()
	delta := v.Objects[slices.IndexFunc(v.Objects, func(o signer.Object) bool { return o.From != 0 && o.To == v.Version && o.Changes == 1 })]
	b.bar("P6", "delta of 1,000 entries and manifest, bytes", fmt.Sprintf("%d + %d", delta.Size, len(v.Bytes)), "≤ 8,000 + 4,096", delta.Size+int64(len(v.Bytes)) <= 8000+4096)
}
