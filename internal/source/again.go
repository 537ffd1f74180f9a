package source

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
)

// fromStart makes a reading one of everything, of which nobody can say what of it was read
// before: under another name, by the cursor of another file, or in another state.
func (r *reading) fromStart() {
	r.result.Full, r.result.Unsure = true, true
	r.again = func(*Row) bool { return true }
}

const (
	// maxRemembered is how many reinstatements a cursor remembers one by one: 4 bytes of each.
	maxRemembered = 256
	// recent is for how many seconds a reinstatement that says when it was decided may come late.
	recent = 3600
)

// remembered are the reinstatements that a reading visited, for the next one, to which the
// same come again: that must not release what was revoked since.
type remembered struct {
	N      int64  `json:"n,omitempty"`      // how many without a revoked_at
	Sum    string `json:"sum,omitempty"`    // a hash of those, in their order
	Last   []byte `json:"last,omitempty"`   // short hashes of those, and of the recent ones with one
	Over   bool   `json:"over,omitempty"`   // there were more than are remembered
	Latest int64  `json:"latest,omitempty"` // the latest revoked_at
	Gone   int    `json:"gone,omitempty"`   // of a file: how many of Last, the first, are not there any more
}

func (r *remembered) shorts() (all []uint32) {
	for last := r.Last; len(last) >= 4; last = last[4:] {
		all = append(all, binary.BigEndian.Uint32(last))
	}
	return all
}

func lastOf(short []uint32) []byte {
	var last []byte
	for _, s := range short[max(0, len(short)-maxRemembered):] {
		last = binary.BigEndian.AppendUint32(last, s)
	}
	return last
}

// A memory tells reinstatements that come again from new ones. One that says when it was
// decided (revoked_at) is old if that was well before the latest of the last time. Few others
// are told apart one by one. Of more than a cursor can remember the first are those of the last
// time, if they are the same in the same order; else all of them may be.
type memory struct {
	was  remembered
	left map[uint32]int // how often each of was.Last may still come
	same bool           // the first was.N were the same

	n      int64
	sum    [sha256.Size]byte
	short  []uint32
	dated  []decided
	latest int64
	old    int64 // how many came again, for all that is known
}

type decided struct {
	short uint32
	at    int64
}

func newMemory(was remembered) *memory {
	m := &memory{was: was, left: map[uint32]int{}, same: was.N == 0, latest: was.Latest}
	for _, short := range was.shorts() {
		m.left[short]++
	}
	return m
}

// again tells whether a row may be a reinstatement that came before.
func (m *memory) again(row *Row) bool {
	if !row.Reinstate || !m.comes(row) {
		return false
	}
	m.old++
	return true
}

func (m *memory) comes(row *Row) (again bool) {
	if row.RevokedAt == None {
		before := m.n
		short := m.note(row)
		if m.was.Over {
			return before < m.was.N || !m.same
		}
		return m.listed(short)
	}
	if m.was.Latest > 0 && row.RevokedAt < m.was.Latest-recent {
		return true
	}
	short, _ := hashOf(row)
	m.latest = max(m.latest, row.RevokedAt)
	if m.dated = append(m.dated, decided{short, row.RevokedAt}); len(m.dated)&(len(m.dated)-1) == 0 {
		m.forget()
	}
	return m.was.Over || m.listed(short)
}

// forget drops those that no late one can be taken for.
func (m *memory) forget() {
	m.dated = slices.DeleteFunc(m.dated, func(d decided) bool { return d.at < m.latest-recent })
}

// listed tells whether a reinstatement is one of the last time, one by one.
func (m *memory) listed(short uint32) bool {
	if m.left[short] == 0 {
		return false
	}
	m.left[short]--
	return true
}

// note remembers a reinstatement without a revoked_at for the next time.
func (m *memory) note(row *Row) (short uint32) {
	short, sum := hashOf(row)
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

// hashOf is of what a reinstatement says: exp and before mean nothing in it.
func hashOf(row *Row) (short uint32, sum []byte) {
	h := sha256.New()
	for i, name := range row.Names {
		fmt.Fprintf(h, "%q %q\n", name, row.Values[i])
	}
	fmt.Fprintf(h, "%d %q\n", row.RevokedAt, row.Issuer)
	sum = h.Sum(nil)
	return binary.BigEndian.Uint32(sum), sum
}

func (m *memory) hex() string { return hex.EncodeToString(m.sum[:16]) }

// remembered is for who reads all or the same part of it the next time.
func (m *memory) remembered() remembered {
	r := remembered{N: m.n, Latest: m.latest}
	m.forget()
	all := slices.Clone(m.short)
	for _, d := range m.dated {
		all = append(all, d.short)
	}
	if r.Over = m.n+int64(len(m.dated)) > maxRemembered; !r.Over {
		r.Last = lastOf(all)
	}
	if m.n > 0 {
		r.Sum = m.hex()
	}
	return r
}
