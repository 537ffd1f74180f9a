package collect_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

// A list in a directory whose files are as old as the test's clock says.
type list struct {
	t      testing.TB
	path   string
	bucket store.Store
	key    *signer.PrivateKey
	now    time.Time
	head   uint64

	// What the publisher is told.
	trusted       *signer.KeySet
	clockWasAhead bool
}

func newList(t testing.TB) *list {
	t.Helper()
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	l := &list{t: t, path: filepath.Join(t.TempDir(), "list"), key: key, now: time.Unix(1_800_000_000, 0)}
	l.bucket = l.open()
	return l
}

func (l *list) open() store.Store {
	l.t.Helper()
	s, err := store.OpenDir(l.path)
	require.NoError(l.t, err)
	return s
}

// publish lets some time pass and publishes a revocation, with a snapshot after every 12.
func (l *list) publish(passed time.Duration) {
	l.t.Helper()
	l.publishRows(passed, fmt.Sprintf(`{"jti":"%d","exp":1900000000}`+"\n", l.head+1), 12)
}

// publishRows publishes rows of JSON Lines, or with none renews the list.
func (l *list) publishRows(passed time.Duration, rows string, snapshotEvery int) {
	l.t.Helper()
	l.now = l.now.Add(passed)
	src := file.Stream(strings.NewReader(rows), file.Options{})
	_, err := publish.Run(l.t.Context(), publish.Config{
		Store: l.bucket, Key: l.key, Source: src, Create: true, Issuer: "i", MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: func() time.Time { return l.now }, Rand: rand.Reader, SnapshotEvery: snapshotEvery, Trusted: l.trusted,
		ClockWasAhead: l.clockWasAhead,
	})
	require.NoError(l.t, err)
	l.head++
	l.date("latest.jwt", l.now)
	l.dateFolder(l.head, l.now)
}

func (l *list) date(name string, at time.Time) {
	l.t.Helper()
	require.NoError(l.t, os.Chtimes(filepath.Join(l.path, filepath.FromSlash(name)), at, at))
}

// dateFolder makes what a version wrote as old as at says.
func (l *list) dateFolder(version uint64, at time.Time) {
	l.t.Helper()
	for _, prefix := range []string{"versions/%012d/", "ledger/%012d-"} {
		infos, err := l.bucket.List(l.t.Context(), fmt.Sprintf(prefix, version), "")
		require.NoError(l.t, err)
		for _, info := range infos {
			l.date(info.Name, at)
		}
	}
}

// lay puts a file under the list's prefix, as old as at says.
func (l *list) lay(name string, at time.Time) {
	l.t.Helper()
	path := filepath.Join(l.path, filepath.FromSlash(name))
	require.NoError(l.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(l.t, os.WriteFile(path, []byte("left"), 0o644))
	l.date(name, at)
}

func (l *list) config(keep time.Duration) collect.Config {
	return collect.Config{Store: l.bucket, Keys: l.key.Public(), Keep: keep, Now: func() time.Time { return l.now }}
}

func (l *list) gc(keep time.Duration) *collect.Result {
	l.t.Helper()
	r, err := collect.Run(l.t.Context(), l.config(keep))
	require.NoError(l.t, err)
	require.Equal(l.t, r.Garbage, r.Deleted)
	return r
}

// names are all files in the directory, whatever they are.
func (l *list) names() []string {
	l.t.Helper()
	var names []string
	require.NoError(l.t, filepath.Walk(l.path, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			names = append(names, filepath.ToSlash(strings.TrimPrefix(path, l.path+string(filepath.Separator))))
		}
		return err
	}))
	return names
}

func (l *list) verify() *audit.Report {
	l.t.Helper()
	return verify(l.t, l.bucket, l.key.Public())
}

func verify(t testing.TB, r store.Reader, keys *signer.KeySet) *audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), r, keys, func(string, int64, int64) {})
	require.NoError(t, err)
	require.Empty(t, report.Findings)
	return report
}

// whole tells whether a version's state can be had from nothing.
func (l *list) whole(version uint64) bool {
	l.t.Helper()
	v, err := history.Read(l.t.Context(), l.bucket, l.key.Public(), version)
	require.NoError(l.t, err, "manifests are never deleted")
	_, err = audit.StateAt(context.WithoutCancel(l.t.Context()), l.bucket, v)
	if err != nil {
		require.ErrorIs(l.t, err, store.ErrNotFound)
	}
	return err == nil
}
