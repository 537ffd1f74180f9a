package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// maxList bounds what is read of a cached list, whose hash is checked afterwards.
const maxList = 8 << 30

// loadState gives the state at v: the newest whole list in the cache, or a snapshot,
// and over it what the steps since brought.
func (c *Cache) loadState(ctx context.Context, v *Version) (*State, error) {
	infos, err := c.Store.List(ctx, "")
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	base := uint64(0) // version of the newest whole list
	var steps []uint64
	for _, info := range infos {
		there[info.Name] = true
		version, isList, ok := cachedVersion(info.Name)
		switch {
		case !ok || version > v.Version:
		case isList:
			base = max(base, version)
		default:
			steps = append(steps, version)
		}
	}
	s, err := c.loadFrom(ctx, base, steps, there, v)
	if err != nil && base != 0 {
		// Another process may have left the list, and the steps begin at a snapshot.
		if s, err := c.loadFrom(ctx, 0, steps, there, v); err == nil {
			return s, nil
		}
	}
	return s, err
}

// loadFrom reads the whole list and what the steps brought at the same time, on two
// processors.
func (c *Cache) loadFrom(ctx context.Context, base uint64, steps []uint64, there map[string]bool, v *Version) (*State, error) {
	j := &journal{Cache: c, there: there}
	if base == 0 {
		if err := j.read(ctx, steps, v); err != nil {
			return nil, err
		}
		return j.over(j.snapshot, v)
	}
	first, err := j.version(ctx, base, v)
	if err != nil {
		return nil, err
	}
	j.have, j.proved = first.State.Changed, first.State.SHA256
	var whole *crl.List
	done := make(chan error)
	go func() {
		var err error
		whole, err = c.loadList(ctx, first)
		done <- err
	}()
	err = j.read(ctx, slices.DeleteFunc(slices.Clone(steps), func(n uint64) bool { return n <= base }), v)
	if err := errors.Join(<-done, err); err != nil {
		return nil, err
	}
	if j.snapshot != nil {
		whole = j.snapshot
	}
	return j.over(whole, v)
}

