package memory_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/memory"
)

// Blocks of all sizes are zero, have exactly their size, and can be written.
func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 1<<20 - 1, 1 << 20, 1<<21 + 1, 5 << 20} {
		b := memory.Make(n)
		data := b.Bytes()
		require.Len(t, data, n)
		require.Equal(t, n, cap(data))
		for i := range data {
			require.Zero(t, data[i])
			data[i] = byte(i)
		}
		runtime.KeepAlive(b)
	}
}

// Blocks that nobody holds go back to the system: 12 times 64 MB would not fit
// beside each other in many a machine's address space limits, nor in its memory.
func TestFreed(t *testing.T) {
	for range 12 {
		b := memory.Make(64 << 20)
		data := b.Bytes()
		for at := 0; at < len(data); at += 1 << 20 {
			data[at] = 1
		}
		runtime.KeepAlive(b)
		runtime.GC()
	}
}

// A block stays as long as it is reachable, however often the collector runs.
func TestKept(t *testing.T) {
	b := memory.Make(8 << 20)
	b.Bytes()[4<<20] = 42
	for range 5 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	require.EqualValues(t, 42, b.Bytes()[4<<20])
}
