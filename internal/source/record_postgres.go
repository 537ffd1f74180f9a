package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// recordPostgres inserts a row in a transaction of its own.
func recordPostgres(ctx context.Context, location, place string, row *Row) (int64, error) {
	conn, err := connectPostgres(ctx, location, place)
	if err != nil {
		return 0, err
	}
	defer closePostgres(ctx, conn)
	// Where commits do not wait for the disk, this one does; and a lock is not waited for without end.
	if _, err := oneRow(ctx, conn, `SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END,
		CASE WHEN current_setting('lock_timeout') = '0' THEN set_config('lock_timeout', '30s', false) END`); err != nil {
		return 0, err
	}
	var names, marks []string
	var values [][]byte
	for i, c := range row.cells() {
		if err := hasColumn(ctx, conn, place, c.name); err != nil {
			return 0, err
		}
		names, marks = append(names, quoteIdentifier(c.name)), append(marks, "$"+strconv.Itoa(i+1))
		values = append(values, pgText(c.value))
	}
	insert := fmt.Sprintf(`INSERT INTO revocations (%s) VALUES (%s)`, strings.Join(names, ", "), strings.Join(marks, ", "))
	see, err := oneRow(ctx, conn, `SELECT has_column_privilege('revocations', 'id', 'SELECT')`)
	if err != nil {
		return 0, err
	}
	if see[0] != "t" { // a writer that may not read need not see ids either
		if err := conn.ExecParams(ctx, insert, values, nil, nil, nil).Read().Err; err != nil {
			return 0, cannotInsert(ctx, conn, err)
		}
		return 0, nil
	}
	id, err := oneRow(ctx, conn, insert+` RETURNING id`, values...)
	if err != nil {
		return 0, cannotInsert(ctx, conn, err)
	}
	return strconv.ParseInt(id[0], 10, 64)
}

// pgText is a cell as text, of which the server makes what the column's type is.
func pgText(v any) []byte {
	switch v := v.(type) {
	case int64:
		return []byte(time.Unix(v, 0).UTC().Format(time.RFC3339))
	case bool:
		return strconv.AppendBool(nil, v)
	default:
		return []byte(v.(string))
	}
}

// hasColumn refuses a claim that the table has no column for. To alter the table is for its owner.
func hasColumn(ctx context.Context, conn *pgconn.PgConn, place, name string) error {
	bad := func(reason string) error {
		return &BadRowError{Source: "the row for " + place, Field: name, Reason: reason}
	}
	if isKey(name) {
		return bad("the table revocations has a column " + name + " of its own; record such rows in a .jsonl file")
	}
	row, err := oneRow(ctx, conn, `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('revocations') AND attname = $1 AND attnum > 0 AND NOT attisdropped),
		to_regclass('revocations') IS NULL`, []byte(name))
	switch {
	case err != nil:
		return err
	case row[1] == "t":
		return errors.New(noPostgresTable)
	case row[0] != "t":
		return bad(fmt.Sprintf("the table revocations has no such column; its owner adds it with ALTER TABLE revocations ADD COLUMN %s text, and lets writers use it by running publisher schema again", quoteIdentifier(name)))
	}
	return nil
}
