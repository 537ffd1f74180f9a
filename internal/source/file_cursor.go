package source

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// A fileCursor is the state in which a file was read, and the states before.
type fileCursor struct {
	Size    int64       `json:"size"`
	SHA256  string      `json:"sha256"` // of the first Size bytes, in hex
	Earlier []fileState `json:"earlier,omitempty"`
	// Released are the reinstatements that were ever read of it.
	Released remembered `json:"released,omitzero"`
}

// maxEarlier states are remembered, the latest of them.
const maxEarlier = 8

// A fileState is [size, the first 8 bytes of the SHA-256 in hex].
type fileState struct {
	size int64
	sum  string
}

func (s fileState) MarshalJSON() ([]byte, error) { return json.Marshal([2]any{s.size, s.sum}) }

func (s *fileState) UnmarshalJSON(b []byte) error {
	pair := []any{&s.size, &s.sum}
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a file's state has two elements, not %d", len(pair))
	}
	return nil
}

func shortSum(sum string) string { return sum[:min(len(sum), 16)] }

// decodeCursor reads a cursor strictly; one of another kind of source, or of
// none, is no error but nothing to go on from.
func decodeCursor[T any](c Cursor) (*T, bool) {
	if len(c) == 0 {
		return nil, false
	}
	t := new(T)
	d := json.NewDecoder(bytes.NewReader(c))
	d.DisallowUnknownFields()
	if d.Decode(t) != nil {
		return nil, false
	}
	return t, true
}

func encodeCursor(v any) (Cursor, error) { return json.Marshal(v) }

// next is the cursor after a reading that ended with the given state.
func (c *fileCursor) next(size int64, sum []byte) *fileCursor {
	n := &fileCursor{Size: size, SHA256: hex.EncodeToString(sum)}
	if c == nil {
		return n
	}
	n.Earlier = c.Earlier
	// An empty file is nobody's older copy: log rotation leaves one.
	if c.Size > 0 && (c.Size != n.Size || c.SHA256 != n.SHA256) {
		n.Earlier = append(n.Earlier, fileState{c.Size, shortSum(c.SHA256)})
	}
	n.Earlier = n.Earlier[max(0, len(n.Earlier)-maxEarlier):]
	return n
}

// wasOnce tells whether a file of the given state was read before the last time.
func (c *fileCursor) wasOnce(size int64, sum []byte) bool {
	for _, s := range c.Earlier {
		if s.size == size && s.sum == shortSum(hex.EncodeToString(sum)) {
			return true
		}
	}
	return false
}

func (c *fileCursor) hasSize(size int64) bool {
	for _, s := range c.Earlier {
		if s.size == size {
			return true
		}
	}
	return false
}
