package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/revocast/revocast/crl"
)

// A pgResult is the result of a query on its way: its rows come one at a time.
type pgResult struct {
	*pgconn.ResultReader
	columns []pgColumn
}

// A pgColumn is a column of a result.
type pgColumn struct {
	*column        // nil if it is a key
	key     string // its name if it is one
	oid     uint32 // of its type
	bad     string // what its type is, if no row may hold it
}

// pgQuery is a query to run: types are those of its parameters, 0 where the server finds out.
// Columns that are keys are no part of a row.
type pgQuery struct {
	sql    string
	params [][]byte
	types  []uint32
	key    func(name string) bool
}

// start runs a query. What is a number inside the server comes as one: exact, and without
// the server's work of writing it as text and ours of reading that.
func (r *reading) start(conn *pgconn.PgConn, b *builder, q pgQuery) (*pgResult, error) {
	statement, err := conn.Prepare(r.ctx, "", q.sql, q.types)
	if err != nil {
		return nil, err
	}
	names, formats := make([]string, len(statement.Fields)), make([]int16, len(statement.Fields))
	for i, f := range statement.Fields {
		names[i] = f.Name
		switch f.DataTypeOID {
		case pgtype.TimestamptzOID, pgtype.Int8OID, pgtype.XID8OID:
			formats[i] = pgtype.BinaryFormatCode
		}
	}
	heads, err := r.heading(b, names, q.key)
	if err != nil {
		return nil, err
	}
	columns := make([]pgColumn, len(heads))
	for i, head := range heads {
		columns[i] = pgColumn{column: head, oid: statement.Fields[i].DataTypeOID}
		if head == nil {
			columns[i].key = names[i]
		} else if columns[i].bad, err = badType(r.ctx, conn, columns[i].oid); err != nil {
			return nil, err
		}
	}
	return &pgResult{conn.ExecParams(r.ctx, q.sql, q.params, q.types, nil, formats), columns}, nil
}

// badType says what a type is, if it is none whose values are text, a number, a truth or a moment.
func badType(ctx context.Context, conn *pgconn.PgConn, oid uint32) (string, error) {
	switch oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID, pgtype.UUIDOID,
		pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID,
		pgtype.BoolOID, pgtype.TimestamptzOID:
		return "", nil
	case pgtype.TimestampOID, pgtype.DateOID:
		return "of a type whose zone is unknown (select … AT TIME ZONE 'UTC', or whichever zone it is in, under the same name)", nil
	case pgtype.ByteaOID:
		return "of the type bytea (select convert_from(…, 'UTF8') or encode(…), under the same name)", nil
	}
	row, err := oneRow(ctx, conn, `SELECT typcategory IN ('S', 'E'), format_type(oid, NULL) FROM pg_type WHERE oid = $1`, strconv.AppendUint(nil, uint64(oid), 10))
	if err != nil || row[0] == "t" { // citext and the like, and enumerations
		return "", err
	}
	return "of the type " + row[1] + " (cast it to text, under the same name, if its text is what tokens have)", nil
}

// fillRaw takes the fields of a row as they came.
func (b *builder) fillRaw(columns []pgColumn, fields [][]byte) *fault {
	for i := range columns {
		c, raw := &columns[i], fields[i]
		if c.column == nil {
			continue
		}
		if dst := b.moment(c.column); dst != nil && c.oid == pgtype.TimestamptzOID && raw != nil {
			unix, reason := ceilTimestamp(int64(binary.BigEndian.Uint64(raw)))
			if reason != "" {
				return &fault{c.name, reason}
			}
			*dst = unix
			continue
		}
		if f := b.set(c.column, c.value(raw)); f != nil {
			return f
		}
	}
	return b.finish()
}

func (c *pgColumn) value(raw []byte) value {
	switch {
	case raw == nil:
		return value{}
	case c.bad != "":
		return value{other, c.bad}
	}
	switch c.oid {
	case pgtype.Int8OID:
		return value{number, strconv.FormatInt(int64(binary.BigEndian.Uint64(raw)), 10)}
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.NumericOID:
		return value{number, string(raw)}
	case pgtype.Float4OID, pgtype.Float8OID:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return value{other, "the number " + string(raw)}
		}
		// With an exponent, so that it is not taken for an exact integer.
		return value{number, strconv.FormatFloat(f, 'e', -1, 64)}
	case pgtype.BoolOID:
		return value{boolean, strconv.FormatBool(raw[0] == 't')}
	case pgtype.TimestamptzOID:
		return value{other, "a moment"}
	case pgtype.BPCharOID:
		// PostgreSQL pads char(n) with blanks that mean nothing, and no token has.
		raw = bytes.TrimRight(raw, " ")
	}
	if !utf8.Valid(raw) {
		return value{other, "text that is not UTF-8"}
	}
	return value{text, string(raw)}
}

// ceilTimestamp gives Unix seconds, rounded up, of microseconds since the year 2000.
func ceilTimestamp(µs int64) (unix int64, reason string) {
	switch µs {
	case math.MaxInt64:
		return None, "infinity is no moment; leave the column NULL where there is no end"
	case math.MinInt64:
		return None, "-infinity is no moment; leave the column NULL where there is no beginning"
	}
	const epoch = 946_684_800 // of PostgreSQL, in Unix seconds
	unix = µs / 1e6
	if µs%1e6 > 0 { // below zero, division rounds up by itself
		unix++
	}
	unix += epoch
	at := time.Unix(epoch+µs/1e6, µs%1e6*1000).UTC()
	switch {
	case µs < -epoch*1e6:
		return None, at.Format(time.RFC3339Nano) + " is before 1970"
	case unix > crl.MaxTime:
		return None, at.Format(time.RFC3339Nano) + " is after the year 9999"
	}
	return unix, ""
}

// raw visits a row as it came.
func (r *reading) raw(b *builder, line int64, columns []pgColumn, fields [][]byte) error {
	b.start(line)
	if f := b.fillRaw(columns, fields); f != nil {
		return r.bad(line, f)
	}
	return r.good(&b.row)
}
