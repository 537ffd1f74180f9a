package crl

import (
	"errors"
	"fmt"
	"runtime"
)

// A List is the state of a list at a version, ready for checks: a snapshot, and over
// it the changes since. So a refresh costs in proportion to what changed, and now and
// then one pass over everything. It is immutable and safe for concurrent use.
type List struct {
	base    *File
	baseSum Checksum
	// changes are at most two deltas, each of which may be applied to what is
	// below it: the news is composed with the second, which is small, and only
	// now and then that with the first.
	changes []*File
	to      uint64
	len     int
	perm    int
	sum     Checksum
}

// overlayRoom is how many bytes of changes are kept over a snapshot of so many bytes.
// What has outgrown it is merged with the snapshot.
func overlayRoom(snapshot int) int { return max(4<<10, snapshot/64) }

// NewList makes a list of a snapshot and its checksum, which it takes on trust.
func NewList(snapshot *File, sum Checksum) (*List, error) {
	if snapshot.from != 0 {
		return nil, fmt.Errorf("a list is made of a snapshot, and this is a delta from version %d", snapshot.from)
	}
	return &List{base: snapshot, baseSum: sum, to: snapshot.to, len: snapshot.Len(), perm: snapshot.Permanent(), sum: sum}, nil
}

// WithMoments returns the list, which must be whole, with the moments of its entries. See
// [File.WithMoments].
func (l *List) WithMoments(moments []byte, owner any) (*List, error) {
	if len(l.changes) > 0 {
		return nil, errors.New("the list has changes over it")
	}
	next := *l
	var err error
	next.base, err = l.base.WithMoments(moments, owner)
	return &next, err
}

// Apply gives the list that follows by a delta, or by expiry alone if delta is nil,
// without the entries whose Exp is not after dropped. The delta may begin before
// the list's version, but must lead beyond it. Unless something expires or
// many changes have come together it takes time for the changes only.
func (l *List) Apply(delta *File, dropped int64) (*List, error) {
	if delta != nil {
		if err := continues(l.to, delta); err != nil {
			return nil, err
		}
	} else if l.NextExpiry() > dropped {
		return l, nil
	}
	next := *l
	if delta != nil {
		next.to = delta.to
		next.count(delta)
		if err := next.push(delta); err != nil {
			return nil, err
		}
	}
	if next.NextExpiry() <= dropped || next.Size()-len(next.base.data) > overlayRoom(len(next.base.data)) {
		return next.merge(dropped)
	}
	return &next, nil
}

// push puts a delta over the list.
func (l *List) push(delta *File) error {
	var kept []*File // those of the changes that the delta does not cover
	below := l.base.to
	for _, c := range l.changes {
		if delta.from <= below {
			break
		}
		kept = append(kept, c)
		below = c.to
	}
	small := overlayRoom(len(l.base.data)) / 8
	var err error
	if len(kept) == 2 {
		if delta, err = Compose(kept[1], delta); err != nil {
			return err
		}
		kept = kept[:1]
		if len(delta.data) > small {
			small = len(kept[0].data)
		}
	}
	if len(kept) == 1 && len(kept[0].data) <= small {
		if delta, err = Compose(kept[0], delta); err != nil {
			return err
		}
		kept = nil
	}
	l.changes = append(kept, delta)
	return nil
}

// Over gives the list with changes over it that lead on from its version, or from
// before it, and that are known to lead to entries of these figures. [List.Apply] finds the figures
// out, which takes a few lookups and hashes for each of the changes. The list
// must be whole.
func (l *List) Over(changes *File, entries, permanent int, sum Checksum) (*List, error) {
	if len(l.changes) > 0 {
		return nil, errors.New("the list has changes over it already")
	}
	if err := continues(l.to, changes); err != nil {
		return nil, err
	}
	return &List{base: l.base, baseSum: l.baseSum, changes: []*File{changes}, to: changes.to, len: entries, perm: permanent, sum: sum}, nil
}

// count brings the figures of the list before the delta to those after it.
func (l *List) count(delta *File) {
	defer runtime.KeepAlive(delta)
	before := *l
	for _, s := range delta.sections {
		form := s.form
		if form.removed() {
			form -= formRemovedOutright
		}
		s.each(func(e Entry) bool {
			if old, ok := before.inForm(e.Rule, form, e.Key); ok {
				l.len--
				l.sum.Sub(old)
				l.perm -= permanent(old)
			}
			if !s.form.removed() {
				l.len++
				l.sum.Add(e)
				l.perm += permanent(e)
			}
			return true
		})
	}
}

