package client_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

const issuer = "https://issuer.example"

// list is an issuer's list in a directory, and a clock that stands still.
type list struct {
	t      testing.TB
	secret ed25519.PrivateKey // of key
	key    *signer.PrivateKey
	bucket store.Store
	dir    string
	rows   string
	clock  atomic.Int64 // Unix seconds
}

func newList(t testing.TB) *list {
	t.Helper()
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := signer.NewPrivateKey("", signer.EdDSA, secret)
	require.NoError(t, err)
	l := &list{t: t, secret: secret, key: key, dir: t.TempDir()}
	l.rows = filepath.Join(l.dir, "rows.jsonl")
	l.bucket, err = store.OpenDir(filepath.Join(l.dir, "bucket"))
	require.NoError(t, err)
	l.clock.Store(1_800_000_000)
	return l
}

func (l *list) now() time.Time        { return time.Unix(l.clock.Load(), 0) }
func (l *list) sleep(d time.Duration) { l.clock.Add(int64(d / time.Second)) }
func (l *list) cache(name string) store.Store {
	l.t.Helper()
	s, err := store.OpenDir(filepath.Join(l.dir, name))
	require.NoError(l.t, err)
	return s
}

// publish adds rows to the source and publishes a version that is good for an hour.
func (l *list) publish(rows string, options ...func(*publish.Config)) *publish.Result {
	l.t.Helper()
	f, err := os.OpenFile(l.rows, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(l.t, err)
	_, err = f.WriteString(rows)
	require.NoError(l.t, err)
	require.NoError(l.t, f.Close())
	src, err := file.Open(l.rows, file.Options{})
	require.NoError(l.t, err)
	cfg := publish.Config{
		Store: l.bucket, Key: l.key, Source: src, Create: true, Issuer: issuer,
		MaxTokenLife: 24 * time.Hour, ValidFor: time.Hour, Now: l.now, Rand: rand.Reader,
	}
	for _, o := range options {
		o(&cfg)
	}
	result, err := publish.Run(l.t.Context(), cfg)
	require.NoError(l.t, err)
	return result
}

func (l *list) open(options ...func(*client.Config)) *client.Client {
	l.t.Helper()
	cfg := client.Config{Store: l.bucket, Keys: l.key.Public(), Now: l.now}
	for _, o := range options {
		o(&cfg)
	}
	c, err := client.Open(l.t.Context(), cfg)
	require.NoError(l.t, err)
	return c
}

// token is a good token issued a minute ago for an hour, with more claims.
func (l *list) token(claims map[string]any) client.Token {
	now := l.clock.Load()
	t := client.Token{
		Claims: map[string]any{"iss": issuer, "iat": now - 60, "exp": now + 3540},
		Header: map[string]any{"alg": "ES256", "kid": "k1"},
	}
	for name, value := range claims {
		if value == nil {
			delete(t.Claims, name)
			continue
		}
		t.Claims[name] = value
	}
	return t
}

// link is a network that can be pulled.
type link struct {
	store.Reader
	down     atomic.Bool
	requests atomic.Int64
}

var errUnplugged = errors.New("the network cable is pulled")

func (l *link) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	l.requests.Add(1)
	if l.down.Load() {
		return store.Object{}, errUnplugged
	}
	return l.Reader.Get(ctx, name, limit, etag)
}
