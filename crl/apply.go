package crl

import (
	"fmt"
	"slices"
)

// Apply gives the state that follows from state, a snapshot with its checksum, by
// the delta (or no change, if delta is nil), without the entries whose Exp is not after
// dropped. The delta may begin before the state's version, but must
// lead beyond it. The arguments stay as they are. It takes one pass over the
// state, and time for a hash for each entry that comes, goes or changes.
func Apply(state *File, sum Checksum, delta *File, dropped int64) (*File, Checksum, error) {
	if state.from != 0 {
		return nil, sum, fmt.Errorf("a delta can be applied to a state only, and this one starts at version %d", state.from)
	}
	to := state.to
	if delta != nil {
		if delta.from == 0 || delta.from > state.to || delta.to <= state.to {
			return nil, sum, fmt.Errorf("a delta from version %d to %d does not continue version %d", delta.from, delta.to, state.to)
		}
		to = delta.to
	}
	data := encode(0, to, mergeFiles(state, delta, dropped, &sum))
	next, err := Parse(data)
	return next, sum, err
}

// Compose gives the one delta that does what a and then b do; b begins where a
// ends or before, and leads beyond it.
func Compose(a, b *File) (*File, error) {
	if b.from == 0 || b.from > a.to || b.from < a.from || b.to <= a.to {
		return nil, fmt.Errorf("changes from version %d to %d do not continue those from %d to %d", b.from, b.to, a.from, a.to)
	}
	var sum Checksum
	sources := mergeFiles(a, b, -1, &sum)
	if a.from != 0 {
		for _, id := range sectionIDs(a, b) {
			sources = append(sources, composeRemoved(a, b, id.rule, id.form))
		}
		slices.SortFunc(sources, compareSources)
	}
	return Parse(encode(a.from, b.to, sources))
}

// composeRemoved is what either delta removed and the second did not bring back.
func composeRemoved(a, b *File, rule uint8, f form) source {
	gone := append(a.entriesOf(rule, f.removal()), b.entriesOf(rule, f.removal())...)
	slices.SortFunc(gone, compareKeys)
	gone = slices.CompactFunc(gone, func(x, y Entry) bool { return x.Key == y.Key })
	back := b.entriesOf(rule, f)
	gone = slices.DeleteFunc(gone, func(e Entry) bool {
		_, found := slices.BinarySearchFunc(back, e, compareKeys)
		return found
	})
	return source{rule, f.removal(), slicePasses(gone)}
}

// mergeFiles are the sections of entries that result from base and then delta.
// While they are counted, sum is brought from base's to theirs.
func mergeFiles(base, delta *File, dropped int64, sum *Checksum) []source {
	var all []source
	for _, id := range sectionIDs(base, delta) {
		m := merge{base: base.section(id.rule, id.form), dropped: dropped, sum: sum}
		if delta != nil {
			m.upserts, m.removed = delta.entriesOf(id.rule, id.form), delta.entriesOf(id.rule, id.form.removal())
		}
		all = append(all, source{id.rule, id.form, m.each})
	}
	return all
}

// merge is the change of one section.
type merge struct {
	base             *section
	upserts, removed []Entry
	dropped          int64
	sum              *Checksum
}

func (m *merge) each(counting bool, yield func(Entry) bool) {
	upserts, removed := m.upserts, m.removed
	put := func(e Entry) bool {
		if e.Exp <= m.dropped {
			return true
		}
		if counting {
			m.sum.Add(e)
		}
		return yield(e)
	}
	keep := func(e Entry) bool {
		for len(upserts) > 0 && upserts[0].Key < e.Key {
			if !put(upserts[0]) {
				return false
			}
			upserts = upserts[1:]
		}
		for len(removed) > 0 && removed[0].Key < e.Key {
			removed = removed[1:]
		}
		replaced := len(upserts) > 0 && upserts[0].Key == e.Key
		gone := replaced || e.Exp <= m.dropped || len(removed) > 0 && removed[0].Key == e.Key
		if gone && counting {
			m.sum.Sub(e)
		}
		return gone || yield(e)
	}
	if m.base != nil && !m.base.each(keep) {
		return
	}
	for _, e := range upserts {
		if !put(e) {
			return
		}
	}
}

// Diff compares two states: entries are those of b that a lacks or holds with
// another Before or Exp, and removed are those of a that b lacks. Given to
// [Build] they are the delta between the two.
func Diff(a, b *File) (entries, removed []Entry) {
	for _, id := range sectionIDs(a, b) {
		old := a.entriesOf(id.rule, id.form)
		now := b.entriesOf(id.rule, id.form)
		for len(old) > 0 || len(now) > 0 {
			switch {
			case len(now) == 0 || len(old) > 0 && old[0].Key < now[0].Key:
				removed = append(removed, old[0])
				old = old[1:]
			case len(old) == 0 || now[0].Key < old[0].Key:
				entries = append(entries, now[0])
				now = now[1:]
			default:
				if old[0] != now[0] {
					entries = append(entries, now[0])
				}
				old, now = old[1:], now[1:]
			}
		}
	}
	return entries, removed
}

func compareKeys(a, b Entry) int {
	switch {
	case a.Key < b.Key:
		return -1
	case a.Key > b.Key:
		return 1
	}
	return 0
}

type sectionID struct {
	rule uint8
	form form
}

// sectionIDs are the sections of entries that either file has or changes, in order.
func sectionIDs(files ...*File) []sectionID {
	var ids []sectionID
	for _, f := range files {
		if f == nil {
			continue
		}
		for _, s := range f.sections {
			form := s.form
			if form.removed() {
				form -= formRemovedOutright
			}
			ids = append(ids, sectionID{s.rule, form})
		}
	}
	slices.SortFunc(ids, func(a, b sectionID) int {
		return compareSources(source{rule: a.rule, form: a.form}, source{rule: b.rule, form: b.form})
	})
	return slices.Compact(ids)
}

func (f *File) section(rule uint8, form form) *section {
	for _, s := range f.sections {
		if s.rule == rule && s.form == form {
			return s
		}
	}
	return nil
}

// entriesOf decodes one section.
func (f *File) entriesOf(rule uint8, form form) []Entry {
	s := f.section(rule, form)
	if s == nil {
		return nil
	}
	all := make([]Entry, 0, s.keys.n)
	s.each(func(e Entry) bool {
		all = append(all, e)
		return true
	})
	return all
}
