// Package source is the contract between a publisher and the places that revocations come from.
// The packages below it read files (source/file), SQLite (source/sqlite) and PostgreSQL
// (source/postgres), and record decisions there. A program may bring a [Source] of its own.
//
// # Rows are decisions
//
// A row is a decision about its claims: they are revoked, or reinstated. It was made at a moment.
// For the same claims the latest decision wins, whichever source it came from. So a source may
// be read twice, in another order, or from an older copy, and rows may be missing: none of this
// changes an outcome. Whenever a source is in doubt about what is new, it visits all its rows.
// docs/SOURCES.md says what a row may hold and how each kind of source finds its new rows.
package source

import (
	"context"
	"encoding/json"
)

// None stands for a moment or time that a row does not give.
const None int64 = -1

// A Row is one row of a source. A source reuses it from visit to visit, its slices too. A visitor
// copies what it keeps; the strings may be kept as they are.
//
// The zero Row is not valid: Before, Exp and Moment must be [None] if the row does not give them.
type Row struct {
	// Names and Values are the claims to match, one value a name. The names are distinct and in
	// byte order. A row without claims matches every token of the issuer.
	Names, Values []string
	// Before and Exp are Unix seconds, rounded up, or None.
	Before, Exp int64
	// Moment is when the decision was made, in Unix milliseconds, rounded up. A decision whose
	// Moment is None counts as made when the row is read.
	Moment int64
	// Reinstate reports whether the decision lets the claims back in.
	Reinstate bool
	// New reports whether no earlier reading visited the row, for certain. A source leaves it
	// false where it cannot tell. It matters to a reinstatement without a moment alone.
	New bool
	// Reason and Issuer are empty if the row does not give them.
	Reason, Issuer string
	// Line is where the row stands: its line (from 1) in a file, its id in the table revocations,
	// its ordinal (from 1) in the result of a query.
	Line int64
}

// A Cursor says how far a source was read. It is JSON of at most [MaxCursor] bytes, which only the
// source understands. Nil is the start. A cursor holds no claim values, only hashes and numbers. A
// source takes a cursor that it does not understand for nil.
type Cursor = json.RawMessage

// MaxCursor is the most bytes of a [Cursor].
const MaxCursor = 2 << 10

// A Source yields rows. Read is called by one goroutine at a time; String and Watch may run beside
// it.
type Source interface {
	// String returns the address of the source without its secrets, for messages. It must not
	// change over the life of a list: the ledger knows a source without a name by a hash of it.
	String() string

	// Read visits, in the order of the source, the rows that may be new since the cursor, and
	// perhaps others. visit may refuse a row with a *[BadRowError] that has a Field and a Reason.
	// The source completes it, and handles it as a bad row of its own. Any other error of visit
	// ends the reading, and Read returns it as it is. Other errors are a *BadRowError, a
	// *[BrokenError], or of the context, the file system or the database. After an error the rows
	// visited so far have no cursor, so they must not be published.
	Read(ctx context.Context, since Cursor, visit func(*Row) error) (Result, error)

	// Watch calls wake after each commit of rows, and whenever a commit may have gone unnoticed;
	// several commits may be one call. It calls warn with the reason why wake may stay out for a
	// while, once each. Neither function may block. Watch returns when ctx ends, or at once if
	// the source cannot tell when it changes.
	Watch(ctx context.Context, wake func(), warn func(string))
}

// MaxSkippedListed is how many skipped rows [Result].Skipped holds at most.
const MaxSkippedListed = 1000

// A Result is what a reading came to.
type Result struct {
	// Cursor belongs to the version that is made of the rows.
	Cursor Cursor
	// Rows is the number of rows visited, without those that were refused.
	Rows int64
	// Full reports whether the source was read from its start.
	Full bool
	// SkippedRows is the number of bad rows, in a source that was opened to skip them. Skipped
	// holds the first MaxSkippedListed of them. The cursor is past them.
	SkippedRows int64
	Skipped     []*BadRowError
	// Warnings are what the operator of the source should know although the reading succeeded.
	Warnings []string
}
