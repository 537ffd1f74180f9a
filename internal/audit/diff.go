package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// VersionAt gives one version's manifest, or the newest for version 0.
func VersionAt(ctx context.Context, r store.Reader, keys *signer.KeySet, version uint64) (*history.Version, error) {
	if version == 0 {
		return history.Head(ctx, r, keys, nil)
	}
	v, err := history.Read(ctx, r, keys, version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("there is no version %d in %s: %w", version, r, err)
	}
	return v, err
}

// StateAt gives the list as it was at a version, proved by that version's
// manifest alone.
func StateAt(ctx context.Context, r store.Reader, v *history.Version) (*history.State, error) {
	s, err := history.Load(ctx, r, v, nil)
	if err == nil {
		s.List, err = s.List.Whole()
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("the entries of version %d are gone; garbage collection keeps the manifests of old versions only: %w", v.Version, err)
	}
	return s, err
}

// A Change is one entry that differs between two versions.
type Change struct {
	Change      string `json:"change"` // added, removed, changed
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"` // 16 hex digits
	Before      int64  `json:"before,omitempty"`
	Exp         int64  `json:"exp,omitempty"`
}

// Diff lists how the entries of b differ from those of a. Both are of [StateAt].
func Diff(a, b *history.State) []Change {
	names := map[uint8]string{}
	for _, s := range []*history.State{a, b} {
		for _, r := range history.Rules(s.Version.Manifest) {
			names[r.ID] = r.Name()
		}
	}
	change := func(what string, e crl.Entry) Change {
		c := Change{Change: what, Rule: names[e.Rule], Fingerprint: fmt.Sprintf("%016x", e.Key)}
		if !e.Outright() {
			c.Before = e.Before
		}
		if e.Exp != crl.Never {
			c.Exp = e.Exp
		}
		return c
	}
	entries, removed := crl.Diff(a.List.Snapshot(), b.List.Snapshot())
	came := map[[2]uint64]bool{}
	var changes []Change
	for _, e := range entries {
		came[[2]uint64{uint64(e.Rule), e.Key}] = true
		what := "added"
		if _, ok := a.List.Lookup(e.Rule, e.Key); ok {
			what = "changed"
		}
		changes = append(changes, change(what, e))
	}
	for _, e := range removed {
		// What moved between sections, to or from "outright", is there in both.
		if !came[[2]uint64{uint64(e.Rule), e.Key}] {
			changes = append(changes, change("removed", e))
		}
	}
	return changes
}
