// Package storetest is what every store has to pass.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/store"
)

const limit = 64 << 20

// Run tests the stores that open gives, each empty. Handles of one store, as
// several publishers have them, come from calling the result.
func Run(t *testing.T, open func(t *testing.T) func() store.Store) {
	t.Run("racing creators have one winner", func(t *testing.T) { testRace(t, open(t)) })
	t.Run("a large object is created once", func(t *testing.T) { testLarge(t, open(t)()) })
	t.Run("readers see whole objects only", func(t *testing.T) { testWhole(t, open(t)) })
	t.Run("a created object is not replaced by creating", func(t *testing.T) { testCreate(t, open(t)()) })
	t.Run("put and delete", func(t *testing.T) { testPut(t, open(t)()) })
	t.Run("listing", func(t *testing.T) { testList(t, open(t)()) })
	t.Run("bad names", func(t *testing.T) { testNames(t, open(t)()) })
	t.Run("cancelled", func(t *testing.T) { testCancelled(t, open(t)()) })
	t.Run("reading", func(t *testing.T) {
		s := open(t)()
		Reader(t, s, func() store.Reader { return s })
	})
}

func testRace(t *testing.T, open func() store.Store) {
	ctx := t.Context()
	for round := range 10 {
		name := fmt.Sprintf("versions/%012d/manifest.jwt", round)
		won := make(chan []byte, 32)
		start := make(chan struct{})
		var all sync.WaitGroup
		for writer := range 32 {
			s := open()
			all.Go(func() {
				data := bytes.Repeat([]byte{byte(writer)}, 1000+writer)
				<-start
				switch err := s.Create(ctx, name, data); {
				case err == nil:
					won <- data
				case !errors.Is(err, store.ErrExists):
					t.Errorf("writer %d: %v", writer, err)
				}
			})
		}
		close(start)
		all.Wait()
		close(won)
		winner, ok := <-won
		require.True(t, ok, "nobody won")
		_, second := <-won
		require.False(t, second, "two won")
		obj, err := open().Get(ctx, name, limit, "")
		require.NoError(t, err)
		require.Equal(t, winner, obj.Data)
	}
	infos, err := open().List(ctx, "", "")
	require.NoError(t, err)
	require.Len(t, infos, 10, "the losers left something behind")
}

// testLarge is above the size from which S3 clients upload in parts, and lose
// the condition.
func testLarge(t *testing.T, s store.Store) {
	ctx := t.Context()
	first, second := bytes.Repeat([]byte("first"), 4<<20), bytes.Repeat([]byte("other"), 4<<20)
	require.NoError(t, s.Create(ctx, "large", first))
	require.ErrorIs(t, s.Create(ctx, "large", second), store.ErrExists)
	obj, err := s.Get(ctx, "large", limit, "")
	require.NoError(t, err)
	require.True(t, bytes.Equal(first, obj.Data))
}

