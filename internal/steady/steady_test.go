package steady_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/store"
)

var errFire, errFinal = errors.New("the disk is on fire"), errors.New("somebody else won")

// How often an operation is done that ends as told, each time and for the last time from then
// on, and how long that takes.
func TestTry(t *testing.T) {
	for _, test := range []struct {
		name  string
		ends  []error
		want  error
		calls int
		takes time.Duration
	}{
		{"well", []error{nil}, nil, 1, 0},
		{"well the second time", []error{errFire, nil}, nil, 2, 100 * time.Millisecond},
		{"well the third time", []error{errFire, errFire, nil}, nil, 3, 300 * time.Millisecond},
		{"never", []error{errFire}, errFire, 3, 300 * time.Millisecond},
		{"a write that is under way", []error{store.ErrExists, nil}, nil, 2, 100 * time.Millisecond},
		{"an answer", []error{fmt.Errorf("%w: x", store.ErrNotFound)}, store.ErrNotFound, 1, 0},
		{"an answer in the end", []error{errFire, store.ErrNotModified}, store.ErrNotModified, 2, 100 * time.Millisecond},
		{"what the caller calls final", []error{fmt.Errorf("%w: x", errFinal)}, errFinal, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, calls := time.Now(), 0
				err := steady.Try(t.Context(), func() error {
					calls++
					return test.ends[min(calls, len(test.ends))-1]
				}, errFinal)
				require.ErrorIs(t, err, test.want)
				require.Equal(t, test.calls, calls)
				require.Equal(t, test.takes, time.Since(began))
			})
		})
	}
}

// Who is told to stop does not try again, and says what had failed.
func TestTryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	calls := 0
	err := steady.Try(ctx, func() error {
		calls++
		return errFire
	})
	require.ErrorIs(t, err, errFire)
	require.Equal(t, 1, calls)
}

// A read that breaks off is read again.
func TestReader(t *testing.T) {
	dir, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, dir.Create(t.Context(), "a", []byte("whole")))
	r := &breaking{Reader: dir, left: 2}
	obj, err := steady.Reader{Reader: r}.Get(t.Context(), "a", 5, "")
	require.NoError(t, err)
	require.Equal(t, "whole", string(obj.Data))
	require.Zero(t, r.left)
}

// breaking is a reader of which some first reads break off.
type breaking struct {
	store.Reader
	left int
}

func (b *breaking) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if b.left > 0 {
		b.left--
		return store.Object{}, errFire
	}
	return b.Reader.Get(ctx, name, limit, etag)
}
