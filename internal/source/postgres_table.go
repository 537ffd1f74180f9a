package source

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// A pgCursor is how far the table revocations was read.
type pgCursor struct {
	pgServer
	Table string `json:"table"`          // oid
	Xmin  uint64 `json:"xmin"`           // of the snapshot: what is below has been read
	Seen  string `json:"seen,omitempty"` // of what is not below, what has been read too: txids
	Cut   bool   `json:"cut,omitempty"`  // Seen lacks some, for want of room
	ID    int64  `json:"id"`             // the highest that was read, 0 to read everything
	Row   string `json:"row"`            // a hash of its row
}

// maxSeen is the room for Seen: a cursor has 2 KiB.
const maxSeen = 1200

// postgresTable visits the rows of the table revocations that are new.
func (r *reading) postgresTable(conn *pgconn.PgConn, since *pgCursor, room int) error {
	// Asked before the snapshot: what it says of a standby's progress and of whether
	// it is a standby must hold for the snapshot too, and both only go one way.
	server, err := r.server(conn)
	if err != nil {
		return err
	}
	t, err := r.openTable(conn)
	if err != nil {
		return err
	}
	next, err := readServer(r.ctx, conn)
	if err != nil {
		return r.cannotRead(err)
	}
	next.Standby = server.Standby
	goesOn, same, err := r.goesOn(conn, t, server, since)
	if err != nil {
		return err
	}
	query := pgQuery{sql: `SELECT * FROM revocations ORDER BY id`, key: isKey}
	var seen txids
	if same {
		if seen, err = decodeTxids(since.Xmin, since.Seen); err != nil {
			same, goesOn = false, false
		}
	}
	known, err := r.readBeside(conn, t, server)
	if err != nil {
		return err
	}
	switch {
	case goesOn:
		query.sql = `SELECT * FROM revocations WHERE txid >= $1 ORDER BY id`
		query.params = [][]byte{strconv.AppendUint(nil, since.Xmin, 10)}
		r.mayHave(since)
	case same:
		r.result.Full = true
		r.mayHave(since)
		known, seen = append(known, pgRead{since.ID, since.Xmin, seen}), nil
	default:
		r.fromStart()
		seen = nil
	}
	cursor := &pgCursor{pgServer: next, Table: t.oid, Xmin: t.snapshot.xmin}
	if !r.result.Full {
		cursor.ID = since.ID
	}
	wasRead := func(id int64, txid uint64) bool {
		return slices.ContainsFunc(known, func(p pgRead) bool { return p.has(id, txid) })
	}
	if len(known) > 0 {
		// What is known goes first, so that no reinstatement of that takes back what is new,
		// but of a transaction that took its id long ago.
		r.known = true
		old := func(id int64, txid uint64) bool { return !seen.has(txid) && wasRead(id, txid) }
		if _, err := r.tableRows(conn, query, t, server.Standby, old, cursor); err != nil {
			return err
		}
		r.known = false
	}
	news := func(id int64, txid uint64) bool { return !seen.has(txid) && !wasRead(id, txid) }
	now, err := r.tableRows(conn, query, t, server.Standby, news, cursor)
	if err != nil {
		return err
	}
	if t.foreign {
		r.result.Warnings = append(r.result.Warnings, fmt.Sprintf("the rows of %s have transaction ids of another table, since it was restored from a dump, so all of them are read every time; run publisher schema on it again", r.source))
		cursor.ID = 0
	}
	if cursor.ID != 0 {
		if cursor.Row, err = r.rowSum(conn, cursor.ID); err != nil {
			return r.cannotRead(err)
		}
	}
	var cut bool
	cursor.Seen, cut = now.encode(cursor.Xmin, room)
	cursor.Cut = cursor.Cut || cut
	r.result.Cursor, err = encodeCursor(cursor)
	return err
}

// mayHave makes rows old of which a cursor, for want of room, does not say whether they were read.
func (r *reading) mayHave(since *pgCursor) {
	if again := r.again; since.Cut {
		r.again = func(row *Row) bool { return row.Line <= since.ID || again != nil && again(row) }
		r.result.Unsure = true
	}
}

func isKey(name string) bool { return name == "id" || name == "txid" }

// goesOn tells whether the rows of the table can be read on from the cursor; if not, whether
// it is the same table all the same, and holds what was read of it.
func (r *reading) goesOn(conn *pgconn.PgConn, t *pgTable, server pgServer, since *pgCursor) (ok, same bool, err error) {
	if since == nil {
		return false, false, nil
	}
	ok, err = server.goesOn(since.pgServer, r.source)
	if err != nil || server.System != since.System || server.Database != since.Database || t.oid != since.Table || t.foreign || since.ID == 0 {
		return false, false, err
	}
	if ok && since.under == "" && t.snapshot.xmin < since.Xmin {
		return false, false, fmt.Errorf("%w: in %s all transactions below %d have ended, and those below %d had; if its machine was put back to an earlier state, publish it under another --source-name",
			ErrOlderSource, r.source, t.snapshot.xmin, since.Xmin)
	}
	// Another row in place of the last, or none, and the table may be another one.
	sum, err := r.rowSum(conn, since.ID)
	if err != nil {
		return false, false, r.cannotRead(err)
	}
	same = sum != "" && sum == since.Row
	return ok && same, same, nil
}

