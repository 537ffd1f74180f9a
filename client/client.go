// Package client follows a revocation list and checks tokens against it, in the
// process that accepts the tokens and with no call to anything.
//
//	revoked, err := client.Open(ctx, client.Config{Store: bucket, Keys: keys, Cache: dir})
//	…
//	go revoked.Follow(ctx)
//	…
//	if err := revoked.Check(client.Token{Claims: claims, Header: header}); err != nil {
//		// refuse the token
//	}
//
// [Client.Check] fails closed: whatever it cannot answer for sure is an error.
// The errors are typed, for those who want to decide otherwise:
// [*RevokedError], [*StaleError], [*NotCoveredError], [*ClaimError], [ErrNoList].
//
// # Revoked keys
//
// A key that leaked is revoked by its kid, and whoever has it writes what he likes into the
// headers of his tokens. So verify signatures with the key that kid names,
// and with no other: a library that tries all keys lets him take another's
// name. A token without kid could be of any key. As long as the list has an entry for a
// kid, it is refused with a [*ClaimError]; that is what revoking a kid costs an issuer that
// signs without.
//
// # What is believed
//
// A client accepts a version of the list if a key of its set signed the manifest,
// every object it used has the hash that is signed for, and the list that
// results has the checksum that is signed for, and the hash in the versions that have one.
// It never goes back to an older version than it accepted before, and with a
// cache not after a restart either. Only what was verified reaches the cache, before it
// is used, and it is verified again when it is read. A cache that fails keeps nobody from
// checking tokens; Status().Err tells of it, because a restart may then go back.
//
// # How old is still good
//
// By default a list is good until its manifest's exp, which the publisher sets
// with --valid-for. Config.MaxAge replaces that by the caller's own number.
//
// # What it takes
//
// About 6.1 bytes an entry, outside the Go heap, and once more as much for the
// moment in which the list is written anew; then, and when Follow begins, the
// client runs the garbage collector once and gives memory back to the system.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// Config says what a client follows. Store and Keys are needed; the zero value
// of everything else is a good default.
type Config struct {
	// Store is where the list lies: store.Open gives one for a directory or an
	// HTTP address, store/s3 for a bucket.
	Store store.Reader
	// Keys are the publisher's public keys that are trusted.
	Keys *signer.KeySet
	// Issuer is the iss that the list must be of; "" takes the list's.
	Issuer string
	// Cache keeps what was verified over restarts, as a rule a store.OpenDir of a
	// directory that belongs to this list's cache alone, and is not the store
	// itself; nil keeps nothing, and then a restart needs the store and knows
	// of no version accepted before.
	Cache store.Store
	// MaxAge is how long after its issue a list is good. 0 takes the manifest's exp.
	MaxAge time.Duration
	// Interval is the time between polls, 15 seconds if 0. Each wait is drawn from
	// half to one and a half of it, and doubles with each failure up to 16 times.
	Interval time.Duration
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Log takes news and failures; nil drops them.
	Log *slog.Logger
}

// A Client holds the newest list that it could verify. All methods are safe for
// concurrent use.
type Client struct {
	cfg  Config
	view atomic.Pointer[view]

	mu     sync.Mutex       // one refresh at a time
	floor  *history.Version // below which nothing is accepted; if there is a view, it is of this version
	etag   string
	quiet  int // polls in a row that were answered with "not modified"
	cache  *history.Cache
	unread bool // it is not known yet what is in the cache
	mended bool // the cache was written anew since it was last kept well
	last   atomic.Pointer[attempt]
}

// attempt is how a refresh ended.
type attempt struct {
	at     time.Time
	err    error
	failed bool // to get what the store has
}

