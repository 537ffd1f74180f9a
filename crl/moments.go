package crl

import (
	"encoding/binary"
	"runtime"

	"github.com/revocast/revocast/internal/memory"
)

// The moments of a file are a second run of bytes beside it, so that a reader's file has the same
// bytes with and without them. For each section that holds entries, in the order of the file, they
// are
//
//	 0  u8  bits of one moment
//	 1  7 zero bytes
//	 8  i64 smallest moment of the section, in Unix milliseconds
//	16  the moments of the entries, in the order of their keys, packed as the befores of a section,
//	    each as the difference to the smallest, and padded with zeros to a multiple of 8 bytes
//
// and 8 zero bytes behind the last of them.
const momentHead = 16

// encodeMoments writes the moments of the merged entries. The merges must have been measured.
func encodeMoments(merges []*merge) *memory.Block {
	size := tailSize
	for _, m := range merges {
		if !m.form.removed() {
			size += momentHead + int(packedSize(uint64(m.n), m.moments.width()))
		}
	}
	block := memory.Make(size)
	out := block.Bytes()
	for _, m := range merges {
		if m.form.removed() {
			continue
		}
		width := m.moments.width()
		out[0] = uint8(width)
		binary.LittleEndian.PutUint64(out[8:], uint64(m.moments.min))
		out = out[momentHead+m.column(out[momentHead:], width, (*part).writeMoments):]
	}
	return block
}

// WithMoments returns the file with the moments of its entries beside it, as [File.Moments] returned
// them. The owner keeps their bytes, as in [ParseKeeping]. The error is a *FormatError.
func (f *File) WithMoments(moments []byte, owner any) (*File, error) {
	g := *f
	g.moments, g.keeps = moments, owner
	g.sections, g.index = nil, [256][forms]*section{}
	rest := moments
	for i, s := range f.sections {
		t := *s
		if !s.form.removed() {
			n, why := t.takeMoments(rest)
			if why != "" {
				return nil, &FormatError{Section: i, Reason: why}
			}
			rest = rest[n:]
		}
		g.sections = append(g.sections, &t)
		g.index[t.rule][t.form] = &t
	}
	if len(rest) != tailSize || binary.LittleEndian.Uint64(rest) != 0 {
		return nil, &FormatError{Section: -1, Reason: "the moments do not end behind the last section"}
	}
	return &g, nil
}

// Dated returns the file with one moment, in Unix milliseconds, for all its entries.
func (f *File) Dated(moment int64) (*File, error) {
	var moments []byte
	for _, s := range f.sections {
		if !s.form.removed() {
			moments = binary.LittleEndian.AppendUint64(moments, 0)
			moments = binary.LittleEndian.AppendUint64(moments, uint64(moment))
		}
	}
	return f.WithMoments(append(moments, make([]byte, tailSize)...), nil)
}

// takeMoments reads the moments of a section from the front of data, and returns their size.
func (s *section) takeMoments(data []byte) (size int, why string) {
	if len(data) < momentHead+tailSize {
		return 0, "the moments are cut"
	}
	width, least := uint(data[0]), int64(binary.LittleEndian.Uint64(data[8:]))
	if width > maxBits || least < 0 || least > 1000*MaxTime || binary.LittleEndian.Uint64(data)>>8 != 0 {
		return 0, "the moments are out of bounds"
	}
	packed := packedSize(uint64(s.keys.n), width)
	if packed > uint64(len(data)-momentHead-tailSize) {
		return 0, "the moments are cut"
	}
	size = momentHead + int(packed)
	s.moments = numbers{width: width, min: least, data: data[momentHead : size+tailSize : size+tailSize]}
	return size, ""
}

// Moments returns the bytes of the moments beside the file, nil if there are none. They must not be
// changed, and are there as long as the file is reachable.
func (f *File) Moments() []byte {
	defer runtime.KeepAlive(f)
	return f.moments
}
