package ledger

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/memory"
	"github.com/revocast/revocast/signer"
)

func inBlock(data []byte) *memory.Block {
	block := memory.Make(len(data))
	copy(block.Bytes(), data)
	return block
}

// The objects that a record names are bounded like those of a manifest, because their sizes become
// memory before their bytes are seen.
func TestARecordNamesNoImpossibleObjects(t *testing.T) {
	good := signer.Object{From: 1, To: 2, Changes: 1, Size: 10, RawSize: 100, SHA256: make([]byte, 32)}
	encode := func(o signer.Object) []byte {
		d := &Delta{From: 2, To: 3, Record: &Record{Source: "a", Line: Line{Changes: 2, Objects: []signer.Object{o}}}}
		out, err := d.Encode()
		require.NoError(t, err)
		return out
	}
	_, err := Decode(inBlock(encode(good)))
	require.NoError(t, err)
	for name, spoil := range map[string]func(*signer.Object){
		"too large":         func(o *signer.Object) { o.RawSize = 1<<63 - 1 },
		"too large stored":  func(o *signer.Object) { o.Size = 1<<63 - 1 },
		"empty":             func(o *signer.Object) { o.RawSize = 0 },
		"backwards":         func(o *signer.Object) { o.From = 2 },
		"later than itself": func(o *signer.Object) { o.To = 4 },
		"without a hash":    func(o *signer.Object) { o.SHA256 = nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			_, err := Decode(inBlock(encode(o)))
			require.ErrorContains(t, err, "object")
		})
	}
}

// Torn and changed bytes are errors, and never a panic.
func TestDecodeTakesAnyBytes(t *testing.T) {
	d := &Delta{From: 2, To: 3, Sources: map[string]Source{"a": {Number: 1, Cursor: []byte("{}")}},
		Reinstated: Reinstatements{{Rule: 1, Key: 7, Moment: now * 1000, Source: 1, Exp: now}},
		Record:     &Record{Source: "a", Reasons: []Reason{{Rule: 1, Key: 7, Text: "lost"}}}}
	whole, err := d.Encode()
	require.NoError(t, err)
	for n := range whole {
		_, err := Decode(inBlock(whole[:n]))
		require.Error(t, err)
		for _, bit := range []byte{1, 0x80} {
			changed := bytes.Clone(whole)
			changed[n] ^= bit
			Decode(inBlock(changed))
		}
	}
	key := []byte(`"key":"0000000000000007"`)
	require.Contains(t, string(whole), string(key))
	_, err = Decode(inBlock(bytes.Replace(whole, key, []byte(`"key":"7               "`), 1)))
	require.ErrorContains(t, err, "16 hex digits")
}
