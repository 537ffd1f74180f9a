package postgres

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// A tableCursor says how far the table revocations was read.
type tableCursor struct {
	server
	Table string `json:"table"`         // oid
	Xmin  uint64 `json:"xmin"`          // of the snapshot
	ID    int64  `json:"id"`            // the highest that was read, 0 to read everything next
	Row   string `json:"row,omitempty"` // a hash of its row
}

// A tableState is the server and the table as a reading finds them in its snapshot.
type tableState struct {
	server
	table      string // oid
	xmin, xmax uint64 // of the snapshot
	foreign    bool   // the rows have transaction ids of another table
	last       string // the hash of the row with the cursor's id, empty if it is gone
}

// plan decides how to read the table. If goesOn is true, the rows of transactions from the cursor's
// xmin on are enough. Else all rows are visited. behind says why the server is certainly
// behind the cursor, or is empty.
func (c *tableCursor) plan(now tableState) (goesOn bool, behind string) {
	if c == nil {
		return false, ""
	}
	ok, behind := now.goesOn(c.server)
	if !ok || c.Table != now.table || now.foreign || c.ID == 0 {
		return false, behind
	}
	if now.xmin < c.Xmin {
		return false, fmt.Sprintf("all transactions below %d have ended, after all below %d", now.xmin, c.Xmin)
	}
	// Another row in place of the last, or none, and the table may be another one.
	return now.last != "" && now.last == c.Row, ""
}

// readTable visits the rows of the table revocations that may be new, and returns the next cursor.
func (r *reading) readTable(since *tableCursor) (*tableCursor, error) {
	now, err := r.openTable(since)
	if err != nil {
		return nil, err
	}
	goesOn, behind := since.plan(now)
	r.warnBehind(behind)
	r.Result.Full = !goesOn
	next := &tableCursor{server: now.server, Table: now.table, Xmin: now.xmin}
	all := statement{sql: `SELECT * FROM revocations ORDER BY id`, table: true}
	if goesOn {
		all.sql = `SELECT * FROM revocations WHERE txid >= $1 ORDER BY id`
		all.params = [][]byte{strconv.AppendUint(nil, since.Xmin, 10)}
		next.ID = since.ID
	}
	future, err := r.tableRows(all, now.xmax, next)
	if err != nil {
		return nil, err
	}
	if now.foreign || future {
		r.Warn("the rows of %s have transaction ids of another table, as after a restore from a dump; all of them are read every time until the schema is run again", r.Source)
		next.ID = 0
	}
	if next.ID != 0 {
		if next.Row, err = r.rowSum(next.ID); err != nil {
			return nil, r.cannotRead(err)
		}
	}
	return next, nil
}

func isKey(name string) bool { return name == "id" || name == "txid" }

// tableRows visits rows, and raises the cursor's id to the highest of them. It reports whether a row
// has a transaction id that the server has not given yet.
func (r *reading) tableRows(all statement, xmax uint64, next *tableCursor) (future bool, err error) {
	b := rows.Builder{Wordy: true}
	q, err := r.start(&b, all)
	if err != nil {
		return false, r.cannotRead(err)
	}
	id := slices.IndexFunc(q.columns, func(c column) bool { return c.key == "id" })
	txid := slices.IndexFunc(q.columns, func(c column) bool { return c.key == "txid" })
	known := next.ID
	for q.NextRow() {
		fields := q.Values()
		line := int64(binary.BigEndian.Uint64(fields[id]))
		next.ID = max(next.ID, line)
		future = future || binary.BigEndian.Uint64(fields[txid]) >= xmax
		if err := r.row(&b, line, !r.Result.Full && line > known, q.columns, fields); err != nil {
			return false, err
		}
	}
	if _, err := q.Close(); err != nil {
		return false, r.cannotRead(err)
	}
	return future, nil
}

// rowSum returns a hash of the row with an id, or an empty string if there is no such row.
func (r *reading) rowSum(id int64) (string, error) {
	result := r.conn.ExecParams(r.Context, `SELECT * FROM revocations WHERE id = $1`, [][]byte{strconv.AppendInt(nil, id, 10)}, nil, nil, nil).Read()
	if result.Err != nil || len(result.Rows) == 0 {
		return "", result.Err
	}
	names, row := make([]string, len(result.FieldDescriptions)), result.Rows[0]
	for i, f := range result.FieldDescriptions {
		names[i] = f.Name
	}
	return rows.SumRow(names, func(i int) (string, bool) { return string(row[i]), row[i] != nil }), nil
}

// openTable begins the transaction of a reading, and returns what it finds.
func (r *reading) openTable(since *tableCursor) (now tableState, err error) {
	// The server is asked before the snapshot is taken. Its position only advances, and a standby
	// only becomes a primary, so the snapshot is at least as new as the cursor will say.
	if now.server, err = askServer(r.Context, r.conn); err != nil {
		return now, r.cannotRead(err)
	}
	if err := r.warnStandby(now.server); err != nil {
		return now, err
	}
	// The lock comes before the snapshot: a snapshot from before an ALTER TABLE that rewrites the
	// table shows none of its rows.
	if err := r.begin(`REPEATABLE READ`, `SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; LOCK TABLE revocations IN ACCESS SHARE MODE`); err != nil {
		return now, err
	}
	row, err := oneRow(r.Context, r.conn, `SELECT pg_snapshot_xmin(pg_current_snapshot()), pg_snapshot_xmax(pg_current_snapshot()), c.oid,
		c.relkind = 'r'
		AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'id' AND atttypid = 'bigint'::regtype AND attnotnull)
		AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'txid' AND atttypid = 'xid8'::regtype AND attnotnull)
		AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'revocations_stamp' AND tgenabled = 'A'),
		(SELECT col_description(c.oid, attnum) FROM pg_attribute WHERE attrelid = c.oid AND attname = 'txid')
			= format('ids of transactions of cluster %s, in table %s', (SELECT system_identifier FROM pg_control_system()), c.oid)
		FROM pg_class c WHERE c.oid = 'revocations'::regclass`)
	if err != nil {
		return now, r.cannotRead(err)
	}
	if row[3] != "t" {
		return now, fmt.Errorf("cannot use the source %s: its table revocations lacks id, txid, or the trigger that sets txid; run the schema on it, or read it with a query", r.Source)
	}
	now.table, now.foreign = row[2], row[4] != "t"
	if now.xmin, err = strconv.ParseUint(row[0], 10, 64); err != nil {
		return now, r.cannotRead(err)
	}
	if now.xmax, err = strconv.ParseUint(row[1], 10, 64); err != nil {
		return now, r.cannotRead(err)
	}
	if since != nil && since.ID != 0 {
		if now.last, err = r.rowSum(since.ID); err != nil {
			return now, r.cannotRead(err)
		}
	}
	return now, nil
}

var _ source.Source = (*database)(nil)
