// Package source reads revocations out of whatever an issuer keeps them in:
// JSON Lines, CSV, standard input, SQLite, PostgreSQL. It also records new ones ([Record]).
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
// otherwise quietly be a claim that no token has. So would "sub;exp", of a file whose
// columns are not divided by commas, and "?column?", as PostgreSQL calls an expression.
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
// PostgreSQL (postgres://…, 13 or later): the table revocations as [PostgresSchema] makes it, in
// the order of id; or any SELECT of the user's own. id and txid are no claims. Moments may
// also be timestamptz; types without a zone are refused. Claims may be text, integers, UUIDs
// and enumerations. What a row-level policy would hide from the table revocations is an error.
//
// # Cursors
//
// A [Cursor] says how far a source was read. A file's holds its size and hash, and those
// of up to 8 earlier readings: if the file still begins with the same bytes, only
// what was appended is visited; if it is byte for byte what it was at an earlier
// reading, it is an older copy and [ErrOlderSource]; else it was rewritten and
// all of it is visited. The cursor of the table revocations holds the last id and a hash of its row, to the
// same ends; the table must only be appended to, but rows may be deleted from it.
// Standard input and a user's own query are visited in full every time, but for one on
// PostgreSQL with the placeholder @since.
//
// # Rows that come again
//
// Missing rows revoke nothing and release nothing. A row that was visited before and comes
// again must do no harm either, and a reinstatement could: what it released may have been revoked
// since, in a row that is missing now or in another source. So such rows are marked
// ([Row].Again), and what they release stays as it is. New rows release as ever.
//
//	the table revocations  new is what has a higher id than was read, and in PostgreSQL
//	                       also what was not visible then
//	a file                 new is what was appended, unless it was there once; and when the file was
//	                       rewritten, a reinstatement that was never read of it, of the last 256
//	standard input, a      new is a reinstatement that was not among those of the last time. 256 are
//	query                  remembered; of more, those behind as many as there were in the same order
//	the same, and its rows old is a reinstatement that was decided more than an hour before the latest of
//	have revoked_at        the last time; only the others are remembered
//	@since                 the same within the window, if it does not begin earlier than the last
//
// A reinstatement is known again by its claims, revoked_at and iss. Where nothing can be told, because the
// source is new to the list, or its table or query is another one, all rows are
// marked. Only what is piped in for the first time is new. But for the table revocations
// nothing of this is certain, so a reading that marked a reinstatement says so
// ([Result].Unsure), and who publishes it warns if what that releases is revoked.
//
// # PostgreSQL: reading without gaps
//
// A transaction takes its ids when it writes and shows its rows when it commits, seconds or
// hours later, so neither the highest id nor the latest timestamp that was read says what
// is new. Every row of the table revocations has the id of its transaction, txid, which a
// trigger sets. All rows of a transaction appear at once. A reading is one snapshot, and
// the cursor has the snapshot's xmin, below which every transaction had ended, and the set
// of those from xmin on that had been seen. The next reading visits the rows from that
// xmin on, but for those in the set. So every row is visited once: rolled back and released
// savepoints, prepared transactions, and one that stays open for days make no difference.
//
// On a primary the set is all that the snapshot does not list as running, a few spans
// however much was committed since. A snapshot of a hot standby lists none (PostgreSQL
// keeps them elsewhere), though its xmin is right and so is what it shows. There the set is
// those transactions of which rows were visited. If they do not fit into the cursor,
// because one stays open while thousands commit, the highest are left out and visited
// again each time. What they reinstate is not released again.
//
// Within a reading rows apply in order of id, between readings as they became visible. The two
// differ for transactions that overlap: a revocation and a reinstatement of the same claims in
// two of these apply in either order.
//
// The table is locked (ACCESS SHARE, as any SELECT does) before the snapshot is taken. To one
// that is older than an ALTER TABLE which writes the table anew, all rows would be missing.
//
// Transaction ids count for one life of one server. A crash, even of one process that the server
// recovers from by itself, takes back ids that no commit on the disk used, and the next
// transactions get them again: below an xmin that was read. A failover that lost commits does
// the same. So the cursor names the cluster, the database, the table, the timeline,
// whether it was a standby, when the server started, and when its statistics were
// reset, which every crash does. If any of them is different, all rows are visited. So
// they are if the row with the highest id that was read is gone or different, and
// if the table was empty. That does no harm: missing rows release nothing, and neither do those
// that come again ([Row].Again), which are known by id and transaction if that row is there.
//
// A dump brings transaction ids of another cluster along. The column's comment names the cluster
// and the table whose they are, and [PostgresSchema], run again, mends both. Until then all
// rows are visited every time, with a warning. What no reading can see are rows that somebody
// loads with the trigger switched off and ids of the past, and a machine that was put
// back, memory and all, to an earlier state and passed the cursor's WAL position unseen.
//
// The source is older, [ErrOlderSource], if the cluster and the timeline are the cursor's and the
// WAL (flushed, or on a standby replayed) is behind the cursor's; if a primary's timeline is
// lower; or if the xmin is. Of two servers of a cluster either may be read at any time,
// if it is not behind; each change between them reads everything.
//
// A standby that stands still is not older than at the last reading. It is read, with a warning if its
// replay is paused or far behind what it received, or if nothing feeds it.
//
// A list that names a cluster's servers by their addresses has a cursor of each. So [Read] holds a
// server against the cursors of other names, too, and tells the rows that were read by
// those: a standby that lags, or comes later, would release what was revoked since. Only a primary on a
// cursor's timeline and behind it is let in under another name: an older copy, started by itself.
//
// # PostgreSQL: a query with @since
//
// @since is the moment at which the last reading began, by the database's clock, less
// [Options].Window; on a standby the moment of the last commit that it had replayed then, if that
// is earlier, and if there was none everything is read. If the row's timestamp is compared with it, a row is visited if its
// transaction commits within a window after the timestamp; any other is with the next full
// reading, at which @since is -infinity: the first, every [Options].FullEvery, when the text of
// the query changes, and where the table would be read from the start. Rows within the
// window come again, which applies them again: a window is no place for revocations
// that are reinstated by a row of their own with an older timestamp. A query
// is one statement in a read-only transaction, and refused from a server that is behind. As with the
// table, what a row-level policy would hide from it is an error.
package source
