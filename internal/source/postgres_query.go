package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// A pgUserQuery is a SELECT of the user's own.
type pgUserQuery struct {
	sql               string // as PostgreSQL takes it
	sum               string // of the text that the user gave
	since             bool   // it has the placeholder @since
	window, fullEvery time.Duration
}

// How much of a table a query with @since reads again, and how often all of it.
const (
	DefaultWindow    = time.Hour
	DefaultFullEvery = 24 * time.Hour
)

func newUserQuery(opt Options) (*pgUserQuery, error) {
	if opt.Query == "" {
		return nil, nil
	}
	mark := new(any)
	sql, args, err := pgx.NamedArgs{"since": mark}.RewriteQuery(context.Background(), nil, opt.Query, nil)
	if err != nil {
		return nil, fmt.Errorf("the query cannot be used: %w", err)
	}
	if slices.ContainsFunc(args, func(arg any) bool { return arg != any(mark) }) {
		return nil, errors.New("the query has a placeholder that is not @since, and there are no others")
	}
	q := &pgUserQuery{sql: sql, sum: sumQuery(opt.Query), since: len(args) > 0, window: opt.Window, fullEvery: opt.FullEvery}
	if q.window == 0 {
		q.window = DefaultWindow
	}
	if q.fullEvery == 0 {
		q.fullEvery = DefaultFullEvery
	}
	return q, nil
}

// A pgQueryCursor is when the result of a query was read, in microseconds since 1970.
type pgQueryCursor struct {
	pgServer
	Query string `json:"query"`
	At    int64  `json:"at"`             // what was committed later was not shown
	Full  int64  `json:"full"`           // when all of it was
	From  int64  `json:"from,omitempty"` // where the window began
	// Released are the reinstatements of the last reading: of all, or of a window.
	Released remembered `json:"released,omitzero"`
}

// postgresQuery visits the rows of a user's own SELECT.
func (r *reading) postgresQuery(conn *pgconn.PgConn, user *pgUserQuery, since *pgQueryCursor) error {
	server, err := r.server(conn)
	if err != nil {
		return err
	}
	goesOn := false
	if since != nil {
		if goesOn, err = server.goesOn(since.pgServer, r.source); err != nil {
			return err
		}
	}
	if err := exec(r.ctx, conn, `BEGIN ISOLATION LEVEL READ COMMITTED`+inTransaction); err != nil {
		return r.cannotRead(err)
	}
	now, shown, err := r.clock(conn)
	if err != nil {
		return r.cannotRead(err)
	}
	cursor := pgQueryCursor{pgServer: server, Query: user.sum, At: shown, Full: now}
	// The same query on the same database: what of it comes again can be told.
	same := since != nil && since.Query == user.sum && since.System == server.System && since.Database == server.Database
	var was remembered
	if same {
		was = since.Released
	}
	m := newMemory(was)
	full := !user.since || !goesOn || !same || shown == 0 || now < since.Full || now-since.Full >= user.fullEvery.Microseconds()
	switch {
	case !full:
		cursor.Full = since.Full
	case user.since:
		// What is new in it, beside the window, are rows that were committed too late for that,
		// and nobody can say which these are.
		r.fromStart()
	default:
		r.whole(m, same, !same)
	}
	if full {
		if err := r.userRows(conn, user, "-infinity"); err != nil {
			return err
		}
	}
	if user.since {
		all := r.result
		if cursor.From, err = r.window(conn, user, since, same, shown, m); err != nil {
			return err
		}
		if full {
			// Those of the window came twice.
			r.result.Rows, r.result.SkippedRows, r.result.Skipped = all.Rows, all.SkippedRows, all.Skipped
		}
	}
	if cursor.Released = m.remembered(); !user.since && r.result.Rows == 0 {
		cursor.Released = was // an emptied table is no reason to forget
	}
	r.result.Unsure = r.result.Unsure || m.old > 0
	r.result.Cursor, err = encodeCursor(cursor)
	return err
}

// window visits the rows since a window before the last reading, and gives the moment. If the last
// window began later, nobody can say what is new in front of it.
func (r *reading) window(conn *pgconn.PgConn, user *pgUserQuery, since *pgQueryCursor, same bool, shown int64, m *memory) (from int64, err error) {
	from = shown
	if same {
		// A clock that was set back makes the window longer, never shorter.
		from = min(since.At, cmp.Or(shown, since.At))
	}
	from -= user.window.Microseconds()
	r.again = m.again
	if !same || since.From == 0 || from < since.From {
		r.result.Unsure = true
		r.again = func(row *Row) bool { m.again(row); return true }
	}
	return from, r.userRows(conn, user, time.UnixMicro(from).UTC().Format(time.RFC3339Nano))
}

// clock gives the time, and the time up to which commits are shown, 0 if nobody knows. It comes before
// the query's snapshot: what that does not show committed later, so the next reading
// finds it if its timestamp is at most a window older. One statement has one
// snapshot, taken when it holds its locks. A standby shows what was committed before the last
// commit that it replayed, however late that was, by the primary's clock.
func (r *reading) clock(conn *pgconn.PgConn) (now, shown int64, err error) {
	row, err := oneRow(r.ctx, conn, `SELECT (extract(epoch FROM now) * 1000000)::bigint,
		(extract(epoch FROM CASE WHEN NOT pg_is_in_recovery() THEN now WHEN at IS NULL THEN 'epoch' ELSE least(now, at) END) * 1000000)::bigint
		FROM clock_timestamp() AS now, pg_last_xact_replay_timestamp() AS at`)
	if err != nil {
		return 0, 0, err
	}
	if now, err = strconv.ParseInt(row[0], 10, 64); err == nil {
		shown, err = strconv.ParseInt(row[1], 10, 64)
	}
	return now, shown, err
}

// userRows visits the rows of the query, from a moment on if it has the placeholder.
func (r *reading) userRows(conn *pgconn.PgConn, user *pgUserQuery, from string) error {
	query := pgQuery{sql: user.sql, key: func(string) bool { return false }}
	if user.since {
		query.params, query.types = [][]byte{[]byte(from)}, []uint32{pgtype.TimestamptzOID}
	}
	b := builder{wordy: true}
	q, err := r.start(conn, &b, query)
	if err != nil {
		return r.queryFailed(err)
	}
	for line := int64(1); q.NextRow(); line++ {
		if err := r.raw(&b, line, q.columns, q.Values()); err != nil {
			return err
		}
	}
	if _, err := q.Close(); err != nil {
		return r.queryFailed(err)
	}
	return nil
}
