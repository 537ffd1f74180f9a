package publish

import (
	"cmp"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/ledger"
)

// touched are the changes to the base that a run makes.
type touched struct {
	entries []crl.Entry // that are there now, with another moment, before or exp; by rule, form and key
	removed []crl.Entry // as they were in the base
	// replaced are those of the base that the changes take the place of or remove,
	// and that would be there otherwise; revived is how many had expired.
	replaced []crl.Entry
	revived  int
	unseen   int // how many of entries differ in their moment alone, which readers do not see
	released int // how many entries a reinstatement removed

	reinstated ledger.Reinstatements
	reasons    []ledger.Reason
}

// none reports whether the run changes no entry.
func (t *touched) none() bool { return len(t.entries) == 0 && len(t.removed) == 0 }

// seen are the entries that change for readers.
func (t *touched) seen(base *crl.List) []crl.Entry {
	if t.unseen == 0 {
		return t.entries
	}
	return slices.DeleteFunc(slices.Clone(t.entries), func(e crl.Entry) bool {
		old, ok := base.Lookup(e.Rule, e.Key)
		return ok && sameToReaders(old, e)
	})
}

func sameToReaders(a, b crl.Entry) bool { return a.Before == b.Before && a.Exp == b.Exp }

// touched compares what the rows make of the entries with the base. Entries that expire with
// this version are in none of the results, because expiry needs no delta.
func (c *changes) touched() touched {
	rows := c.log.sorted(len(c.rules))
	t := touched{entries: make([]crl.Entry, 0, len(rows))}
	var befores []crl.Entry // of the rule under way; they come behind those without
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].key == rows[0].key && rows[n].rule == rows[0].rule {
			n++
		}
		was := c.standing(rows[0].rule, rows[0].key)
		now := c.decide(rows[:n], was, &c.notes)
		stays := now.revoked && now.entry.Exp > c.dropped
		if !was.revoked || !stays || was.entry != now.entry {
			switch {
			case stays && now.entry.Outright():
				t.entries = append(t.entries, now.entry)
			case stays:
				befores = append(befores, now.entry)
			}
			t.changes(was, now, stays, c.dropped)
		}
		if now.reinstated && now.back != was.back && now.back.Exp > c.dropped {
			t.reinstated = append(t.reinstated, now.back)
		}
		if c.reasons != nil && (now.back != was.back || now.entry != was.entry || now.revoked != was.revoked) {
			t.reasons = append(t.reasons, c.reasonOf(rows[:n])...)
		}
		if len(rows) == n || rows[n].rule != rows[0].rule {
			t.entries = append(t.entries, befores...)
			befores = befores[:0]
		}
		rows = rows[n:]
	}
	return t
}

// standing is what the base knows of a key.
func (c *changes) standing(rule uint8, key uint64) (s standing) {
	if c.base != nil {
		s.entry, s.revoked = c.base.List.Lookup(rule, key)
		s.back, s.reinstated = c.base.Reinstated.Find(rule, key)
	}
	return c.possible(s)
}

// changes notes the difference between the standings of the same claims. stays reports whether an
// entry is there now.
func (t *touched) changes(was, now standing, stays bool, dropped int64) {
	there := was.revoked && was.entry.Exp > dropped
	switch {
	case there:
		t.replaced = append(t.replaced, was.entry)
		// An entry that comes to revoke outright, or no longer does, moves between sections.
		if !stays || was.entry.Outright() != now.entry.Outright() {
			t.removed = append(t.removed, was.entry)
		}
		if stays && sameToReaders(was.entry, now.entry) {
			t.unseen++
		}
		if !now.revoked {
			t.released++
		}
	case was.revoked && stays:
		t.revived++
	}
}

// reasonOf is the words of the rows that decided last.
func (c *changes) reasonOf(rows []record) []ledger.Reason {
	for _, r := range slices.Backward(rows) {
		if i, ok := slices.BinarySearchFunc(c.reasons, r.seq, func(why reason, seq uint32) int { return cmp.Compare(why.seq, seq) }); ok {
			return []ledger.Reason{{Rule: r.rule, Key: r.key, Text: c.reasons[i].text}}
		}
	}
	return nil
}
