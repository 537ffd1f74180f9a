package source

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
)

// An input counts and hashes the bytes of a file on their way to whoever reads
// rows of them, so that a cursor claims exactly the bytes that were read, even if
// the file changes meanwhile.
type input struct {
	r    io.Reader
	hash hash.Hash

	n        int64 // bytes so far
	newlines int64 // among them
	last     byte  // the last of them
	head     []byte
}

// headSize is how much of the beginning is kept: enough for a CSV header.
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

// discard reads n bytes for their hash alone.
func (in *input) discard(n int64) error {
	_, err := io.CopyN(io.Discard, in, n)
	return err
}

func (in *input) sum() []byte { return in.hash.Sum(nil) }

// inLine tells whether what was read ends within a line.
func (in *input) inLine() bool { return in.n > 0 && in.last != '\n' }
