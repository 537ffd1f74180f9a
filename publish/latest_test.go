package publish

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/revocast/revocast/source"
)

// latest is the model of the decisions: the latest one about each claims, of those that were read.
type latest map[string]decision

// A decision is a row and when it was made. Rows without a moment are made when they are read, in
// their order, so a millisecond has a million parts.
type decision struct {
	source.Row
	at int64
	// revoked is when the latest revocation of the claims was made. One that is a little older than a
	// reinstatement may revoke, because clocks differ.
	revoked int64
	undated bool
	// vague is whether a row without a moment was read that may have repeated an earlier one. Then it
	// is unknown whether a later such row repeats it.
	vague bool
}

// read takes the rows of one reading.
func (m latest) read(rows []source.Row, now int64) {
	rows = without(rows)
	var all []decision
	for i := range rows {
		all = append(all, decided(rows, i, now))
	}
	slices.SortStableFunc(all, func(a, b decision) int { return cmp.Compare(a.at, b.at) })
	for _, next := range all {
		d := m[claimsOf(next.Row)]
		if next.undated && !next.Reinstate {
			if !next.New && (d.vague || d.revoked != 0 && d.revoked > d.at-5*minute*1e6) {
				d.vague = true
				m[claimsOf(next.Row)] = d
				continue // it may repeat what is known
			}
			next.at = max(next.at, d.at)
		}
		if !next.Reinstate {
			next.revoked = next.at
		}
		next.revoked, next.vague = max(next.revoked, d.revoked), d.vague
		if next.at < d.at || next.at == d.at && next.Reinstate {
			d.revoked = next.revoked
			next = d
		}
		m[claimsOf(next.Row)] = next
	}
}

// decided returns the decision of a row of a reading. A row without a moment was decided when it is
// read. But it comes after the rows before it, and if it was appended, before the rows after it.
func decided(rows []source.Row, i int, now int64) decision {
	d := decision{Row: rows[i], at: rows[i].Moment * 1e6}
	if d.Moment != source.None {
		return d
	}
	d.at, d.undated = now*1e6+int64(i)+1, true
	for j, other := range rows {
		switch {
		case other.Moment == source.None || claimsOf(other) != claimsOf(d.Row):
		case j < i:
			d.at = max(d.at, other.Moment*1e6+int64(i)+1)
		case d.New && other.Moment <= now:
			d.at, d.undated = min(d.at, (other.Moment-1)*1e6+int64(i)+1), false
		}
	}
	return d
}

// without removes the reinstatements without a moment that may be old, and the rows without a
// moment that each of them takes back.
func without(rows []source.Row) []source.Row {
	rows = slices.Clone(rows)
	for i := 0; i < len(rows); i++ {
		if back := rows[i]; back.Reinstate && back.Moment == source.None && !back.New {
			n := len(rows)
			kept := slices.DeleteFunc(rows[:i+1:i+1], func(row source.Row) bool {
				return row.Moment == source.None && claimsOf(row) == claimsOf(back)
			})
			rows = append(kept, rows[i+1:]...)
			i -= n - len(rows)
		}
	}
	return rows
}

// claimsOf is unambiguous, because no claim of the test has these characters.
func claimsOf(row source.Row) string {
	return strings.Join(row.Names, "+") + "=" + strings.Join(row.Values, "|")
}

// revokes reports whether the decision revokes a token with an iat, and has not ended.
func (d decision) revokes(iat, now int64) bool {
	return !d.Reinstate && (d.Before == source.None || iat < d.Before) && now <= d.end()
}

// end returns until when the decision matters, in seconds.
func (d decision) end() int64 {
	switch {
	case d.Exp != source.None:
		return d.Exp
	case d.Before != source.None:
		return d.Before + tokenLife
	case !slices.Contains(d.Names, "jti"):
		return math.MaxInt64
	}
	return d.at/1e9 + tokenLife
}
