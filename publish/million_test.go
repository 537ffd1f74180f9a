package publish

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

// A million rows are published, loaded and checked. On the wire an entry takes at most 1.5 bits
// more than its entropy, and in memory as much as on the wire.
func TestAMillionRows(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const n = 1_000_000
	const now = noon / 1000
	dir := t.TempDir()
	path := filepath.Join(dir, "rows.jsonl")
	f, err := os.Create(path)
	require.NoError(t, err)
	w := bufio.NewWriter(f)
	r := mrand.New(mrand.NewPCG(1, 2))
	hours := map[int64]int{}
	for i := range n {
		exp := now + r.Int64N(86400)
		hours[(exp+3599)/3600]++
		fmt.Fprintf(w, "{\"jti\":\"%08x-%04x-4000-8000-%012x\",\"exp\":%d}\n", i, r.Uint64()&0xffff, r.Uint64()&0xffffffffffff, exp)
	}
	require.NoError(t, w.Flush())
	require.NoError(t, f.Close())
	src, err := file.Open(path, file.Options{})
	require.NoError(t, err)
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	bucket, err := store.OpenDir(filepath.Join(dir, "list"))
	require.NoError(t, err)
	clock := func() time.Time { return time.Unix(now, 0) }
	result, err := Run(t.Context(), Config{
		Store: bucket, Key: key, Source: src, Create: true, Issuer: testIssuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: clock, Rand: rand.Reader,
	})
	require.NoError(t, err)
	require.Equal(t, n, result.Entries)

	entropy := 64 - math.Log2(n) + math.Log2E // of n random keys of 64 bits, each
	for _, count := range hours {
		p := float64(count) / n
		entropy -= p * math.Log2(p)
	}
	bits := 8 * float64(result.Objects[0].Size) / n
	t.Logf("%.3f bits an entry, of which %.3f are entropy", bits, entropy)
	require.Less(t, bits, entropy+1.5)

	result = nil
	before := heap()
	c, err := client.Open(t.Context(), client.Config{Store: bucket, Keys: key.Public(), Now: clock})
	require.NoError(t, err)
	memory := heap() - before
	t.Logf("%.3f bytes of memory an entry", float64(memory)/float64(n))
	const fixed = 64 << 10 // of a client, whatever its list
	require.Less(t, float64(memory-fixed)/float64(n), bits/8+0.1)

	revoked, err := os.Open(path)
	require.NoError(t, err)
	defer revoked.Close()
	lines := bufio.NewScanner(revoked)
	for i := 0; lines.Scan(); i++ {
		if i%100 != 0 {
			continue
		}
		claims, err := client.DecodeClaims(lines.Bytes())
		require.NoError(t, err)
		claims["iss"] = testIssuer
		var e *client.RevokedError
		require.True(t, errors.As(c.Check(client.Token{Claims: claims}), &e), lines.Text())
		claims["jti"] = claims["jti"].(string) + "x"
		claims["iat"] = int64(now)
		require.NoError(t, c.Check(client.Token{Claims: claims}))
	}
	require.NoError(t, lines.Err())
	runtime.KeepAlive(c)
}

// heap returns the bytes of the heap that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
