package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// fromStart makes a reading one of everything, of which nobody can say what of it was read
// before: under another name, by the cursor of another file, or in another state.
func (r *reading) fromStart() {
	r.result.Full, r.result.Unsure = true, true
	r.again = func(*Row) bool { return true }
}

// maxRemembered is how many reinstatements a cursor remembers one by one: 4 bytes of each.
const maxRemembered = 256

// remembered are the reinstatements that a reading visited, for the next one, to which the
// same come again: that must not release what was revoked since.
type remembered struct {
	N    int64  `json:"n,omitempty"`    // how many there were
	Sum  string `json:"sum,omitempty"`  // a hash of all, in their order
	Last []byte `json:"last,omitempty"` // short hashes of the last of them
}

// A memory tells reinstatements that come again from new ones. Few are told apart one
// by one. Of more than a cursor can remember the first are those of the last time, if they
// are the same in the same order; else all of them may be.
type memory struct {
	was   remembered
	last  map[uint32]int // how often each of was.Last may still come
	same  bool           // the first was.N were the same
	n     int64
	sum   [sha256.Size]byte
	short []uint32
}

func newMemory(was remembered) *memory {
	m := &memory{was: was, last: map[uint32]int{}, same: was.N == 0}
	for last := was.Last; len(last) >= 4; last = last[4:] {
		m.last[binary.BigEndian.Uint32(last)]++
	}
	return m
}

// took notes a reinstatement, and tells whether it is one of the last time one by one.
func (m *memory) took(row *Row) (listed bool) {
	h := sha256.New()
	for i, name := range row.Names {
		fmt.Fprintf(h, "%q %q\n", name, row.Values[i])
	}
	fmt.Fprintln(h, row.Exp, row.Before, row.RevokedAt)
	sum := h.Sum(nil)
	short := binary.BigEndian.Uint32(sum)
	m.n++
	m.sum = sha256.Sum256(append(m.sum[:], sum...))
	m.short = append(m.short, short)
	if len(m.short) == 2*maxRemembered {
		m.short = append(m.short[:0], m.short[maxRemembered:]...)
	}
	if m.n == m.was.N {
		m.same = m.hex() == m.was.Sum
	}
	if listed = m.last[short] > 0; listed {
		m.last[short]--
	}
	return listed
}

func (m *memory) hex() string { return hex.EncodeToString(m.sum[:16]) }

// again tells, of a source that comes as a whole every time, whether a row may be a
// reinstatement that came before.
func (m *memory) again(row *Row) bool {
	if !row.Reinstate {
		return false
	}
	before := m.n
	listed := m.took(row)
	if m.was.N <= maxRemembered {
		return listed
	}
	return before < m.was.N || !m.same
}

// inWindow is again for a source of which the end comes every time.
func (m *memory) inWindow(row *Row) bool {
	return row.Reinstate && (m.took(row) || m.was.N > maxRemembered)
}

// unsure tells whether again may have called something old that was new.
func (m *memory) unsure() bool { return m.was.N > maxRemembered && !m.same }

func (m *memory) remembered() remembered {
	if m.n == 0 {
		return remembered{}
	}
	var last bytes.Buffer
	for _, short := range m.short[max(0, len(m.short)-maxRemembered):] {
		binary.Write(&last, binary.BigEndian, short)
	}
	return remembered{m.n, m.hex(), last.Bytes()}
}
