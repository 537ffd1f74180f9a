package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// Record inserts a decision into the table revocations of a database file, in a transaction of its
// own, and returns the id of the row. It makes what is missing: the file, readable by its owner
// alone, the table, and the column of a claim. When Record returns without an error, the row is on
// the disk. A decision that reading would refuse is a *[source.BadRowError].
//
// Record is safe for concurrent use, by any number of processes and beside any number of readings.
func Record(ctx context.Context, path string, d source.Decision) (id int64, err error) {
	place := (&database{path: path}).String()
	row, err := rows.Of(d, place)
	if err != nil {
		return 0, err
	}
	if id, err = record(ctx, path, place, row); err == nil {
		return id, nil
	}
	if _, ok := errors.AsType[*source.BadRowError](err); !ok {
		err = fmt.Errorf("recording in %s failed: %w", place, err)
	}
	return 0, err
}

func record(ctx context.Context, path, place string, row *source.Row) (id int64, err error) {
	// SQLite would make the file for everybody to read, and its -wal and -shm files as well.
	f, err := rows.Create(path, os.O_RDWR)
	if err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	// FULL: in WAL mode the default may lose the last commits with the power. Immediate: a
	// transaction that reads first cannot fail at its first write.
	db, err := open(path, "mode=rw&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := useWAL(ctx, db); err != nil {
		return 0, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	if id, err = insert(ctx, tx, place, row); err != nil {
		return 0, err
	}
	return id, tx.Commit()
}

// useWAL lets readings and recordings go on side by side. It switches a new database only: the mode
// of one with tables was chosen by its owner.
func useWAL(ctx context.Context, db *sql.DB) error {
	// The switch fails at once when another process is at it. It does not wait for busy_timeout, as
	// other statements do.
	const pause, attempts = 5 * time.Millisecond, 1000
	for attempt := 1; ; attempt++ {
		var tables int
		err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables)
		if err == nil && tables == 0 {
			_, err = db.ExecContext(ctx, `PRAGMA journal_mode = WAL`)
		}
		if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code()&0xff != sqlite3.SQLITE_BUSY || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func insert(ctx context.Context, tx *sql.Tx, place string, row *source.Row) (int64, error) {
	if _, err := checkTable(ctx, tx, place); errors.Is(err, ErrNoTable) {
		err = createTable(ctx, tx)
		if err != nil {
			return 0, err
		}
	} else if err != nil {
		return 0, err
	}
	if row.Moment == source.None {
		// The transaction has the lock, so that moments are in the order of ids.
		row.Moment = time.Now().UnixMilli()
	}
	columns, err := columnNames(ctx, tx)
	if err != nil {
		return 0, err
	}
	var names, marks []string
	var args []any
	for _, c := range rows.Cells(row) {
		if columns, err = ensureColumn(ctx, tx, place, columns, c.Name); err != nil {
			return 0, err
		}
		if at, ok := c.Value.(rows.Moment); ok {
			c.Value = float64(at) / 1000
		}
		names, marks, args = append(names, rows.QuoteIdentifier(c.Name)), append(marks, "?"), append(args, c.Value)
	}
	if err := updateClaimsTrigger(ctx, tx, columns); err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO revocations (%s) VALUES (%s)`,
		strings.Join(names, ", "), strings.Join(marks, ", ")), args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// ensureColumn adds the column of a claim that no row had before. It returns all columns.
func ensureColumn(ctx context.Context, tx *sql.Tx, place string, columns []string, name string) ([]string, error) {
	bad := func(reason string) error {
		return &source.BadRowError{Source: "the row for " + place, Field: name, Reason: reason}
	}
	if strings.EqualFold(name, "id") {
		return nil, bad("the table revocations has a column id of its own; record such rows in a .jsonl file")
	}
	if slices.Contains(columns, name) {
		return columns, nil
	}
	if i := slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(c, name) }); i >= 0 {
		return nil, bad(fmt.Sprintf("the table has the column %q, and SQLite does not tell the two apart; record such rows in a .jsonl file", columns[i]))
	}
	_, err := tx.ExecContext(ctx, `ALTER TABLE revocations ADD COLUMN `+limitedText(name))
	return append(columns, name), err
}
