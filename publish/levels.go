package publish

import (
	"cmp"
	"context"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
)

// A level is the deltas over a number of changes, and how many of them are named.
type level struct {
	changes uint64
	keep    int
}

// listLevels are the levels of the list: deltas of one change each, and of 4, 8 … 128 changes. A
// delta of n changes ends where the number of changes is a multiple of n. A manifest names the
// newest few of each level.
//
// A delta may be used from any version that it covers, and at every distance there are some a fourth
// as long. So a reader that is up to 512 changes behind fetches at most eleven objects, which are at
// most half as large again as one delta would be. A reader that is farther behind takes the snapshot.
var listLevels = []level{{1, 6}, {4, 4}, {8, 4}, {16, 4}, {32, 4}, {64, 4}, {128, 4}}

// ledgerLevels reach farther back, because a version that only moves a cursor changes the ledger.
var ledgerLevels = append(slices.Clone(listLevels), level{512, 4}, level{2048, 4}, level{8192, 4}, level{1 << 15, 4}, level{1 << 17, 4})

// addDelta adds the delta of this version to the manifest, and the larger ones that become due with
// it. They only shorten the way of readers, so a delta that cannot be made is a warning. A version
// composes and names only objects that its base names or that are its own; garbage collection
// relies on this (package collect).
func (d *draft) addDelta(ctx context.Context, packed signer.Object, file *crl.File) {
	m := &d.manifest
	fresh := map[string]*crl.File{packed.Name(): file}
	m.Objects = d.lengthen(listLevels, m.Objects, packed, m.State.Changes, 0, func(parts []signer.Object, changes uint64) (signer.Object, error) {
		files := make([]*crl.File, len(parts))
		for i, o := range parts {
			if files[i] = fresh[o.Name()]; files[i] != nil {
				continue
			}
			var err error
			if files[i], err = history.Fetch(ctx, steady.Reader{Reader: d.Store}, o); err != nil {
				return signer.Object{}, err
			}
		}
		folded, err := crl.ComposeAll(files...)
		if err != nil {
			return signer.Object{}, err
		}
		packed, folded, err := d.pack(folded, changes)
		fresh[packed.Name()] = folded
		return packed, err
	})
}

// addLedger returns the objects of the line and the larger deltas that become due with a change,
// whose own object is not there yet. They always lead on from the newest snapshot.
func (d *draft) addLedger(ctx context.Context, line ledger.Line, change *ledger.Delta) []signer.Object {
	floor := uint64(0)
	for _, o := range line.Objects {
		if o.From == 0 {
			floor = o.To
		}
	}
	fresh := map[string]*ledger.Delta{}
	own := signer.Object{From: change.From, To: change.To, Changes: 1}
	objects := d.lengthen(ledgerLevels, line.Objects, own, line.Changes+1, floor, func(parts []signer.Object, changes uint64) (signer.Object, error) {
		deltas := make([]*ledger.Delta, len(parts))
		for i, o := range parts {
			deltas[i] = change
			if o.SHA256 == nil {
				continue
			}
			if deltas[i] = fresh[string(o.SHA256)]; deltas[i] != nil {
				continue
			}
			var err error
			if deltas[i], err = d.objects().Delta(ctx, o); err != nil {
				return signer.Object{}, err
			}
		}
		all, err := ledger.Compose(deltas...)
		if err != nil {
			return signer.Object{}, err
		}
		packed, err := d.packLedger(all, changes)
		fresh[string(packed.SHA256)] = all
		return packed, err
	})
	if _, err := history.Way(objects, floor, own.To); err != nil {
		objects = slices.Clone(line.Objects) // a delta could not be made, so the smaller ones stay
	}
	return slices.DeleteFunc(objects, func(o signer.Object) bool { return o.SHA256 == nil })
}

// lengthen returns objects with the newest delta, which is the one of the given number of changes.
// compose makes the larger deltas that become due with it. They leave out parts that end at floor,
// the version of a snapshot, or before. Of each level the newest deltas are kept.
func (d *draft) lengthen(levels []level, objects []signer.Object, newest signer.Object, changes, floor uint64, compose func([]signer.Object, uint64) (signer.Object, error)) []signer.Object {
	objects = append(slices.Clone(objects), newest)
	for i, level := range levels[1:] {
		parts := due(levels, objects, changes, floor, i)
		if parts == nil {
			break
		}
		if len(parts) == 1 && parts[0].SHA256 != nil {
			parts[0].Changes = level.changes
			objects = append(objects, parts[0])
			continue
		}
		packed, err := compose(parts, level.changes)
		if err != nil {
			d.warn("the delta over %d changes could not be made: %v", level.changes, err)
			break
		}
		objects = append(objects, packed)
	}
	return trim(levels, objects)
}

// due are the deltas of level i that make one of the next, nil if none is due.
func due(levels []level, objects []signer.Object, changes, floor uint64, i int) []signer.Object {
	next := levels[i+1].changes
	if changes%next != 0 {
		return nil
	}
	n := int(next / levels[i].changes)
	if i == 0 && changes == next {
		n-- // the first change of all is a snapshot and has no delta
	}
	return newest(objects, levels[i].changes, n, floor)
}

// newest are the newest n deltas of a level, or those of them that lead beyond floor. It is nil if
// one does not begin where the one before ends.
func newest(objects []signer.Object, level uint64, n int, floor uint64) []signer.Object {
	same := ofLevel(objects, level)
	same = same[max(0, len(same)-n):]
	same = slices.DeleteFunc(same, func(o signer.Object) bool { return o.To <= floor })
	if len(same) == 0 || len(same) < n && same[0].From > floor {
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
	slices.SortFunc(out, func(a, b signer.Object) int { return cmp.Compare(a.To, b.To) })
	return out
}

// trim keeps the snapshot and the newest deltas of each level.
func trim(levels []level, objects []signer.Object) []signer.Object {
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

// withSnapshot replaces the snapshot among objects, which name only the newest.
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

// snapshotDue reports whether a new snapshot pays. The objects lead to version to, after the given
// number of changes. A reader fetches size bytes with the snapshot.
func snapshotDue(objects []signer.Object, to, changes uint64, every int, size int64) bool {
	i := slices.IndexFunc(objects, func(o signer.Object) bool { return o.From == 0 })
	if i < 0 {
		return true
	}
	last := objects[i]
	if every > 0 && changes-last.Changes >= uint64(every) {
		return true
	}
	way, err := history.Way(objects, last.To, to)
	if err != nil {
		return true // no way leads on from the last snapshot any more
	}
	cost := int64(0)
	for _, o := range way {
		cost += o.Size
	}
	return every == 0 && cost > max(minCatchUp, size/2)
}

// snapshotSize is the size of the snapshot among objects, or 0.
func snapshotSize(objects []signer.Object) int64 {
	for _, o := range objects {
		if o.From == 0 {
			return o.Size
		}
	}
	return 0
}
