package rows

import (
	"context"
	"errors"
	"fmt"

	"github.com/revocast/revocast/source"
)

// A Reading is one call of Read of a source under way. It hands rows to the visitor, and accounts
// for them in Result.
type Reading struct {
	Context context.Context
	Source  string // for messages
	Unit    string // what the Line of a row counts, for messages: "line" or "row"
	Skip    bool   // goes on after a bad row
	Visit   func(*source.Row) error
	// Undated reports whether a reinstatement may lack its moment. Of a source that cannot tell
	// old rows from new ones, such a row is bad.
	Undated bool
	// New is the New of the rows, for a format that does not decide it row by row.
	New    bool
	Result source.Result
}

// Good visits a row.
func (r *Reading) Good(row *source.Row) error {
	if r.Result.Rows%1024 == 0 {
		if err := r.Context.Err(); err != nil {
			return err
		}
	}
	if row.Reinstate && row.Moment == source.None && !r.Undated {
		return r.Bad(row.Line, Faultf("revoked_at", "a reinstatement needs revoked_at, the moment when it was decided, because this source shows old and new rows alike"))
	}
	err := r.Visit(row)
	if bad, ok := errors.AsType[*source.BadRowError](err); ok {
		return r.Bad(row.Line, &Fault{bad.Field, bad.Reason})
	}
	if err == nil {
		r.Result.Rows++
	}
	return err
}

// Bad returns the error that a bad row is, or nil if such rows are skipped.
func (r *Reading) Bad(line int64, f *Fault) error {
	e := &source.BadRowError{Source: r.Source, Unit: r.Unit, Line: line, Field: f.Field, Reason: f.Reason}
	if !r.Skip {
		return e
	}
	// A file of nothing but bad rows must be as easy to interrupt.
	if r.Result.SkippedRows++; r.Result.SkippedRows%1024 == 0 && r.Context.Err() != nil {
		return r.Context.Err()
	}
	if len(r.Result.Skipped) < source.MaxSkippedListed {
		r.Result.Skipped = append(r.Result.Skipped, e)
	}
	return nil
}

// Broken returns the error of a source whose rows cannot be told apart from a line on.
func (r *Reading) Broken(line int64, format string, args ...any) error {
	return &source.BrokenError{Source: r.Source, Line: line, Reason: fmt.Sprintf(format, args...)}
}

// Warn adds a warning to the result.
func (r *Reading) Warn(format string, args ...any) {
	r.Result.Warnings = append(r.Result.Warnings, fmt.Sprintf(format, args...))
}
