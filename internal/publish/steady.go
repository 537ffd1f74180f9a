package publish

import (
	"context"
	"errors"
	"time"

	"github.com/revocast/revocast/store"
)

// tries is how often one operation on the store is tried before the run gives up.
const tries = 3

// steady reads a store and tries again what failed on the way: a run reads a dozen
// objects, and one reply that breaks off is no reason to leave all to the next run.
type steady struct{ store.Reader }

func (s steady) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (store.Object, error) {
	var obj store.Object
	err := retry(ctx, func() error {
		var err error
		obj, err = s.Reader.Get(ctx, name, limit, ifNoneMatch)
		return err
	})
	return obj, err
}

// final are the answers that another try would not change.
var final = []error{errLost, ErrUnconditional, store.ErrNotFound, store.ErrNotModified, store.ErrTooLarge, store.ErrBadName}

// retry tries an operation again after a failure, but not after an answer.
func retry(ctx context.Context, op func() error) error {
	var err error
	for i := range tries {
		if i > 0 && sleep(ctx, time.Duration(i)*100*time.Millisecond) != nil {
			return err
		}
		if err = op(); err == nil || ctx.Err() != nil {
			return err
		}
		for _, answer := range final {
			if errors.Is(err, answer) {
				return err
			}
		}
	}
	return err
}
