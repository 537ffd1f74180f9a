package client_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// copyOf is the bucket as it is now.
func (l *list) copyOf(t *testing.T) store.Store {
	t.Helper()
	path := t.TempDir()
	require.NoError(t, os.CopyFS(path, os.DirFS(l.bucket.String())))
	s, err := store.OpenDir(path)
	require.NoError(t, err)
	return s
}

func TestAnOlderListIsNeverTakenAgain(t *testing.T) {
	l := newList(t)
	l.publish("")
	old := l.copyOf(t)
	l.publish(`{"jti":"stolen","exp":"2027-01-16T00:00:00Z"}` + "\n")
	wire := &link{Reader: l.bucket}
	follow := func(cfg *client.Config) { cfg.Store = wire; cfg.Cache = l.cache("cache") }
	c := l.open(follow)

	wire.Reader = old
	require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback)
	require.Error(t, c.Check(l.token(map[string]any{"jti": "stolen"})))

	c = l.open(follow) // a restart forgets nothing
	require.ErrorIs(t, c.Status().Err, client.ErrRollback)
	require.EqualValues(t, 2, c.Status().Version)
	require.Error(t, c.Check(l.token(map[string]any{"jti": "stolen"})))

	// What is in the cache is broken: its manifest still says what was accepted.
	names, err := filepath.Glob(filepath.Join(l.dir, "cache", "versions", "*", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		require.NoError(t, os.Truncate(name, 100))
	}
	c = l.open(follow)
	require.ErrorIs(t, c.Check(l.token(nil)), client.ErrNoList)
	require.ErrorIs(t, c.Status().Err, client.ErrRollback)

	wire.Reader = l.bucket // and the next good list is taken
	require.NoError(t, c.Refresh(t.Context()))
	require.EqualValues(t, 2, c.Status().Version)
	require.EqualValues(t, 2, l.open(follow).Status().Version)
}

// A hint that is an old copy, a CDN's or that of a publisher who was slower than another, is no
// rollback as long as the store has what was accepted; and what is newer is found behind it.
func TestAnOldHintIsNoRollback(t *testing.T) {
	l := newList(t)
	l.publish("")
	hint, err := l.bucket.Get(t.Context(), signer.LatestName, signer.MaxManifestSize, "")
	require.NoError(t, err)
	l.publish(`{"jti":"stolen","exp":"2027-01-16T00:00:00Z"}` + "\n")
	c := l.open()
	require.NoError(t, l.bucket.Put(t.Context(), signer.LatestName, hint.Data))
	require.NoError(t, c.Refresh(t.Context()))
	require.EqualValues(t, 2, c.Status().Version)

	l.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n")
	require.NoError(t, l.bucket.Put(t.Context(), signer.LatestName, hint.Data))
	require.NoError(t, c.Refresh(t.Context()))
	require.EqualValues(t, 3, c.Status().Version)
	require.Error(t, c.Check(l.token(map[string]any{"jti": "another"})))

	require.NoError(t, l.bucket.Delete(t.Context(), signer.ManifestName(3)))
	require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback, "the store lost what was accepted")
}

func TestAForkIsNotFollowed(t *testing.T) {
	l := newList(t)
	l.publish("")
	fork := l.copyOf(t)
	l.publish(`{"jti":"stolen","exp":"2027-01-16T00:00:00Z"}` + "\n")
	wire := &link{Reader: l.bucket}
	c := l.open(func(cfg *client.Config) { cfg.Store = wire })

	original := l.bucket
	l.bucket = fork
	l.sleep(time.Minute)
	l.publish("")
	wire.Reader = fork
	require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback, "another version 2")

	wire.Reader = original
	require.NoError(t, c.Refresh(t.Context()))
}

func TestAKeyIsReplaced(t *testing.T) {
	l := newList(t)
	l.publish("")
	first := l.key
	second, err := signer.Generate(signer.ES256, rand.Reader)
	require.NoError(t, err)
	both, err := first.Public().Union(second.Public())
	require.NoError(t, err)
	c := l.open(func(cfg *client.Config) { cfg.Keys = both })
	l.key = second
	l.publish(everyKind, func(cfg *publish.Config) { cfg.Trusted = first.Public() })
	require.NoError(t, c.Refresh(t.Context()))
	require.EqualValues(t, 2, c.Status().Version)
	require.EqualValues(t, 2, l.open().Status().Version, "with the new key alone")
}
