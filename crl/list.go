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
	changes *File // nil, or a delta from base's version or before it
	to      uint64
	len     int
	perm    int
	sum     Checksum
}

// overlayRoom is how many bytes of changes are kept over a snapshot of so many bytes.
// With every refresh they are merged with the news, and when they have
// outgrown this, with the snapshot.
func overlayRoom(snapshot int) int { return max(4<<10, snapshot/64) }

// NewList makes a list of a snapshot and its checksum, which it takes on trust.
func NewList(snapshot *File, sum Checksum) (*List, error) {
	if snapshot.from != 0 {
		return nil, fmt.Errorf("a list is made of a snapshot, and this is a delta from version %d", snapshot.from)
	}
	return &List{base: snapshot, baseSum: sum, to: snapshot.to, len: snapshot.Len(), perm: snapshot.Permanent(), sum: sum}, nil
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
		if next.changes = delta; delta.from > l.base.to {
			var err error
			if next.changes, err = Compose(l.changes, delta); err != nil {
				return nil, err
			}
		}
	}
	if next.NextExpiry() <= dropped || len(next.changes.data) > overlayRoom(len(l.base.data)) {
		return next.merge(dropped)
	}
	return &next, nil
}

// Over gives the list with changes over it that lead on from its version, or from
// before it, and that are known to lead to entries of these figures. [List.Apply] finds the figures
// out, which takes a few lookups and hashes for each of the changes. The list
// must be whole.
func (l *List) Over(changes *File, entries, permanent int, sum Checksum) (*List, error) {
	if l.changes != nil {
		return nil, errors.New("the list has changes over it already")
	}
	if err := continues(l.to, changes); err != nil {
		return nil, err
	}
	return &List{base: l.base, baseSum: l.baseSum, changes: changes, to: changes.to, len: entries, perm: permanent, sum: sum}, nil
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
	f, sum, err := Apply(l.base, l.baseSum, l.changes, dropped)
	if err != nil {
		return nil, err
	}
	return NewList(f, sum)
}

// Whole gives the list as one snapshot: the list itself, if it is one already.
func (l *List) Whole() (*List, error) {
	if l.changes == nil {
		return l, nil
	}
	return l.merge(-1)
}

// Snapshot is the list's file if the list is whole, else nil.
func (l *List) Snapshot() *File {
	if l.changes != nil {
		return nil
	}
	return l.base
}

// Find looks for the entry of a fingerprint under a rule and gives its Before,
// which is [Always] if it revokes outright. It does not allocate.
func (l *List) Find(rule uint8, key uint64) (before int64, ok bool) {
	before, ok = l.find(rule, key)
	runtime.KeepAlive(l)
	return before, ok
}

func (l *List) find(rule uint8, key uint64) (before int64, ok bool) {
	base, over := &l.base.index[rule], &noSections
	if l.changes != nil {
		over = &l.changes.index[rule]
	}
	if _, ok := over[formOutright].find(key); ok {
		return Always, true
	}
	if _, ok := base[formOutright].find(key); ok {
		if _, gone := over[formRemovedOutright].find(key); !gone {
			return Always, true
		}
	}
	if rank, ok := over[formBefore].find(key); ok {
		return over[formBefore].before(rank), true
	}
	if rank, ok := base[formBefore].find(key); ok {
		if _, gone := over[formRemovedBefore].find(key); !gone {
			return base[formBefore].before(rank), true
		}
	}
	return 0, false
}

var noSections [forms]*section

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
	if l.changes != nil {
		over := &l.changes.index[rule]
		if e, ok := over[form].lookup(key); ok {
			return e, true
		}
		if _, gone := over[form.removal()].find(key); gone {
			return Entry{}, false
		}
	}
	return l.base.index[rule][form].lookup(key)
}

// HasRule tells whether the list may hold an entry under the rule.
func (l *List) HasRule(rule uint8) bool {
	for form := range formRemovedOutright {
		if l.base.index[rule][form] != nil || l.changes != nil && l.changes.index[rule][form] != nil {
			return true
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
	if l.changes != nil {
		n += len(l.changes.data)
	}
	return n
}

// NextExpiry is a moment before which no entry ends: the earliest Exp of the
// snapshot's entries and of those that changed.
func (l *List) NextExpiry() int64 {
	next := l.base.NextExpiry()
	if l.changes != nil {
		next = min(next, l.changes.NextExpiry())
	}
	return next
}