// Open returns a client with the newest list that its cache and its store give. A
// store that does not answer is no error, because an edge service has to start
// without a network: until there is a list, Check says [ErrNoList]. The error
// is about the configuration. Open does not follow the list; see [Client.Follow].
func Open(ctx context.Context, cfg Config) (*Client, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("client: Config.Store is missing: say where the list lies")
	case cfg.Keys == nil || cfg.Keys.Len() == 0:
		return nil, errors.New("client: Config.Keys is missing: without a trusted key no list can be believed")
	case cfg.MaxAge < 0 || cfg.Interval < 0:
		return nil, errors.New("client: Config.MaxAge and Config.Interval must not be negative")
	}
	if cfg.Interval == 0 {
		cfg.Interval = 15 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Client{cfg: cfg}
	if cfg.Cache != nil {
		c.cache, c.unread = &history.Cache{Store: cfg.Cache, Keys: cfg.Keys}, true
		if err := c.cache.NoHint(ctx); errors.Is(err, history.ErrHoldsList) {
			return nil, fmt.Errorf("client: Config.Cache: %w", err)
		}
	}
	if err := c.Refresh(ctx); err != nil {
		cfg.Log.Warn("the revocation list could not be refreshed", "err", err)
	}
	return c, nil
}

// Check says whether a token that is otherwise good may be accepted: nil, or why
// not. If several things are wrong the first of these is told: another issuer
// (*NotCoveredError), revoked (*RevokedError), a claim that cannot be matched
// (*ClaimError), a stale list (*StaleError), a life longer than the list's
// (*NotCoveredError). It takes no lock, and allocates only to tell an error.
func (c *Client) Check(t Token) error {
	v := c.view.Load()
	if v == nil {
		return ErrNoList
	}
	return v.check(&t, c.cfg.Now(), c.cfg.MaxAge)
}

// Refresh asks the store for a newer list once and takes it, if it can be
// verified. After an error the client goes on with what it had, or with what the error
// says that it took all the same.
func (c *Client) Refresh(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var unread error
	if c.unread {
		unread = c.readCache(ctx)
	}
	was := c.view.Load()
	failed, unkept := c.refresh(ctx)
	err := both(both(unread, failed), unkept)
	if now := c.view.Load(); was != nil && now != nil && now.state.List.Snapshot() != nil && now.state.List.Snapshot() != was.state.List.Snapshot() {
		// All of the list was written anew. What the old one and the work on the new one took
		// is given back at once; the collector, which knows nothing of blocks
		// outside its heap, might not run for minutes.
		debug.FreeOSMemory()
	}
	if err != nil {
		c.etag, c.quiet = "", 0 // whatever went wrong, the next attempt reads it all again
	}
	c.last.Store(&attempt{c.cfg.Now(), err, failed != nil})
	return err
}

// refresh takes what is new in the store. It tells apart what failed with that and
// why it could not be kept. Nothing is in use before it was kept, as far as it can be, or a
// restart could go back behind it.
func (c *Client) refresh(ctx context.Context) (failed, unkept error) {
	next, why := c.newest(ctx)
	if next == nil {
		return why, nil
	}
	if err := c.sameList(next); err != nil {
		return err, nil
	}
	var base *history.State
	if v := c.view.Load(); v != nil {
		base = v.state
	}
	state, objects, err := history.Follow(ctx, c.cfg.Store, c.cfg.Keys, next, base)
	if err != nil {
		return both(why, err), nil
	}
	if c.cache != nil {
		state, unkept = c.keep(ctx, state, objects)
		if err := c.follows(state.Version); err != nil {
			return err, nil
		}
	}
	c.floor = state.Version // later than next, if objects of that are gone
	c.view.Store(newView(state))
	c.cfg.Log.Info("new revocation list", "version", c.floor.Version, "entries", state.List.Len())
	if unkept != nil {
		unkept = fmt.Errorf("version %d is in use, but could not be kept in the cache: %w", c.floor.Version, unkept)
	}
	return nil, unkept
}

// both is two errors in one line; either may be nil.
func both(why, err error) error {
	switch {
	case why == nil:
		return err
	case err == nil:
		return why
	}
	return fmt.Errorf("%w; %w", why, err)
}

// Follow refreshes until ctx is done, with waits as Config.Interval says. It is
// to run in a goroutine of its own, once for a client.
func (c *Client) Follow(ctx context.Context) {
	failures := 0
	debug.FreeOSMemory() // what it took to load the list
	for {
		wait := c.cfg.Interval << min(failures, 4)
		wait = wait/2 + rand.N(wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		err := c.Refresh(ctx)
		if c.last.Load().failed {
			failures++
		} else {
			failures = 0 // what is wrong with the cache is no reason to spare the store
		}
		if err != nil && ctx.Err() == nil {
			c.cfg.Log.Warn("the revocation list could not be refreshed", "err", err, "failures", failures)
		}
	}
}
