package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrMirrorAhead means that the mirror holds versions that the source does not:
// the source was rolled back, or is another list.
var ErrMirrorAhead = errors.New("the mirror is ahead of the source")

// A Mirrored says what Mirror did.
type Mirrored struct {
	Head    uint64 `json:"head"`
	Copied  int    `json:"copied"` // objects and manifests
	Bytes   int64  `json:"bytes"`
	Present int    `json:"present"` // were there and good
	Gone    int    `json:"gone"`    // objects of older versions that the source has no more
}

// Mirror copies all that can be reached from the newest version into a store,
// which then is a list to read from in its own right. Everything is
// verified before it is written: signatures, the chain of manifests, hashes. Objects
// go before the manifest that names them, and manifests in their order, so
// a mirror that was interrupted is a good list of an older version, and
// goes on where it stopped. A manifest that is there with other bytes is a
// history.ErrFork, and nothing is written any more.
func Mirror(ctx context.Context, from store.Reader, to store.Store, keys *signer.KeySet, step Step) (*Mirrored, error) {
	head, err := history.Head(ctx, from, keys, nil)
	if err != nil {
		return nil, err
	}
	m := &mirror{ctx: ctx, from: from, to: to, keys: keys, head: head, done: map[string]bool{}, result: &Mirrored{}}
	if held, err := history.Head(ctx, to, keys, nil); err == nil && held.Version > head.Version {
		return nil, fmt.Errorf("%w: %s has version %d, and %s ends at %d", ErrMirrorAhead, to, held.Version, from, head.Version)
	} else if err != nil && !errors.Is(err, history.ErrNoList) {
		return nil, fmt.Errorf("what is in the mirror already cannot be believed: %w", err)
	}
	var prev *history.Version
	for version := uint64(1); version <= m.head.Version; version++ {
		step("mirroring", int64(version), int64(m.head.Version))
		v, err := history.Read(ctx, from, keys, version)
		if err != nil {
			return nil, err
		}
		if problems := Follows(prev, v); len(problems) > 0 {
			return nil, fmt.Errorf("version %d in %s cannot be believed: %s", version, from, problems[0])
		}
		for _, o := range v.Objects {
			if err := m.object(o); err != nil {
				return nil, err
			}
		}
		if err := m.manifest(v); err != nil {
			return nil, err
		}
		prev = v
	}
	m.result.Head = prev.Version
	return m.result, to.Put(ctx, signer.LatestName, prev.Bytes)
}

type mirror struct {
	ctx    context.Context
	from   store.Reader
	to     store.Store
	keys   *signer.KeySet
	head   *history.Version // where the mirror will end
	done   map[string]bool
	result *Mirrored
}

// object copies an object, once. One in the mirror that is not what its name
// says is replaced.
func (m *mirror) object(o signer.Object) error {
	name := o.Name()
	if m.done[name] {
		return nil
	}
	m.done[name] = true
	if _, err := history.Fetch(m.ctx, m.to, o); err == nil {
		m.result.Present++
		return nil
	}
	obj, err := m.from.Get(m.ctx, name, o.Size, "")
	if errors.Is(err, store.ErrNotFound) {
		needed, headErr := m.needed(name)
		if headErr == nil && !needed {
			m.result.Gone++
			return nil
		}
		err = errors.Join(err, headErr)
	}
	if err != nil {
		return err
	}
	if _, err := history.Unpack(o, obj.Data); err != nil {
		return fmt.Errorf("from %s: %w", m.from, err)
	}
	m.result.Copied++
	m.result.Bytes += o.Size
	return m.to.Put(m.ctx, name, obj.Data)
}

// needed tells whether the newest version needs an object that is gone. There may be a
// newer one by now: a large list takes long to copy, and garbage collection goes on.
func (m *mirror) needed(name string) (bool, error) {
	names := func(o signer.Object) bool { return o.Name() == name }
	if !slices.ContainsFunc(m.head.Objects, names) {
		return false, nil
	}
	head, err := history.Probe(m.ctx, m.from, m.keys, m.head)
	if err != nil {
		return false, err
	}
	m.head = head
	return slices.ContainsFunc(head.Objects, names), nil
}

func (m *mirror) manifest(v *history.Version) error {
	name := signer.ManifestName(v.Version)
	err := m.to.Create(m.ctx, name, v.Bytes)
	if err == nil {
		m.result.Copied++
		m.result.Bytes += int64(len(v.Bytes))
		return nil
	}
	held, getErr := m.to.Get(m.ctx, name, signer.MaxManifestSize, "")
	switch {
	case getErr == nil && bytes.Equal(held.Data, v.Bytes):
		m.result.Present++
		return nil
	case getErr == nil:
		return fmt.Errorf("%w: version %d in %s is not the one in %s; one of them was rewritten, keep both", history.ErrFork, v.Version, m.to, m.from)
	}
	return err
}
