package history_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

func packed(t testing.TB, entries int) (signer.Object, []byte) {
	var all []crl.Entry
	for i := range entries {
		all = append(all, crl.Entry{Rule: 1, Key: uint64(i) * 0x9e3779b97f4a7c15, Before: crl.Always, Exp: int64(i % 5)})
	}
	f, err := crl.Build(0, 7, all, nil)
	require.NoError(t, err)
	o, stored, err := history.Pack(f)
	require.NoError(t, err)
	return o, stored
}

func TestUnpackTakesWhatPackGave(t *testing.T) {
	for _, n := range []int{0, 1, 100, 10_000} {
		o, stored := packed(t, n)
		f, err := history.Unpack(o, stored)
		require.NoError(t, err)
		require.Equal(t, n, f.Len())
	}
}

// resigned describes stored bytes as they are, as a publisher with a key, and bad
// intentions, would.
func resigned(o signer.Object, stored []byte) signer.Object {
	sum := sha256.Sum256(stored)
	o.Size, o.SHA256 = int64(len(stored)), sum[:]
	return o
}

func TestUnpackRefuses(t *testing.T) {
	good, stored := packed(t, 1000)
	compress := func(data []byte) []byte {
		enc, err := zstd.NewWriter(nil)
		require.NoError(t, err)
		return enc.EncodeAll(data, nil)
	}
	bomb := compress(make([]byte, 1<<30))
	for name, test := range map[string]struct {
		o      signer.Object
		stored []byte
		want   string
	}{
		"a byte less":    {good, stored[:len(stored)-1], "are signed"},
		"a byte more":    {good, append(bytes.Clone(stored), 0), "are signed"},
		"other bytes":    {good, append(bytes.Clone(stored[:len(stored)-1]), 1), "SHA-256"},
		"no compression": {resigned(good, []byte("rubbish")), []byte("rubbish"), "cannot be decompressed"},
		"nothing":        {resigned(good, nil), nil, "decompresses to 0 bytes"},
		"a bomb":         {resigned(good, bomb), bomb, "cannot be decompressed"},
		"two frames":     {resigned(good, append(bytes.Clone(stored), stored...)), append(bytes.Clone(stored), stored...), "cannot be decompressed"},
		"no list": {func() signer.Object {
			o := resigned(good, compress([]byte("rubbish")))
			o.RawSize = 7
			return o
		}(), compress([]byte("rubbish")), "cannot be read"},
		"of another version":  {func() signer.Object { o := good; o.To++; return o }(), stored, "leads from version 0 to 7"},
		"larger than stated":  {func() signer.Object { o := good; o.RawSize--; return o }(), stored, "cannot be decompressed"},
		"smaller than stated": {func() signer.Object { o := good; o.RawSize++; return o }(), stored, "decompresses to"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := history.Unpack(test.o, test.stored)
			var object *history.ObjectError
			require.ErrorAs(t, err, &object)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// Whatever was compressed, and signed for: no panic, and no more memory than stated.
func FuzzUnpack(f *testing.F) {
	for _, n := range []int{0, 1, 200} {
		_, stored := packed(f, n)
		f.Add(stored, int64(len(stored)*2))
	}
	f.Fuzz(func(t *testing.T, stored []byte, raw int64) {
		o := resigned(signer.Object{To: 7, RawSize: raw & (1<<20 - 1)}, stored)
		file, err := history.Unpack(o, stored)
		if err == nil {
			require.EqualValues(t, o.RawSize, len(file.Bytes()))
			for e := range file.Entries() {
				file.Lookup(e.Rule, e.Key)
			}
		}
	})
}
