package history_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

// published is a bucket with versions that bring a row each, and every fourth nothing,
// so that its manifest has the hash of all entries. If there is a version in whole, that one has
// a row, a snapshot and the hash, and there is one more, with a row.
func published(t *testing.T, versions int, whole ...int) (store.Store, *signer.KeySet) {
	t.Helper()
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	bucket := openDir(t)
	for i := 1; i <= versions+2*len(whole); i++ {
		rows := fmt.Sprintf(`{"jti":"%d","exp":1800050000}`+"\n", i)
		if i%4 == 0 && whole == nil {
			rows = ""
		}
		src := file.Stream(strings.NewReader(rows), file.Options{})
		cfg := publish.Config{
			Store: bucket, Key: key, Source: src, ValidFor: time.Hour, Rand: rand.Reader,
			Now: func() time.Time { return time.Unix(1_800_000_000+int64(i), 0) },
		}
		if slices.Contains(whole, i) {
			cfg.SnapshotEvery = 1
		}
		if i == 1 {
			cfg.Create, cfg.Issuer, cfg.MaxTokenLife = true, "https://issuer.example", 24*time.Hour
		}
		_, err = publish.Run(t.Context(), cfg)
		require.NoError(t, err)
	}
	return bucket, key.Public()
}

func openDir(t *testing.T) store.Store {
	t.Helper()
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	return s
}

// follow brings a cache to a version as a client does, and gives the state.
func follow(t *testing.T, bucket store.Store, keys *signer.KeySet, c *history.Cache, base *history.State, version uint64) (*history.State, error) {
	t.Helper()
	v, err := history.Read(t.Context(), bucket, keys, version)
	require.NoError(t, err)
	state, objects, err := history.Follow(t.Context(), bucket, keys, v, base)
	require.NoError(t, err)
	return state, c.Save(t.Context(), state, objects)
}

// What was saved is there after a restart at every version, the cache holds steps
// between whole lists, and a whole list replaces what came before it.
func TestCacheFollows(t *testing.T) {
	bucket, keys := published(t, 13)
	dir := openDir(t)
	cache := &history.Cache{Store: dir, Keys: keys}
	var state *history.State
	for version := uint64(1); version <= 13; version++ {
		var err error
		state, err = follow(t, bucket, keys, cache, state, version)
		require.NoError(t, err)
		fresh := &history.Cache{Store: dir, Keys: keys}
		v, loaded, err := fresh.Load(t.Context())
		require.NoError(t, err, "version %d", version)
		require.Equal(t, version, v.Version)
		require.Equal(t, state.List.Sum(), loaded.List.Sum())
		require.Equal(t, state.List.Len(), loaded.List.Len())
		if version%5 == 0 {
			cache, state = fresh, loaded // a restart
		}
		infos, err := dir.List(t.Context(), "", "")
		require.NoError(t, err)
		if version%4 == 0 {
			require.Len(t, infos, 2, "the whole list and its manifest")
		}
		require.LessOrEqual(t, len(infos), 2+2*3)
	}
}

// Every operation of every save fails in every way: what was saved before is still
// there, or what was being saved is, and the next save goes on from it.
func TestCacheSurvivesACrash(t *testing.T) {
	bucket, keys := published(t, 6)
	for fault := range 5 * len(faulty.Ways) {
		version, way := uint64(2+fault/len(faulty.Ways)), faulty.Ways[fault%len(faulty.Ways)]
		for n := int64(1); ; n++ {
			dir := openDir(t)
			cache := &history.Cache{Store: dir, Keys: keys}
			var state *history.State
			for before := uint64(1); before < version; before++ {
				var err error
				state, err = follow(t, bucket, keys, cache, state, before)
				require.NoError(t, err)
			}
			broken := &faulty.Store{Store: dir, N: n, Way: way}
			cache.Store = broken
			_, saveErr := follow(t, bucket, keys, cache, state, version)

			what := fmt.Sprintf("version %d, operation %d %s", version, n, way)
			again := &history.Cache{Store: dir, Keys: keys}
			v, loaded, err := again.Load(t.Context())
			require.NoError(t, err, what)
			require.Contains(t, []uint64{version - 1, version}, v.Version, what)
			require.NotNil(t, loaded, what)
			require.Equal(t, v.State.Count, uint64(loaded.List.Len()))
			_, err = follow(t, bucket, keys, again, loaded, version)
			require.NoError(t, err, what)
			v, loaded, err = (&history.Cache{Store: dir, Keys: keys}).Load(t.Context())
			require.NoError(t, err, what)
			require.Equal(t, version, v.Version, what)
			require.NotNil(t, loaded)
			if broken.Failed() == 0 {
				require.NoError(t, saveErr, what)
				require.Greater(t, n, int64(2), what)
				break
			}
		}
	}
}

