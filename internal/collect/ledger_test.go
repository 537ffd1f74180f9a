package collect_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

func (l *list) version(number uint64) *history.Version {
	l.t.Helper()
	v, err := history.Read(l.t.Context(), l.bucket, l.key.Public(), number)
	require.NoError(l.t, err)
	return v
}

// remembered loads the ledger of a version from the store alone.
func (l *list) remembered(number uint64) (*ledger.State, error) {
	l.t.Helper()
	return ledger.Load(l.t.Context(), &ledger.Objects{Bucket: l.bucket}, l.version(number), nil)
}

// recorded reports whether the record of a version is there.
func (l *list) recorded(number uint64) bool {
	l.t.Helper()
	_, err := (&ledger.Objects{Bucket: l.bucket}).Record(l.t.Context(), l.version(number))
	if err != nil {
		require.ErrorIs(l.t, err, store.ErrNotFound)
	}
	return err == nil
}

func (l *list) ledgerObjects() int {
	l.t.Helper()
	infos, err := l.bucket.List(l.t.Context(), "ledger/", "")
	require.NoError(l.t, err)
	return len(infos)
}

// Forty hours, a version each. Every version of the last hours can be loaded from the store with
// its ledger. The records of before are gone.
func TestTheLedgerOfALongHistory(t *testing.T) {
	l := newList(t)
	for range 30 {
		l.publish(time.Hour)
	}
	l.publishRows(time.Hour, `{"jti":"7","reinstate":true,"revoked_at":"2027-01-15T20:00:00Z"}`+"\n", 12)
	for range 9 {
		l.publish(time.Hour)
	}
	before, err := l.remembered(40)
	require.NoError(t, err)
	require.NotEmpty(t, before.Reinstated)
	objects := l.ledgerObjects()

	r := l.gc(3 * time.Hour)
	require.NotZero(t, r.Deleted.Ledger)
	require.Equal(t, objects-r.Deleted.Ledger, r.Kept.Ledger)
	require.Equal(t, r.Kept.Ledger, l.ledgerObjects())

	after, err := l.remembered(40)
	require.NoError(t, err)
	require.Equal(t, before.Reinstated, after.Reinstated)
	require.Equal(t, before.Sources, after.Sources)
	require.Equal(t, before.Line, after.Line)
	want, err := before.List.Whole()
	require.NoError(t, err)
	got, err := after.List.Whole()
	require.NoError(t, err)
	require.Equal(t, want.Snapshot().Moments(), got.Snapshot().Moments())
	require.True(t, want.Snapshot().Equal(got.Snapshot()))

	for version := r.WholeFrom; version <= r.Head; version++ {
		require.True(t, l.recorded(version), "the record of version %d", version)
		_, err := l.remembered(version)
		require.NoError(t, err, "version %d", version)
	}
	require.True(t, l.recorded(r.Spare))
	for version := uint64(1); version < r.Spare-6; version++ { // it names the records of six versions
		require.False(t, l.recorded(version), "the record of version %d", version)
	}
	require.Zero(t, l.gc(3*time.Hour).Garbage, "a second run has nothing to do")
}

// The hint was left behind at a version whose record the next one shares, because it changed
// nothing. From the next one on all versions are kept, and so are their records.
func TestAHintThatSharesItsLedger(t *testing.T) {
	l := newList(t)
	for range 4 {
		l.publish(time.Hour)
	}
	hint := l.version(4).Bytes
	for range 2 {
		l.publishRows(time.Hour, "", 12)
	}
	for range 14 {
		l.publish(10 * time.Minute)
	}
	require.Equal(t, l.version(4).Ledger, l.version(5).Ledger)
	require.NoError(t, l.bucket.Put(t.Context(), signer.LatestName, hint))
	l.date(signer.LatestName, l.now)
	r := l.gc(3 * time.Hour)
	require.EqualValues(t, 5, r.WholeFrom)
	for version := r.WholeFrom; version <= r.Head; version++ {
		_, err := l.remembered(version)
		require.NoError(t, err, "version %d", version)
	}
}

// The record that says which objects are needed is lost or cut: no object of the ledger goes.
func TestALostRecordKeepsTheWholeLedger(t *testing.T) {
	for name, lose := range map[string]func(l *list, name string){
		"lost": func(l *list, name string) { require.NoError(l.t, l.bucket.Delete(l.t.Context(), name)) },
		"cut":  func(l *list, name string) { l.lay(name, l.now.Add(-100*time.Hour)) },
	} {
		for _, oldest := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, of the oldest version to keep: %v", name, oldest), func(t *testing.T) {
				l := newList(t)
				for range 40 {
					l.publish(time.Hour)
				}
				cfg := l.config(3 * time.Hour)
				cfg.DryRun = true
				dry, err := collect.Run(t.Context(), cfg)
				require.NoError(t, err)
				require.NotZero(t, dry.Garbage.Ledger)
				version := dry.Head
				if oldest {
					version = dry.WholeFrom
				}
				lose(l, l.version(version).Ledger.Name())
				r := l.gc(3 * time.Hour)
				require.Zero(t, r.Deleted.Ledger)
				require.NotZero(t, r.Deleted.Deltas)
			})
		}
	}
}

// A publisher without a cache falls asleep at any of its steps, and meanwhile the list moves on for
// days and is collected. It finds the newest version and its whole ledger.
func TestAPublisherWithoutACacheSleepsForDays(t *testing.T) {
	for _, prefix := range []string{signer.ManifestName(13), "ledger/000000000012-", "ledger/", "versions/000000000001/snapshot"} {
		t.Run(prefix, func(t *testing.T) {
			l := newList(t)
			for range 12 {
				l.publish(time.Hour)
			}
			asleep := &sleeper{l.bucket, paused{l.bucket, func(name string) bool { return strings.HasPrefix(name, prefix) }, l.days}}
			r, err := publish.Run(t.Context(), publish.Config{
				Store: asleep, Key: l.key, Source: file.Stream(strings.NewReader(`{"jti":"late","exp":1900000000}`+"\n"), file.Options{}),
				ValidFor: time.Hour, Now: func() time.Time { return l.now }, Rand: rand.Reader,
			})
			require.NoError(t, err)
			require.Nil(t, asleep.paused.sleep, "it never slept")
			require.Empty(t, r.Warnings)
			require.EqualValues(t, l.head+1, r.Version)
			s, err := l.remembered(r.Version)
			require.NoError(t, err)
			require.EqualValues(t, l.head+1, s.List.Len())
		})
	}
}

// sleeper is a bucket to write to whose reader falls asleep.
type sleeper struct {
	store.Store
	paused
}

func (s *sleeper) String() string { return s.Store.String() }

func (s *sleeper) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	return s.paused.Get(ctx, name, limit, etag)
}
