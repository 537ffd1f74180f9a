package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A NewRow is a row for [Record].
type NewRow struct {
	// Claims are the claims to match; none match every token.
	Claims map[string]string
	// Before, Exp and RevokedAt are rounded up to a second. Zero leaves them out.
	Before, Exp, RevokedAt time.Time
	// Reinstate releases the revocation of the same claims.
	Reinstate bool
	// Reason and Issuer may be empty.
	Reason, Issuer string
}

// Record appends a row to a source: to the table revocations of sqlite:path.db or
// postgres://…, or to rows.jsonl. A file is made, for its owner alone (0600), if it is
// missing. When Record returns without an error the row is on the disk. It refuses, with a
// *BadRowError, the rows that reading would refuse. The id is the row's id in the table, and
// 0 for a file, or if the role may not see it. Any number of calls and readings may run at once, in many processes.
func Record(ctx context.Context, location string, row NewRow) (id int64, err error) {
	kind, path, err := locate(location)
	if err != nil {
		return 0, err
	}
	place := location
	if kind == kindPostgres {
		place = path
	}
	if kind != kindSQLite && kind != kindJSONL && kind != kindPostgres {
		return 0, fmt.Errorf("cannot record a row in %q: that takes sqlite:path.db, postgres://user@host/database or rows.jsonl; others are written by whoever owns them", location)
	}
	r, err := row.check(place)
	if err != nil {
		return 0, err
	}
	switch kind {
	case kindSQLite:
		id, err = recordSQLite(ctx, location, path, r)
	case kindPostgres:
		id, err = recordPostgres(ctx, location, place, r)
	default:
		err = recordJSONL(path, r)
	}
	if err != nil {
		if _, ok := errors.AsType[*BadRowError](err); ok {
			return 0, err
		}
		return 0, fmt.Errorf("nothing can be taken as recorded in %s: %w", place, err)
	}
	return id, nil
}

// check makes the row that reading will give.
func (n NewRow) check(location string) (*Row, error) {
	var b builder
	b.start(0)
	bad := func(f *fault) error {
		return &BadRowError{Source: "the row for " + location, Field: f.field, Reason: f.reason}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Claims)) {
		c := b.column(name)
		if c.role != claim {
			return nil, bad(faultf(name, "that is a reserved column, and no claim to match"))
		}
		if f := b.set(c, value{text, n.Claims[name]}); f != nil {
			return nil, bad(f)
		}
	}
	for _, moment := range []struct {
		name string
		at   time.Time
	}{{"before", n.Before}, {"exp", n.Exp}, {"revoked_at", n.RevokedAt}} {
		if moment.at.IsZero() {
			continue
		}
		if f := b.set(b.column(moment.name), value{number, ceilTime(moment.at)}); f != nil {
			return nil, bad(f)
		}
	}
	b.row.Reinstate = n.Reinstate
	for _, words := range [][2]string{{"reason", n.Reason}, {"iss", n.Issuer}} {
		if f := b.set(b.column(words[0]), value{text, words[1]}); f != nil {
			return nil, bad(f)
		}
	}
	if f := b.finish(); f != nil {
		return nil, bad(f)
	}
	return &b.row, nil
}

// A cell is a column of a row to write: its name and a string, int64 or bool.
type cell struct {
	name  string
	value any
}

// cells are the columns that the row gives, claims first.
func (r *Row) cells() []cell {
	var cells []cell
	for i, name := range r.Names {
		cells = append(cells, cell{name, r.Values[i]})
	}
	for _, c := range []cell{{"before", r.Before}, {"exp", r.Exp}, {"revoked_at", r.RevokedAt}} {
		if c.value != None {
			cells = append(cells, c)
		}
	}
	if r.Reinstate {
		cells = append(cells, cell{"reinstate", true})
	}
	if r.Reason != "" {
		cells = append(cells, cell{"reason", r.Reason})
	}
	if r.Issuer != "" {
		cells = append(cells, cell{"iss", r.Issuer})
	}
	return cells
}
