package source

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// txids is a set of transaction ids: ascending spans that do not touch.
type txids []txidSpan

type txidSpan struct{ from, to uint64 } // to is not within

// maxSpans bounds the memory of a set; more would not go into a cursor anyway.
const maxSpans = 1024

func (s txids) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(s, id, func(span txidSpan, id uint64) int {
		switch {
		case span.to <= id:
			return -1
		case span.from > id:
			return 1
		}
		return 0
	})
}

func (s txids) has(id uint64) bool {
	_, ok := s.find(id)
	return ok
}

// add puts an id below limit into the set. When there is no more room the highest leave it;
// the result is the limit from then on.
func (s *txids) add(id, limit uint64) uint64 {
	i, ok := s.find(id)
	if ok || id >= limit {
		return limit
	}
	before, after := i > 0 && (*s)[i-1].to == id, i < len(*s) && (*s)[i].from == id+1
	switch {
	case before && after:
		(*s)[i-1].to = (*s)[i].to
		*s = slices.Delete(*s, i, i+1)
	case before:
		(*s)[i-1].to++
	case after:
		(*s)[i].from--
	default:
		*s = slices.Insert(*s, i, txidSpan{id, id + 1})
		if len(*s) > maxSpans {
			limit = (*s)[maxSpans].from
			*s = (*s)[:maxSpans]
		}
	}
	return limit
}

// encode writes as many of the lowest ids as there is room for, none of them below base:
// for each span the distance from the end of the one before, and its length. It tells
// whether some are left out.
func (s txids) encode(base uint64, room int) (text string, cut bool) {
	var out []byte
	for _, span := range s {
		next := binary.AppendUvarint(out, span.from-base)
		next = binary.AppendUvarint(next, span.to-span.from)
		if base64.RawStdEncoding.EncodedLen(len(next)) > room {
			cut = true
			break
		}
		out, base = next, span.to
	}
	return base64.RawStdEncoding.EncodeToString(out), cut
}

func decodeTxids(base uint64, text string) (txids, error) {
	in, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	var s txids
	for len(in) > 0 {
		gap, n := binary.Uvarint(in)
		length, m := binary.Uvarint(in[max(n, 0):])
		from := base + gap
		if n <= 0 || m <= 0 || length == 0 || from < base || from+length < from || len(s) > 0 && gap == 0 {
			return nil, errors.New("no set of transaction ids")
		}
		base = from + length
		s, in = append(s, txidSpan{from, base}), in[n+m:]
	}
	return s, nil
}

// A pgSnapshot is PostgreSQL's pg_snapshot: all below xmin had ended, none from xmax on,
// and of those between, the ones that are listed had not.
type pgSnapshot struct {
	xmin, xmax uint64
	running    []uint64 // ascending
}

func parseSnapshot(text string) (s pgSnapshot, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("%q is no snapshot", shorten(text))
	}
	if s.xmin, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return s, err
	}
	if s.xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, err
	}
	for id := range strings.SplitSeq(parts[2], ",") {
		if id == "" {
			continue
		}
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			return s, err
		}
		s.running = append(s.running, n)
	}
	return s, nil
}

// ended are those from xmin on that had ended.
func (s pgSnapshot) ended() (ended txids) {
	from := s.xmin
	for _, id := range append(s.running, s.xmax) {
		if id > from {
			ended = append(ended, txidSpan{from, id})
		}
		from = id + 1
	}
	return ended
}