// Two processes that share a cache take different ways; either finds it in order.
func TestCacheIsShared(t *testing.T) {
	bucket, keys := published(t, 11)
	dir := openDir(t)
	a, b := &history.Cache{Store: dir, Keys: keys}, &history.Cache{Store: dir, Keys: keys}
	var atA, atB *history.State
	for version := uint64(1); version <= 11; version++ {
		var err error
		if version%2 == 1 {
			atA, err = follow(t, bucket, keys, a, atA, version)
		} else {
			atB, err = follow(t, bucket, keys, b, atB, version)
		}
		require.NoError(t, err)
		v, loaded, err := (&history.Cache{Store: dir, Keys: keys}).Load(t.Context())
		require.NoError(t, err, "version %d", version)
		require.Equal(t, version, v.Version)
		require.NotNil(t, loaded)
	}
	// One that is behind takes nothing back.
	_, err := follow(t, bucket, keys, &history.Cache{Store: dir, Keys: keys}, nil, 9)
	require.ErrorIs(t, err, history.ErrLater)
	v, _, err := a.Load(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 11, v.Version)
}

// A cache that is given a list's own place leaves it alone, whether the hint shows what it
// is or, in a mirror that was interrupted, the first version.
func TestCacheInAList(t *testing.T) {
	bucket, keys := published(t, 4)
	names := func() (all []string) {
		infos, err := bucket.List(t.Context(), "", "")
		require.NoError(t, err)
		for _, info := range infos {
			all = append(all, info.Name)
		}
		return all
	}
	was := names()
	_, _, err := (&history.Cache{Store: bucket, Keys: keys}).Load(t.Context())
	require.ErrorIs(t, err, history.ErrHoldsList)
	_, err = follow(t, bucket, keys, &history.Cache{Store: bucket, Keys: keys}, nil, 4)
	require.ErrorIs(t, err, history.ErrHoldsList)
	require.Equal(t, was, names())

	require.NoError(t, bucket.Delete(t.Context(), signer.LatestName))
	was = names()
	_, err = follow(t, bucket, keys, &history.Cache{Store: bucket, Keys: keys}, nil, 4)
	require.ErrorIs(t, err, history.ErrHoldsList)
	require.Equal(t, was, names())
}

// Whoever can write to a cache's directory cannot make a process read more than so many entries take.
func TestACachedListThatIsFarTooLarge(t *testing.T) {
	bucket, keys := published(t, 1)
	path := t.TempDir()
	dir, err := store.OpenDir(path)
	require.NoError(t, err)
	_, err = follow(t, bucket, keys, &history.Cache{Store: dir, Keys: keys}, nil, 1)
	require.NoError(t, err)
	lists, err := filepath.Glob(filepath.Join(path, "list-*.crl"))
	require.NoError(t, err)
	require.Len(t, lists, 1)
	require.NoError(t, os.Truncate(lists[0], 8<<30)) // of which nothing is on the disk
	v, state, err := (&history.Cache{Store: dir, Keys: keys}).Load(t.Context())
	require.ErrorIs(t, err, store.ErrTooLarge)
	require.NotNil(t, v, "it is the floor all the same")
	require.Nil(t, state)
}

// undeletable is a cache that dies before it can remove what it replaced.
type undeletable struct{ store.Store }

func (undeletable) Delete(context.Context, string) error { return errors.New("killed") }

// A process dies between the commit of a whole list and the removal of what that replaced: the
// newest whole list is what counts, since the steps do not lead there.
func TestACrashBeforeTheOldListIsRemoved(t *testing.T) {
	bucket, keys := published(t, 2, 3)
	dir := openDir(t)
	cache := &history.Cache{Store: dir, Keys: keys}
	state, err := follow(t, bucket, keys, cache, nil, 1)
	require.NoError(t, err)
	state, err = follow(t, bucket, keys, cache, state, 2)
	require.NoError(t, err)
	cache.Store = undeletable{dir}
	_, err = follow(t, bucket, keys, cache, state, 3)
	require.Error(t, err)

	cache = &history.Cache{Store: dir, Keys: keys}
	v, state, err := cache.Load(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, v.Version)
	require.Equal(t, 3, state.List.Len())
	_, err = follow(t, bucket, keys, cache, state, 4)
	require.NoError(t, err)
	_, state, err = (&history.Cache{Store: dir, Keys: keys}).Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, state.List.Len())
}

// listed is a cache in which something happens before it is listed, once.
type listed struct {
	store.Store
	before func()
}

func (l *listed) List(ctx context.Context, prefix, after string) ([]store.Info, error) {
	if do := l.before; do != nil {
		l.before = nil
		do()
	}
	return l.Store.List(ctx, prefix, after)
}

// A process writes a list whole, and while it removes what came before, another that shares the cache
// takes a step from there.
func TestRemovingWhileAnotherProcessStepsOn(t *testing.T) {
	bucket, keys := published(t, 2, 3)
	dir := openDir(t)
	shared := &listed{Store: dir}
	a, b := &history.Cache{Store: shared, Keys: keys}, &history.Cache{Store: dir, Keys: keys}
	two, err := follow(t, bucket, keys, a, nil, 2)
	require.NoError(t, err)
	shared.before = func() {
		three, err := history.Read(t.Context(), bucket, keys, 3)
		require.NoError(t, err)
		state, _, err := history.Follow(t.Context(), bucket, keys, three, two)
		require.NoError(t, err)
		_, err = follow(t, bucket, keys, b, state, 4)
		require.NoError(t, err)
	}
	_, err = follow(t, bucket, keys, a, two, 3)
	require.NoError(t, err)
	v, state, err := (&history.Cache{Store: dir, Keys: keys}).Load(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, v.Version)
	require.Equal(t, 4, state.List.Len())
}
