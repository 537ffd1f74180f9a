package crl

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"runtime"
)

// FormatVersion is the version of the file format that this package writes and reads.
const FormatVersion = 1

const (
	magic      = "REVOCAST"
	headerSize = 64
	tailSize   = 8
)

// A File is a parsed snapshot or delta. It is immutable and safe for concurrent
// use, and keeps the bytes it was parsed from: they must not be changed.
type File struct {
	data     []byte
	owner    any    // keeps data; see ParseKeeping
	moments  []byte // see WithMoments; nil without
	keeps    any    // keeps moments
	from, to uint64
	sections []*section
	// index has for every rule id the sections that a check looks into.
	index [256][forms]*section
}

// Parse validates the bytes of a snapshot or delta, without their zstd
// wrapping, so far that every later use is safe and bounded. It takes time in
// proportion to the bytes and allocates little. The error is a *FormatError.
//
// Parse does not establish who wrote the bytes: compare their hash with a
// signed manifest first.
func Parse(data []byte) (*File, error) { return ParseKeeping(data, nil) }

// ParseKeeping is Parse of bytes that are freed when their owner is not
// reachable any more, as those outside the Go heap are: the file holds the owner.
func ParseKeeping(data []byte, owner any) (*File, error) {
	f, err := parse(data)
	if err == nil {
		f.owner = owner
	}
	runtime.KeepAlive(owner)
	return f, err
}

func parse(data []byte) (*File, error) {
	if len(data) < headerSize+tailSize {
		return nil, &FormatError{Section: -1, Reason: "it is shorter than any file"}
	}
	if string(data[:8]) != magic {
		return nil, &FormatError{Section: -1, Reason: "it does not begin with " + magic}
	}
	if v := binary.LittleEndian.Uint16(data[8:]); v != FormatVersion {
		return nil, &FormatError{Section: -1, Version: v, Reason: fmt.Sprintf("its format is version %d, and this program reads version %d; a newer program may read it", v, FormatVersion)}
	}
	f := &File{data: data, from: binary.LittleEndian.Uint64(data[16:]), to: binary.LittleEndian.Uint64(data[24:])}
	count := int(binary.LittleEndian.Uint16(data[10:]))
	if !bytes.Equal(header(f.from, f.to, count), data[:headerSize]) {
		return nil, &FormatError{Section: -1, Reason: "reserved bytes of its header are not zero"}
	}
	if f.from >= f.to {
		return nil, &FormatError{Section: -1, Reason: fmt.Sprintf("it leads from version %d to version %d", f.from, f.to)}
	}
	if count > MaxRules*int(forms) || len(data) < headerSize+count*sectionSize+tailSize {
		return nil, &FormatError{Section: -1, Reason: fmt.Sprintf("its table of %d sections is cut", count)}
	}
	at := uint64(headerSize + count*sectionSize)
	for i := range count {
		size, why := f.addSection(data[headerSize+i*sectionSize:][:sectionSize], data[at:])
		if why != "" {
			return nil, &FormatError{Section: i, Reason: why}
		}
		at += size
	}
	if rest := data[at:]; !bytes.Equal(rest, make([]byte, tailSize)) {
		return nil, &FormatError{Section: -1, Reason: "it does not end with 8 zero bytes behind the last section"}
	}
	return f, nil
}

func (f *File) addSection(row, body []byte) (size uint64, why string) {
	head, why := parseSectionHead(row)
	if why != "" {
		return 0, why
	}
	if head.form.removed() && f.from == 0 {
		return 0, "a snapshot removes nothing"
	}
	if len(f.sections) > 0 {
		last := f.sections[len(f.sections)-1]
		if head.rule < last.rule || head.rule == last.rule && head.form <= last.form {
			return 0, "the sections are not in order"
		}
	}
	s, size, why := head.parseBody(body)
	if why != "" {
		return 0, why
	}
	f.sections = append(f.sections, s)
	f.index[s.rule][s.form] = s
	return size, ""
}

func header(from, to uint64, sections int) []byte {
	b := make([]byte, headerSize)
	copy(b, magic)
	binary.LittleEndian.PutUint16(b[8:], FormatVersion)
	binary.LittleEndian.PutUint16(b[10:], uint16(sections))
	binary.LittleEndian.PutUint64(b[16:], from)
	binary.LittleEndian.PutUint64(b[24:], to)
	return b
}

// From is the version that the file's changes start at, 0 for a snapshot.
func (f *File) From() uint64 { return f.from }

