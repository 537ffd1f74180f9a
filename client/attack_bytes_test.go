package client_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/signer"
)

func zeros(t *testing.T, size int, options ...zstd.EOption) []byte {
	enc, err := zstd.NewWriter(nil, options...)
	require.NoError(t, err)
	return enc.EncodeAll(make([]byte, size), nil)
}

// frame is a zstd frame (RFC 8878, section 3.1.1) of a header and one block of a byte repeated.
func frame(header ...byte) []byte {
	block := binary.LittleEndian.AppendUint32(nil, 1|1<<1|(128<<10)<<3)[:3] // the last one, repeated, 128 KiB
	return append(append([]byte{0x28, 0xb5, 0x2f, 0xfd}, header...), append(block, 'x')...)
}

// Bombs that nobody signed are not lit. Those that a key holder signed take what the manifest
// says of them and no more, and are no list.
func TestDecompressionBomb(t *testing.T) {
	const bound = 100 << 20 // of all that is allocated in the whole story
	bomb := zeros(t, 1<<27)
	many := bytes.Repeat(zeros(t, 1<<20), 100)
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 16, 0}, make([]byte, 1<<20)...)
	for name, stored := range map[string][]byte{
		"zeros":                             bomb,
		"zeros that hide how many they are": zeros(t, 1<<27, zstd.WithSingleSegment(false)),
		"a hundred frames":                  many,
		"skippable frames and a bomb":       append(bytes.Clone(skippable), bomb...),
		"nothing but skippable frames":      bytes.Repeat(skippable, 2),
		"a window of 3.75 TiB":              frame(0x00, 0xff),
		"a size of 16 EiB":                  frame(0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"a dictionary that nobody has":      frame(0x03, 0x50, 1, 2, 3, 4),
		"a small size and a large output":   frame(0x20, 1),
		"not zstd at all":                   []byte("PK\x03\x04"),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			attack{answer: announced(hostile.Everything(200, string(stored))), text: "in http://"}.run(t)
			attack{answer: resigned(func(m *signer.Manifest, _ *history.Version) {
				o := &m.Objects[0]
				o.Size, o.RawSize, o.SHA256 = int64(len(stored)), 1<<20, sha(stored)
			}, stored), text: "it "}.run(t)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(bound))
		})
	}
}

// A manifest may name objects as large as the bounds, of which nothing is taken
// on trust, and none that are larger.
func TestSizesAtTheBounds(t *testing.T) {
	for name, a := range map[string]attack{
		"8 GiB that are not there": {answer: resigned(func(m *signer.Manifest, _ *history.Version) {
			m.Objects[0].Size, m.Objects[0].RawSize = 8<<30, 8<<30
		}, []byte("x")), text: "it has 1 bytes, and 8589934592 are signed"},
		"a byte more":       edited(signer.ErrMalformed, sized("8589934593")).attack(),
		"2^64 bytes":        edited(signer.ErrMalformed, sized("18446744073709551616")).attack(),
		"less than nothing": edited(signer.ErrMalformed, sized("-1")).attack(),
	} {
		t.Run(name, func(t *testing.T) { a.run(t) })
	}
}

// sized gives the manifest's one object another size.
func sized(size string) func(string) string {
	return func(claims string) string {
		before, object, _ := strings.Cut(claims, `"objects":[[`)
		fields := strings.Split(object, ",")
		fields[3] = size
		return before + `"objects":[[` + strings.Join(fields, ",")
	}
}

// Whoever can write to a cache's directory can empty it, and put back what was there before. He can
// make no client hang, read beyond bounds, or believe.
func TestWhatLiesInTheCacheIsNotAFile(t *testing.T) {
	for name, replace := range map[string]func(s *siege, path string) error{
		"a link to an endless device": func(_ *siege, path string) error { return os.Symlink("/dev/zero", path) },
		"a link to itself":            func(_ *siege, path string) error { return os.Symlink(filepath.Base(path), path) },
		"a link to nowhere":           func(_ *siege, path string) error { return os.Symlink("nowhere", path) },
		"a link to another manifest": func(s *siege, path string) error {
			return os.Symlink(filepath.Join(s.bucket.String(), signer.ManifestName(1)), path)
		},
		"a pipe":   func(_ *siege, path string) error { return makePipe(path) },
		"a folder": func(_ *siege, path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			s.follow(s.cached)
			path := filepath.Join(s.disk, "manifest.jwt")
			require.NoError(t, os.Remove(path))
			require.NoError(t, replace(s, path))
			s.says(s.follow(s.cached, unplugged), 0, "without a network")
			s.says(s.follow(s.cached), held, "from the store")
			head := s.next()
			c := s.follow(s.cached)
			s.says(c, head, "the next honest update")
			if err := c.Status().Err; err == nil {
				s.says(s.follow(s.cached, unplugged), head, "the cache has mended itself")
			} else {
				require.ErrorContains(t, err, "version 4 is in use, but could not be kept in the cache")
				require.Contains(t, []string{"a folder", "a link to itself"}, name)
			}
		})
	}
}
