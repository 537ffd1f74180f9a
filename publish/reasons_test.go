package publish

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/source"
)

// The reasons of a version have a limit together, so that its record can be read. The decisions
// have none.
func TestReasonsBeyondTheLimitAreLeftOut(t *testing.T) {
	b := newBench(t)
	b.WithReasons, b.Cache = true, nil
	const size = 1 << 20
	var rows []source.Row
	for i := range maxReasonBytes/size + 3 {
		row := say(fmt.Sprint("u", i), noon)
		row.Reason = strings.Repeat("x", size)
		rows = append(rows, row)
	}
	r := b.publish("a", rows...)
	require.Len(t, r.Warnings, 1)
	require.Contains(t, r.Warnings[0], "3 reasons are not in the ledger")
	require.Equal(t, len(rows), r.Entries)
	require.Equal(t, len(rows), b.state().List.Len())
	head, err := history.Head(t.Context(), b.Store, b.Key.Public(), nil)
	require.NoError(t, err)
	record, err := (&ledger.Objects{Bucket: b.Store}).Record(t.Context(), head)
	require.NoError(t, err)
	require.Len(t, record.Reasons, maxReasonBytes/size)
}
