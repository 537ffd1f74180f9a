package file

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
)

// An input counts and hashes the bytes of a file while a format reads them. So a cursor covers
// exactly the bytes that were read, even if the file changes meanwhile.
type input struct {
	r    io.Reader
	hash hash.Hash

	n        int64 // bytes so far
	newlines int64 // among them
	last     byte  // the last of them
	head     []byte
}

// headSize is how much of the beginning an input keeps. The header of a CSV file is no longer.
const headSize = maxLine

func newInput(r io.Reader, size int64) *input {
	return &input{r: io.LimitReader(r, size), hash: sha256.New()}
}

func (in *input) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	if n > 0 {
		p = p[:n]
		in.hash.Write(p)
		in.n += int64(n)
		in.newlines += int64(bytes.Count(p, []byte{'\n'}))
		in.last = p[n-1]
		if room := headSize - len(in.head); room > 0 {
			in.head = append(in.head, p[:min(room, n)]...)
		}
	}
	return n, err
}

// discard reads n bytes and drops them. They count, and are part of the hash.
func (in *input) discard(n int64) error {
	_, err := io.CopyN(io.Discard, in, n)
	return err
}

func (in *input) sum() []byte { return in.hash.Sum(nil) }

// inLine reports whether the bytes read so far end within a line.
func (in *input) inLine() bool { return in.n > 0 && in.last != '\n' }
