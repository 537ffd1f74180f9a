package history

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/signer"
)

// The largest lists that so many entries make are read: values that do not compress, in any number of sections.
func TestNoListIsLargerThanItsBound(t *testing.T) {
	const life = 253402300799
	r := rand.New(rand.NewPCG(6, 8))
	for _, rules := range []int{1, 2, 255} {
		for _, n := range []int{0, 1, 2, 3, 126, 128, 129, 130, 257, 1000, 1025, 40_000, 70_000} {
			var entries []crl.Entry
			for i := range n {
				e := crl.Entry{Rule: uint8(1 + i%rules), Key: r.Uint64(), Before: r.Int64N(life), Exp: r.Int64N(life)}
				if i%3 == 0 {
					e.Before = crl.Always
				}
				entries = append(entries, e)
			}
			f, err := crl.Build(0, 1, entries, nil)
			require.NoError(t, err)
			v := &Version{Manifest: &signer.Manifest{State: signer.State{Count: uint64(n)}}}
			require.LessOrEqual(t, int64(len(f.Bytes())), maxList(v), "%d entries under %d rules", n, rules)
		}
	}
	require.EqualValues(t, min(8<<30, uint64(^uint(0)>>1)), maxList(&Version{Manifest: &signer.Manifest{State: signer.State{Count: 1<<53 - 1}}}))
}
