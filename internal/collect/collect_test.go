package collect_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// Forty hours, a version each: what stays whole is what readers of the last hours may
// hold, everything else shrinks to its manifest, and the list is good.
func TestALongHistory(t *testing.T) {
	l := newList(t)
	for range 40 {
		l.publish(time.Hour)
	}
	before := l.verify()
	require.Empty(t, before.Notes)

	cfg := l.config(3 * time.Hour)
	cfg.DryRun = true
	dry, err := collect.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Zero(t, dry.Deleted)
	require.NotZero(t, dry.Garbage.Things())
	require.Equal(t, before, l.verify(), "a dry run deletes nothing")

	r := l.gc(3 * time.Hour)
	require.Equal(t, dry.Goes, r.Goes)
	require.EqualValues(t, 40, r.Head)
	require.EqualValues(t, 35, r.WholeFrom, "it was the newest until version 36 came, three hours before version 39, from which time is counted")
	require.EqualValues(t, 36, r.Spare, "version 37 has the newest snapshot, the fourth")
	require.Equal(t, 40, r.Manifests)
	require.Equal(t, collect.Tally{Snapshots: 2, Deltas: r.Kept.Deltas, Ledger: r.Kept.Ledger, Bytes: r.Kept.Bytes}, r.Kept)
	require.Empty(t, r.Unknown)
	whole := 0
	for version := uint64(1); version <= 40; version++ {
		if l.whole(version) {
			whole++
		} else {
			require.Less(t, version, r.WholeFrom)
		}
	}
	require.False(t, l.whole(1))
	require.False(t, l.whole(24))

	after := l.verify()
	require.Equal(t, 40, after.Versions, "all manifests chain")
	require.GreaterOrEqual(t, after.Replayed, whole, "an auditor can replay every version that is whole")
	require.Contains(t, strings.Join(after.Notes, "\n"), "; from version ")
	require.Zero(t, l.gc(3*time.Hour).Garbage, "a second run has nothing to do")

	// Another process, with no cache, goes on from what is left.
	for range 14 {
		l.publish(time.Hour)
		l.gc(time.Hour)
	}
	require.Equal(t, 54, l.verify().Versions)
}

// The newest snapshot breaks; what is left leads to the same state without it.
func TestTheSpareGeneration(t *testing.T) {
	l := newList(t)
	for range 30 { // snapshots at 1, 13 and 25
		l.publish(10 * time.Hour)
	}
	r := l.gc(time.Hour)
	require.EqualValues(t, 28, r.WholeFrom)
	require.EqualValues(t, 24, r.Spare)
	require.True(t, l.whole(24))
	require.False(t, l.whole(12))

	v, err := history.Read(t.Context(), l.bucket, l.key.Public(), 30)
	require.NoError(t, err)
	for _, o := range v.Objects {
		if o.From == 0 {
			require.EqualValues(t, 25, o.To)
			require.NoError(t, os.Remove(filepath.Join(l.path, o.Name())))
		}
	}
	spare, err := history.Read(t.Context(), l.bucket, l.key.Public(), 24)
	require.NoError(t, err)
	state, err := audit.StateAt(t.Context(), l.bucket, spare)
	require.NoError(t, err)
	for _, version := range []uint64{25, 30} {
		v, err := history.Read(t.Context(), l.bucket, l.key.Public(), version)
		require.NoError(t, err)
		state, err = history.Load(t.Context(), l.bucket, v, state)
		require.NoError(t, err)
	}

	_, err = collect.Run(t.Context(), l.config(time.Hour))
	require.ErrorIs(t, err, collect.ErrRefused, "a broken list is left as it is")
	require.ErrorContains(t, err, "is missing")
}

