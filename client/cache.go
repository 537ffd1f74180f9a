package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/revocast/revocast/internal/history"
)

// readCache takes what the cache holds. A disk that cannot be read keeps nobody from
// starting, since the cache is a help; but then it is not known which version was accepted
// before, so the next refresh reads again, until it is. If the cache turns out to hold a later
// version than the store gave meanwhile, that counts, and what is in use is older.
func (c *Client) readCache(ctx context.Context) error {
	v, state, err := c.cache.Load(ctx)
	c.unread = errors.Is(err, history.ErrUnread)
	if c.unread {
		return fmt.Errorf("the cache of the revocation list in %s cannot be used: %w", c.cfg.Cache, err)
	}
	if err != nil {
		c.cfg.Log.Warn("the cache of the revocation list cannot be used", "err", err)
	}
	if v == nil || c.sameList(v) != nil || c.floor != nil && (v.Version < c.floor.Version || bytes.Equal(v.Bytes, c.floor.Bytes)) {
		return nil
	}
	older := c.floor
	c.floor = v
	var next *view // none, if the entries are broken: what was in use is older than what was accepted
	if state != nil {
		next = newView(state)
	}
	c.view.Store(next)
	if older != nil {
		return c.follows(older)
	}
	return nil
}

// keep saves a state in the cache, and gives the one to use, with why it is not kept. If another process
// saved a later one, or this one could not read the cache until now, that is the
// floor from then on. A cache that was emptied meanwhile, or that lacks a step, is
// written anew from a snapshot, once: a disk that is full must not cost a
// download for each version.
func (c *Client) keep(ctx context.Context, state *history.State, objects map[string][]byte) (*history.State, error) {
	err := c.cache.Save(ctx, state, objects)
	if errors.Is(err, history.ErrLater) {
		return state, both(err, c.readCache(ctx))
	}
	if errors.Is(err, history.ErrGap) && !c.mended {
		c.mended = true
		whole, objects, followErr := history.Follow(ctx, c.cfg.Store, c.cfg.Keys, state.Version, nil)
		if followErr != nil {
			return state, both(err, followErr)
		}
		state, err = whole, c.cache.Save(ctx, whole, objects)
	}
	switch {
	case err == nil:
		c.unread, c.mended = false, false
	case errors.Is(err, history.ErrUnread):
		c.unread = true
	}
	return state, err
}
