// Package file reads decisions from files of JSON Lines and CSV, and from streams of JSON Lines.
// It also appends decisions to a file of JSON Lines.
package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// Options say how to read a file or a stream.
type Options struct {
	// SkipBadRows goes on after a bad row. The result counts and lists the rows that were skipped.
	SkipBadRows bool
}

// Open returns the source of the rows in a file. The extension of its name says what it holds:
// JSON Lines (.jsonl) or CSV (.csv). Any other extension is an error.
//
// Open touches no file, and the source holds none open between readings. A missing file is an
// error of Read, which errors.Is(err, fs.ErrNotExist) recognizes. The source reads what was
// appended since the cursor. It cannot tell when the file changes, so Watch returns at once.
func Open(path string, opt Options) (source.Source, error) {
	f := &file{path: path, skip: opt.SkipBadRows}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl":
		f.format = readJSONL
	case ".csv":
		f.format = readCSV
	default:
		return nil, fmt.Errorf("%s has no known extension", path)
	}
	return f, nil
}

type file struct {
	path   string
	skip   bool
	format format
}

// A format visits the rows that in still holds.
type format func(r *rows.Reading, in *input) error

func (s *file) String() string { return s.path }

func (s *file) Watch(context.Context, func(), func(string)) {}

func (s *file) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	// To open a pipe would wait for its writer, and its size would be that of an empty file.
	info, err := os.Stat(s.path)
	if err == nil && !info.Mode().IsRegular() {
		return source.Result{}, fmt.Errorf("the source %s is not a regular file", s.path)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(s.path)
	}
	if err != nil {
		return source.Result{}, fmt.Errorf("cannot read the source: %w", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return source.Result{}, fmt.Errorf("cannot read the source: %w", err)
	}
	r := &rows.Reading{Context: ctx, Source: s.path, Unit: "line", Skip: s.skip, Visit: visit, Undated: true}
	if err := read(r, f, info.Size(), rows.DecodeCursor[cursor](since), s.format); err != nil {
		return source.Result{}, err
	}
	return r.Result, nil
}
