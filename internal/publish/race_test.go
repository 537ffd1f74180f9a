package publish_test

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/publish"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// Many publishers at once, each with a source of its own: no revocation is lost, and the
// history has no fork.
func TestPublishersRace(t *testing.T) {
	const publishers, rounds = 8, 5
	dir := t.TempDir()
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	bucket, err := store.OpenDir(filepath.Join(dir, "list"))
	require.NoError(t, err)
	now := func() time.Time { return time.Unix(1_800_000_000, 0) }
	var all sync.WaitGroup
	for i := range publishers {
		rows := &named{name: fmt.Sprint("source ", i)}
		all.Go(func() {
			for round := range rounds {
				rows.rows = append(rows.rows, source.Row{
					Names: []string{"jti"}, Values: []string{fmt.Sprint(i, " ", round)}, Before: source.None, Exp: 1_800_003_600, RevokedAt: source.None,
				})
				_, err := publish.Run(t.Context(), publish.Config{
					Store: bucket, Key: key, Source: rows, Create: true, Issuer: modelIssuer, MaxTokenLife: 24 * time.Hour,
					ValidFor: time.Hour, Now: now, Rand: rand.Reader,
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c, err := client.Open(t.Context(), client.Config{Store: bucket, Keys: key.Public(), Now: now})
	require.NoError(t, err)
	require.EqualValues(t, publishers*rounds, c.Status().Version)
	require.Equal(t, publishers*rounds, c.Status().Entries)
	for i := range publishers {
		for round := range rounds {
			require.Error(t, c.Check(client.Token{Claims: map[string]any{"iss": modelIssuer, "jti": fmt.Sprint(i, " ", round)}}))
		}
	}
	report, err := audit.Verify(t.Context(), bucket, key.Public(), func(string, int64, int64) {})
	require.NoError(t, err)
	require.Empty(t, report.Findings)
	require.Equal(t, publishers*rounds, report.Replayed)
}

// named is a feed with a name of its own.
type named struct {
	feed
	name string
}

func (n *named) Name() string { return n.name }
