package publish

import (
	"context"
	"fmt"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// Deltas come in levels of 1, 8 and 64 changes: eight deltas of a level are
// composed into one of the next as soon as there are eight. A manifest names the last
// eight of each level, so that a reader finds a short way from any of
// the last 512 changes; who is farther behind takes the snapshot.
const (
	fanOut   = 8
	maxLevel = 64
)

// addDelta adds the delta of this version, and the larger ones that become due with
// it. They only shorten the way of readers, so one that cannot be made
// is a warning: the revocations go out all the same.
func (d *draft) addDelta(ctx context.Context, packed blob, file *crl.File) {
	m := &d.manifest
	fresh := map[string]*crl.File{packed.Name(): file}
	m.Objects = append(slices.Clone(m.Objects), packed.Object)
	for level := uint64(1); level < maxLevel; level *= fanOut {
		parts := unfolded(m.Objects, level)
		if len(parts) < fanOut {
			break
		}
		folded, err := d.fold(ctx, parts, fresh)
		if err == nil {
			packed, err = d.pack(folded, level*fanOut)
		}
		if err != nil {
			d.result.Warnings = append(d.result.Warnings, fmt.Sprintf("the delta over %d changes could not be made: %v", level*fanOut, err))
			break
		}
		fresh[packed.Name()] = folded
		m.Objects = append(m.Objects, packed.Object)
	}
	m.Objects = trim(m.Objects)
}

// unfolded are the newest eight deltas of a level, if the next level has none of them yet
// and each begins where the one before ends.
func unfolded(objects []signer.Object, level uint64) []signer.Object {
	same, next := ofLevel(objects, level), ofLevel(objects, level*fanOut)
	if len(same) < fanOut {
		return nil
	}
	same = same[len(same)-fanOut:]
	if len(next) > 0 && next[len(next)-1].To > same[0].From {
		return nil
	}
	for i, o := range same[1:] {
		if o.From != same[i].To {
			return nil
		}
	}
	return same
}

// ofLevel are the deltas of a level, oldest first.
func ofLevel(objects []signer.Object, level uint64) []signer.Object {
	var out []signer.Object
	for _, o := range objects {
		if o.From != 0 && o.Changes == level {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b signer.Object) int {
		if a.To < b.To {
			return -1
		}
		return 1
	})
	return out
}

func (d *draft) fold(ctx context.Context, parts []signer.Object, fresh map[string]*crl.File) (*crl.File, error) {
	var all *crl.File
	for _, o := range parts {
		f, err := fresh[o.Name()], error(nil)
		if f == nil {
			if f, err = history.Fetch(ctx, d.Store, o); err != nil {
				return nil, err
			}
		}
		if all == nil {
			all = f
			continue
		}
		if all, err = crl.Compose(all, f); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// trim keeps the snapshot and the newest eight deltas of each level.
func trim(objects []signer.Object) []signer.Object {
	var out []signer.Object
	for _, o := range objects {
		if o.From == 0 {
			out = append(out, o)
		}
	}
	for level := uint64(1); level <= maxLevel; level *= fanOut {
		same := ofLevel(objects, level)
		out = append(out, same[max(0, len(same)-fanOut):]...)
	}
	return out
}

// withSnapshot replaces the snapshot, of which a manifest names the newest.
func withSnapshot(objects []signer.Object, snapshot signer.Object) []signer.Object {
	out := []signer.Object{snapshot}
	for _, o := range objects {
		if o.From != 0 {
			out = append(out, o)
		}
	}
	return out
}

// minCatchUp is how many bytes of deltas a new reader may always have to fetch
// on top of the snapshot.
const minCatchUp = 16 << 10

// snapshotDue tells whether this version, whose objects are there but for the
// snapshot, gets one.
func snapshotDue(m *signer.Manifest, every int) bool {
	i := slices.IndexFunc(m.Objects, func(o signer.Object) bool { return o.From == 0 })
	if i < 0 {
		return true
	}
	last := m.Objects[i]
	if every > 0 && m.State.Changes-last.Changes >= uint64(every) {
		return true
	}
	way, err := history.Plan(m, last.To)
	if err != nil {
		return true // no way leads on from the last snapshot any more
	}
	cost := int64(0)
	for _, o := range way {
		cost += o.Size
	}
	return every == 0 && cost > max(minCatchUp, last.Size/2)
}