// A key was replaced long before --keep, and the list is so quiet that its last snapshot is
// older still: gc needs the old key until there is a snapshot by the new one.
func TestTheKeyOfTheSpareGeneration(t *testing.T) {
	l := newList(t)
	for range 14 {
		l.publish(time.Hour)
	}
	old := l.key.Public()
	fresh, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	l.key, l.trusted = fresh, old
	for range 8 {
		l.publishRows(100*time.Hour, "", 12)
	}
	_, err = collect.Run(t.Context(), l.config(time.Hour))
	require.ErrorIs(t, err, signer.ErrUnknownKey)
	require.ErrorContains(t, err, "name its public keys with --keys, too")
	cfg := l.config(time.Hour)
	cfg.Keys, err = fresh.Public().Union(old)
	require.NoError(t, err)
	r, err := collect.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.EqualValues(t, 12, r.Spare)

	l.publishRows(time.Hour, `{"jti":"news","exp":1900000000}`+"\n", 1)
	require.Equal(t, l.head-1, l.gc(time.Hour).Spare)
}

// A list that nobody publishes, and a hint that was left behind, lose nothing.
func TestTimeStandsStillWithoutPublications(t *testing.T) {
	l := newList(t)
	for range 20 {
		l.publish(10 * time.Minute)
	}
	hint, err := l.bucket.Get(t.Context(), "latest.jwt", 1<<20, "")
	require.NoError(t, err)
	r := l.gc(2 * time.Hour)
	l.now = l.now.Add(1000 * time.Hour)
	require.Equal(t, r.WholeFrom, l.gc(2*time.Hour).WholeFrom)
	require.Zero(t, l.gc(2*time.Hour).Garbage)

	for range 8 {
		l.publish(10 * time.Hour)
	}
	require.NoError(t, l.bucket.Put(t.Context(), "latest.jwt", hint.Data))
	l.date("latest.jwt", l.now)
	require.NotZero(t, l.gc(time.Hour).Garbage)
	require.True(t, l.whole(20), "the hint tells of it")
	require.False(t, l.whole(12))

	require.NoError(t, l.bucket.Delete(t.Context(), "latest.jwt"))
	require.NotZero(t, l.gc(time.Hour).Garbage)
	require.True(t, l.whole(28), "it is the newest without any hint")
}

// What killed publishers left goes when it is old, and what nobody knows stays.
func TestLeftovers(t *testing.T) {
	l := newList(t)
	for range 20 {
		l.publish(time.Hour)
	}
	sum := make([]byte, 32)
	old, young := l.now.Add(-3*time.Hour), l.now.Add(-30*time.Minute)
	gone := []string{signer.ObjectName(4, 5, sum), signer.ObjectName(0, 5, sum), signer.ObjectName(18, 19, sum), ".tmp-1", "versions/.tmp-2", "versions/000000000005/.tmp-3"}
	for _, name := range gone {
		l.lay(name, old)
	}
	stays := []string{signer.ObjectName(20, 21, sum), signer.ObjectName(0, 99, sum), "notes.txt", "versions/000000000005/notes.txt", "trust/1.jws", "own/.hidden", "own/.dots/.tmp-4"}
	for _, name := range stays {
		l.lay(name, old)
	}
	recent := []string{signer.ObjectName(5, 6, sum), ".tmp-5", "versions/000000000021/.tmp-6"}
	for _, name := range recent {
		l.lay(name, young)
	}
	for _, folder := range []string{"versions/000000000022", "own/empty"} {
		path := filepath.Join(l.path, folder)
		require.NoError(t, os.Mkdir(path, 0o755))
		l.date(folder, old)
	}
	r := l.gc(time.Hour)
	require.Equal(t, []string{"notes.txt", "versions/000000000005/notes.txt"}, r.Unknown)
	require.Equal(t, 4, r.Deleted.Temporary)
	require.Equal(t, 1, r.Young)
	names := l.names()
	for _, name := range gone {
		require.NotContains(t, names, name)
	}
	require.Subset(t, names, stays)
	require.Subset(t, names, recent)
	require.NoDirExists(t, filepath.Join(l.path, "versions/000000000022"))
	require.DirExists(t, filepath.Join(l.path, "own/empty"))
	l.publish(time.Minute)
}

