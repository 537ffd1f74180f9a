package collect

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/store"
)

// sweep deletes what goes. The first failure ends it.
func (c *collection) sweep(ctx context.Context) error {
	r := c.result
	var mu sync.Mutex
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(atOnce)
	for _, info := range r.Goes {
		all.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err() // of another deletion, which says more
			}
			if err := steady.Try(ctx, func() error { return c.remove(ctx, info) }); err != nil {
				return fmt.Errorf("%s in %s could not be deleted: %w", info.Name, c.Store, err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.Deleted.add(info)
			c.Step("deleting", int64(r.Deleted.Things()), int64(len(r.Goes)))
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return fmt.Errorf("%d of %d were deleted, and the list is as good as before: %w; see that gc may delete there, and run it again for the rest", r.Deleted.Things(), len(r.Goes), err)
	}
	return nil
}

func (c *collection) remove(ctx context.Context, info store.Info) error {
	if s, ok := c.Store.(store.Sweeper); ok && Kind(info) == "temporary" {
		return s.Sweep(ctx, info.Name)
	}
	return c.Store.Delete(ctx, info.Name)
}
