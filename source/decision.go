package source

import "time"

// A Decision is what the recording functions of source/file, source/sqlite and source/postgres
// write as a row.
type Decision struct {
	// Claims are the claims to match. A decision without claims is about every token.
	Claims map[string]string
	// Reinstate lets the claims back in. Without it they are revoked.
	Reinstate bool
	// Moment is when the decision was made. It is recorded in milliseconds. The zero time stands
	// for the moment of recording; a database takes it from its own clock.
	// Publishing refuses a moment that is more than 5 minutes ahead of its clock, and so does the
	// table in PostgreSQL.
	Moment time.Time
	// Before and Exp are recorded in seconds, rounded up. The zero time leaves them out.
	Before, Exp time.Time
	// Reason and Issuer may be empty.
	Reason, Issuer string
}