func testWhole(t *testing.T, open func() store.Store) {
	ctx, stop := context.WithCancel(t.Context())
	content := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 10_000+i*3_000) }
	require.NoError(t, open().Put(ctx, "latest.jwt", content(0)))
	var writers, readers sync.WaitGroup
	for range 3 {
		s := open()
		writers.Go(func() {
			for range 40 {
				if err := s.Put(ctx, "latest.jwt", content(rand.IntN(40))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		s := open()
		readers.Go(func() {
			for ctx.Err() == nil {
				obj, err := s.Get(ctx, "latest.jwt", limit, "")
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if !bytes.Equal(obj.Data, content(int(obj.Data[0]))) {
					t.Errorf("a mixture of two objects, of %d bytes", len(obj.Data))
				}
			}
		})
	}
	writers.Wait()
	stop()
	readers.Wait()
}

func testCreate(t *testing.T, s store.Store) {
	ctx := t.Context()
	require.NoError(t, s.Create(ctx, "a/b/c", []byte("first")))
	require.ErrorIs(t, s.Create(ctx, "a/b/c", []byte("second")), store.ErrExists)
	require.ErrorIs(t, s.Create(ctx, "a/b/c", []byte("first")), store.ErrExists)
	obj, err := s.Get(ctx, "a/b/c", limit, "")
	require.NoError(t, err)
	require.Equal(t, "first", string(obj.Data))
	require.NoError(t, s.Delete(ctx, "a/b/c"))
	require.NoError(t, s.Create(ctx, "a/b/c", []byte("second")))
}

func testPut(t *testing.T, s store.Store) {
	ctx := t.Context()
	require.NoError(t, s.Put(ctx, "x", []byte("one")))
	require.NoError(t, s.Put(ctx, "x", nil))
	obj, err := s.Get(ctx, "x", limit, "")
	require.NoError(t, err)
	require.Empty(t, obj.Data)
	require.NoError(t, s.Delete(ctx, "x"))
	require.NoError(t, s.Delete(ctx, "x"), "what is not there need not be deleted")
	_, err = s.Get(ctx, "x", limit, "")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func testList(t *testing.T, s store.Store) {
	ctx := t.Context()
	infos, err := s.List(ctx, "", "")
	require.NoError(t, err)
	require.Empty(t, infos)
	var names []string
	var all sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range 1100 { // S3 lists 1,000 at a time
		name := fmt.Sprintf("versions/%012d/manifest.jwt", i)
		names = append(names, name)
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := s.Put(ctx, name, []byte(name[:i%20])); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(t, s.Put(ctx, "latest.jwt", []byte("x")))
	infos, err = s.List(ctx, "versions/", "")
	require.NoError(t, err)
	require.Len(t, infos, len(names))
	for i, info := range infos {
		require.Equal(t, names[i], info.Name)
		require.EqualValues(t, i%20, info.Size)
		require.False(t, info.ModTime.IsZero())
	}
	infos, err = s.List(ctx, "versions/00000000001", "")
	require.NoError(t, err)
	require.Len(t, infos, 10, "a prefix may end within a name")
	infos, err = s.List(ctx, "", "")
	require.NoError(t, err)
	require.Len(t, infos, len(names)+1)
	require.Equal(t, "latest.jwt", infos[0].Name)
	for _, test := range []struct {
		prefix, after string
		want          []string
	}{
		{"versions/", names[0], names[1:]},
		{"versions/", names[1099], nil},
		{"versions/", names[98], names[99:]}, // of which 1,000 fill a page, and one is left
		{"versions/", names[41] + "0", names[42:]},
		{"versions/", "versions/000000000042", names[42:]},
		{"versions/", "versions/000000000042/", names[42:]},
		{"versions/", "versions/000000000042/x", names[43:]},
		{"versions/00000000109", names[1094], names[1095:]},
		{"versions/", "latest.jwt", names},
		{"versions/", "w", nil},
		{"", names[1098], names[1099:]},
		{"latest", "latest.jw", []string{"latest.jwt"}},
		{"latest", "latest.jwt", nil},
	} {
		requireList(t, s, test.prefix, test.after, test.want)
	}
	order := []string{"order-1/x", "order.1", "order/a-1", "order/a/b", "order0", "order_1"} // by bytes, not by folders
	for _, name := range order {
		require.NoError(t, s.Put(ctx, name, nil))
	}
	for i := range order {
		requireList(t, s, "order", order[i], order[i+1:])
	}
	requireList(t, s, "order", "", order)
	requireList(t, s, "order", "order/a", order[2:])
	requireList(t, s, "order/a", "order/a-1", order[3:4])
}

func requireList(t *testing.T, s store.Store, prefix, after string, want []string) {
	t.Helper()
	infos, err := s.List(t.Context(), prefix, after)
	require.NoError(t, err)
	names := []string{}
	for _, info := range infos {
		names = append(names, info.Name)
	}
	require.Equal(t, append([]string{}, want...), names, "%q after %q", prefix, after)
}

var badNames = []string{"", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.b", `a\b`, "a b", "ä", "a\x00b", "a?b", "a%2fb", strings.Repeat("a", 600)}

func testNames(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, name := range badNames {
		require.ErrorIs(t, s.Create(ctx, name, nil), store.ErrBadName, name)
		require.ErrorIs(t, s.Put(ctx, name, nil), store.ErrBadName, name)
		require.ErrorIs(t, s.Delete(ctx, name), store.ErrBadName, name)
	}
}

func testCancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, "x", limit, "")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Create(ctx, "x", nil), context.Canceled)
	require.ErrorIs(t, s.Put(ctx, "x", nil), context.Canceled)
	require.ErrorIs(t, s.Delete(ctx, "x"), context.Canceled)
}

// Reader tests what reads a store: objects are written to s, and read through
// what open gives.
func Reader(t *testing.T, s store.Store, open func() store.Reader) {
	ctx, r := t.Context(), open()
	_, err := r.Get(ctx, "latest.jwt", limit, "")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorContains(t, err, "latest.jwt")
	_, err = r.Get(ctx, "versions/000000000001/manifest.jwt", limit, "")
	require.ErrorIs(t, err, store.ErrNotFound)

	require.NoError(t, s.Put(ctx, "latest.jwt", []byte("one")))
	obj, err := r.Get(ctx, "latest.jwt", 3, "")
	require.NoError(t, err)
	require.Equal(t, "one", string(obj.Data))
	require.NotEmpty(t, obj.ETag)

	_, err = r.Get(ctx, "latest.jwt", 3, obj.ETag)
	require.ErrorIs(t, err, store.ErrNotModified)
	require.NoError(t, s.Put(ctx, "latest.jwt", []byte("two")))
	next, err := r.Get(ctx, "latest.jwt", 3, obj.ETag)
	require.NoError(t, err)
	require.Equal(t, "two", string(next.Data))

	_, err = r.Get(ctx, "latest.jwt", 2, "")
	require.ErrorIs(t, err, store.ErrTooLarge)
	require.NoError(t, s.Put(ctx, "empty", nil))
	obj, err = r.Get(ctx, "empty", 0, "")
	require.NoError(t, err)
	require.Empty(t, obj.Data)
	for _, name := range badNames {
		_, err := r.Get(ctx, name, limit, "")
		require.ErrorIs(t, err, store.ErrBadName, name)
	}
	require.NotEmpty(t, r.String())
}