func permanent(e Entry) int {
	if e.Exp == Never {
		return 1
	}
	return 0
}

// merge makes one snapshot of base and changes.
func (l *List) merge(dropped int64) (*List, error) {
	var all *File
	for _, c := range l.changes {
		if all == nil {
			all = c
			continue
		}
		var err error
		if all, err = Compose(all, c); err != nil {
			return nil, err
		}
	}
	f, sum, err := Apply(l.base, l.baseSum, all, dropped)
	if err != nil {
		return nil, err
	}
	return NewList(f, sum)
}

// Whole gives the list as one snapshot: the list itself, if it is one already.
func (l *List) Whole() (*List, error) {
	if len(l.changes) == 0 {
		return l, nil
	}
	return l.merge(-1)
}

// Snapshot is the list's file if the list is whole, else nil.
func (l *List) Snapshot() *File {
	if len(l.changes) > 0 {
		return nil
	}
	return l.base
}

// Find looks for the entry of a fingerprint under a rule and gives its Before,
// which is [Always] if it revokes outright. It does not allocate.
func (l *List) Find(rule uint8, key uint64) (before int64, ok bool) {
	s, rank := l.find(rule, formOutright, key)
	if s == nil {
		s, rank = l.find(rule, formBefore, key)
	}
	if s != nil {
		before, ok = s.before(rank), true
	}
	runtime.KeepAlive(l)
	return before, ok
}

// find gives the section that holds the key in one form, or nil. The newest that
// says anything of the key decides; that it was removed is asked only of those
// over one that has it.
func (l *List) find(rule uint8, form form, key uint64) (*section, int) {
	for i := len(l.changes); i >= 0; i-- {
		f := l.base
		if i > 0 {
			f = l.changes[i-1]
		}
		s := f.index[rule][form]
		rank, ok := s.find(key)
		if !ok {
			continue
		}
		for _, over := range l.changes[i:] {
			if _, gone := over.index[rule][form.removal()].find(key); gone {
				return nil, 0
			}
		}
		return s, rank
	}
	return nil, 0
}

// Lookup is Find that gives the whole entry.
func (l *List) Lookup(rule uint8, key uint64) (Entry, bool) {
	for form := range formRemovedOutright {
		if e, ok := l.inForm(rule, form, key); ok {
			return e, true
		}
	}
	return Entry{}, false
}

// inForm looks an entry up in one form.
func (l *List) inForm(rule uint8, form form, key uint64) (Entry, bool) {
	defer runtime.KeepAlive(l)
	s, rank := l.find(rule, form, key)
	if s == nil {
		return Entry{}, false
	}
	return s.entry(rank, key), true
}

// HasRule tells whether the list holds an entry under the rule. Every reader of a version
// says the same, however the list came about: it decides which claims have to be
// ones that can be matched.
func (l *List) HasRule(rule uint8) bool {
	return l.hasForm(rule, formOutright) || l.hasForm(rule, formBefore)
}

func (l *List) hasForm(rule uint8, form form) bool {
	defer runtime.KeepAlive(l)
	removed := 0 // by the changes over the file
	for i := len(l.changes); i >= 0; i-- {
		f := l.base
		if i > 0 {
			f = l.changes[i-1]
		}
		if s := f.index[rule][form]; s != nil {
			if s.keys.n > removed {
				return true
			}
			found := false // there are no more of them than changes, which are few
			s.each(func(e Entry) bool {
				_, found = l.inForm(rule, form, e.Key)
				return !found
			})
			if found {
				return true
			}
		}
		if s := f.index[rule][form.removal()]; s != nil {
			removed += s.keys.n
		}
	}
	return false
}

// To is the version that the list's last change came with.
func (l *List) To() uint64 { return l.to }

// Len is the number of entries.
func (l *List) Len() int { return l.len }

// Permanent is the number of entries that never end by themselves.
func (l *List) Permanent() int { return l.perm }

// Sum is the checksum of the entries.
func (l *List) Sum() Checksum { return l.sum }

// Size is the bytes of memory that the list takes.
func (l *List) Size() int {
	n := len(l.base.data)
	for _, c := range l.changes {
		n += len(c.data)
	}
	return n
}

// NextExpiry is a moment before which no entry ends: the earliest Exp of the
// snapshot's entries and of those that changed.
func (l *List) NextExpiry() int64 {
	next := l.base.NextExpiry()
	for _, c := range l.changes {
		next = min(next, c.NextExpiry())
	}
	return next
}
