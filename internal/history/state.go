package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrNotTheState means that objects whose hashes are right do not lead to the state
// that a manifest signs for.
var ErrNotTheState = errors.New("this is not the list that the manifest signs for")

// A State is the list as it is at a version. It is read-only.
type State struct {
	Version *Version
	File    *crl.File // a snapshot; its To is the version's State.Changed
	Sum     crl.Checksum
}

// Load gives the state at a version. It starts at base, the state of an earlier
// version of the same list, or at a snapshot if base is nil or that is cheaper, and
// believes the result only if its hash is the one that the manifest states.
func Load(ctx context.Context, r store.Reader, v *Version, base *State) (*State, error) {
	if base != nil && !bytes.Equal(base.Version.Salt, v.Salt) {
		return nil, fmt.Errorf("%w: version %d in %s is of another list (its salt differs)", ErrFork, v.Version, r)
	}
	have := uint64(0)
	if base != nil {
		have = base.File.To()
	}
	plan, err := Plan(v.Manifest, have)
	if err != nil {
		return nil, err
	}
	var delta *crl.File
	for _, o := range plan {
		f, err := Fetch(ctx, r, o)
		if err != nil {
			return nil, err
		}
		switch {
		case f.From() == 0:
			base, delta = &State{File: f}, nil
		case delta == nil:
			delta = f
		default:
			if delta, err = crl.Compose(delta, f); err != nil {
				return nil, err
			}
		}
	}
	return advance(base, delta, v)
}

// advance applies a delta to base and compares what comes out with the manifest.
// A base without a version is a snapshot just fetched, of unknown checksum.
func advance(base *State, delta *crl.File, v *Version) (*State, error) {
	next := &State{Version: v, File: base.File, Sum: base.Sum}
	if delta != nil || base.File.NextExpiry() <= v.State.Dropped {
		var err error
		if next.File, next.Sum, err = crl.Apply(base.File, base.Sum, delta, v.State.Dropped); err != nil {
			return nil, err
		}
	}
	if base.Version != nil && !bytes.Equal(next.Sum.Bytes(), v.State.Checksum) {
		return nil, fmt.Errorf("%w: the changes up to version %d lead to a list whose checksum is not the one in its manifest", ErrNotTheState, v.Version)
	}
	return next, next.accept()
}

// accept checks the state against its version's manifest, and takes the manifest's
// checksum for the state's: the publisher signed for both together.
func (s *State) accept() error {
	if err := s.Check(s.Version); err != nil {
		return err
	}
	sum, ok := crl.ChecksumFromBytes(s.Version.State.Checksum)
	if !ok {
		return fmt.Errorf("%w: the manifest of version %d has no checksum", ErrNotTheState, s.Version.Version)
	}
	s.Sum = sum
	return nil
}

// Check tells whether the entries are those that a manifest signs for: its
// state.sha256 is the hash of their one encoding. The error wraps ErrNotTheState.
func (s *State) Check(v *Version) error {
	state := &v.State
	if s.File.From() != 0 || s.File.To() != state.Changed || uint64(s.File.Len()) != state.Count {
		return fmt.Errorf("%w: version %d has %d entries as of version %d here, and its manifest says %d as of %d", ErrNotTheState,
			v.Version, s.File.Len(), s.File.To(), state.Count, state.Changed)
	}
	if sum := sha256.Sum256(s.File.Bytes()); !bytes.Equal(sum[:], state.SHA256) {
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
