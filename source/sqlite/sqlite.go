// Package sqlite reads decisions from SQLite databases, and records them there: in the table
// revocations, which [Record] makes. It can also read the result of a query.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// Options say how to read a database.
type Options struct {
	// Query is a SELECT to read instead of the table revocations. Its columns are those of a row.
	// All its rows are visited every time, so a reinstatement must give its moment.
	Query string
	// SkipBadRows goes on after a bad row. The result counts and lists the rows that were skipped.
	SkipBadRows bool
}

// Open returns the source of the rows in a database file. path has no "sqlite:" before it.
//
// Open touches no file, and the source holds no connection open between readings. A missing file is
// an error of Read, which errors.Is(err, fs.ErrNotExist) recognizes. One reading is one snapshot of
// the database, and never writes. The source cannot tell when the database changes, so Watch returns
// at once.
func Open(path string, opt Options) source.Source { return &database{path, opt} }

type database struct {
	path string
	opt  Options
}

func (s *database) String() string { return "sqlite:" + s.path }

func (s *database) Watch(context.Context, func(), func(string)) {}

func (s *database) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	r := &rows.Reading{Context: ctx, Source: s.String(), Unit: "row", Skip: s.opt.SkipBadRows, Visit: visit}
	if err := s.read(r, since); err != nil {
		return source.Result{}, err
	}
	return r.Result, nil
}

func (s *database) read(r *rows.Reading, since source.Cursor) error {
	cannot := func(err error) error { return fmt.Errorf("cannot read the source %s: %w", r.Source, err) }
	// The driver's errors for a missing file and for a directory do not name the cause.
	if info, err := os.Stat(s.path); err != nil {
		return cannot(err)
	} else if info.IsDir() {
		return cannot(fmt.Errorf("%s is a directory", s.path))
	}
	db, err := open(s.path, "mode=ro")
	if err != nil {
		return cannot(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(r.Context, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return cannot(err)
	}
	defer tx.Rollback()
	if s.opt.Query == "" {
		return readTable(r, tx, rows.DecodeCursor[cursor](since))
	}
	r.Result.Full, r.Result.Cursor = true, source.Cursor("{}")
	result, err := tx.QueryContext(r.Context, s.opt.Query)
	if err != nil {
		return fmt.Errorf("the query on %s failed: %w", r.Source, err)
	}
	defer result.Close()
	return visitRows(r, result, "", func(int64) bool { return false })
}

// open opens a database file. The parameters are those of the driver's DSN.
func open(path, parameters string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: filepath.ToSlash(filepath.Clean(path))}).EscapedPath()
	db, err := sql.Open("sqlite", dsn+"?_pragma=busy_timeout(5000)&"+parameters)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
