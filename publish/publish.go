// Package publish publishes revocation lists: it reads the decisions of a source, works out the
// next version of the list, and commits it to a store.
//
// [Run] publishes one version, and [Every] one after the other. Any number of publishers may work
// on one list at once. The store decides which of them commits a version, so there are no locks.
// docs/PUBLISHING.md describes a run step by step, and docs/SOURCES.md how the decisions of rows
// are taken.
package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

// Skew is by how much the clocks of issuer, publisher and readers may differ.
const Skew = 5 * time.Minute

// A Config says what to publish, and where. Store, Key, Source and ValidFor are required.
type Config struct {
	// Store is where the list is. It must let one of several writers create an object.
	Store store.Store
	// Key signs the version.
	Key *signer.PrivateKey
	// Trusted are keys besides Key that may have signed the history so far.
	Trusted *signer.KeySet
	// Source is where the rows come from. Read is called by one goroutine at a time; String and
	// Watch may run beside it.
	Source source.Source
	// SourceName is what the ledger calls the source: printable UTF-8 of at most 256 bytes. It must
	// be the same in every run. If it is empty the ledger calls the source by a hash of its String.
	SourceName string
	// Cache keeps the state between runs, as a rule in a directory of its own; nil reads the state
	// from Store each time. A publisher with a cache notices if Store was set back.
	Cache store.Store

	// Create allows the first version of a list, of Issuer and MaxTokenLife, if Store holds none.
	// For an existing list both must be empty or equal to the list's.
	Create       bool
	Issuer       string
	MaxTokenLife time.Duration
	// MaxAuthAge is the list's max_auth_age from now on; nil leaves it as it is, and 0 ends it.
	MaxAuthAge *time.Duration

	// ClockWasAhead says that the clock of the last version was ahead, and that this clock is right.
	// So this version may have an earlier time of issue than the last.
	ClockWasAhead bool

	// ValidFor is the time from the issue of a version until it is stale, at least a second.
	ValidFor time.Duration
	// SnapshotEvery makes a snapshot due after a number of versions with changes. 1 makes one with
	// every version. 0 makes one when catching up from the last snapshot costs half of its bytes.
	SnapshotEvery int
	// WithReasons keeps the reasons of rows in the ledger.
	WithReasons bool

	// Now is the clock, time.Now if nil. Rand is the source of the salt of a new list,
	// crypto/rand.Reader if nil.
	Now  func() time.Time
	Rand io.Reader
	// Step is called with the next step of a run, for a progress display. It may be nil.
	Step func(step string, rows int64)
}

// A Result is what a run published.
type Result struct {
	Version     uint64    `json:"version"`
	IssuedAt    time.Time `json:"issued_at"`
	StaleAt     time.Time `json:"stale_at"`
	Entries     int       `json:"entries"`
	Permanent   uint64    `json:"permanent"` // entries that never end by themselves
	Rows        int64     `json:"rows"`
	Full        bool      `json:"read_from_start"`
	Changed     int       `json:"changed"`  // entries that came or changed
	Released    int       `json:"released"` // entries that a reinstatement removed
	Dropped     int       `json:"dropped"`  // entries that expired
	OtherIssuer int64     `json:"rows_of_other_issuers"`
	SkippedRows int64     `json:"skipped_rows"`

	Skipped  []*source.BadRowError `json:"-"` // the first of them
	Objects  []signer.Object       `json:"-"` // of the list, that this version added
	Lost     int                   `json:"races_lost"`
	Warnings []string              `json:"warnings,omitempty"`
	NewRules []string              `json:"new_rules,omitempty"` // that no version had before
}

// Errors of a run, for errors.Is.
var (
	// ErrNotCreated means that the store holds no list, and that the run may not create one.
	ErrNotCreated = errors.New("the store holds no list")
	// ErrRaces means that other publishers committed first every time.
	ErrRaces = errors.New("other publishers committed first every time")
)

// errLost is the end of an attempt whose version another publisher committed.
var errLost = errors.New("another publisher committed this version")