// Something is wrong: nothing is deleted, and a sentence says why.
func TestRefusals(t *testing.T) {
	stranger, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	origin := newList(t)
	for range 20 {
		origin.publish(time.Hour)
	}
	manifest := func(version uint64) string { return signer.ManifestName(version) }
	rewrite := func(t *testing.T, l *list, version uint64, name string) {
		v, err := history.Read(t.Context(), l.bucket, l.key.Public(), version)
		require.NoError(t, err)
		m := *v.Manifest
		m.Expires++
		signed, err := l.key.SignManifest(&m)
		require.NoError(t, err)
		require.NoError(t, l.bucket.Put(t.Context(), name, signed))
		l.date(name, l.now)
	}
	for name, test := range map[string]struct {
		spoil func(*testing.T, *list, *collect.Config)
		is    error
		says  string
	}{
		"too short":      {func(_ *testing.T, _ *list, c *collect.Config) { c.Keep = time.Hour - 1 }, nil, "readers may still be at it"},
		"no list":        {func(t *testing.T, _ *list, c *collect.Config) { c.Store, _ = store.OpenDir(t.TempDir()) }, history.ErrNoList, "check the address"},
		"another key":    {func(_ *testing.T, _ *list, c *collect.Config) { c.Keys = stranger.Public() }, signer.ErrUnknownKey, "with --keys, too"},
		"clock behind":   {func(_ *testing.T, l *list, _ *collect.Config) { l.now = l.now.Add(-6 * time.Minute) }, collect.ErrClock, "version 20 was issued at"},
		"store ahead":    {func(_ *testing.T, l *list, _ *collect.Config) { l.date(manifest(20), l.now.Add(6*time.Minute)) }, collect.ErrClock, "was written at"},
		"hint ahead":     {func(_ *testing.T, l *list, _ *collect.Config) { l.date("latest.jwt", l.now.Add(6*time.Minute)) }, collect.ErrClock, "latest.jwt was written at"},
		"store behind":   {func(_ *testing.T, l *list, _ *collect.Config) { l.date(manifest(20), l.now.Add(-6*time.Minute)) }, collect.ErrClock, "was written at"},
		"no head":        {func(t *testing.T, l *list, _ *collect.Config) { os.Remove(filepath.Join(l.path, manifest(20))) }, store.ErrNotFound, "bring it back"},
		"forked hint":    {func(t *testing.T, l *list, _ *collect.Config) { rewrite(t, l, 20, "latest.jwt") }, history.ErrFork, "another manifest of version 20"},
		"broken hint":    {func(t *testing.T, l *list, _ *collect.Config) { l.lay("latest.jwt", l.now) }, signer.ErrMalformed, "latest.jwt"},
		"a hole to keep": {func(t *testing.T, l *list, _ *collect.Config) { os.Remove(filepath.Join(l.path, manifest(18))) }, store.ErrNotFound, "bring it back"},
		"rewritten":      {func(t *testing.T, l *list, _ *collect.Config) { rewrite(t, l, 18, manifest(18)) }, nil, "version 19 in .* cannot be believed: its prev is not"},
		"spare rewritten": {func(t *testing.T, l *list, _ *collect.Config) { rewrite(t, l, 12, manifest(12)) }, nil,
			"version 13 in .* cannot be believed: its prev is not"},
		"a hole behind the hint": {func(t *testing.T, l *list, _ *collect.Config) {
			hint, err := l.bucket.Get(t.Context(), manifest(14), 1<<20, "")
			require.NoError(t, err)
			require.NoError(t, l.bucket.Put(t.Context(), "latest.jwt", hint.Data))
			require.NoError(t, os.Remove(filepath.Join(l.path, manifest(15))))
			l.date("latest.jwt", l.now)
		}, nil, "the manifest of version 15 is missing"},
		"a cut object": {func(t *testing.T, l *list, _ *collect.Config) {
			found, err := filepath.Glob(filepath.Join(l.path, "versions/000000000020/delta-*"))
			require.NoError(t, err)
			require.NoError(t, os.Truncate(found[0], 10))
		}, nil, "has 10 bytes, and"},
	} {
		t.Run(name, func(t *testing.T) {
			l := origin.copy(t)
			cfg := l.config(3 * time.Hour)
			test.spoil(t, l, &cfg)
			before := l.names()
			_, err := collect.Run(t.Context(), cfg)
			require.ErrorIs(t, err, collect.ErrRefused)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			require.Regexp(t, test.says, err.Error())
			require.True(t, strings.HasPrefix(err.Error(), "nothing was deleted: "))
			require.Equal(t, before, l.names())
		})
	}
}
