package publish

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/source/postgres"
)

// Sessions end in transactions that overlap, and one transaction outlasts the others. A publisher
// that each commit wakes, and a client that follows, miss none of them.
func TestEveryCommitArrives(t *testing.T) {
	server := startServer(t)
	database := server.Database(t)
	server.Exec(t, database, postgres.Schema)
	src, err := postgres.Open(server.URL("postgres", database), postgres.Options{})
	require.NoError(t, err)
	cfg := config(t, src)
	_, err = Run(t.Context(), cfg)
	require.NoError(t, err)
	cfg.Create = false
	keepPublishing(t, cfg)
	c, err := client.Open(t.Context(), client.Config{Store: cfg.Store, Keys: cfg.Key.Public(), Interval: 50 * time.Millisecond})
	require.NoError(t, err)
	go c.Follow(t.Context())

	const writers, each = 4, 10
	long := server.Connect(t, database)
	_, err = long.Exec(t.Context(), `BEGIN`)
	require.NoError(t, err)
	insert := `INSERT INTO revocations (jti, exp) VALUES ($1, now() + interval '1 hour')`
	_, err = long.Exec(t.Context(), insert, "long")
	require.NoError(t, err)
	var all sync.WaitGroup
	for w := range writers {
		conn := server.Connect(t, database)
		all.Go(func() {
			for i := range each {
				for _, step := range []string{"BEGIN", insert, "COMMIT"} {
					var args []any
					if step == insert {
						args = []any{fmt.Sprint(w, " ", i)}
					}
					if _, err := conn.Exec(t.Context(), step, args...); err != nil {
						t.Error(err)
						return
					}
					time.Sleep(rand.N(20 * time.Millisecond))
				}
			}
		})
	}
	all.Wait()
	revoked := func(jti string) bool {
		token := client.Token{Claims: map[string]any{"iss": testIssuer, "jti": jti, "iat": float64(time.Now().Unix()), "exp": float64(time.Now().Unix() + 60)}}
		return c.Check(token) != nil
	}
	arrives := func(jti string) {
		t.Helper()
		require.Eventually(t, func() bool { return revoked(jti) }, time.Minute, 10*time.Millisecond)
	}
	for w := range writers {
		for i := range each {
			arrives(fmt.Sprint(w, " ", i))
		}
	}
	require.False(t, revoked("long"))
	_, err = long.Exec(t.Context(), `COMMIT`)
	require.NoError(t, err)
	arrives("long")
	require.Equal(t, writers*each+1, c.Status().Entries)
}
