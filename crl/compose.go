package crl

import (
	"fmt"
	"runtime"
	"slices"
)

// Compose gives the one delta that does what a and then b do; b begins where a
// ends or before, and leads beyond it.
func Compose(a, b *File) (*File, error) {
	if err := meets(a, b); err != nil {
		return nil, err
	}
	merges := mergeFiles(a, b, -1, nil)
	if a.from != 0 {
		for _, id := range sectionIDs(a, b) {
			merges = append(merges, composeRemoved(a, b, id.rule, id.form))
		}
		slices.SortFunc(merges, compareMerges)
	}
	both, err := encode(a.from, b.to, merges)
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
	return both, err
}

func meets(a, b *File) error {
	if b.from == 0 || b.from > a.to || b.from < a.from || b.to <= a.to {
		return fmt.Errorf("changes from version %d to %d do not continue those from %d to %d", b.from, b.to, a.from, a.to)
	}
	return nil
}

// composeRemoved is what either delta removed and the second did not bring back.
func composeRemoved(a, b *File, rule uint8, f form) *merge {
	return &merge{
		rule: rule, form: f.removal(), dropped: -1,
		base:    a.section(rule, f.removal()),
		upserts: b.entriesOf(rule, f.removal()),
		removed: b.entriesOf(rule, f),
	}
}

// ComposeAll is Compose of any number of deltas, in their order, that encodes
// nothing but the result.
func ComposeAll(deltas ...*File) (*File, error) {
	if len(deltas) == 0 {
		return nil, fmt.Errorf("there are no changes to compose")
	}
	if len(deltas) == 1 {
		return deltas[0], nil
	}
	all := make([][]touch, len(deltas))
	for i, d := range deltas {
		if d.from == 0 {
			return nil, fmt.Errorf("a snapshot up to version %d is no change", d.to)
		}
		if i > 0 {
			if err := meets(deltas[i-1], d); err != nil {
				return nil, err
			}
		}
		all[i] = d.touches()
	}
	// Neighbours first, so that none is copied more often than their number has digits.
	for len(all) > 1 {
		half := all[:0]
		for i := 0; i < len(all); i += 2 {
			if i+1 < len(all) {
				half = append(half, later(all[i], all[i+1]))
			} else {
				half = append(half, all[i])
			}
		}
		all = half
	}
	var entries, removed []Entry
	for _, t := range all[0] {
		if t.gone {
			removed = append(removed, t.Entry)
		} else {
			entries = append(entries, t.Entry)
		}
	}
	return Build(deltas[0].from, deltas[len(deltas)-1].to, entries, removed)
}

// touch is what a delta says of one entry.
type touch struct {
	Entry
	gone bool
}

// touches is all that the delta says, by rule, form and key.
func (f *File) touches() []touch {
	var entries, removed []touch
	for e := range f.Entries() {
		entries = append(entries, touch{e, false})
	}
	for e := range f.Removed() {
		removed = append(removed, touch{e, true})
	}
	return later(removed, entries)
}

// later merges what two deltas say; the second is right where both say something.
func later(a, b []touch) []touch {
	if len(a) == 0 {
		return b
	}
	out := make([]touch, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch order := compareEntries(a[0].Entry, b[0].Entry); {
		case order < 0:
			out = append(out, a[0])
			a = a[1:]
		case order > 0:
			out = append(out, b[0])
			b = b[1:]
		default:
			a = a[1:]
		}
	}
	return append(append(out, a...), b...)
}
