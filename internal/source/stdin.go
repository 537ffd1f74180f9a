package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// stdin is JSON Lines from a stream. A publisher that lost a race reads its
// source again, and a stream comes only once; so the first Read copies it into
// a temporary file, of which every Read visits all rows.
type stdin struct {
	name string
	skip bool

	mu   sync.Mutex
	in   io.Reader
	copy *os.File // nil before the first Read
	size int64
	err  error // of copying; a stream that broke off stays broken
}

func (s *stdin) Name() string { return s.name }

func (s *stdin) Read(ctx context.Context, since Cursor, visit func(*Row) error) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.copy == nil && s.err == nil {
		s.err = s.spool()
	}
	if s.err != nil {
		return Result{}, fmt.Errorf("cannot read standard input: %w", s.err)
	}
	if _, err := s.copy.Seek(0, io.SeekStart); err != nil {
		return Result{}, fmt.Errorf("cannot read standard input: %w", err)
	}
	r := &reading{ctx: ctx, source: "standard input", skip: s.skip, visit: visit}
	// What was piped in is said now, if it was not said the last time.
	return r.everything(since, "", false, func() error { return readJSONL(r, newInput(s.copy, s.size)) })
}

func (s *stdin) spool() error {
	f, err := os.CreateTemp("", "revocast-stdin-*")
	if err != nil {
		return err
	}
	// The copy holds claim values, so it must not outlive the process: it has
	// no name from here on. (Where open files cannot be removed it keeps its name.)
	os.Remove(f.Name())
	s.size, err = io.Copy(f, s.in)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.copy = f
	return nil
}
