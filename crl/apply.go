package crl

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
)

// Apply gives the state that follows from state, a snapshot with its checksum, by
// the delta (or no change, if delta is nil), without the entries whose Exp is not after
// dropped. The delta may begin before the state's version, but must
// lead beyond it. The arguments stay as they are. It takes one pass over the
// state, and time for a hash for each entry that comes, goes or changes.
// [List.Apply] takes time for the delta alone.
func Apply(state *File, sum Checksum, delta *File, dropped int64) (*File, Checksum, error) {
	if state.from != 0 {
		return nil, sum, fmt.Errorf("a delta can be applied to a state only, and this one starts at version %d", state.from)
	}
	to := state.to
	if delta != nil {
		if err := continues(state.to, delta); err != nil {
			return nil, sum, err
		}
		to = delta.to
	}
	next, err := encode(0, to, mergeFiles(state, delta, dropped, &sum))
	runtime.KeepAlive(state)
	runtime.KeepAlive(delta)
	return next, sum, err
}

// continues tells why a delta cannot be applied to the state of a version.
func continues(version uint64, delta *File) error {
	if delta.from == 0 || delta.from > version || delta.to <= version {
		return fmt.Errorf("a delta from version %d to %d does not continue version %d", delta.from, delta.to, version)
	}
	return nil
}

// mergeFiles are the sections of entries that result from base and then delta.
// While they are written, sum is brought from base's to theirs.
func mergeFiles(base, delta *File, dropped int64, sum *Checksum) []*merge {
	var all []*merge
	dated := base.moments != nil || delta != nil && delta.moments != nil
	for _, id := range sectionIDs(base, delta) {
		m := &merge{rule: id.rule, form: id.form, base: base.section(id.rule, id.form), dropped: dropped, sum: sum, dated: dated}
		if delta != nil {
			m.upserts, m.removed = delta.entriesOf(id.rule, id.form), delta.entriesOf(id.rule, id.form.removal())
		}
		all = append(all, m)
	}
	return all
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
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.form, b.form))
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
	defer runtime.KeepAlive(f)
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
