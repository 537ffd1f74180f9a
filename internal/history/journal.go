package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

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
	versions, err := j.versions(ctx, steps)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if v == j.base {
			j.have = v.State.Changed
			reading.Go(func() { whole, listErr = LoadList(ctx, j.Store, v) })
			continue
		}
		if err := j.step(ctx, v); err != nil {
			return nil, err
		}
	}
	if j.have != j.head.State.Changed {
		return nil, fmt.Errorf("%w: the steps lead to version %d only", store.ErrNotFound, j.have)
	}
	changes, err := compose(j.deltas)
	if err != nil {
		return nil, err
	}
	if reading.Wait(); listErr != nil {
		return nil, listErr
	}
	if j.snapshot != nil {
		whole = j.snapshot
	}
	return j.over(whole, changes)
}

// versions reads the manifests of the steps from the newest whole list on. What comes
// before it was left by a process that died before it could remove that, and need
// not lead here.
func (j *journal) versions(ctx context.Context, steps []uint64) ([]*Version, error) {
	var all []*Version
	for _, n := range slices.Backward(steps) {
		v, err := j.version(ctx, n)
		if errors.Is(err, signer.ErrUnknownKey) {
			continue // its key was removed since, and later steps may do without it
		}
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		if !j.noList && v.State.SHA256 != nil && j.there[CachedList(v)] {
			j.base = v
			break
		}
	}
	slices.Reverse(all)
	return all, nil
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
	snapshot, deltas, err := fetchAll(ctx, j.Store, plan)
	if err != nil {
		return err
	}
	if snapshot != nil {
		j.snapshot, j.deltas = snapshot, nil
	}
	for _, f := range deltas {
		j.add(f)
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
