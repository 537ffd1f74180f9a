package publish

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
)

// A next list that the rows do not explain is not published, and the error names the entries.
func TestAListThatNothingExplainsIsRefused(t *testing.T) {
	const dropped = noon / 1000
	old := crl.Entry{Rule: 1, Key: 0x01, Before: crl.Always, Exp: dropped}
	kept := crl.Entry{Rule: 1, Key: 0x02, Before: crl.Always, Exp: dropped + 1}
	released := crl.Entry{Rule: 1, Key: 0x03, Before: crl.Always, Exp: crl.Never}
	before := crl.Entry{Rule: 2, Key: 0x04, Before: 1_700_000_000, Exp: crl.Never}
	later := crl.Entry{Rule: 2, Key: 0x04, Before: 1_700_000_001, Exp: crl.Never}
	news := crl.Entry{Rule: 1, Key: 0x05, Before: crl.Always, Exp: dropped + 9}
	rows := touched{entries: []crl.Entry{news, later}, removed: []crl.Entry{released}, replaced: []crl.Entry{released, before}}
	for name, c := range map[string]struct {
		next []crl.Entry
		says []string // nil if it may be published
	}{
		"as it should be":           {[]crl.Entry{kept, later, news}, nil},
		"left before its time":      {[]crl.Entry{later, news}, []string{"would have 2 entries", "make 3", "Missing (1): jti 0000000000000002 until 2027-01-15T08:00:01Z."}},
		"left though just revoked":  {[]crl.Entry{kept, later}, []string{"Missing (1): jti 0000000000000005"}},
		"stayed though released":    {[]crl.Entry{kept, later, news, released}, []string{"Not as the rows say (1): jti 0000000000000003."}},
		"stayed though expired":     {[]crl.Entry{old, kept, later, news}, []string{"Not as the rows say (1): jti 0000000000000001"}},
		"went back to an earlier":   {[]crl.Entry{kept, before, news}, []string{"Not as the rows say (1): sub 0000000000000004 before 2023-11-14T22:13:20Z."}},
		"another in its place":      {[]crl.Entry{{Rule: 1, Key: 0x77, Before: crl.Always, Exp: crl.Never}, later, news}, []string{"Missing (1): jti 0000000000000002", "Not as the rows say (1): jti 0000000000000077."}},
		"nothing left of it at all": {nil, []string{"would have 0 entries", "Missing (3): "}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &draft{
				base: &ledger.State{List: listOf(t, 1, old, kept, released, before)}, next: &ledger.State{List: listOf(t, 2, c.next...)},
				result: &Result{}, manifest: signer.Manifest{
					Version: 2, State: signer.State{Dropped: dropped},
					Rules: []signer.Rule{{ID: 1, Claims: []string{"jti"}}, {ID: 2, Claims: []string{"sub"}}},
				},
			}
			err := d.prove(&rows)
			if c.says == nil {
				require.NoError(t, err)
				require.Equal(t, 1, d.result.Dropped)
				return
			}
			refused := new(UnexplainedError)
			require.ErrorAs(t, err, &refused)
			for _, words := range append(c.says, "version 2", "nothing was published") {
				require.Contains(t, err.Error(), words)
			}
		})
	}
}

// An error names a few entries of thousands.
func TestARefusalNamesAFewEntries(t *testing.T) {
	var all []crl.Entry
	for i := range 1000 {
		all = append(all, crl.Entry{Rule: 1, Key: uint64(i) << 50, Before: crl.Always, Exp: crl.Never})
	}
	d := &draft{base: &ledger.State{List: listOf(t, 1, all...)}, next: &ledger.State{List: listOf(t, 2)}, manifest: signer.Manifest{Version: 2}, result: &Result{}}
	err := d.prove(&touched{})
	require.ErrorContains(t, err, "Missing (1000): ")
	require.ErrorContains(t, err, "; ….")
	require.Less(t, len(err.Error()), 1000)
}

func listOf(t *testing.T, to uint64, entries ...crl.Entry) *crl.List {
	t.Helper()
	sum := crl.ChecksumOf(entries)
	f, err := crl.Build(0, to, entries, nil)
	require.NoError(t, err)
	l, err := crl.NewList(f, sum)
	require.NoError(t, err)
	return l
}
