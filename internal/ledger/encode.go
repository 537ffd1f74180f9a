package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/signer"
)

// An object of the ledger is, before it is compressed,
//
//	 0  magic "REVOLEDG"
//	 8  u32 length of the head, little endian as all integers
//	12  the head, JSON
//	    the entries that changed, a delta of package crl
//	    their moments, or those of a snapshot of the list, as package crl writes them
//	    the reinstatements, 40 bytes each:
//	         0  u8 rule, 3 zero bytes, u32 number of the source
//	         8  u64 key
//	        16  i64 moment
//	        24  i64 over
//	        32  i64 exp
const (
	magic             = "REVOLEDG"
	formatVersion     = 1
	reinstatementSize = 40
	maxHead           = 1 << 30
	maxObject         = 8 << 30 // as in a manifest
)

// head is the JSON in front of an object.
type head struct {
	Format     int               `json:"fmt"`
	From       uint64            `json:"from"`
	To         uint64            `json:"to"`
	Sources    map[string]Source `json:"sources,omitempty"`
	Record     *record           `json:"record,omitempty"`
	Entries    int               `json:"entries"`    // bytes
	Moments    int               `json:"moments"`    // bytes
	Reinstated int               `json:"reinstated"` // how many
}

type record struct {
	Source  string          `json:"source"`
	Changes uint64          `json:"changes"`
	Objects []signer.Object `json:"objects,omitempty"`
	Reasons []reason        `json:"reasons,omitempty"`
}

type reason struct {
	Rule uint8  `json:"rule"`
	Key  string `json:"key"` // 16 hex digits
	Text string `json:"reason"`
}

// Encode returns the bytes of a delta, not compressed. The error says that its head is too long to be
// read again.
func (d *Delta) Encode() ([]byte, error) {
	h := head{Format: formatVersion, From: d.From, To: d.To, Sources: d.Sources, Reinstated: len(d.Reinstated)}
	entries, moments := []byte(nil), d.Moments
	if d.Changes != nil {
		entries, moments = d.Changes.Bytes(), d.Changes.Moments()
	}
	h.Entries, h.Moments = len(entries), len(moments)
	if r := d.Record; r != nil {
		h.Record = &record{Source: r.Source, Changes: r.Line.Changes, Objects: r.Line.Objects}
		for _, why := range r.Reasons {
			h.Record.Reasons = append(h.Record.Reasons, reason{why.Rule, fmt.Sprintf("%016x", why.Key), why.Text})
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > maxHead {
		return nil, fmt.Errorf("the sources and reasons of the ledger take %d bytes, and %d are the most", len(text), maxHead)
	}
	out := make([]byte, 0, len(magic)+4+len(text)+len(entries)+len(moments)+reinstatementSize*len(d.Reinstated))
	out = append(out, magic...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	out = append(out, text...)
	out = append(out, entries...)
	out = append(out, moments...)
	for _, r := range d.Reinstated {
		out = append(out, r.Rule, 0, 0, 0)
		out = binary.LittleEndian.AppendUint32(out, r.Source)
		out = binary.LittleEndian.AppendUint64(out, r.Key)
		for _, n := range []int64{r.Moment, r.Over, r.Exp} {
			out = binary.LittleEndian.AppendUint64(out, uint64(n))
		}
	}
	runtime.KeepAlive(d)
	return out, nil
}

// Decode reads what Encode wrote. The delta keeps the block.
func Decode(block *memory.Block) (*Delta, error) {
	h, rest, err := decodeHead(block.Bytes())
	if err != nil {
		return nil, err
	}
	d := &Delta{From: h.From, To: h.To, Sources: h.Sources}
	if d.From >= d.To {
		return nil, fmt.Errorf("it leads from version %d to version %d", d.From, d.To)
	}
	if h.Entries < 0 || h.Moments < 0 || h.Reinstated < 0 || h.Entries > len(rest) || h.Moments > len(rest)-h.Entries ||
		h.Reinstated != (len(rest)-h.Entries-h.Moments)/reinstatementSize || (len(rest)-h.Entries-h.Moments)%reinstatementSize != 0 {
		return nil, errors.New("its parts do not fill it")
	}
	if h.Entries > 0 {
		if d.Changes, err = crl.ParseKeeping(rest[:h.Entries:h.Entries], block); err != nil {
			return nil, err
		}
	}
	moments := rest[h.Entries : h.Entries+h.Moments : h.Entries+h.Moments]
	switch {
	case h.Moments == 0:
	case d.Changes == nil:
		d.Moments, d.keeps = moments, block
	default:
		if d.Changes, err = d.Changes.WithMoments(moments, block); err != nil {
			return nil, err
		}
	}
	if d.Reinstated, err = decodeReinstatements(rest[h.Entries+h.Moments:]); err != nil {
		return nil, err
	}
	if h.Record != nil {
		d.Record, err = h.Record.decode(h.To)
	}
	runtime.KeepAlive(block)
	return d, err
}

func decodeHead(data []byte) (*head, []byte, error) {
	if len(data) < len(magic)+4 || string(data[:len(magic)]) != magic {
		return nil, nil, errors.New("it does not begin with " + magic)
	}
	n := binary.LittleEndian.Uint32(data[len(magic):])
	data = data[len(magic)+4:]
	if n > maxHead || uint64(n) > uint64(len(data)) {
		return nil, nil, errors.New("its head is cut")
	}
	h := new(head)
	dec := json.NewDecoder(bytes.NewReader(data[:n]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(h); err != nil {
		return nil, nil, fmt.Errorf("its head cannot be read: %w", err)
	}
	if h.Format != formatVersion {
		return nil, nil, fmt.Errorf("its format is version %d, and this program reads version %d", h.Format, formatVersion)
	}
	return h, data[n:], nil
}

func (r *record) decode(to uint64) (*Record, error) {
	out := &Record{Source: r.Source, Line: Line{To: to, Changes: r.Changes, Objects: r.Objects}}
	for _, o := range r.Objects {
		// The sizes become memory before the bytes are seen.
		if o.From >= o.To || o.To > to || o.Size < 1 || o.Size > maxObject || o.RawSize < 1 || o.RawSize > maxObject || len(o.SHA256) != sha256.Size {
			return nil, fmt.Errorf("it names an object from version %d to version %d of %d and %d bytes, which cannot be", o.From, o.To, o.Size, o.RawSize)
		}
	}
	for _, why := range r.Reasons {
		key, err := strconv.ParseUint(why.Key, 16, 64)
		if err != nil || len(why.Key) != 16 {
			return nil, fmt.Errorf("the key %q of a reason is not 16 hex digits", why.Key)
		}
		out.Reasons = append(out.Reasons, Reason{why.Rule, key, why.Text})
	}
	return out, nil
}

func decodeReinstatements(data []byte) (Reinstatements, error) {
	var all Reinstatements
	for ; len(data) > 0; data = data[reinstatementSize:] {
		number := func(at int) int64 { return int64(binary.LittleEndian.Uint64(data[at:])) }
		r := Reinstatement{
			Rule: data[0], Source: binary.LittleEndian.Uint32(data[4:]), Key: uint64(number(8)),
			Moment: number(16), Over: number(24), Exp: number(32),
		}
		if len(all) > 0 && compareReinstatements(all[len(all)-1], r) >= 0 {
			return nil, errors.New("its reinstatements are not in order")
		}
		all = append(all, r)
	}
	return all, nil
}
