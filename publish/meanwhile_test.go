package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// A store that goes away while a publisher loses a race gets no second history, because the
// publisher knows the version that it lost against.
func TestStoreGoesAwayInARace(t *testing.T) {
	r, dir, rows := startRace(t)
	other := &said{name: "other"}
	bucket := &unmounts{Store: r.bucket, dir: dir, race: func() {
		other.rows = append(other.rows, raceRow("b"))
		_, err := Run(t.Context(), r.config(r.bucket, other))
		require.NoError(t, err)
	}}
	cfg := r.config(bucket, rows)
	cfg.Create = false
	result, err := Run(t.Context(), cfg)
	require.Nil(t, result)
	require.ErrorContains(t, err, "version 1 is gone")
	require.NoDirExists(t, dir)
}

// A publisher that is slow to write its hint does not hide a version that another one published
// meanwhile.
func TestSlowHintHidesNothing(t *testing.T) {
	r, _, rows := startRace(t)
	other := &said{name: "other"}
	bucket := &slowHint{Store: r.bucket, meanwhile: func() {
		other.rows = append(other.rows, raceRow("c"))
		require.True(t, r.note(Run(t.Context(), r.config(r.bucket, other))))
	}}
	rows.rows = append(rows.rows, raceRow("b"))
	require.True(t, r.note(Run(t.Context(), r.config(bucket, rows))))
	r.revoked = []string{"a", "b", "c"}
	r.verify()
}

// slowHint calls a function before the hint is written.
type slowHint struct {
	store.Store
	meanwhile func()
}

func (s *slowHint) Put(ctx context.Context, name string, data []byte) error {
	if meanwhile := s.meanwhile; name == signer.LatestName && meanwhile != nil {
		s.meanwhile = nil
		meanwhile()
	}
	return s.Store.Put(ctx, name, data)
}

// unmounts lets another publisher commit first, and goes away at the next read.
type unmounts struct {
	store.Store
	dir  string
	race func()
	lost bool
}

func (u *unmounts) Create(ctx context.Context, name string, data []byte) error {
	if !u.lost && strings.HasSuffix(name, "manifest.jwt") {
		u.race()
		u.lost = true
	}
	return u.Store.Create(ctx, name, data)
}

func (u *unmounts) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (store.Object, error) {
	obj, err := u.Store.Get(ctx, name, limit, ifNoneMatch)
	if u.lost {
		err = errors.Join(err, os.RemoveAll(u.dir))
	}
	return obj, err
}

// A publisher that is told to stop right after its commit still writes the hint.
func TestToldToStopAfterTheCommit(t *testing.T) {
	s := newScene(t)
	s.revokeAll(2)
	s.revoke("last")
	ctx, stop := context.WithCancel(t.Context())
	bucket := &stopping{s.open("list"), stop}
	cfg := Config{
		Store: bucket, Key: s.key, Source: &s.rows, ValidFor: time.Hour,
		Now: func() time.Time { return time.Unix(s.now, 0) }, Rand: rand.Reader,
	}
	r, err := Run(ctx, cfg)
	require.NoError(t, err)
	require.Error(t, ctx.Err())
	hint, _, err := history.Hint(t.Context(), s.open("list"), s.key.Public(), "")
	require.NoError(t, err)
	require.Equal(t, r.Version, hint.Version)
}

// stopping is a store that calls stop when a manifest is committed.
type stopping struct {
	store.Store
	stop func()
}

func (s *stopping) Create(ctx context.Context, name string, data []byte) error {
	err := s.Store.Create(ctx, name, data)
	if _, ok := history.ManifestVersion(name); ok {
		s.stop()
	}
	return err
}
