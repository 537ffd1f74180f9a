package client_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/publish"
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

func TestAnotherListIsNotTaken(t *testing.T) {
	l, other := newList(t), newList(t)
	other.key = l.key // the same publisher
	l.publish("")
	other.publish("")
	other.publish("")
	wire := &link{Reader: l.bucket}
	c := l.open(func(cfg *client.Config) { cfg.Store = wire })
	wire.Reader = other.bucket
	require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback)

	_, err := client.Open(t.Context(), client.Config{Store: l.bucket, Keys: l.key.Public(), Now: l.now})
	require.NoError(t, err)
	strict := l.open(func(cfg *client.Config) { cfg.Issuer = "https://other.example" })
	require.ErrorIs(t, strict.Check(l.token(nil)), client.ErrNoList)
	require.ErrorContains(t, strict.Status().Err, "not of https://other.example")
}

func TestAnotherKeyIsNotBelieved(t *testing.T) {
	l := newList(t)
	l.publish("")
	stranger, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	c := l.open(func(cfg *client.Config) { cfg.Keys = stranger.Public() })
	require.ErrorIs(t, c.Check(l.token(nil)), client.ErrNoList)
	require.ErrorIs(t, c.Status().Err, signer.ErrUnknownKey)
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

// Whatever the store gives while it is broken, the next good list is taken.
func TestABrokenUpdateLeavesTheNextOneAlone(t *testing.T) {
	l := newList(t)
	l.publish("")
	c := l.open(func(cfg *client.Config) { cfg.Cache = l.cache("cache") })
	result := l.publish(everyKind)
	good := l.copyOf(t)
	for _, o := range result.Objects {
		require.NoError(t, l.bucket.Put(t.Context(), o.Name(), []byte("rubbish")))
	}
	require.Error(t, c.Refresh(t.Context()))
	require.EqualValues(t, 1, c.Status().Version)
	require.NoError(t, c.Check(l.token(nil)))

	l.bucket = good
	c2 := l.open(func(cfg *client.Config) { cfg.Cache = l.cache("cache") })
	require.EqualValues(t, 2, c2.Status().Version)
	for _, o := range result.Objects {
		obj, err := good.Get(t.Context(), o.Name(), 1<<20, "")
		require.NoError(t, err)
		bucket, err := store.OpenDir(filepath.Join(l.dir, "bucket"))
		require.NoError(t, err)
		require.NoError(t, bucket.Put(t.Context(), o.Name(), obj.Data))
	}
	require.NoError(t, c.Refresh(t.Context()))
	require.EqualValues(t, 2, c.Status().Version)
}
