// Package source reads revocations out of whatever an issuer keeps them in:
// JSON Lines, CSV, standard input, SQLite. It also records new ones ([Record]).
//
// # Rows
//
// A row is one revocation, or the release of one. The same data gives the same
// rows in every format. Six columns are reserved:
//
//	exp         the latest expiry of any token that the row can match
//	before      only tokens issued before this moment are revoked
//	revoked_at  when the revocation was decided
//	reason      words for people
//	reinstate   true: release the revocation of the same claims
//	iss         the issuer; text, at most 1024 bytes
//
// Every other column that is not null is a claim to match, under its own name.
// A name that differs from a reserved one only in case is refused: "Exp" would
// otherwise quietly be a claim that no token has.
//
// Moments (exp, before, revoked_at) are Unix seconds or RFC 3339, both with an
// optional fraction, from 1970 to the end of 9999. They are rounded up to a
// whole second, exactly, on the decimal text.
//
// Claims: at most 8 a row. A name has 1 to 64 bytes, no white space, no control
// character, none of "+", "*" and ",". A value is UTF-8 of at most 1024 bytes: a
// string as it is, an integer as its decimal digits (1e3 is the integer 1000).
// Any other value is refused. The empty string is a value, but not of kid.
//
// A row without claims matches every token of the issuer. It needs before, or
// reinstate; else {} would revoke every token for ever.
//
// A column named twice in a row makes the row bad, as does an unknown type.
//
// # Formats
//
// JSON Lines: one JSON object a line, of at most 64 KiB. null is an absent
// column. Blank lines, CRLF and a byte order mark at the start are fine. A last
// line without its newline counts if it is a whole object.
//
// CSV (RFC 4180): the first line names the columns, and an empty field is
// null. reinstate is one of true, t, 1, false, f, 0. A claim must not hold a line
// break, which in practice is a lost quote that swallowed the next row. The last
// line needs its newline: without it the value of its last column may be cut.
//
// SQLite (sqlite:path.db): the table revocations as [Record] makes it, in the
// order of its AUTOINCREMENT column id, which is no claim; or any SELECT of the user's
// own. NULL is absent, and a BLOB counts as text. reinstate is as in CSV. The
// rows of one Read are one snapshot of the database.
//
// # Cursors
//
// A [Cursor] says how far a source was read. A file's holds its size and hash, and those
// of up to 8 earlier readings: if the file still begins with the same bytes, only
// what was appended is visited; if it is byte for byte what it was at an earlier
// reading, it is an older copy and [ErrOlderSource]; else it was rewritten and
// all of it is visited, which does no harm, since missing rows release nothing.
// The cursor of the table revocations holds the last id and a hash of its row, to the
// same ends; the table must only be appended to, but rows may be deleted from it.
// Standard input and a user's own query are visited in full every time.
package source
