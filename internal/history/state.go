package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrNotTheState means that objects whose hashes are right do not lead to the state
// that a manifest signs for.
var ErrNotTheState = errors.New("this is not the list that the manifest signs for")

// A State is the list as it is at a version.
type State struct {
	Version *Version
	List    *crl.List // its To is the version's State.Changed
}

// Load gives the state at a version. It starts at base, the state of an earlier
// version of the same list, or at a snapshot if base is nil or that is cheaper, and
// believes the result only if it is the one that the manifest states.
func Load(ctx context.Context, r store.Reader, v *Version, base *State) (*State, error) {
	var list *crl.List
	have := uint64(0)
	if base != nil {
		if !bytes.Equal(base.Version.Salt, v.Salt) {
			return nil, fmt.Errorf("%w: version %d in %s is of another list (its salt differs)", ErrFork, v.Version, r)
		}
		list, have = base.List, base.List.To()
	}
	plan, err := Plan(v.Manifest, have)
	if err != nil {
		return nil, err
	}
	snapshot, deltas, err := fetchAll(ctx, r, plan)
	if err != nil {
		return nil, err
	}
	if snapshot != nil {
		list = snapshot
	}
	delta, err := compose(deltas)
	if err != nil {
		return nil, err
	}
	if list, err = list.Apply(delta, v.State.Dropped); err != nil {
		return nil, err
	}
	s := &State{v, list}
	if base != nil && list == base.List && bytes.Equal(base.Version.State.SHA256, v.State.SHA256) {
		return s, s.Check(v) // nothing changed, and its bytes were hashed before
	}
	return s, s.Prove(v)
}

// fetchAll gets the objects of a plan: a snapshot, if the plan begins with one, and
// deltas.
func fetchAll(ctx context.Context, r store.Reader, plan []signer.Object) (snapshot *crl.List, deltas []*crl.File, err error) {
	for _, o := range plan {
		f, err := Fetch(ctx, r, o)
		if err != nil {
			return nil, nil, err
		}
		if f.From() != 0 {
			deltas = append(deltas, f)
			continue
		}
		sum, _ := crl.ChecksumFromBytes(o.Checksum) // its length was validated
		if snapshot, err = crl.NewList(f, sum); err != nil {
			return nil, nil, err
		}
	}
	return snapshot, deltas, nil
}

// compose makes one of any number of deltas, nil of none.
func compose(deltas []*crl.File) (*crl.File, error) {
	if len(deltas) == 0 {
		return nil, nil
	}
	return crl.ComposeAll(deltas...)
}

// Prove is Check that also makes the list whole where the manifest has the hash
// of all entries, and compares that: then what a cache keeps of it can be proved
// again.
func (s *State) Prove(v *Version) error {
	if err := s.Check(v); err != nil || v.State.SHA256 == nil {
		return err
	}
	whole, err := s.List.Whole()
	if err != nil {
		return err
	}
	s.List = whole
	return s.checkBytes(v)
}

// Check tells whether the entries are those that a manifest signs for: as many,
// with the same checksum, up to the same version. The error wraps ErrNotTheState.
func (s *State) Check(v *Version) error {
	state := &v.State
	switch {
	case s.List.To() != state.Changed:
		return fmt.Errorf("%w: the objects of version %d lead to version %d, and its manifest says %d", ErrNotTheState, v.Version, s.List.To(), state.Changed)
	case uint64(s.List.Len()) != state.Count:
		return fmt.Errorf("%w: version %d has %d entries, and its manifest says %d", ErrNotTheState, v.Version, s.List.Len(), state.Count)
	case uint64(s.List.Permanent()) != state.Permanent:
		return fmt.Errorf("%w: version %d has %d entries that never end, and its manifest says %d", ErrNotTheState, v.Version, s.List.Permanent(), state.Permanent)
	case !bytes.Equal(s.List.Sum().Bytes(), state.Checksum):
		return fmt.Errorf("%w: version %d has entries whose checksum is not the one in its manifest", ErrNotTheState, v.Version)
	}
	return nil
}

// checkBytes holds a whole list against the hash of its one encoding.
func (s *State) checkBytes(v *Version) error {
	if sum := s.List.Snapshot().SHA256(); !bytes.Equal(sum[:], v.State.SHA256) {
		return fmt.Errorf("%w: the entries of version %d have not the SHA-256 that its manifest states", ErrNotTheState, v.Version)
	}
	return nil
}

// Rules are the rules of a manifest.
func Rules(m *signer.Manifest) []crl.Rule {
	rules := make([]crl.Rule, len(m.Rules))
	for i, r := range m.Rules {
		rules[i] = crl.Rule{ID: r.ID, Claims: r.Claims}
	}
	return rules
}
