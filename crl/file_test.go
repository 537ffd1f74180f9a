package crl

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// exercise uses everything of a file, to see it panic if it can.
func exercise(f *File) {
	for e := range f.Entries() {
		f.Lookup(e.Rule, e.Key)
		f.Lookup(e.Rule, e.Key^1)
	}
	for range f.Removed() {
	}
	f.NextExpiry()
	f.Permanent()
	if f.from == 0 {
		_, _, _ = Apply(f, Checksum{}, nil, 1000)
	}
}

// small is a file with sections of every form and layout.
func small(t testing.TB) *File {
	r := rand.New(rand.NewPCG(7, 8))
	var entries, removed []Entry
	for i := range 300 {
		entries = append(entries, Entry{Rule: 1, Key: r.Uint64(), Before: Always, Exp: int64(3600 * (i % 5))})
	}
	for i := range 10 {
		entries = append(entries, Entry{Rule: 2, Key: r.Uint64(), Before: int64(100 + i), Exp: Never})
		removed = append(removed, Entry{Rule: 1, Key: r.Uint64(), Before: 0, Exp: 0}, Entry{Rule: 3, Key: r.Uint64(), Before: Always, Exp: 0})
	}
	return mustBuild(t, 5, 6, entries, removed)
}

func TestEveryFlippedBitIsHarmless(t *testing.T) {
	whole := small(t)
	data := whole.Bytes()
	for i := range 8 * len(data) {
		flipped := slices.Clone(data)
		flipped[i/8] ^= 1 << (i % 8)
		f, err := Parse(flipped)
		if err != nil {
			continue
		}
		exercise(f)
		// What still parses either says something else or is not canonical.
		if f.Verify() == nil && sameContents(f, whole) {
			t.Fatalf("bit %d", i)
		}
	}
}

func sameContents(a, b *File) bool {
	return a.from == b.from && a.to == b.to &&
		slices.Equal(slices.Collect(a.Entries()), slices.Collect(b.Entries())) &&
		slices.Equal(slices.Collect(a.Removed()), slices.Collect(b.Removed()))
}

func TestEveryTruncationIsRefused(t *testing.T) {
	data := small(t).Bytes()
	for n := range data {
		_, err := Parse(data[:n])
		require.Error(t, err, "%d bytes", n)
	}
	_, err := Parse(append(slices.Clone(data), 0))
	require.Error(t, err, "a byte more")
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	row := func(at int, v byte) func([]byte) {
		return func(b []byte) { b[headerSize+at] = v }
	}
	for _, c := range []struct {
		name   string
		change func([]byte)
		want   string
	}{
		{"magic", func(b []byte) { b[0] = 'X' }, "it does not begin with REVOCAST"},
		{"version", func(b []byte) { b[8] = 2 }, "its format is version 2, and this program reads version 1; a newer program may read it"},
		{"from after to", func(b []byte) { b[16] = 9 }, "it leads from version 9 to version 6"},
		{"reserved", func(b []byte) { b[40] = 1 }, "reserved bytes of its header are not zero"},
		{"sections", func(b []byte) { b[11] = 2 }, "its table of 516 sections is cut"},
		{"rule zero", row(0, 0), "in section 0, the rule id is zero"},
		{"form", row(1, 9), "in section 0, the form is unknown"},
		{"huge n", func(b []byte) { binary.LittleEndian.PutUint64(b[headerSize+8:], 1<<40) }, "in section 0, the number of entries is out of bounds"},
		{"huge keys", func(b []byte) { binary.LittleEndian.PutUint64(b[headerSize+16:], 1<<63) }, "in section 0, the keys end beyond the file"},
		{"order", row(0, 3), "in section 1, the sections are not in order"},
		{"tail", func(b []byte) { b[len(b)-1] = 1 }, "it does not end with 8 zero bytes behind the last section"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := slices.Clone(small(t).Bytes())
			c.change(b)
			_, err := Parse(b)
			var bad *FormatError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "this is not a revocation list that can be used: "+c.want, err.Error())
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small(f).Bytes())
	f.Add(mustBuild(f, 0, 1, nil, nil).Bytes())
	f.Add(mustBuild(f, 0, 9, randomEntries(rand.New(rand.NewPCG(1, 1)), 2000), nil).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		exercise(file)
		if file.Verify() == nil {
			again, err := Build(file.From(), file.To(), slices.Collect(file.Entries()), slices.Collect(file.Removed()))
			require.NoError(t, err)
			require.Equal(t, data, again.Bytes())
		}
	})
}

// FuzzApply gives any two files to Apply and Compose.
func FuzzApply(f *testing.F) {
	f.Add(mustBuild(f, 0, 5, []Entry{{Rule: 1, Key: 2, Before: Always, Exp: 3}}, nil).Bytes(), small(f).Bytes())
	f.Fuzz(func(t *testing.T, a, b []byte) {
		state, err := Parse(a)
		if err != nil {
			return
		}
		delta, err := Parse(b)
		if err != nil {
			return
		}
		_, _ = Compose(state, delta)
		_, _, _ = Apply(state, Checksum{}, delta, 100)
	})
}
