package source

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrOlderSource is what Read's error wraps when the source is provably an
// older copy of what was read before.
var ErrOlderSource = errors.New("the source is older than at its last reading")

// A BadRowError names a row that cannot be taken as it is, and why.
type BadRowError struct {
	Source string // where: the location without its secrets
	Line   int64  // as in [Row]; 0 for a row given to [Record]
	Field  string // the column, or empty if the row as a whole is at fault
	Reason string

	unit string // what Line counts, if not lines
}

func (e *BadRowError) Error() string {
	return place(e.Source, e.unit, e.Line, e.Field) + ": " + e.Reason
}

// A BrokenError tells that nobody can say where the rows of a source begin and
// end: a cut last line, a lost quote. Skipping such a place could skip
// revocations that nobody saw, so [Options].SkipBadRows does not cover it.
type BrokenError struct {
	Source string
	Line   int64
	Reason string
}

func (e *BrokenError) Error() string {
	return place(e.Source, "", e.Line, "") + ": " + e.Reason
}

func place(source, unit string, line int64, field string) string {
	s := source
	if unit == "" {
		unit = "line"
	}
	if line > 0 {
		s += fmt.Sprintf(" %s %d", unit, line)
	}
	if field != "" {
		s += fmt.Sprintf(", field %q", shorten(field))
	}
	return s
}

// shorten keeps messages readable whatever a row holds.
func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// A fault is what is wrong with a row, before anybody knows where it stands.
type fault struct{ field, reason string }

func faultf(field, format string, args ...any) *fault {
	return &fault{field, fmt.Sprintf(format, args...)}
}

// A reading is one call of Read under way: it hands rows to the visitor and
// bad rows to whoever is to know of them.
type reading struct {
	ctx    context.Context
	source string // for messages
	unit   string
	skip   bool
	visit  func(*Row) error
	again  func(*Row) bool // nil: no row was read before
	known  bool            // the row under way was, for certain
	beside []pgCursor      // the list's, of other names
	result Result
}

// good visits a row.
func (r *reading) good(row *Row) error {
	if r.result.Rows%1024 == 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	r.result.Rows++
	row.Again = r.known || r.again != nil && r.again(row)
	return r.visit(row)
}

// bad returns the error that a bad row is, or nil if such rows are skipped.
func (r *reading) bad(line int64, f *fault) error {
	if r.known {
		return nil // it was skipped, and listed, then
	}
	e := &BadRowError{r.source, line, f.field, f.reason, r.unit}
	if !r.skip {
		return e
	}
	// A file of nothing but bad rows must be as easy to interrupt.
	if r.result.SkippedRows++; r.result.SkippedRows%1024 == 0 && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if len(r.result.Skipped) < MaxSkippedListed {
		r.result.Skipped = append(r.result.Skipped, e)
	}
	return nil
}

func (r *reading) broken(line int64, format string, args ...any) error {
	return &BrokenError{r.source, line, fmt.Sprintf(format, args...)}
}
