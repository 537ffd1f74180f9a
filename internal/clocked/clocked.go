// Package clocked is a store for tests whose own clock is the test's: no server lets its
// clients say when an object was written, and garbage collection goes by that.
package clocked

import (
	"context"
	"sync"
	"time"

	"github.com/revocast/revocast/store"
)

// Store is a real store that lists objects with the times at which they were written through
// it, by a clock of the test's. It is safe for concurrent use.
type Store struct {
	store.Store
	now   func() time.Time
	times *sync.Map // by name
}

// New gives a store, which is empty, a clock.
func New(s store.Store, now func() time.Time) *Store { return &Store{s, now, &sync.Map{}} }

// As is the same store through another handle.
func (c *Store) As(s store.Store) *Store { return &Store{s, c.now, c.times} }

// Create notes the time in any case: after most errors the object may be there.
func (c *Store) Create(ctx context.Context, name string, data []byte) error {
	at := c.now()
	err := c.Store.Create(ctx, name, data)
	if err == nil {
		c.times.Store(name, at)
	} else {
		c.times.LoadOrStore(name, at)
	}
	return err
}

func (c *Store) Put(ctx context.Context, name string, data []byte) error {
	c.times.Store(name, c.now())
	return c.Store.Put(ctx, name, data)
}

// List gives objects whose writer has not been answered yet as written just now.
func (c *Store) List(ctx context.Context, prefix, after string) ([]store.Info, error) {
	infos, err := c.Store.List(ctx, prefix, after)
	for i := range infos {
		at, ok := c.times.Load(infos[i].Name)
		if !ok {
			at = c.now()
		}
		infos[i].ModTime = at.(time.Time)
	}
	return infos, err
}
