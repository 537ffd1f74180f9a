// Package collect is garbage collection: it deletes from a list's store what neither
// readers nor publishers need any more. It works with public keys alone.
//
// # What is kept
//
//   - Every manifest, the hint, and whatever has a name that is not a snapshot's or a
//     delta's. Names that no list has are reported, and left alone.
//   - All objects that the newest version names, and those that the version in the hint
//     names, if the hint was left behind.
//   - All objects that a version names which was the newest at any moment within the last
//     [Config.Keep]. Each of these versions stays whole: its state can be had from its snapshot,
//     and a reader that planned with its manifest finds what it planned with.
//   - One spare generation: all objects that the version with the newest
//     snapshot names and the one before it. So if the newest snapshot turns out to be
//     broken, the one before it and deltas still lead to the same state.
//   - The objects of the ledger that lead to these versions, and the records of all versions within
//     Keep (ledger.go).
//   - All objects of versions later than the head that was found, and all that was written
//     within the last hour and the skew that the list's policy allows clocks.
//
// All other snapshots, deltas and objects of the ledger go: those that no kept version names, and
// those of publishers that lost a race or died. In a directory, temporary files and empty version
// folders of that age go as well. Within the rest of this comment, H is the head that was found.
//
// # Why a racing publisher needs nothing of it
//
// A version N names objects of two kinds: new ones, which lie in its own folder, and
// some of those that version N-1 names. So what a version after H names is named by
// H, which is kept, or lies in a folder after H, which is never touched. That holds however
// long a publisher hangs, and whatever clocks say: if it works on top of H or of a later version,
// nothing that it composes from or names is ever deleted; if it works
// on top of an earlier one, the manifest that it wants to create is there already and
// stays, so it loses, and takes nothing of what it had prepared with it. What it left
// in the folder of a version up to H is named by no later version, unless H names it,
// too. (A leftover in the folder of H+1 waits until some publisher has committed H+1.) That a
// version keeps to this the auditors check, as a finding.
//
// A publisher without a cache builds its state from what the head names, as
// a new reader does, and it composes larger deltas of those that its base names.
//
// # Why a reader needs nothing of it
//
// A reader takes the newest version, or one that was the newest when its copy of the
// hint was made, and fetches objects that this version names. They are there for at
// least Keep after the version was followed by another, and Keep is at least an hour. Who comes
// later than that, or held an older manifest, misses an object, and looks for a later
// version ([history.Follow]).
//
// # Which time it is
//
// There are three clocks: this machine's, the publishers' (a manifest's iat) and the store's
// (when an object was written). Time is counted back from the earliest of this machine's
// clock, the iat of the head and that of the version before the head. So a list that nobody
// publishes loses nothing by age, nor does any list by a clock here that is ahead, nor
// by a single version whose publisher's clock leapt: with a directory on the same machine all three
// clocks leap as one, and what was the newest a minute ago would look as old as the leap
// is wide. As for dropping entries, a version goes by the clock of the one before
// it; a clock that stays ahead for two versions is believed. A version ceased to be the newest
// when the next one was issued, by its iat or by the store's time of its manifest,
// whichever is later: that also covers publishers that were slow, and copies.
//
// Nothing is deleted if the clocks contradict each other by more than the skew: if the head was
// issued, or its manifest or the hint written, later than it is here, or the head was written
// earlier than it was issued. All these are written anew with the next publication. That anything
// else was written later than it is here, by a clock that has been set since, keeps
// more than needed until that time, and nothing less.
//
// # Order
//
// The head is found and read from its own folder; then the store is listed, so all that the head names
// must be in the listing, in its size, or else nothing is deleted: the list
// is broken, and what is left may be needed to mend it. Manifests are read back from the head as far
// as versions are to be kept whole; each must be signed and
// be the one that the next names as its prev. Only then objects go, the oldest
// first. Whatever part of them is gone, all that was to be kept is there, so after a failure or
// a crash the list is good, and the next run deletes the rest. Any number of
// runs may work at once.
package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// MinKeep is the least that Config.Keep may be: what a reader that started an hour
// ago may want is never deleted.
const MinKeep = time.Hour

// Config says what to collect. All but DryRun and Step are needed.
type Config struct {
	Store store.Store
	Keys  *signer.KeySet // that may have signed the versions to keep
	// Keep is for how long a version stays whole after it ceased to be the newest.
	Keep time.Duration
	// DryRun only tells what would be deleted.
	DryRun bool
	Now    func() time.Time
	// Step is told how far a long run is, for a progress display; total is 0 while
	// it is unknown. It is called from several goroutines.
	Step func(what string, done, total int64)
}

