package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/revocast/revocast/internal/rows"
)

// A query is a SELECT of the user's own.
type query struct {
	sql               string // as PostgreSQL takes it
	sum               string // a hash of the text that the user gave
	since             bool   // it has the placeholder @since
	window, fullEvery time.Duration
}

// newQuery returns nil if the options have no query.
func newQuery(opt Options) (*query, error) {
	var q *query
	if opt.Query != "" {
		mark := new(any)
		sql, args, err := pgx.NamedArgs{"since": mark}.RewriteQuery(context.Background(), nil, opt.Query, nil)
		if err != nil {
			return nil, fmt.Errorf("the query cannot be used: %w", err)
		}
		if slices.ContainsFunc(args, func(arg any) bool { return arg != any(mark) }) {
			return nil, errors.New("the query has a placeholder that is not @since, and there are no others")
		}
		q = &query{
			sql: sql, sum: rows.SumQuery(opt.Query), since: len(args) > 0,
			window: cmp.Or(opt.Window, DefaultWindow), fullEvery: cmp.Or(opt.FullEvery, DefaultFullEvery),
		}
	}
	if (opt.Window != 0 || opt.FullEvery != 0) && (q == nil || !q.since) {
		return nil, errors.New("a window and an interval of full reads are for a query that has the placeholder @since")
	}
	if opt.Window < 0 || opt.FullEvery < 0 {
		return nil, errors.New("the window and the interval of full reads must not be negative")
	}
	return q, nil
}

// A queryCursor says when the result of a query was read, in microseconds since 1970.
type queryCursor struct {
	server
	Query string `json:"query"`
	At    int64  `json:"at"`   // commits up to this moment were shown; 0 if that is unknown
	Full  int64  `json:"full"` // when everything was read
}

// A queryState is the server, the query and the clock as a reading finds them.
type queryState struct {
	server
	*query
	now   int64 // by the server's clock, in microseconds since 1970
	shown int64 // commits up to this moment are shown; 0 if that is unknown
}

// plan decides how to run the query. If full is false, rows from a moment on are enough; from is that
// moment in microseconds since 1970. behind says why the server is certainly behind the cursor, or
// is empty.
func (c *queryCursor) plan(s queryState) (from int64, full bool, behind string) {
	if c == nil {
		return 0, true, ""
	}
	ok, behind := s.goesOn(c.server)
	if !ok || !s.since || c.Query != s.sum || c.At == 0 || s.shown == 0 || s.now < c.Full || s.now-c.Full >= s.fullEvery.Microseconds() {
		return 0, true, behind
	}
	// A clock that was set back makes the window longer, never shorter.
	return min(c.At, s.shown) - s.window.Microseconds(), false, ""
}

// readQuery visits the rows of a query, and returns the next cursor.
func (r *reading) readQuery(q *query, since *queryCursor) (*queryCursor, error) {
	now := queryState{query: q}
	var err error
	if now.server, err = askServer(r.Context, r.conn); err != nil {
		return nil, r.cannotRead(err)
	}
	if err := r.warnStandby(now.server); err != nil {
		return nil, err
	}
	if err := r.begin(`READ COMMITTED`, ``); err != nil {
		return nil, err
	}
	if now.now, now.shown, err = r.clock(); err != nil {
		return nil, r.cannotRead(err)
	}
	from, full, behind := since.plan(now)
	r.warnBehind(behind)
	r.Result.Full = full
	next := &queryCursor{server: now.server, Query: q.sum, At: now.shown, Full: now.now}
	at := "-infinity"
	if !full {
		next.Full = since.Full
		at = time.UnixMicro(from).UTC().Format(time.RFC3339Nano)
	}
	return next, r.queryRows(q, at)
}

// clock returns the server's time, and the time up to which commits are shown, 0 if that is
// unknown. It must be called before the query's snapshot is taken. A commit that the snapshot does
// not show came later, so the next reading finds its rows if their timestamps are at most a window
// older. A standby shows all commits up to the last one that it has replayed, by the primary's
// clock.
func (r *reading) clock() (now, shown int64, err error) {
	row, err := oneRow(r.Context, r.conn, `SELECT (extract(epoch FROM now) * 1000000)::bigint,
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

// queryRows visits the rows of the query, from a moment on if it has the placeholder.
func (r *reading) queryRows(user *query, from string) error {
	all := statement{sql: user.sql}
	if user.since {
		all.params, all.types = [][]byte{[]byte(from)}, []uint32{pgtype.TimestamptzOID}
	}
	b := rows.Builder{Wordy: true}
	q, err := r.start(&b, all)
	if err != nil {
		return r.queryFailed(err)
	}
	for line := int64(1); q.NextRow(); line++ {
		if err := r.row(&b, line, false, q.columns, q.Values()); err != nil {
			return err
		}
	}
	if _, err := q.Close(); err != nil {
		return r.queryFailed(err)
	}
	return nil
}
