package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options are how to read a source. The zero value reads everything there is
// and stops at the first bad row.
type Options struct {
	// Query is the SELECT to read from a database instead of the table
	// revocations. Its columns are those of a row.
	Query string
	// Window and FullEvery are for a Query on PostgreSQL with the placeholder @since: how
	// far before the last reading that is, and how often everything is read. 0 is
	// [DefaultWindow] and [DefaultFullEvery].
	Window, FullEvery time.Duration
	// SkipBadRows goes on after a bad row, and lists it in the [Result].
	SkipBadRows bool
	// Stdin is what "-" reads, os.Stdin if nil. It is read once, to its end.
	Stdin io.Reader
	// Name replaces the source's default name.
	Name string
}

const forms = "a source is rows.jsonl, rows.csv, sqlite:path.db, postgres://user@host/database, or - for JSON Lines on standard input"

// Open prepares a source for reading. It touches no file yet: what is missing
// or unreadable shows in Read. The error says which locations there are.
func Open(location string, opt Options) (Source, error) {
	kind, path, err := locate(location)
	if err != nil {
		return nil, err
	}
	if opt.Query != "" && kind != kindSQLite && kind != kindPostgres {
		return nil, fmt.Errorf("--query reads from a database, and %s is none", location)
	}
	if kind == kindPostgres {
		return openPostgres(location, path, opt)
	}
	if opt.Window != 0 || opt.FullEvery != 0 {
		return nil, fmt.Errorf("--window and --full-every are for a --query with @since on PostgreSQL, and %s is none", location)
	}
	name := opt.Name
	if name == "" {
		name = location
	}
	switch kind {
	case kindStdin:
		in := opt.Stdin
		if in == nil {
			in = os.Stdin
		}
		return &stdin{name: name, in: in, skip: opt.SkipBadRows}, nil
	case kindSQLite:
		return &sqliteSource{name: name, location: location, path: path, query: opt.Query, skip: opt.SkipBadRows}, nil
	case kindCSV:
		return &file{name: name, path: path, skip: opt.SkipBadRows, read: readCSV}, nil
	default:
		return &file{name: name, path: path, skip: opt.SkipBadRows, read: readJSONL}, nil
	}
}

type locationKind int

const (
	kindStdin locationKind = iota
	kindJSONL
	kindCSV
	kindSQLite
	kindPostgres
)

// locate tells what a location is, and the path in it, or, of a server's, what may be
// shown of it. Its errors never repeat a URL, which may
// hold a password.
func locate(location string) (kind locationKind, path string, err error) {
	if path, ok := strings.CutPrefix(location, "sqlite:"); ok {
		switch {
		case path == "":
			return 0, "", errors.New("sqlite: lacks the path of a database, as in sqlite:revocations.db")
		case strings.HasPrefix(path, "//"):
			return 0, "", errors.New("sqlite:// is no source; write sqlite:path.db, or sqlite:/path.db from the root")
		}
		return kindSQLite, path, nil
	}
	if scheme, _, ok := strings.Cut(location, "://"); ok {
		if scheme == "postgres" || scheme == "postgresql" {
			path, err := postgresPlace(location)
			return kindPostgres, path, err
		}
		return 0, "", fmt.Errorf("%s:// is no source: %s", shorten(scheme), forms)
	}
	switch {
	case location == "":
		return 0, "", errors.New("the source is empty: " + forms)
	case location == "-":
		return kindStdin, "", nil
	}
	switch strings.ToLower(filepath.Ext(location)) {
	case ".jsonl":
		return kindJSONL, location, nil
	case ".csv":
		return kindCSV, location, nil
	}
	if info, err := os.Stat(location); err == nil && info.IsDir() {
		return 0, "", fmt.Errorf("%s is a directory: %s", location, forms)
	}
	return 0, "", fmt.Errorf("%s has no known extension: %s", location, forms)
}
