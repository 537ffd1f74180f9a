package publish

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
)

// levels are the deltas that there are: of one change each, and of 4, 8 … 128
// changes, which end where the number of changes is a multiple of that. A manifest
// names the newest few of each level, so that a reader who is up to 512 changes behind
// finds a way of at most eleven objects, that are at most half as
// large again as one delta would be: a delta may be used from any version that it
// covers, and at every distance there are some a fourth as long. Who is
// farther behind takes the snapshot.
var levels = []struct {
	changes uint64
	keep    int
}{{1, 6}, {4, 4}, {8, 4}, {16, 4}, {32, 4}, {64, 4}, {128, 4}}

// addDelta adds the delta of this version, and the larger ones that become due with
// it. They only shorten the way of readers, so one that cannot be made
// is a warning: the revocations go out all the same. What it composes and names is named
// by the base or is of this version, which garbage collection beside it relies on (package collect).
func (d *draft) addDelta(ctx context.Context, packed blob, file *crl.File) {
	m := &d.manifest
	fresh := map[string]*crl.File{packed.Name(): file}
	m.Objects = append(slices.Clone(m.Objects), packed.Object)
	for i, level := range levels[1:] {
		parts := due(m, i)
		if parts == nil {
			break
		}
		folded, err := d.fold(ctx, parts, fresh)
		if err == nil {
			packed, folded, err = d.pack(folded, level.changes)
		}
		if err != nil {
			d.result.Warnings = append(d.result.Warnings, fmt.Sprintf("the delta over %d changes could not be made: %v", level.changes, err))
			break
		}
		fresh[packed.Name()] = folded
		m.Objects = append(m.Objects, packed.Object)
	}
	m.Objects = trim(m.Objects)
}

// due are the deltas of level i that make one of the next, nil if none is due.
func due(m *signer.Manifest, i int) []signer.Object {
	changes := levels[i+1].changes
	if m.State.Changes%changes != 0 {
		return nil
	}
	n := int(changes / levels[i].changes)
	if i == 0 && m.State.Changes == changes {
		n-- // the first change of all is a snapshot and has no delta
	}
	return newest(m.Objects, levels[i].changes, n)
}

// newest are the newest n deltas of a level, if each begins where the one before
// ends; else nil.
func newest(objects []signer.Object, level uint64, n int) []signer.Object {
	same := ofLevel(objects, level)
	if len(same) < n {
		return nil
	}
	same = same[len(same)-n:]
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
	slices.SortFunc(out, func(a, b signer.Object) int { return cmp.Compare(a.To, b.To) })
	return out
}

func (d *draft) fold(ctx context.Context, parts []signer.Object, fresh map[string]*crl.File) (*crl.File, error) {
	files := make([]*crl.File, len(parts))
	for i, o := range parts {
		if files[i] = fresh[o.Name()]; files[i] != nil {
			continue
		}
		var err error
		if files[i], err = history.Fetch(ctx, steady.Reader{Reader: d.Store}, o); err != nil {
			return nil, err
		}
	}
	return crl.ComposeAll(files...)
}

// trim keeps the snapshot and the newest deltas of each level.
func trim(objects []signer.Object) []signer.Object {
	var out []signer.Object
	for _, o := range objects {
		if o.From == 0 {
			out = append(out, o)
		}
	}
	for _, level := range levels {
		same := ofLevel(objects, level.changes)
		out = append(out, same[max(0, len(same)-level.keep):]...)
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