// tableRows visits the rows of the table that are wanted. It gives what then has been seen from the
// snapshot's xmin on.
func (r *reading) tableRows(conn *pgconn.PgConn, query pgQuery, t *pgTable, standby bool, wanted func(id int64, txid uint64) bool, cursor *pgCursor) (txids, error) {
	b := builder{wordy: true}
	q, err := r.start(conn, &b, query)
	if err != nil {
		return nil, r.cannotRead(err)
	}
	id := slices.IndexFunc(q.columns, func(c pgColumn) bool { return c.key == "id" })
	txid := slices.IndexFunc(q.columns, func(c pgColumn) bool { return c.key == "txid" })
	var now txids
	limit := uint64(math.MaxUint64)
	for q.NextRow() {
		fields := q.Values()
		line, txid := int64(binary.BigEndian.Uint64(fields[id])), binary.BigEndian.Uint64(fields[txid])
		cursor.ID = max(cursor.ID, line)
		if standby && txid >= t.snapshot.xmin {
			limit = now.add(txid, limit)
		}
		if txid >= t.snapshot.xmax {
			t.foreign = true // it cannot be a transaction of this server
		}
		if !wanted(line, txid) {
			continue
		}
		if err := r.raw(&b, line, q.columns, fields); err != nil {
			return nil, err
		}
	}
	if _, err := q.Close(); err != nil {
		return nil, r.cannotRead(err)
	}
	cursor.Cut = limit != math.MaxUint64
	if !standby {
		now = t.snapshot.ended()
	}
	return now, nil
}

// rowSum is a hash of a row, empty if there is none of that id.
func (r *reading) rowSum(conn *pgconn.PgConn, id int64) (string, error) {
	result := conn.ExecParams(r.ctx, `SELECT * FROM revocations WHERE id = $1`, [][]byte{strconv.AppendInt(nil, id, 10)}, nil, nil, nil).Read()
	if result.Err != nil || len(result.Rows) == 0 {
		return "", result.Err
	}
	names, row := make([]string, len(result.FieldDescriptions)), result.Rows[0]
	for i, f := range result.FieldDescriptions {
		names[i] = f.Name
	}
	return sumRow(names, func(i int) (string, bool) { return string(row[i]), row[i] != nil }), nil
}

// A pgTable is the table revocations in a transaction that reads it.
type pgTable struct {
	oid      string
	snapshot pgSnapshot
	foreign  bool // its transaction ids are those of another table
}

// openTable begins the transaction. The lock comes before the snapshot: to a snapshot from
// before an ALTER TABLE that writes the table anew, all its rows would be invisible.
func (r *reading) openTable(conn *pgconn.PgConn) (*pgTable, error) {
	if err := exec(r.ctx, conn, `BEGIN ISOLATION LEVEL REPEATABLE READ`+inTransaction+`
		SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO';
		LOCK TABLE revocations IN ACCESS SHARE MODE`); err != nil {
		return nil, r.cannotRead(err)
	}
	row, err := oneRow(r.ctx, conn, `SELECT pg_current_snapshot(), c.oid,
		c.relkind = 'r'
		AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'id' AND atttypid = 'bigint'::regtype AND attnotnull)
		AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'txid' AND atttypid = 'xid8'::regtype AND attnotnull)
		AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'revocations_stamp' AND tgenabled = 'A'),
		(SELECT col_description(c.oid, attnum) FROM pg_attribute WHERE attrelid = c.oid AND attname = 'txid')
			= format('ids of transactions of cluster %s, in table %s', (SELECT system_identifier FROM pg_control_system()), c.oid)
		FROM pg_class c WHERE c.oid = 'revocations'::regclass`)
	if err != nil {
		return nil, r.cannotRead(err)
	}
	if row[2] != "t" {
		return nil, fmt.Errorf("cannot use the source %s: its table revocations lacks what publisher schema gives it (id, txid, and the trigger that sets txid), so new rows cannot be told from old ones; run publisher schema on it, or read it with --query", r.source)
	}
	t := &pgTable{oid: row[1], foreign: row[3] != "t"}
	if t.snapshot, err = parseSnapshot(row[0]); err != nil {
		return nil, r.cannotRead(err)
	}
	return t, nil
}
