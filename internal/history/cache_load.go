package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// maxList bounds what is read of a cached list, whose hash is checked afterwards.
const maxList = 8 << 30

// loadState gives the state at v: a whole list or a snapshot, and over it what the
// steps since brought.
func (c *Cache) loadState(ctx context.Context, v *Version) (*State, error) {
	infos, err := c.Store.List(ctx, "")
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	var steps []uint64
	for _, info := range infos {
		there[info.Name] = true
		digits, ok := strings.CutPrefix(info.Name, "versions/")
		if digits, ok = strings.CutSuffix(digits, "/manifest.jwt"); ok {
			if n, err := strconv.ParseUint(digits, 10, 64); err == nil && n < v.Version {
				steps = append(steps, n)
			}
		}
	}
	steps = append(steps, v.Version)
	j := &journal{Cache: c, there: there, head: v}
	s, err := j.load(ctx, steps)
	if err != nil && j.base != nil {
		// Another process may have left the list, and the steps begin at a snapshot, too.
		again := &journal{Cache: c, there: there, head: v, noList: true}
		if s, err := again.load(ctx, steps); err == nil {
			return s, nil
		}
	}
	return s, err
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
		part := rest[:min(len(rest), 256<<10)]
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
	there  map[string]bool
	head   *Version // the last step, whose manifest is at hand
	noList bool     // the steps have to do without a whole list

	base     *Version // of the whole list that the steps lead on from, or nil
	have     uint64   // the version that has been reached
	snapshot *crl.List
	deltas   []*crl.File
}

// load reads the whole list and what the steps brought at the same time, on two
// processors.
func (j *journal) load(ctx context.Context, steps []uint64) (*State, error) {
	var whole *crl.List
	var listErr error
	var reading sync.WaitGroup
	defer reading.Wait()
	for _, n := range steps {
		v, err := j.version(ctx, n)
		if err != nil {
			return nil, err
		}
		if j.base == nil && !j.noList && v.State.SHA256 != nil && j.there[cachedList(v)] {
			j.base, j.have = v, v.State.Changed
			j.snapshot, j.deltas = nil, nil
			reading.Go(func() { whole, listErr = j.loadList(ctx, v) })
			continue
		}
		if err := j.step(ctx, v); err != nil {
			return nil, err
		}
	}
	if j.have != j.head.State.Changed {
		return nil, fmt.Errorf("%w: the steps lead to version %d only", store.ErrNotFound, j.have)
	}
	var changes *crl.File
	if len(j.deltas) > 0 {
		var err error
		if changes, err = crl.ComposeAll(j.deltas...); err != nil {
			return nil, err
		}
	}
	if reading.Wait(); listErr != nil {
		return nil, listErr
	}
	if j.snapshot != nil {
		whole = j.snapshot
	}
	return j.over(whole, changes)
}

// version reads one of the manifests.
func (j *journal) version(ctx context.Context, n uint64) (*Version, error) {
	if n == j.head.Version {
		return j.head, nil
	}
	v, err := Read(ctx, j.Store, j.Keys, n)
	if err == nil && !bytes.Equal(v.Salt, j.head.Salt) {
		err = fmt.Errorf("%w: version %d is of another list", ErrFork, n)
	}
	return v, err
}

// step collects the objects that lead to a version. Only those that are there are planned
// with: two processes that share the cache may have taken different ways.
func (j *journal) step(ctx context.Context, v *Version) error {
	m := *v.Manifest
	m.Objects = slices.DeleteFunc(slices.Clone(m.Objects), func(o signer.Object) bool { return !j.there[o.Name()] })
	plan, err := Plan(&m, j.have)
	if err != nil {
		return nil // a later step may lead on from here
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
		sum, _ := crl.ChecksumFromBytes(o.Checksum) // its length was validated
		if j.snapshot, err = crl.NewList(f, sum); err != nil {
			return err
		}
		j.deltas = nil
	}
	j.have = v.State.Changed
	return nil
}

// add takes a delta, in place of those that it covers as a whole.
func (j *journal) add(f *crl.File) {
	for n := len(j.deltas); n > 0 && f.From() <= j.deltas[n-1].From(); n-- {
		j.deltas = j.deltas[:n-1]
	}
	j.deltas = append(j.deltas, f)
}

// over puts the changes over a list. Every one of them was signed for, so what
// the manifest says of their result is taken from there.
func (j *journal) over(list *crl.List, changes *crl.File) (*State, error) {
	v := j.head
	if list == nil {
		return nil, fmt.Errorf("%w: there is no whole list, and no snapshot", store.ErrNotFound)
	}
	var err error
	if changes != nil {
		sum, _ := crl.ChecksumFromBytes(v.State.Checksum)
		if list, err = list.Over(changes, int(v.State.Count), int(v.State.Permanent), sum); err != nil {
			return nil, err
		}
	}
	if list, err = list.Apply(nil, v.State.Dropped); err != nil {
		return nil, err
	}
	s := &State{v, list}
	if j.base != nil && bytes.Equal(j.base.State.SHA256, v.State.SHA256) {
		return s, s.Check(v) // its bytes were hashed a moment ago
	}
	return s, s.Prove(v)
}
