package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// sqliteSchema is the table that Record makes. AUTOINCREMENT matters: without it
// SQLite gives the id of a deleted last row again, below the cursor.
const sqliteSchema = `CREATE TABLE revocations (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	jti        TEXT,
	sid        TEXT,
	sub        TEXT,
	client_id  TEXT,
	kid        TEXT,
	"before"   INTEGER,
	exp        INTEGER,
	revoked_at INTEGER,
	reason     TEXT,
	reinstate  INTEGER,
	iss        TEXT
)`

var errNoTable = errors.New("it has no table revocations; publisher revoke makes one, and --query reads a table of your own")

// checkTable tells whether the database has the table revocations as Record
// makes it. The error names the source, and wraps errNoTable if there is no such table.
func checkTable(ctx context.Context, tx *sql.Tx, source string) error {
	var ddl string
	err := tx.QueryRowContext(ctx, `SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'revocations'`).Scan(&ddl)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("cannot use the source %s: %w", source, errNoTable)
	case err != nil:
		return fmt.Errorf("cannot use the source %s: %w", source, err)
	}
	var pk int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info('revocations') WHERE name = 'id' AND pk = 1 AND upper(type) = 'INTEGER'`).Scan(&pk)
	if err != nil {
		return fmt.Errorf("cannot use the source %s: %w", source, err)
	}
	if pk == 0 || !strings.Contains(strings.ToUpper(ddl), "AUTOINCREMENT") {
		return fmt.Errorf("cannot use the source %s: its table revocations has no column id INTEGER PRIMARY KEY AUTOINCREMENT, so new rows cannot be told from old ones; read it with --query", source)
	}
	return nil
}

// columnNames are the columns of the table revocations.
func columnNames(ctx context.Context, tx *sql.Tx) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT name FROM pragma_table_info('revocations')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
