package file

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/revocast/revocast/internal/rows"
)

// A cursor holds the size of a file when it was read, and the SHA-256 of those bytes in hex.
//
// If the file still begins with the same bytes, only the bytes behind them are read, and their rows
// are new. Otherwise the file was rewritten, rotated, cut, or replaced by an older copy. Then it is
// read from its start, and no row of it is known to be new. Rows that were appended to the old file
// after the last reading are gone, and a warning says so. An empty file is a prefix of every file,
// so its cursor is worth as much as none.
//
// Rows that are appended to a file are known to be new until the file is replaced for the first time.
// After that they may be the rest of a file that is being rewritten, or come back with a newer copy.
type cursor struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Replaced reports whether the file was ever replaced.
	Replaced bool `json:"replaced,omitempty"`
}

// read visits the rows in the first size bytes of f, or those of them that the cursor is not past.
func read(r *rows.Reading, f io.ReadSeeker, size int64, since *cursor, format format) error {
	in, err := resume(f, size, since)
	if err != nil {
		return fmt.Errorf("cannot read the source %s: %w", r.Source, err)
	}
	r.Result.Full = in.n == 0
	replaced := since != nil && (since.Replaced || r.Result.Full && since.Size > 0)
	r.New = since != nil && !r.Result.Full && !replaced
	if r.Result.Full && since != nil && since.Size > 0 {
		r.Warn("all of %s was read, because it was replaced or rewritten since the last reading; any rows that were appended to the old file in between were never read", r.Source)
	}
	if err := format(r, in); err != nil {
		return err
	}
	if in.n != size {
		return fmt.Errorf("the source %s shrank from %d to %d bytes while it was read; read it again when nothing rewrites it", r.Source, size, in.n)
	}
	r.Result.Cursor, err = json.Marshal(cursor{size, hex.EncodeToString(in.sum()), replaced})
	return err
}

// resume returns the bytes of the file, those that the cursor is past already discarded.
func resume(f io.ReadSeeker, size int64, since *cursor) (*input, error) {
	if since != nil && since.Size > 0 && since.Size <= size {
		in := newInput(f, size)
		if err := in.discard(since.Size); err != nil {
			return nil, err
		}
		if hex.EncodeToString(in.sum()) == since.SHA256 {
			return in, nil
		}
	}
	_, err := f.Seek(0, io.SeekStart)
	return newInput(f, size), err
}
