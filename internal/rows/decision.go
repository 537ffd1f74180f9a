package rows

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/revocast/revocast/source"
)

// Of returns the row that reading a recorded decision will visit. place is where it will be
// recorded, for messages. The error is a *source.BadRowError.
func Of(d source.Decision, place string) (*source.Row, error) {
	var b Builder
	b.Start(0)
	bad := func(f *Fault) error {
		return &source.BadRowError{Source: "the row for " + place, Field: f.Field, Reason: f.Reason}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Claims)) {
		if f := CheckClaim(name); f != nil {
			return nil, bad(f)
		}
		if f := b.Set(b.Column(name), Value{Text, d.Claims[name]}); f != nil {
			return nil, bad(f)
		}
	}
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"before", d.Before}, {"exp", d.Exp}, {"revoked_at", d.Moment}} {
		if t.at.IsZero() {
			continue
		}
		if f := b.Set(b.Column(t.name), Value{Number, decimal(t.at)}); f != nil {
			return nil, bad(f)
		}
	}
	b.Row.Reinstate = d.Reinstate
	for _, words := range [][2]string{{"reason", d.Reason}, {"iss", d.Issuer}} {
		if f := b.Set(b.Column(words[0]), Value{Text, words[1]}); f != nil {
			return nil, bad(f)
		}
	}
	if f := b.Finish(); f != nil {
		return nil, bad(f)
	}
	return &b.Row, nil
}

// decimal returns Unix seconds, with the digits behind them that t needs.
func decimal(t time.Time) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()), "0"), ".")
}

// A Cell is a column of a row to write. Its value is a string, a bool, an int64 of Unix seconds, or
// the [Moment] of the decision.
type Cell struct {
	Name  string
	Value any
}

// A Moment is a time in Unix milliseconds.
type Moment int64

// String returns the moment in seconds, with as many decimal digits as it needs.
func (m Moment) String() string {
	s := strconv.FormatInt(int64(m)/1000, 10)
	if ms := int64(m) % 1000; ms != 0 {
		s += "." + strconv.FormatInt(1000+ms, 10)[1:]
	}
	return s
}

// MarshalJSON writes the moment as a number of seconds.
func (m Moment) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// Cells returns the columns that a row gives, claims first.
func Cells(r *source.Row) []Cell {
	var cells []Cell
	for i, name := range r.Names {
		cells = append(cells, Cell{name, r.Values[i]})
	}
	for _, c := range []Cell{{"before", r.Before}, {"exp", r.Exp}} {
		if c.Value != source.None {
			cells = append(cells, c)
		}
	}
	if r.Moment != source.None {
		cells = append(cells, Cell{"revoked_at", Moment(r.Moment)})
	}
	if r.Reinstate {
		cells = append(cells, Cell{"reinstate", true})
	}
	if r.Reason != "" {
		cells = append(cells, Cell{"reason", r.Reason})
	}
	if r.Issuer != "" {
		cells = append(cells, Cell{"iss", r.Issuer})
	}
	return cells
}
