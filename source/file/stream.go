package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// Stream returns the source of the rows in a stream of JSON Lines, which messages call "standard
// input". The first reading copies the stream into a temporary file, up to its end. A publisher
// that lost a race reads its source again, so every reading visits all rows of the copy.
//
// Whether the rows of a stream are new is unknown, so a reinstatement must have a revoked_at.
func Stream(r io.Reader, opt Options) source.Source {
	return &stream{in: r, skip: opt.SkipBadRows}
}

type stream struct {
	skip bool

	mu   sync.Mutex
	in   io.Reader
	copy *os.File // nil before the first reading
	size int64
	err  error // of copying; a stream that broke off stays broken
}

func (s *stream) String() string { return "standard input" }

func (s *stream) Watch(context.Context, func(), func(string)) {}

func (s *stream) Read(ctx context.Context, _ source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.copy == nil && s.err == nil {
		s.err = s.spool()
	}
	err := s.err
	if err == nil {
		_, err = s.copy.Seek(0, io.SeekStart)
	}
	if err != nil {
		return source.Result{}, fmt.Errorf("cannot read standard input: %w", err)
	}
	r := &rows.Reading{Context: ctx, Source: s.String(), Unit: "line", Skip: s.skip, Visit: visit}
	r.Result.Full, r.Result.Cursor = true, source.Cursor("{}")
	if err := readJSONL(r, newInput(s.copy, s.size)); err != nil {
		return source.Result{}, err
	}
	return r.Result, nil
}

func (s *stream) spool() error {
	f, err := os.CreateTemp("", "revocast-stdin-*")
	if err != nil {
		return err
	}
	// The copy holds claim values, so it must not outlive the process. Without a name it is removed
	// when it is closed. (A system that cannot remove open files keeps it.)
	os.Remove(f.Name())
	s.size, err = io.Copy(f, s.in)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.copy = f
	return nil
}
