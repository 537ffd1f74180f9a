package source

import (
	"context"
	"encoding/json"
)

// None stands for a moment that a row does not give.
const None int64 = -1

// A Row is one row of a source. It is reused from visit to visit, its slices
// too: a visitor copies what it keeps. The strings may be kept as they are.
type Row struct {
	// Names and Values are the claims to match, distinct and in the byte order of
	// their names, one value a name. Without any the row matches every token.
	Names, Values []string
	// Before, Exp and RevokedAt are Unix seconds, rounded up, or [None]. (Zero is
	// a moment: the first second of 1970.)
	Before, Exp, RevokedAt int64
	// Reinstate tells that the row releases the revocation of the same claims.
	Reinstate bool
	// Again tells that the row was read before, or may have been. It can still revoke, but
	// what it releases may have been revoked since, so it takes back no more than rows
	// in front of it in the same reading.
	Again bool
	// Reason and Issuer are empty when the row does not give them.
	Reason, Issuer string
	// Line is where the row stands: its line (from 1) in a file, its id in the
	// table revocations, its ordinal (from 1) in the result of a query.
	Line int64
}

// A Cursor says how far a source was read: JSON of at most 2 KiB, for the
// source alone to understand. Nil is the start. It holds no claim values, only hashes
// and numbers. One that a source cannot understand, because another kind of source made
// it, counts as nil.
type Cursor = json.RawMessage

// A Source yields rows. It is safe for concurrent use.
type Source interface {
	// Name is what the source is called where nobody named it: the location it
	// was opened with, without its secrets; or [Options].Name.
	Name() string
	// Read visits, in the source's order, the rows that came since the cursor.
	// An error of visit ends the reading and is returned as it is. Other errors are a
	// *BadRowError, a *BrokenError, [ErrOlderSource] (for errors.Is), or of the
	// context, the file system and the database. After any error the
	// rows visited so far must not be published: there is no cursor for them.
	Read(ctx context.Context, since Cursor, visit func(*Row) error) (Result, error)
}

// Read reads a source from where a list has read it, by the cursors that the list keeps under
// the names of its sources. One database may be there under the names of two servers. So it is
// also refused if it is behind a cursor of another name, and the rows of the table revocations that
// were read under that name come as [Row].Again.
func Read(ctx context.Context, s Source, cursors map[string]Cursor, visit func(*Row) error) (Result, error) {
	since := cursors[s.Name()]
	if p, ok := s.(*postgresSource); ok {
		return p.read(ctx, since, pgBeside(cursors, p.name), visit)
	}
	return s.Read(ctx, since, visit)
}

// MaxSkippedListed is how many skipped rows [Result].Skipped holds at most.
const MaxSkippedListed = 1000

// A Result is what a reading came to.
type Result struct {
	// Cursor is to be stored with the version that is made of the rows.
	Cursor Cursor
	// Rows counts the rows that were visited, those that were visited twice once.
	Rows int64
	// Full tells that the source was read from its start, not from the cursor.
	Full bool
	// Whole tells that all rows come every time, and came the last time, so that a row
	// without Again need not be new.
	Whole bool
	// Unsure tells that rows which are marked with Again may be new all the same.
	Unsure bool
	// SkippedRows counts the bad rows, with [Options].SkipBadRows. Skipped is the first
	// [MaxSkippedListed] of them. The cursor is past them: they do not come again.
	SkippedRows int64
	Skipped     []*BadRowError
	// Warnings are what whoever runs the source should know, though all is well.
	Warnings []string
}
