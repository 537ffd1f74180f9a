package source

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// file is a source of rows in a file. It holds no file open between readings.
type file struct {
	name, path string
	skip       bool
	read       func(*reading, *input) error
}

func (s *file) Name() string { return s.name }

func (s *file) Read(ctx context.Context, since Cursor, visit func(*Row) error) (Result, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return Result{}, fmt.Errorf("cannot read the source: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Result{}, fmt.Errorf("cannot read the source: %w", err)
	}
	if !info.Mode().IsRegular() {
		// A pipe has no size, and would look like an empty file.
		return Result{}, fmt.Errorf("the source %s is not a regular file; pipe rows in with --source -", s.path)
	}
	r := &reading{ctx: ctx, source: s.path, skip: s.skip, visit: visit}
	cursor, _ := decodeCursor[fileCursor](since)
	if err := r.file(f, info.Size(), cursor, s.read); err != nil {
		return Result{}, err
	}
	return r.result, nil
}

// file reads the first size bytes of f, or what of them is new.
func (r *reading) file(f io.ReadSeeker, size int64, since *fileCursor, read func(*reading, *input) error) error {
	in, err := r.resume(f, size, since)
	if err != nil {
		return err
	}
	var m *fileMemory
	if since == nil {
		m = newFileMemory(remembered{}, false)
		r.fromStart()
		r.again = func(row *Row) bool { m.again(row); return true }
	} else {
		r.result.Full = in.n == 0
		m = newFileMemory(since.Released, !r.result.Full)
		r.again = m.again
	}
	if err := read(r, in); err != nil {
		return err
	}
	if in.n != size {
		return fmt.Errorf("the source %s shrank from %d to %d bytes while it was read; run again when nothing rewrites it", r.source, size, in.n)
	}
	next := since.next(size, in.sum())
	next.Released = m.remembered()
	r.result.Unsure = r.result.Unsure || m.old > 0
	r.result.Cursor, err = encodeCursor(next)
	return err
}

// resume gives the file's bytes from the first that is new. What grew from nothing could
// be anything, older rows among it.
func (r *reading) resume(f io.ReadSeeker, size int64, since *fileCursor) (*input, error) {
	if since != nil && since.Size > 0 && size >= since.Size {
		in := newInput(f, size)
		if err := in.discard(since.Size); err != nil {
			return nil, fmt.Errorf("cannot read the source %s: %w", r.source, err)
		}
		if hex.EncodeToString(in.sum()) == since.SHA256 {
			return in, nil
		}
	}
	if since != nil && since.hasSize(size) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("cannot read the source %s: %w", r.source, err)
		}
		in := newInput(f, size)
		if err := in.discard(size); err != nil {
			return nil, fmt.Errorf("cannot read the source %s: %w", r.source, err)
		}
		if since.wasOnce(size, in.sum()) {
			return nil, fmt.Errorf("%w: %s has the %d bytes that it had before it grew to %d; put the newer file back, or publish this one under another --source-name",
				ErrOlderSource, r.source, size, since.Size)
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cannot read the source %s: %w", r.source, err)
	}
	return newInput(f, size), nil
}
