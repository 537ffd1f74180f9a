package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqliteSource reads the table revocations, or the result of a query.
type sqliteSource struct {
	name, location, path, query string
	skip                        bool
}

func (s *sqliteSource) Name() string { return s.name }

// A sqliteCursor is the highest id that was read, and a hash of its row: ids
// alone cannot tell a table that was restored and then grew again.
type sqliteCursor struct {
	ID  int64  `json:"id"`
	Row string `json:"row"`
}

func (s *sqliteSource) Read(ctx context.Context, since Cursor, visit func(*Row) error) (result Result, err error) {
	// The driver's own words for a missing file or a directory are no help to anyone.
	if info, err := os.Stat(s.path); err != nil {
		return Result{}, fmt.Errorf("cannot read the source %s: %w", s.location, err)
	} else if info.IsDir() {
		return Result{}, fmt.Errorf("cannot read the source %s: it is a directory, and no database", s.location)
	}
	db, err := openSQLite(s.path, "mode=ro")
	if err != nil {
		return Result{}, fmt.Errorf("cannot read the source %s: %w", s.location, err)
	}
	defer db.Close()
	// One transaction is one snapshot.
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Result{}, fmt.Errorf("cannot read the source %s: %w", s.location, err)
	}
	defer tx.Rollback()
	r := &reading{ctx: ctx, source: s.location, unit: "row", skip: s.skip, visit: visit}
	if s.query != "" {
		return r.everything(since, sumQuery(s.query), true, func() error { return r.query(tx, s.query) })
	}
	cursor, _ := decodeCursor[sqliteCursor](since)
	if err := r.table(tx, cursor); err != nil {
		return Result{}, err
	}
	return r.result, nil
}

// openSQLite opens a database file. Params are of the driver's DSN.
func openSQLite(path string, params string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: filepath.ToSlash(filepath.Clean(path))}).EscapedPath()
	db, err := sql.Open("sqlite", dsn+"?_pragma=busy_timeout(5000)&"+params)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// query visits the rows of a user's own SELECT.
func (r *reading) query(tx *sql.Tx, query string) error {
	rows, err := tx.QueryContext(r.ctx, query)
	if err != nil {
		return fmt.Errorf("the query on %s failed: %w", r.source, err)
	}
	defer rows.Close()
	_, err = r.rows(rows, "")
	return err
}

// table visits the rows of the table revocations that are new.
func (r *reading) table(tx *sql.Tx, since *sqliteCursor) error {
	if err := checkTable(r.ctx, tx, r.source); err != nil {
		return err
	}
	r.fromStart()
	from := int64(math.MinInt64)
	if since != nil && since.ID > 0 {
		// AUTOINCREMENT keeps the highest id that was ever given, so deleting rows
		// does not make a table older. Ids are in the order of the commits, since
		// SQLite has one writer at a time: nothing appears below the cursor later.
		var highest int64
		err := tx.QueryRowContext(r.ctx, `SELECT seq FROM sqlite_sequence WHERE name = 'revocations'`).Scan(&highest)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("cannot read the source %s: %w", r.source, err)
		}
		if highest < since.ID {
			return fmt.Errorf("%w: the highest id ever given in %s is %d, and %d was read before; restore the newer database, or publish this one under another --source-name",
				ErrOlderSource, r.source, highest, since.ID)
		}
		sum, ok, err := rowSum(r.ctx, tx, since.ID)
		if err != nil {
			return fmt.Errorf("cannot read the source %s: %w", r.source, err)
		}
		// A row that is gone proves nothing; another row in its place proves
		// that the table was made anew, and everything in it may be new.
		if !ok || sum == since.Row {
			from, r.again = since.ID, nil
			r.result.Full, r.result.Unsure = false, false
		}
	}
	// A first reading takes whatever ids there are, the next ones what is above.
	rows, err := tx.QueryContext(r.ctx, `SELECT * FROM revocations WHERE id > ? ORDER BY id`, from)
	if err != nil {
		return fmt.Errorf("cannot read the source %s: %w", r.source, err)
	}
	defer rows.Close()
	next := sqliteCursor{}
	if since != nil && !r.result.Full {
		next = *since
	}
	last, err := r.rows(rows, "id")
	if err != nil {
		return err
	}
	if last != 0 {
		next.ID = last
		if next.Row, _, err = rowSum(r.ctx, tx, last); err != nil {
			return fmt.Errorf("cannot read the source %s: %w", r.source, err)
		}
	}
	r.result.Cursor, err = encodeCursor(next)
	return err
}

// rows visits the rows of a result. If key is given, the column of that name is
// no part of a row but tells where it stands. Last is where the last row stands.
func (r *reading) rows(rows *sql.Rows, key string) (last int64, err error) {
	names, err := rows.Columns()
	if err != nil {
		return 0, fmt.Errorf("cannot read the source %s: %w", r.source, err)
	}
	b := builder{wordy: true}
	columns, err := r.heading(&b, names, func(name string) bool { return key != "" && strings.EqualFold(name, key) })
	if err != nil {
		return 0, err
	}
	values, targets := make([]any, len(names)), make([]any, len(names))
	var id *any
	for i := range names {
		targets[i] = &values[i]
		if columns[i] == nil {
			id = &values[i]
		}
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return 0, fmt.Errorf("cannot read the source %s: %w", r.source, err)
		}
		last++
		if id != nil {
			last, _ = (*id).(int64)
		}
		b.start(last)
		if f := b.fill(columns, values); f != nil {
			err = r.bad(last, f)
		} else {
			err = r.good(&b.row)
		}
		if err != nil {
			return 0, err
		}
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("cannot read the source %s: %w", r.source, err)
	}
	return last, nil
}

func (b *builder) fill(columns []*column, values []any) *fault {
	for i, c := range columns {
		if c == nil {
			continue
		}
		if f := b.set(c, sqlValue(values[i])); f != nil {
			return f
		}
	}
	return b.finish()
}

func sqlValue(v any) value {
	switch v := v.(type) {
	case nil:
		return value{}
	case string:
		return value{text, v}
	case []byte:
		if !utf8.Valid(v) {
			return value{other, "a BLOB that is not UTF-8 text"}
		}
		return value{text, string(v)}
	case int64:
		return value{number, strconv.FormatInt(v, 10)}
	case float64:
		// With an exponent, so that it is not taken for an exact integer.
		return value{number, strconv.FormatFloat(v, 'e', -1, 64)}
	case bool:
		return value{boolean, strconv.FormatBool(v)}
	case time.Time:
		// The driver read it for UTC if it had no zone: that may be hours off.
		return value{other, "text in a column declared DATE, DATETIME or TIMESTAMP, whose zone is unknown (select unixepoch(…, 'subsec'), or CAST(… AS TEXT), under the same name)"}
	}
	return value{other, fmt.Sprintf("of the type %T", v)}
}

// rowSum is a hash of all that a row of the table holds, whichever columns were
// added to the table since it was written.
func rowSum(ctx context.Context, tx *sql.Tx, id int64) (sum string, ok bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT * FROM revocations WHERE id = ?`, id)
	if err != nil {
		return "", false, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return "", false, errors.Join(err, rows.Err())
	}
	values, targets := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return "", false, err
	}
	sum = sumRow(names, func(i int) (string, bool) { return fmt.Sprint(values[i]), values[i] != nil })
	return sum, true, rows.Err()
}
