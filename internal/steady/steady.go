// Package steady tries an operation on a store again that failed on the way: a
// publication or a collection takes dozens of them, and one reply that breaks off is
// no reason to leave everything to the next run. A follower has no use for it: it comes
// again within seconds.
package steady

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/revocast/revocast/store"
)

// tries is how often one operation is tried before its failure counts.
const tries = 3

// answers are the errors of a store that another try would not change. ErrExists is none: a
// store gives it, too, to whoever comes while another write is under way that then fails.
var answers = []error{store.ErrNotFound, store.ErrNotModified, store.ErrTooLarge, store.ErrBadName}

// Try does an operation, and again after a failure, a few times with pauses between. It
// gives nil or the last error. What the store answered is no failure and
// comes back at once, and so does what wraps one of the errors that the caller calls final.
func Try(ctx context.Context, op func() error, final ...error) error {
	var err error
	for i := range tries {
		if i > 0 && Sleep(ctx, time.Duration(i)*100*time.Millisecond) != nil {
			return err
		}
		if err = op(); err == nil || ctx.Err() != nil {
			return err
		}
		is := func(answer error) bool { return errors.Is(err, answer) }
		if slices.ContainsFunc(answers, is) || slices.ContainsFunc(final, is) {
			return err
		}
	}
	return err
}

// Sleep lets time pass, and gives the context's error if that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// A Reader tries again what could not be read. It is as safe for concurrent use as
// the reader in it.
type Reader struct{ store.Reader }

// Get reads as the reader in it does.
func (r Reader) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (obj store.Object, err error) {
	err = Try(ctx, func() error {
		obj, err = r.Reader.Get(ctx, name, limit, ifNoneMatch)
		return err
	})
	return obj, err
}
