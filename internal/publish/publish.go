// Package publish is the publishing run: it reads what is new in a source, works
// out the next version of the list, and commits it.
//
// # The order of a run
//
//  1. Find the head of the history in the store, and the state of the list there
//     (from the local cache and what came since, or from the store alone).
//  2. Read the source from the cursor that the head's manifest keeps for it,
//     and fold its rows, in their order, into changes of the state.
//  3. Pack the delta, unpack it again, and apply it to the state before as a reader
//     will. Hold the result against what the rows ask for, by other means: every entry
//     that they touch is looked up, and number and checksum are counted from the
//     changes. A snapshot's checksum is counted anew from its bytes.
//  4. Create the objects. Their names contain the hash of their bytes, so
//     leftovers of a run that lost or died can never be mistaken for others.
//  5. Sign the manifest, verify it with the public key, and create it. This is the
//     commit: before it nothing has happened, after it everything has.
//  6. Overwrite the hint, latest.jwt, look whether it still is the newest version
//     (hint.go), and save the cache. Whoever dies before that has published all
//     the same; readers probe, and the next run mends it.
//
// If somebody else committed the version first, the run starts over on top of
// theirs, after a while (backoff.go); the store decides, there are no locks. It keeps
// the state that it had, and reads what came since, and the source again. If a commit's outcome
// is unknown the manifest is read back: it is ours if its bytes are. If that
// fails too the run ends with an error that says so, and the next one finds out.
//
// # Decisions
//
// A row without exp whose rule names a jti ends at revoked_at plus the list's
// max_token_life; without revoked_at either, at the time of this run plus that. If the
// same row is read again and such an entry is still there, it keeps its end, so that
// re-reading does not prolong it.
//
// Rows come again: a PostgreSQL server was restarted, a file rewritten, a query gives
// everything each time. What was revoked stays revoked by that, and a reinstatement that
// comes again ([source.Row].Again) releases nothing, because somebody may have
// revoked the same since: in a row that is missing now, or in another source.
//
// Rows whose iss is another issuer's are counted and left alone: one table may
// feed several lists.
//
// Expiries are rounded up to the list's granularity, a 24th of max_token_life,
// so that the expiry codes of a list fit in 5 bits. An entry is dropped once its
// rounded exp is more than the allowed clock difference (5 minutes) and one --valid-for
// before the last version, and later after an interruption: see clock.go.
//
// All entries are written out and hashed (state.sha256) only now and then: at the
// first version, with a snapshot, when entries expire, after 128 versions
// with changes, and when there is nothing else to do. In between a run costs what
// changed: the state is the cached list, and the changes over it.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// Skew is by how much the clocks of issuer, publisher and readers may differ.
const Skew = 5 * time.Minute

// Config says what to publish, and where. Store, Key, Source, ValidFor, Now and
// Rand are needed.
type Config struct {
	Store  store.Store
	Key    *signer.PrivateKey
	Source source.Source
	// Trusted are keys besides Key that may have signed the history so far.
	Trusted *signer.KeySet
	// Cache keeps the last state over runs; nil reads it from the store each time.
	Cache store.Store

	// Create allows the first version of a list, of Issuer and MaxTokenLife.
	// For a list that is there already both must be left out or be the list's.
	Create       bool
	Issuer       string
	MaxTokenLife time.Duration
	// MaxAuthAge is the list's max_auth_age from now on; nil leaves it as it is,
	// and 0 ends it.
	MaxAuthAge *time.Duration

	// ClockWasAhead says that the last version was issued by a clock that was ahead,
	// and that this one's is right, so that this version may be issued before it.
	ClockWasAhead bool

	// ValidFor is the time from a version's issue until it is stale.
	ValidFor time.Duration
	// SnapshotEvery makes a snapshot due after that many versions with changes; 0
	// makes it due when catching up from the last one costs half of its bytes.
	SnapshotEvery int

	Now  func() time.Time
	Rand io.Reader
	// Step is told what the run is about to do, for a progress display; may be nil.
	Step func(step string, rows int64)

	reads func() // is told before each reading of the source; may be nil
}

// A Result is what a run published.
type Result struct {
	Version     uint64    `json:"version"`
	IssuedAt    time.Time `json:"issued_at"`
	StaleAt     time.Time `json:"stale_at"`
	Entries     int       `json:"entries"`
	Permanent   uint64    `json:"permanent"`
	Rows        int64     `json:"rows"`
	Full        bool      `json:"read_from_start"`
	Changed     int       `json:"changed"`  // entries that came or changed
	Released    int       `json:"released"` // entries that a reinstatement removed
	Dropped     int       `json:"dropped"`  // entries that expired
	OtherIssuer int64     `json:"rows_of_other_issuers"`
	SkippedRows int64     `json:"skipped_rows"`

	Skipped  []*source.BadRowError `json:"-"`
	Objects  []signer.Object       `json:"-"` // the objects of this version alone
	Lost     int                   `json:"races_lost"`
	Warnings []string              `json:"warnings,omitempty"`
	NewRules []string              `json:"new_rules,omitempty"` // that no version had before
}

// ErrNotCreated is what publishing to a store without a list gives without Create.
var ErrNotCreated = errors.New("the store holds no list")

// ErrRaces means that others committed every time.
var ErrRaces = errors.New("other publishers committed first every time")

// errLost is an attempt's answer when somebody else committed its version.
var errLost = errors.New("another publisher committed this version")

// Run publishes one version. After an error nothing was published, unless the
// error wraps ErrHint. It is safe to run any number of publishers at once.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.ValidFor < time.Second {
		return nil, fmt.Errorf("a list must be valid for at least a second, not for %s", cfg.ValidFor)
	}
	if cfg.Step == nil {
		cfg.Step = func(string, int64) {}
	}
	p := &publisher{Config: cfg, keys: cfg.Key.Public()}
	if cfg.Trusted != nil {
		var err error
		if p.keys, err = cfg.Trusted.Union(p.keys); err != nil {
			return nil, err
		}
	}
	if cfg.Cache != nil {
		p.cache = &history.Cache{Store: cfg.Cache, Keys: p.keys}
	}
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

// publisher is a run under way.
type publisher struct {
	Config
	keys  *signer.KeySet
	cache *history.Cache
	last  *history.State // on which the last attempt built, nil before; a loser needs only what came since
}

// attempt tries to publish one version on top of the head as it is now.
func (p *publisher) attempt(ctx context.Context) (*Result, error) {
	p.Step("looking for the newest version", 0)
	base, err := p.base(ctx)
	if err != nil {
		return nil, err
	}
	d := &draft{publisher: p, base: base, result: &Result{}}
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