// To is the version that the file's changes lead to.
func (f *File) To() uint64 { return f.to }

// Bytes is what the file was parsed from. They must not be changed, and are there as
// long as the file is reachable: see [runtime.KeepAlive].
func (f *File) Bytes() []byte { return f.data }

// Equal reports whether two files have the same bytes, those of their moments included. Canonical
// files have the same bytes if and only if they say the same.
func (f *File) Equal(o *File) bool {
	defer runtime.KeepAlive(f)
	defer runtime.KeepAlive(o)
	return bytes.Equal(f.data, o.data) && bytes.Equal(f.moments, o.moments)
}

// SHA256 is the hash of the file's bytes.
func (f *File) SHA256() [32]byte {
	defer runtime.KeepAlive(f)
	return sha256.Sum256(f.data)
}

// Len is the number of entries that the file holds, not counting removed ones.
func (f *File) Len() int {
	n := 0
	for _, s := range f.sections {
		if !s.form.removed() {
			n += s.keys.n
		}
	}
	return n
}

// Lookup looks for the entry of a fingerprint under a rule. If it is there both
// outright and with a before, the first is given.
func (f *File) Lookup(rule uint8, key uint64) (Entry, bool) {
	defer runtime.KeepAlive(f)
	for _, s := range f.index[rule][:formRemovedOutright] {
		if e, ok := s.lookup(key); ok {
			return e, true
		}
	}
	return Entry{}, false
}

// Entries are the file's entries in its order: by rule, then those that revoke
// outright before the others, then by key.
func (f *File) Entries() iter.Seq[Entry] { return f.all(false) }

// Removed are the entries that a delta removes, in the same order; their Exp is
// 0 and their Before is Always or 0, to tell the two forms apart.
func (f *File) Removed() iter.Seq[Entry] { return f.all(true) }

func (f *File) all(removed bool) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		defer runtime.KeepAlive(f)
		for _, s := range f.sections {
			if s.form.removed() != removed {
				continue
			}
			outright := s.form == formRemovedOutright
			if !s.each(func(e Entry) bool {
				if outright {
					e.Before = Always
				}
				return yield(e)
			}) {
				return
			}
		}
	}
}

// Permanent is the number of entries that never end by themselves.
func (f *File) Permanent() int {
	defer runtime.KeepAlive(f)
	n := 0
	for _, s := range f.sections {
		if len(s.expiries) == 0 || s.expiries[len(s.expiries)-1] != Never {
			continue
		}
		for rank := range s.keys.n {
			if s.exp(rank) == Never {
				n++
			}
		}
	}
	return n
}

// NextExpiry is the earliest Exp of the file's entries, Never if there is none
// that ends. Nothing is dropped before that moment.
func (f *File) NextExpiry() int64 {
	next := Never
	for _, s := range f.sections {
		if len(s.expiries) > 0 {
			next = min(next, s.expiries[0])
		}
	}
	return next
}

// Verify encodes the file's contents anew and compares: every list has exactly
// one encoding. It also checks that every moment is one that an entry may have.
// The error is a *FormatError.
func (f *File) Verify() error {
	for i, s := range f.sections {
		why := ""
		var last uint64
		first := true
		s.each(func(e Entry) bool {
			if err := e.validate(); err != nil {
				why = err.Error()
			} else if !first && e.Key <= last {
				why = "the keys are not ascending"
			}
			last, first = e.Key, false
			return why == ""
		})
		if why != "" {
			return &FormatError{Section: i, Reason: why}
		}
	}
	var same []*merge
	for _, s := range f.sections {
		same = append(same, &merge{rule: s.rule, form: s.form, base: s, dropped: -1, dated: f.moments != nil})
	}
	again, err := encode(f.from, f.to, same)
	if err != nil || !again.Equal(f) {
		return &FormatError{Section: -1, Reason: "its bytes are not the canonical encoding of what they hold"}
	}
	return nil
}

// A FormatError says why bytes are not a snapshot or delta.
type FormatError struct {
	Section int    // index of the section, or -1
	Version uint16 // the version that the bytes claim, if it is one that this package cannot read
	Reason  string
}

func (e *FormatError) Error() string {
	if e.Section >= 0 {
		return fmt.Sprintf("this is not a revocation list that can be used: in section %d, %s", e.Section, e.Reason)
	}
	return "this is not a revocation list that can be used: " + e.Reason
}
