package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/source/postgres"
	"github.com/revocast/revocast/source/sqlite"
)

const sourceForms = "a source is rows.jsonl, rows.csv, sqlite:path.db, postgres://user@host/database, or - for JSON Lines on standard input"

// sourceOptions are the flags that say how to read a SOURCE.
type sourceOptions struct {
	Query             string
	Window, FullEvery time.Duration
	SkipBadRows       bool
	Stdin             io.Reader // for the SOURCE -
}

// openSource prepares a SOURCE for reading. It touches no file and no server.
func openSource(location string, opt sourceOptions) (source.Source, error) {
	kind, path, err := locate(location)
	switch {
	case err != nil:
		return nil, err
	case kind == inPostgres:
		if (opt.Window != 0 || opt.FullEvery != 0) && !strings.Contains(opt.Query, "@since") {
			return nil, errors.New("--window and --full-every are for a --query that has the placeholder @since")
		}
		return postgres.Open(path, postgres.Options{Query: opt.Query, Window: opt.Window, FullEvery: opt.FullEvery, SkipBadRows: opt.SkipBadRows})
	case opt.Window != 0 || opt.FullEvery != 0:
		return nil, fmt.Errorf("--window and --full-every are for a --query with @since on PostgreSQL, and not for %s", location)
	case kind == inSQLite && strings.Contains(opt.Query, "@since"):
		return nil, errors.New("@since is for PostgreSQL; a query on SQLite is read in full every time")
	case kind == inSQLite:
		return sqlite.Open(path, sqlite.Options{Query: opt.Query, SkipBadRows: opt.SkipBadRows}), nil
	case opt.Query != "":
		return nil, fmt.Errorf("--query reads from a database, and %s is not one", location)
	case kind == inStream:
		return file.Stream(opt.Stdin, file.Options{SkipBadRows: opt.SkipBadRows}), nil
	}
	s, err := file.Open(path, file.Options{SkipBadRows: opt.SkipBadRows})
	if err == nil {
		return s, nil
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	return nil, fmt.Errorf("%w: %s", err, sourceForms)
}

// record records a decision in a SOURCE. The place is the SOURCE without its secrets. The id is
// that of the row, or 0 if it has none or the role may not see it. A database takes the moment of
// the decision from its own clock.
func record(ctx context.Context, location string, d source.Decision) (place string, id int64, err error) {
	kind, path, err := locate(location)
	switch {
	case err != nil:
		return "", 0, err
	case kind == inFile && strings.EqualFold(filepath.Ext(path), ".jsonl"):
		return location, 0, file.Record(path, d)
	case kind == inSQLite:
		d.Moment = time.Time{}
		id, err = sqlite.Record(ctx, path, d)
		return location, id, err
	case kind == inPostgres:
		s, err := postgres.Open(path, postgres.Options{})
		if err != nil {
			return "", 0, err
		}
		d.Moment = time.Time{}
		id, err = postgres.Record(ctx, path, d)
		return s.String(), id, err
	}
	return "", 0, fmt.Errorf("cannot record a row in %q: that takes sqlite:path.db, postgres://user@host/database or rows.jsonl; other sources are written by their owners", location)
}

type sourceKind int

const (
	inStream sourceKind = iota
	inFile
	inSQLite
	inPostgres
)

// locate returns the kind of a SOURCE, and the path or URL that the kind's package takes. Its
// errors repeat no URL, because a URL may hold a password.
func locate(location string) (kind sourceKind, path string, err error) {
	if path, ok := strings.CutPrefix(location, "sqlite:"); ok {
		switch {
		case path == "":
			return 0, "", errors.New("sqlite: lacks the path of a database, as in sqlite:revocations.db")
		case strings.HasPrefix(path, "//"):
			return 0, "", errors.New("sqlite:// is not a source; write sqlite:path.db, or sqlite:/path.db from the root")
		}
		return inSQLite, path, nil
	}
	if scheme, _, ok := strings.Cut(location, "://"); ok {
		if scheme == "postgres" || scheme == "postgresql" {
			return inPostgres, location, nil
		}
		return 0, "", fmt.Errorf("%s:// is not a source: %s", source.Shorten(scheme), sourceForms)
	}
	switch location {
	case "":
		return 0, "", errors.New("the source is empty: " + sourceForms)
	case "-":
		return inStream, "", nil
	}
	return inFile, location, nil
}