// A Tally counts things in a store.
type Tally struct {
	Snapshots int   `json:"snapshots"`
	Deltas    int   `json:"deltas"`
	Ledger    int   `json:"ledger"`    // objects of the ledger
	Temporary int   `json:"temporary"` // files that killed writers left, and empty folders
	Bytes     int64 `json:"bytes"`
}

// Things is the number of all that is counted.
func (t *Tally) Things() int { return t.Snapshots + t.Deltas + t.Ledger + t.Temporary }

// A Result says what a run found, and deleted.
type Result struct {
	Head      uint64    `json:"head"`
	IssuedAt  time.Time `json:"issued_at"`         // of the head
	WholeFrom uint64    `json:"whole_from"`        // from it up to the head all versions are whole
	Spare     uint64    `json:"spare,omitempty"`   // the version with the spare snapshot
	Manifests int       `json:"manifests"`         // all are kept
	Kept      Tally     `json:"kept"`              // snapshots, deltas and ledger objects that stay
	Young     int       `json:"young,omitempty"`   // of Kept, those that no kept version names but that are young
	Garbage   Tally     `json:"garbage"`           // what is to go
	Deleted   Tally     `json:"deleted"`           // what went: nothing in a dry run
	Unknown   []string  `json:"unknown,omitempty"` // names that no list has; they stay

	Goes []store.Info `json:"-"` // the things of Garbage, oldest first
}

// ErrRefused means that something is wrong with the list, the store or a clock, and
// that therefore nothing was deleted.
var ErrRefused = errors.New("nothing was deleted")

// Run collects once. After an error that does not wrap ErrRefused there may be a
// result, which says what was deleted until then; running again deletes the rest.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Keep < MinKeep {
		return nil, fmt.Errorf("%w: what was the newest version within the last %s must be kept, and %s is less: readers may still be at it", ErrRefused, MinKeep, cfg.Keep)
	}
	if cfg.Step == nil {
		cfg.Step = func(string, int64, int64) {}
	}
	c := &collection{Config: cfg, reader: steady.Reader{Reader: cfg.Store}}
	if err := c.decide(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if cfg.DryRun {
		return c.result, nil
	}
	return c.result, c.sweep(ctx)
}

// collection is a run under way.
type collection struct {
	Config
	reader store.Reader // of Store
	head   *history.Version
	listed *listing
	result *Result
}

// decide finds out what goes, and deletes nothing.
func (c *collection) decide(ctx context.Context) error {
	started := c.Now()
	c.Step("looking for the newest version", 0, 0)
	hint, err := c.findHead(ctx)
	if err != nil {
		return err
	}
	c.Step("listing the store", 0, 0)
	if err := steady.Try(ctx, func() error { return c.list(ctx) }); err != nil {
		return err
	}
	if err := c.checkListing(ctx); err != nil {
		return err
	}
	if err := c.checkClocks(c.Now()); err != nil {
		return err
	}
	now, err := c.countFrom(ctx, started)
	if err != nil {
		return err
	}
	now = now.Add(-c.skew())
	k := newKeeping(c.head.Version, now.Add(-c.Keep), now.Add(-MinKeep))
	k.name(c.head)
	if hint != nil {
		k.name(hint)
	}
	if err := c.readBack(ctx, k); err != nil {
		return err
	}
	if err := c.keepSpare(ctx, k); err != nil {
		return err
	}
	if err := c.keepLedger(ctx, k); err != nil {
		return err
	}
	litter, err := c.litter(ctx, k.young)
	if err != nil {
		return err
	}
	c.result = k.sort(c.listed.infos, litter)
	c.result.IssuedAt = time.Unix(c.head.IssuedAt, 0).UTC()
	return nil
}

func (c *collection) list(ctx context.Context) error {
	infos, err := c.Store.List(ctx, "", "")
	c.listed = &listing{infos}
	return err
}

// litter is what killed writers left in a directory; a bucket has none.
func (c *collection) litter(ctx context.Context, before time.Time) (infos []store.Info, err error) {
	s, ok := c.Store.(store.Sweeper)
	if !ok {
		return nil, nil
	}
	err = steady.Try(ctx, func() error {
		infos, err = s.Litter(ctx, before)
		return err
	})
	return infos, err
}

// skew is by how much the list's policy allows clocks to differ; more than a day is
// no difference of clocks.
func (c *collection) skew() time.Duration {
	return time.Duration(min(c.head.Policy.Skew, 24*60*60)) * time.Second
}