// Run publishes one version. If the error wraps [ErrHint] there is a result besides, and the version
// is published. If the manifest could not be created, and the store did not say whether it is there,
// the version may or may not be published: the error says so, and the next run finds out. After any
// other error nothing was published.
//
// If ctx ends before the version is published, Run returns, as a rule with the error of the context.
// Errors of the source are passed on. So errors.Is and errors.As find fs.ErrNotExist, ErrNoTable of
// source/postgres and source/sqlite, *[source.BadRowError] and *[source.BrokenError].
//
// Run is safe for concurrent use if each call has a Source and a Cache of its own.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	p, err := newPublisher(cfg)
	if err != nil {
		return nil, err
	}
	return p.run(ctx)
}

// publisher publishes versions one after the other.
type publisher struct {
	Config
	keys  *signer.KeySet
	cache *ledger.Cache // nil without
	reads func()        // is called before each reading of the source; may be nil

	last    *ledger.State     // the newest state that this process verified or made, nil before
	warned  []string          // about the cache and the ledger, by runs that had no result
	fetched map[string][]byte // objects that the cache does not have yet
	rewrite bool              // the cache must be written as a whole
}

func newPublisher(cfg Config) (*publisher, error) {
	if cfg.Store == nil || cfg.Key == nil || cfg.Source == nil {
		return nil, errors.New("publishing needs a store, a key and a source")
	}
	if cfg.ValidFor < time.Second {
		return nil, fmt.Errorf("a list must be valid for at least a second, not for %s", cfg.ValidFor)
	}
	if cfg.Step == nil {
		cfg.Step = func(string, int64) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	switch name := cfg.SourceName; {
	case len(name) > maxSourceName:
		return nil, fmt.Errorf("the name %.40q… of the source has %d bytes, and %d are the most", name, len(name), maxSourceName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, notPrintable):
		return nil, fmt.Errorf("the name %q of the source is not printable UTF-8", name)
	}
	p := &publisher{Config: cfg, keys: cfg.Key.Public(), fetched: map[string][]byte{}}
	if cfg.Trusted != nil {
		var err error
		if p.keys, err = cfg.Trusted.Union(p.keys); err != nil {
			return nil, err
		}
	}
	if cfg.Cache != nil {
		p.cache = &ledger.Cache{Store: cfg.Cache, Keys: p.keys}
	}
	return p, nil
}

// maxSourceName bounds the name of a source, in bytes.
const maxSourceName = 256

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

// run publishes a version on top of the head. If another publisher commits first it starts over.
func (p *publisher) run(ctx context.Context) (*Result, error) {
	shortest := time.Duration(math.MaxInt64) // of the attempts
	for lost := range maxAttempts {
		began := time.Now()
		result, err := p.attempt(ctx)
		if result != nil {
			result.Lost = lost
		}
		if !errors.Is(err, errLost) {
			return result, err
		}
		shortest = min(shortest, time.Since(began))
		if err := steady.Sleep(ctx, backoff(lost, shortest)); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w, %d times in a row; are publishers started faster than they finish?", ErrRaces, maxAttempts)
}

// attempt tries to publish one version on top of the head as it is now.
func (p *publisher) attempt(ctx context.Context) (*Result, error) {
	p.Step("looking for the newest version", 0)
	base, warnings, err := p.position(ctx)
	for _, warning := range warnings {
		if !slices.Contains(p.warned, warning) {
			p.warned = append(p.warned, warning)
		}
	}
	if err != nil {
		return nil, err
	}
	d := &draft{publisher: p, base: base, result: &Result{Warnings: slices.Clone(p.warned)}}
	if err := d.begin(); err != nil {
		return nil, err
	}
	defer d.changes.log.close()
	if err := d.readRows(ctx); err != nil {
		return nil, err
	}
	p.Step("building the list", d.result.Rows)
	if err := d.build(ctx); err != nil {
		return nil, err
	}
	p.Step("uploading", d.result.Rows)
	return d.commit(ctx)
}
