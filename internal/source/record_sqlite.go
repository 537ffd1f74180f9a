package source

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
)

// recordSQLite inserts a row in a transaction of its own.
func recordSQLite(ctx context.Context, location, path string, row *Row) (id int64, err error) {
	// SQLite would make the file for everybody to read, and give its -wal and
	// -shm files the same rights.
	f, created, err := create(path, os.O_RDWR)
	if err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	if created {
		if err := syncDir(path); err != nil {
			return 0, err
		}
	}
	// FULL: in WAL mode the default may lose the last commits with the power.
	// Immediate: a transaction that first reads cannot fail at its first write.
	db, err := openSQLite(path, "mode=rw&_pragma=synchronous(FULL)&_txlock=immediate")
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
	if id, err = insert(ctx, tx, location, row); err != nil {
		return 0, err
	}
	return id, tx.Commit()
}

// useWAL lets readings and recordings go on side by side. Only a database that is
// new is switched: one with tables is somebody's, who chose its mode.
func useWAL(ctx context.Context, db *sql.DB) error {
	// The switch fails at once when another process is at it; it does not wait
	// for busy_timeout as other statements do.
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

func insert(ctx context.Context, tx *sql.Tx, location string, row *Row) (int64, error) {
	if err := checkTable(ctx, tx, location); errors.Is(err, errNoTable) {
		if _, err := tx.ExecContext(ctx, sqliteSchema); err != nil {
			return 0, err
		}
	} else if err != nil {
		return 0, err
	}
	columns, err := columnNames(ctx, tx)
	if err != nil {
		return 0, err
	}
	var names, marks []string
	var args []any
	for _, c := range row.cells() {
		if err := ensureColumn(ctx, tx, location, columns, c.name); err != nil {
			return 0, err
		}
		names, marks, args = append(names, quoteIdentifier(c.name)), append(marks, "?"), append(args, c.value)
	}
	result, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO revocations (%s) VALUES (%s)`,
		strings.Join(names, ", "), strings.Join(marks, ", ")), args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// ensureColumn adds the column of a claim that no row had before.
func ensureColumn(ctx context.Context, tx *sql.Tx, location string, columns []string, name string) error {
	bad := func(reason string) error {
		return &BadRowError{Source: "the row for " + location, Field: name, Reason: reason}
	}
	if strings.EqualFold(name, "id") {
		return bad("the table revocations has a column id of its own; record such rows in a .jsonl file")
	}
	if slices.Contains(columns, name) {
		return nil
	}
	if i := slices.IndexFunc(columns, func(c string) bool { return strings.EqualFold(c, name) }); i >= 0 {
		return bad(fmt.Sprintf("the table has the column %q, and SQLite does not tell the two apart; record such rows in a .jsonl file", columns[i]))
	}
	_, err := tx.ExecContext(ctx, `ALTER TABLE revocations ADD COLUMN `+quoteIdentifier(name)+` TEXT`)
	return err
}
