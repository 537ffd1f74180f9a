package publish

import (
	"cmp"
	"runtime"
	"slices"
	"sync"

	"github.com/revocast/revocast/crl"
)

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
// expires by the dropped moment is left to expiry, which needs no delta.
func (c *changes) touched(dropped int64) touched {
	sortRecords(c.log)
	var t touched
	type part struct{ outright, before []crl.Entry }
	parts := make([]part, len(c.rules)+1)
	for rows := c.log; len(rows) > 0; {
		n := 1
		for n < len(rows) && rows[n].key == rows[0].key && rows[n].rule == rows[0].rule {
			n++
		}
		rule := rows[0].rule
		var old crl.Entry
		had := false
		if c.base != nil {
			old, had = c.base.Lookup(rule, rows[0].key)
		}
		now, stays := c.fold(rows[:n], old, had)
		rows = rows[n:]
		stays = stays && now.Exp > dropped
		if had && stays && old == now {
			continue
		}
		if stays && now.Outright() {
			parts[rule].outright = append(parts[rule].outright, now)
		} else if stays {
			parts[rule].before = append(parts[rule].before, now)
		}
		switch {
		case had && old.Exp > dropped:
			t.replaced = append(t.replaced, old)
			// An entry that comes to revoke outright, or no longer does, moves between sections.
			if !stays || old.Outright() != now.Outright() {
				t.removed = append(t.removed, old)
			}
		case had && stays:
			t.revived++
		}
	}
	c.log = nil
	for _, p := range parts {
		t.entries = append(append(t.entries, p.outright...), p.before...)
	}
	return t
}

// bucketBits is by how many bits of the keys, which are hashes, many records are
// parted before they are sorted.
const bucketBits = 14

// sortRecords sorts by key, rule and order of the rows, on all processors.
func sortRecords(log []record) {
	compare := func(a, b record) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.rule, b.rule), cmp.Compare(a.seq, b.seq))
	}
	if len(log) < 4<<bucketBits {
		slices.SortFunc(log, compare)
		return
	}
	var ends [1<<bucketBits + 1]int
	for i := range log {
		ends[log[i].key>>(64-bucketBits)+1]++
	}
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	parted := make([]record, len(log))
	next := ends
	for i := range log {
		bucket := log[i].key >> (64 - bucketBits)
		parted[next[bucket]] = log[i]
		next[bucket]++
	}
	var all sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		all.Go(func() {
			for i := worker; i < 1<<bucketBits; i += workers {
				slices.SortFunc(parted[ends[i]:ends[i+1]], compare)
				copy(log[ends[i]:ends[i+1]], parted[ends[i]:ends[i+1]])
			}
		})
	}
	all.Wait()
}
