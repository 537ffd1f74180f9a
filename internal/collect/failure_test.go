package collect_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/clocked"
	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/store/s3"
)

// Every operation of a run fails in every way. What fails once is tried again and done. Else
// the list is good as it stands then, and the next run does what is left to do.
func TestEveryOperationFails(t *testing.T) { synctest.Test(t, everyOperationFails) }

// In a bubble the pauses between tries take no time.
func everyOperationFails(t *testing.T) {
	origin := newList(t)
	for range 18 {
		origin.publish(time.Hour)
	}
	origin.lay(".tmp-1", origin.now.Add(-5*time.Hour))
	want := origin.copy(t)
	counted := &faulty.Store{Store: want.bucket}
	want.bucket = counted
	all := want.gc(2 * time.Hour)
	require.Greater(t, all.Deleted.Things(), 5)
	operations := counted.Done()

	faults := int64(0)
	for _, way := range faulty.Ways {
		for n := int64(1); n <= operations; n++ {
			l := origin.copy(t)
			f := &faulty.Store{Store: l.bucket, N: n, Way: way}
			cfg := l.config(2 * time.Hour)
			cfg.Store = f
			r, err := collect.Run(t.Context(), cfg)
			switch {
			case err == nil && way == faulty.Torn && r.Deleted.Ledger == 0:
				// A record that came torn counts as lost, so the whole ledger stays for once.
				require.Equal(t, all.Deleted.Things()-all.Deleted.Ledger, r.Deleted.Things())
			case err == nil: // tried again, or it had read one manifest more than it came to need
				require.Equal(t, all.Deleted, r.Deleted)
			case way == faulty.Before || way == faulty.After:
				require.NoError(t, err, "operation %d of %d %s", n, operations, way)
			case errors.Is(err, collect.ErrRefused):
				if way != faulty.Torn { // half a manifest is a bad one
					require.ErrorIs(t, err, faulty.Err, "operation %d of %d %s", n, operations, way)
				}
				require.Equal(t, origin.names(), l.names())
			default:
				require.ErrorIs(t, err, faulty.Err, "operation %d of %d %s", n, operations, way)
				require.Less(t, r.Deleted.Things(), all.Deleted.Things())
			}
			l.verify()
			l.gc(2 * time.Hour)
			require.Equal(t, want.names(), l.names())
			faults += f.Failed()
		}
	}
	want.verify()
	t.Logf("%d operations of a run, %d faults injected", operations, faults)
}

// copy is the list, its files as old as they were.
func (l *list) copy(t testing.TB) *list {
	t.Helper()
	c := &list{t: t, path: t.TempDir(), key: l.key, now: l.now, head: l.head}
	c.bucket = c.open()
	require.NoError(t, os.CopyFS(c.path, os.DirFS(l.path)))
	for _, name := range l.names() {
		info, err := os.Stat(filepath.Join(l.path, name))
		require.NoError(t, err)
		c.date(name, info.ModTime())
	}
	return c
}

// Whoever may read but not delete is told so, by a bucket, and the list stays as it is.
func TestWithoutTheRightToDelete(t *testing.T) {
	server := miniotest.Start(t)
	bucket := server.Public(t)
	l := newList(t)
	mine, err := s3.Open(t.Context(), "s3://"+bucket+"/list?endpoint="+server.Endpoint)
	require.NoError(t, err)
	now := func() time.Time { return l.now }
	times := clocked.New(mine, now)
	for version := range 20 {
		l.now = l.now.Add(time.Hour)
		publishTo(t, times, l.key, now, fmt.Sprint(version))
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	t.Setenv("HOME", t.TempDir())
	public, err := s3.Open(t.Context(), "s3://"+bucket+"/list?endpoint="+server.Endpoint)
	require.NoError(t, err)
	cfg := l.config(time.Hour)
	cfg.Store = times.As(public)
	r, err := collect.Run(t.Context(), cfg)
	require.ErrorContains(t, err, "may not be deleted")
	require.ErrorContains(t, err, "the list is as good as before")
	require.Zero(t, r.Deleted)
	require.NotZero(t, r.Garbage.Things())

	cfg.Store = times
	r, err = collect.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Equal(t, r.Garbage, r.Deleted)
	require.NotEmpty(t, verify(t, times, l.key.Public()).Notes)
}
