package publish

import (
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
}

// read takes the rows of one reading.
func (m latest) read(rows []source.Row, now int64) {
	rows = without(rows)
	for i, row := range rows {
		d := m[claimsOf(row)]
		at, dated := row.Moment*1e6, row.Moment != source.None
		if !dated {
			at, dated = undatedAt(rows, i, now)
		}
		if !dated && !row.Reinstate {
			if d.revoked > d.at-5*minute*1e6 {
				continue // it repeats what is known
			}
			at = max(at, d.at)
		}
		if at > d.at || at == d.at && !row.Reinstate {
			d.Row, d.at = row, at
		}
		if !row.Reinstate {
			d.revoked = max(d.revoked, at)
		}
		m[claimsOf(row)] = d
	}
}

// undatedAt returns when a row without a moment was decided. A row that was appended, and that is
// followed by one with a moment, was decided before that.
func undatedAt(rows []source.Row, i int, now int64) (at int64, dated bool) {
	at = now*1e6 + int64(i) + 1
	for _, later := range rows[i+1:] {
		if rows[i].New && later.Moment != source.None && later.Moment <= now && claimsOf(later) == claimsOf(rows[i]) {
			at, dated = min(at, (later.Moment-1)*1e6+int64(i)), true
		}
	}
	return at, dated
}

// without removes the reinstatements without a moment that may be old, and the rows without a moment
// that each of them takes back.
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
