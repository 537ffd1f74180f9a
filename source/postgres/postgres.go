// Package postgres reads revocations from a PostgreSQL database, 13 or later, and records decisions
// there.
//
// A source is the table revocations, which [Schema] makes, or a SELECT of the user's own. A Go
// service calls [Insert] in the transaction that ends a session or changes a password, so that the
// revocation commits together with it.
//
// # The table revocations
//
// A reading visits rows in the order of their id. id and txid are no claims. [Schema] refuses an
// INSERT of a row that no reading could take. This trigger does not run under
// session_replication_role = replica, or while the owner has disabled it. A row that came this way
// may be a bad row.
//
// A transaction takes its id when it writes and shows its rows when it commits, seconds or hours
// later. So neither the highest id nor the latest timestamp of a reading says what is new. A
// trigger puts the id of the inserting transaction into each row's txid, even under
// session_replication_role = replica, because it is ENABLE ALWAYS. A reading is one snapshot,
// and the cursor keeps the snapshot's xmin: all transactions below it had ended, so the reading has
// shown their rows. The next reading visits the rows with a txid from this xmin on. It misses no row.
// It visits rows twice if they were committed while an older transaction was writing, anywhere in
// the cluster, which changes nothing.
//
// The table is locked in ACCESS SHARE mode, as by any SELECT, before the snapshot is taken. An older
// snapshot would show no row of a table that an ALTER TABLE has rewritten meanwhile.
//
// Transaction ids count for one life of one server. A crash takes back ids that no commit on disk
// used, even the crash of one process from which the server recovers by itself. A failover that
// loses commits does the same. Later transactions get these ids again, below an xmin that was read.
// So the cursor names the cluster, its timeline, the database, the table, the last start and the
// last crash of the server, and whether it was a standby. All rows are visited if one of these
// differs, if the row with the highest id is gone or different, or if the table was empty.
//
// A dump brings transaction ids of another cluster along. A comment on the column txid names the
// cluster and the table that the ids belong to. [Schema], run again, mends both. Until then
// all rows are visited every time, with a warning.
//
// A table whose trigger is disabled, or enabled otherwise than ALWAYS, is not read until [Schema] is
// run again, which stamps all rows again.
//
// Two cases stay invisible. The owner may have disabled the trigger, loaded rows with ids of the
// past, and made it ENABLE ALWAYS again by hand. And a machine may have been put back to an earlier
// state, memory included, and have passed the cursor's WAL position since.
//
// # Servers that are behind
//
// A server is certainly behind the cursor if it has the cursor's timeline and an earlier WAL
// position or xmin, or if it is a primary on an earlier timeline. It is read from its start, with
// a warning that revocations may be missing from it. A standby whose replay is paused,
// disconnected or far behind is read with a warning, too.
//
// # Queries
//
// A query is one statement in a read-only transaction. It may have the placeholder @since, to
// compare the row's timestamp with. @since is the time of the last reading by the database's
// clock, less [Options].Window. On a standby it is the last commit that was replayed then, if that
// was earlier. A row is visited in time if its transaction commits within a window after its
// timestamp. Any other row is visited by the next full read, for which @since is -infinity. A full
// read happens every [Options].FullEvery, when the query has changed, and whenever the table
// revocations would be read from its start. A query without @since is read in full every time.
//
// Rows that a row-level policy would hide are an error, for the table and for queries.
package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// Options say how to read a source. The zero Options read the table revocations, and end with the
// first bad row.
type Options struct {
	// Query is a SELECT to read in place of the table. Its columns are those of a row. A
	// reinstatement of a query needs the column revoked_at.
	Query string
	// Window and FullEvery are for a Query with the placeholder @since: how far back of the last
	// reading @since is, and how often everything is read. Zero is [DefaultWindow] or
	// [DefaultFullEvery]. Without the placeholder any other value is an error of Open.
	Window, FullEvery time.Duration
	// SkipBadRows goes on after a bad row and lists it in [source.Result].
	SkipBadRows bool
}

// The defaults of [Options].
const (
	DefaultWindow    = time.Hour
	DefaultFullEvery = 24 * time.Hour
)

// Open returns the source at a URL such as postgres://user@host:5432/database. It does not
// connect; each reading makes a connection of its own. Environment variables, service files and
// password files count as in libpq. Errors and String hide a password in the URL.
func Open(url string, opt Options) (source.Source, error) {
	place, err := withoutSecrets(url)
	if err != nil {
		return nil, err
	}
	query, err := newQuery(opt)
	if err != nil {
		return nil, err
	}
	return &database{url: url, place: place, skip: opt.SkipBadRows, query: query}, nil
}

// A database is a source.
type database struct {
	url   string
	place string // the URL without secrets
	skip  bool
	query *query // nil for the table
}

func (d *database) String() string { return d.place }

func (d *database) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	conn, err := connect(ctx, d.url, d.place)
	if err != nil {
		return source.Result{}, err
	}
	defer disconnect(ctx, conn)
	r := &reading{conn: conn.PgConn(), Reading: rows.Reading{Context: ctx, Source: d.place, Unit: "row", Skip: d.skip, Visit: visit, Undated: d.query == nil}}
	var cursor any
	if d.query != nil {
		cursor, err = r.readQuery(d.query, rows.DecodeCursor[queryCursor](since))
	} else {
		cursor, err = r.readTable(rows.DecodeCursor[tableCursor](since))
	}
	if err == nil {
		r.Result.Cursor, err = json.Marshal(cursor)
	}
	if err != nil {
		return source.Result{}, err
	}
	return r.Result, nil
}

// A reading is one call of Read.
type reading struct {
	rows.Reading
	conn *pgconn.PgConn
}

// begin begins a read-only transaction. A row that a policy would hide is an error in it. Waiting for
// a lock ends after 30 seconds, unless the role has a limit of its own.
func (r *reading) begin(isolation, then string) error {
	// This comes first, because a SELECT in the transaction may take its snapshot.
	err := exec(r.Context, r.conn, `SELECT set_config('lock_timeout', '30s', false) WHERE current_setting('lock_timeout') = '0'`)
	if err == nil {
		err = exec(r.Context, r.conn, `BEGIN ISOLATION LEVEL `+isolation+` READ ONLY; SET LOCAL row_security = off; `+then)
	}
	if err != nil {
		return r.cannotRead(err)
	}
	return nil
}