// loadList gives the whole list of a version.
func (c *Cache) loadList(ctx context.Context, v *Version) (*crl.List, error) {
	name := cachedList(v)
	block, hash, err := readBlock(ctx, c.Store, name)
	if err != nil {
		return nil, err
	}
	// Validated while the hash is still being taken: neither needs the other's answer.
	f, err := crl.ParseKeeping(block.Bytes(), block)
	if sum := <-hash; !bytes.Equal(sum, v.State.SHA256) {
		return nil, fmt.Errorf("%w: %s has the SHA-256 %x", ErrNotTheState, name, sum)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	runtime.KeepAlive(block)
	checksum, _ := crl.ChecksumFromBytes(v.State.Checksum) // its length was validated
	list, err := crl.NewList(f, checksum)
	if err != nil {
		return nil, err
	}
	return list, (&State{v, list}).Check(v)
}

// readBlock reads an object into memory that the Go heap does not count, and takes
// its SHA-256 on another processor while it reads.
func readBlock(ctx context.Context, r store.Reader, name string) (*memory.Block, <-chan []byte, error) {
	in, size, err := open(ctx, r, name)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	if size > min(maxList, math.MaxInt) {
		return nil, nil, fmt.Errorf("%w: %s in %s has %d bytes", store.ErrTooLarge, name, r, size)
	}
	block := memory.Make(int(size))
	read, sum := make(chan []byte, 64), make(chan []byte, 1)
	go func() {
		h := sha256.New()
		for part := range read {
			h.Write(part)
		}
		runtime.KeepAlive(block)
		sum <- h.Sum(nil)
	}()
	defer close(read)
	for rest := block.Bytes(); len(rest) > 0; {
		part := rest[:min(len(rest), 1<<20)]
		if _, err := io.ReadFull(in, part); err != nil {
			return nil, nil, fmt.Errorf("%s in %s changed while it was read: %w", name, r, err)
		}
		read <- part
		rest = rest[len(part):]
	}
	return block, sum, nil
}

func open(ctx context.Context, r store.Reader, name string) (io.ReadCloser, int64, error) {
	if o, ok := r.(store.Opener); ok {
		return o.Open(ctx, name)
	}
	obj, err := r.Get(ctx, name, maxList, "")
	return io.NopCloser(bytes.NewReader(obj.Data)), int64(len(obj.Data)), err
}

// journal is what the steps in a cache bring together.
type journal struct {
	*Cache
	there    map[string]bool
	have     uint64    // the version that has been reached
	proved   []byte    // the hash of the whole list that it starts at, or nil
	snapshot *crl.List // that a step began with, or nil
	deltas   []*crl.File
}

// version reads one of the manifests; that of v is at hand.
func (j *journal) version(ctx context.Context, n uint64, v *Version) (*Version, error) {
	if n == v.Version {
		return v, nil
	}
	step, err := Read(ctx, j.Store, j.Keys, n)
	if err == nil && !bytes.Equal(step.Salt, v.Salt) {
		err = fmt.Errorf("%w: version %d is of another list", ErrFork, n)
	}
	return step, err
}

// read collects the objects of the steps. Only those that are there are planned
// with: two processes that share the cache may have taken different ways.
func (j *journal) read(ctx context.Context, steps []uint64, v *Version) error {
	for _, n := range steps {
		step, err := j.version(ctx, n, v)
		if err != nil {
			return err
		}
		m := *step.Manifest
		m.Objects = slices.DeleteFunc(slices.Clone(m.Objects), func(o signer.Object) bool { return !j.there[o.Name()] })
		plan, err := Plan(&m, j.have)
		if err != nil {
			continue // a later step may lead on from here
		}
		for _, o := range plan {
			f, err := Fetch(ctx, j.Store, o)
			if err != nil {
				return err
			}
			if f.From() != 0 {
				j.add(f)
				continue
			}
			sum, _ := crl.ChecksumFromBytes(o.Checksum)
			if j.snapshot, err = crl.NewList(f, sum); err != nil {
				return err
			}
			j.deltas = nil
		}
		j.have = step.State.Changed
	}
	if j.have != v.State.Changed {
		return fmt.Errorf("%w: the steps lead to version %d only", store.ErrNotFound, j.have)
	}
	return nil
}

// add takes a delta, in place of those that it covers as a whole.
func (j *journal) add(f *crl.File) {
	for n := len(j.deltas); n > 0 && f.From() <= j.deltas[n-1].From(); n-- {
		j.deltas = j.deltas[:n-1]
	}
	j.deltas = append(j.deltas, f)
}

// over puts the deltas over a list. Every one of them was signed for, so what
// v's manifest says of their result is taken from there.
func (j *journal) over(list *crl.List, v *Version) (*State, error) {
	if list == nil {
		return nil, fmt.Errorf("%w: there is no whole list, and no snapshot", store.ErrNotFound)
	}
	s := &State{v, list}
	if len(j.deltas) > 0 {
		changes, err := composeAll(j.deltas)
		if err != nil {
			return nil, err
		}
		sum, _ := crl.ChecksumFromBytes(v.State.Checksum)
		if s.List, err = list.Over(changes, int(v.State.Count), int(v.State.Permanent), sum); err != nil {
			return nil, err
		}
	}
	var err error
	if s.List, err = s.List.Apply(nil, v.State.Dropped); err != nil {
		return nil, err
	}
	if j.proved != nil && bytes.Equal(j.proved, v.State.SHA256) {
		return s, s.Check(v) // the bytes were hashed a moment ago
	}
	return s, s.Prove(v)
}

// composeAll composes neighbours first, so that no delta is copied more often than
// their number has binary digits.
func composeAll(deltas []*crl.File) (*crl.File, error) {
	for len(deltas) > 1 {
		var next []*crl.File
		for i := 0; i < len(deltas); i += 2 {
			if i+1 == len(deltas) {
				next = append(next, deltas[i])
				break
			}
			both, err := crl.Compose(deltas[i], deltas[i+1])
			if err != nil {
				return nil, err
			}
			next = append(next, both)
		}
		deltas = next
	}
	return deltas[0], nil
}
