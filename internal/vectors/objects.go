package vectors

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/klauspost/compress/zstd"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// object is stored bytes, and how a manifest describes them.
type object struct {
	Why     string        `json:"why"`
	Object  signer.Object `json:"object"`
	Name    string        `json:"name"`
	Stored  string        `json:"stored"`         // hex
	List    string        `json:"list,omitempty"` // what it unpacks to
	Refused string        `json:"refused,omitempty"`
}

func (s *set) objects() error {
	f, err := crl.Build(0, 3, []crl.Entry{outright(1, 5, moment), outright(1, 7, moment+60)}, nil)
	if err != nil {
		return err
	}
	good, stored, err := history.Pack(f)
	if err != nil {
		return err
	}
	good.Changes = 1
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		return err
	}
	defer enc.Close()
	// signed describes bytes as they are: the hash is right, whatever they are.
	signed := func(stored []byte, change func(*signer.Object)) signer.Object {
		o, sum := good, sha256.Sum256(stored)
		o.Size, o.SHA256 = int64(len(stored)), sum[:]
		if change != nil {
			change(&o)
		}
		return o
	}
	flipped := append([]byte(nil), stored...)
	flipped[len(flipped)-1] ^= 1
	twice := append(append([]byte(nil), stored...), stored...)
	bomb := enc.EncodeAll(make([]byte, 64<<20), nil)
	var all []object
	for _, test := range []struct {
		why    string
		o      signer.Object
		stored []byte
	}{
		{"as it should be", good, stored},
		{"another level of compression is as good", signed(enc.EncodeAll(f.Bytes(), nil), nil), enc.EncodeAll(f.Bytes(), nil)},
		{"a flipped bit", good, flipped},
		{"a byte less", good, stored[:len(stored)-1]},
		{"a byte more", good, append(append([]byte(nil), stored...), 0)},
		{"no zstd", signed(f.Bytes(), nil), f.Bytes()},
		{"two frames", signed(twice, func(o *signer.Object) { o.RawSize *= 2 }), twice},
		{"64 MiB of zeros where 176 bytes are signed for", signed(bomb, nil), bomb},
		{"fewer bytes than signed for", signed(stored, func(o *signer.Object) { o.RawSize++ }), stored},
		{"more bytes than signed for", signed(stored, func(o *signer.Object) { o.RawSize-- }), stored},
		{"of another version", signed(stored, func(o *signer.Object) { o.To = 4 }), stored},
		{"a snapshot that is called a delta", signed(stored, func(o *signer.Object) { o.From = 2 }), stored},
	} {
		v := object{Why: test.why, Object: test.o, Name: test.o.Name(), Stored: hex.EncodeToString(test.stored)}
		if _, err := history.Unpack(test.o, test.stored); err != nil {
			v.Refused = err.Error()
		} else {
			v.List = s.list("object", f)
		}
		all = append(all, v)
	}
	return s.json("objects.json", all)
}
