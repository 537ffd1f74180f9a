package source

import (
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
	Gone int    `json:"gone,omitempty"` // how many of Last, the first, are not there any more
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
	there []uint32 // besides those of short: see appended
}

func newMemory(was remembered) *memory {
	m := &memory{was: was, last: map[uint32]int{}, same: was.N == 0}
	for _, short := range was.shorts() {
		m.last[short]++
	}
	return m
}

func (r *remembered) shorts() (all []uint32) {
	for last := r.Last; len(last) >= 4; last = last[4:] {
		all = append(all, binary.BigEndian.Uint32(last))
	}
	return all
}

// note remembers a reinstatement for the next time.
func (m *memory) note(row *Row) (short uint32) {
	h := sha256.New()
	for i, name := range row.Names {
		fmt.Fprintf(h, "%q %q\n", name, row.Values[i])
	}
	fmt.Fprintln(h, row.Exp, row.Before, row.RevokedAt)
	sum := h.Sum(nil)
	short = binary.BigEndian.Uint32(sum)
	m.n++
	m.sum = sha256.Sum256(append(m.sum[:], sum...))
	m.short = append(m.short, short)
	if len(m.short) == 2*maxRemembered {
		m.short = append(m.short[:0], m.short[maxRemembered:]...)
	}
	if m.n == m.was.N {
		m.same = m.hex() == m.was.Sum
	}
	return short
}

// took is note that tells whether the reinstatement is one of the last time, one by one.
func (m *memory) took(row *Row) (listed bool) {
	short := m.note(row)
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

// inPart is again for a source of which a part comes: the end every time, or what a file was rewritten to.
func (m *memory) inPart(row *Row) bool {
	return row.Reinstate && (m.took(row) || m.was.N > maxRemembered)
}

// appended makes the memory one for what was appended to a file. That is new, but for what was
// there once: somebody may copy back what he removed.
func (m *memory) appended() {
	shorts := m.was.shorts()
	for _, there := range shorts[min(max(m.was.Gone, 0), len(shorts)):] {
		m.last[there]--
		m.there = append(m.there, there)
	}
}

// unsure tells whether again may have called something old that was new.
func (m *memory) unsure() bool { return m.was.N > maxRemembered && !m.same }

// remembered is for who reads all or the same part of it the next time.
func (m *memory) remembered() remembered {
	if m.n == 0 {
		return remembered{}
	}
	return remembered{N: m.n, Sum: m.hex(), Last: lastOf(m.short)}
}

// ever is for who may read any of it the next time: also what did not come again.
func (m *memory) ever() remembered {
	var gone []uint32
	for _, short := range m.was.shorts() {
		if m.last[short] > 0 {
			m.last[short]--
			gone = append(gone, short)
		}
	}
	there := append(m.there, m.short...)
	n := len(gone) + len(there)
	r := remembered{N: int64(n), Last: lastOf(append(gone, there...)), Gone: max(0, len(gone)-max(0, n-maxRemembered))}
	if m.was.N > maxRemembered {
		r.N = max(r.N, m.was.N) // some are forgotten, and stay so
	}
	return r
}

func lastOf(short []uint32) []byte {
	var last []byte
	for _, s := range short[max(0, len(short)-maxRemembered):] {
		last = binary.BigEndian.AppendUint32(last, s)
	}
	return last
}
