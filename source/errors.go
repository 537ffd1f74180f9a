package source

import (
	"fmt"
	"unicode/utf8"
)

// A BadRowError names a row that cannot be taken as it is, and why. A service that skips bad rows
// finds them in [Result].Skipped.
type BadRowError struct {
	Source string // the address without its secrets
	Unit   string // what Line counts: "line" or "row"
	Line   int64  // as in Row; 0 if the row has no place yet
	Field  string // the column, or empty if the row as a whole is at fault
	Reason string
}

func (e *BadRowError) Error() string {
	return place(e.Source, e.Unit, e.Line, e.Field) + ": " + e.Reason
}

// A BrokenError means that it is unknown where the rows of a source begin and end: a last line was
// cut, or a quote is missing. Skipping such a place could skip revocations, so a source reports it
// even if it was opened to skip bad rows.
type BrokenError struct {
	Source string
	Line   int64
	Field  string // the column whose heading is at fault, or empty
	Reason string
}

func (e *BrokenError) Error() string {
	return place(e.Source, "line", e.Line, e.Field) + ": " + e.Reason
}

func place(source, unit string, line int64, field string) string {
	s := source
	if line > 0 {
		s += fmt.Sprintf(" %s %d", unit, line)
	}
	if field != "" {
		s += fmt.Sprintf(", field %q", Shorten(field))
	}
	return s
}

// Shorten returns s, cut to a length that a message can hold.
func Shorten(s string) string {
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
