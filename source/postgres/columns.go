package postgres

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
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// A statement is a SELECT to run. types are those of its parameters.
type statement struct {
	sql    string
	params [][]byte
	types  []uint32
	table  bool // it reads the table revocations, whose keys are no part of a row
}

// A result is the result of a statement on its way. Its rows come one at a time.
type result struct {
	*pgconn.ResultReader
	columns []column
}

// A column is a column of a result.
type column struct {
	*rows.Column        // nil if it is a key
	key          string // its name if it is a key
	oid          uint32 // of its type
	bad          string // what its type is, if no row may hold it
}

// start runs a statement. Numbers and timestamps come in binary, which is exact and saves both
// sides the detour over text.
func (r *reading) start(b *rows.Builder, s statement) (*result, error) {
	prepared, err := r.conn.Prepare(r.Context, "", s.sql, s.types)
	if err != nil {
		return nil, err
	}
	names, formats := make([]string, len(prepared.Fields)), make([]int16, len(prepared.Fields))
	for i, f := range prepared.Fields {
		names[i] = f.Name
		switch f.DataTypeOID {
		case pgtype.TimestamptzOID, pgtype.Int8OID, pgtype.XID8OID:
			formats[i] = pgtype.BinaryFormatCode
		}
	}
	columns, err := r.heads(b, names, s.table)
	if err != nil {
		return nil, err
	}
	for i := range columns {
		columns[i].oid = prepared.Fields[i].DataTypeOID
		if columns[i].Column == nil {
			continue
		}
		if columns[i].bad, err = badType(r.Context, r.conn, columns[i].oid); err != nil {
			return nil, err
		}
	}
	return &result{r.conn.ExecParams(r.Context, s.sql, s.params, s.types, nil, formats), columns}, nil
}

// heads returns the columns of a result by their names. A name that no claim can have is an error of
// a query. In the table it makes bad rows of those that have a value there, and no others.
func (r *reading) heads(b *rows.Builder, names []string, table bool) ([]column, error) {
	columns := make([]column, len(names))
	if table {
		b.Start(0)
		for i, name := range names {
			if isKey(name) {
				columns[i].key = name
			} else {
				columns[i].Column = b.Column(name)
			}
		}
		return columns, nil
	}
	heads, err := r.Heading(b, names, func(string) bool { return false })
	for i, head := range heads {
		columns[i].Column = head
	}
	return columns, err
}

// badType says what a type is, if its values are neither text, numbers, booleans nor timestamps.
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

// row visits a row. isNew is its New.
func (r *reading) row(b *rows.Builder, line int64, isNew bool, columns []column, fields [][]byte) error {
	b.Start(line)
	if f := fill(b, columns, fields); f != nil {
		return r.Bad(line, f)
	}
	b.Row.New = isNew
	return r.Good(&b.Row)
}

// fill sets the fields of the current row.
func fill(b *rows.Builder, columns []column, fields [][]byte) *rows.Fault {
	for i := range columns {
		c, raw := &columns[i], fields[i]
		if c.Column == nil || raw == nil {
			continue
		}
		if c.oid == pgtype.TimestamptzOID {
			if dst, unit := b.Time(c.Column); dst != nil {
				at, reason := ceilTimestamp(int64(binary.BigEndian.Uint64(raw)), unit)
				if reason != "" {
					return &rows.Fault{Field: c.Name, Reason: reason}
				}
				*dst = at
				continue
			}
		}
		if f := b.Set(c.Column, c.value(raw)); f != nil {
			return f
		}
	}
	return b.Finish()
}

// value returns the value of a field that is not NULL.
func (c *column) value(raw []byte) rows.Value {
	if c.bad != "" {
		return rows.Value{Kind: rows.Other, Text: c.bad}
	}
	switch c.oid {
	case pgtype.Int8OID:
		return rows.Value{Kind: rows.Number, Text: strconv.FormatInt(int64(binary.BigEndian.Uint64(raw)), 10)}
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.NumericOID:
		return rows.Value{Kind: rows.Number, Text: string(raw)}
	case pgtype.Float4OID, pgtype.Float8OID:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return rows.Value{Kind: rows.Other, Text: "the number " + string(raw)}
		}
		// With an exponent, so that it is not taken for an exact integer.
		return rows.Value{Kind: rows.Number, Text: strconv.FormatFloat(f, 'e', -1, 64)}
	case pgtype.BoolOID:
		return rows.Value{Kind: rows.Boolean, Text: strconv.FormatBool(raw[0] == 't')}
	case pgtype.TimestamptzOID:
		return rows.Value{Kind: rows.Other, Text: "a timestamp"}
	case pgtype.BPCharOID:
		// PostgreSQL pads char(n) with blanks that mean nothing, and no token has.
		raw = bytes.TrimRight(raw, " ")
	}
	if !utf8.Valid(raw) {
		return rows.Value{Kind: rows.Other, Text: "text that is not UTF-8"}
	}
	return rows.Value{Kind: rows.Text, Text: string(raw)}
}

// year2000 is the epoch of PostgreSQL's timestamps in Unix seconds. No row may name an earlier time.
const year2000 = 946_684_800

// ceilTimestamp returns Unix time in the unit, rounded up, of microseconds since the year 2000.
func ceilTimestamp(µs, unit int64) (at int64, reason string) {
	switch µs {
	case math.MaxInt64:
		return source.None, "infinity is not a time; leave the column NULL where there is no end"
	case math.MinInt64:
		return source.None, "-infinity is not a time; leave the column NULL where there is no beginning"
	}
	step := 1_000_000 / unit // of the unit, in microseconds
	at = year2000*unit + µs/step
	if µs%step > 0 {
		at++
	}
	if µs < 0 {
		at = source.None // it must not be rounded up to the year 2000
	}
	if at >= 0 && at <= crl.MaxTime*unit {
		return at, ""
	}
	return rows.CheckTime(at, unit, time.Unix(year2000+µs/1e6, µs%1e6*1000).UTC().Format(time.RFC3339Nano))
}
