package publish

import "github.com/revocast/revocast/crl"

// touched are the changes to the base that a delta has to name.
type touched struct {
	entries []crl.Entry // by rule, form and key
	removed []crl.Entry // as they were in the base
	// replaced are those of the base that the changes take the place of or remove,
	// and that would be there otherwise; revived is how many had expired.
	replaced []crl.Entry
	revived  int
}

// touched compares what the rows make of the entries with the base. What
// expires with this version is left to expiry, which needs no delta.
func (c *changes) touched() touched {
	rows := c.log.sorted(len(c.rules))
	t := touched{entries: make([]crl.Entry, 0, len(rows))}
	var befores []crl.Entry // of the rule under way; they come behind those without
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].key == rows[0].key && rows[n].rule == rows[0].rule {
			n++
		}
		var old crl.Entry
		had := false
		if c.base != nil {
			old, had = c.base.Lookup(rows[0].rule, rows[0].key)
		}
		now, stays := c.fold(rows[:n], old, had)
		stays = stays && now.Exp > c.dropped
		if !had || !stays || old != now {
			switch {
			case stays && now.Outright():
				t.entries = append(t.entries, now)
			case stays:
				befores = append(befores, now)
			}
			t.leaves(old, had && old.Exp > c.dropped, had, now, stays)
		}
		if len(rows) == n || rows[n].rule != rows[0].rule {
			t.entries = append(t.entries, befores...)
			befores = befores[:0]
		}
		rows = rows[n:]
	}
	return t
}

// leaves notes what becomes of an entry that the base had, or would have but for
// its expiry.
func (t *touched) leaves(old crl.Entry, there, had bool, now crl.Entry, stays bool) {
	switch {
	case there:
		t.replaced = append(t.replaced, old)
		// An entry that comes to revoke outright, or no longer does, moves between sections.
		if !stays || old.Outright() != now.Outright() {
			t.removed = append(t.removed, old)
		}
	case had && stays:
		t.revived++
	}
}
