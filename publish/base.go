package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/store"
)

// position is the state on which the next version builds, nil if there is no list yet and one may
// be created. Warnings say what had to be done without.
func (p *publisher) position(ctx context.Context) (base *ledger.State, warnings []string, err error) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	base = p.last
	var known *history.Version
	switch {
	case base != nil:
		known = base.Version
	case p.cache != nil:
		var err error
		if known, base, err = p.cache.Load(ctx); err != nil {
			warn("the cache %s is broken, so this run reads the store and writes it again: %v", p.Cache, err)
		}
		p.rewrite = base == nil
	}
	head, err := history.Newest(ctx, p.Store, p.keys, known)
	var other *history.OtherListError
	if errors.As(err, &other) && p.last == nil {
		warn("the cache %s is of another list, so this run reads the store and writes it again: %v", p.Cache, err)
		known, base, p.rewrite = nil, nil, true
		head, err = history.Newest(ctx, p.Store, p.keys, nil)
	}
	if errors.Is(err, history.ErrNoList) {
		if !p.Create {
			return nil, warnings, fmt.Errorf("%w (%s)", ErrNotCreated, p.Store)
		}
		return nil, warnings, nil
	}
	if err != nil {
		return nil, warnings, err
	}
	if err := p.sameList(head); err != nil {
		return nil, warnings, err
	}
	if p.last != nil && bytes.Equal(p.last.Version.Bytes, head.Bytes) {
		return p.last, warnings, nil
	}
	for {
		p.last, err = p.load(ctx, head, base, warn)
		lost, gone := err, errors.Is(err, history.ErrGone)
		if !gone {
			return p.last, warnings, err
		}
		// Garbage collection may have taken what head names, if a later version came meanwhile.
		before := head.Version
		if head, err = history.Newest(ctx, p.Store, p.keys, head); err != nil {
			return nil, warnings, err
		}
		if head.Version == before {
			return nil, warnings, lost
		}
	}
}

// load returns the state at the head. If the ledger is lost it goes on without.
func (p *publisher) load(ctx context.Context, head *history.Version, base *ledger.State, warn func(string, ...any)) (*ledger.State, error) {
	s, err := ledger.Load(ctx, p.objects(), head, base)
	if err != nil && base != nil {
		s, err = ledger.Load(ctx, p.objects(), head, nil)
	}
	lost, isLost := errors.AsType[*ledger.LostError](err)
	if !isLost && !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	// A later version may be there by now, of which nothing is missing.
	if later, probeErr := history.Probe(ctx, steady.Reader{Reader: p.Store}, p.keys, head); probeErr != nil || later.Version > head.Version {
		return nil, errors.Join(fmt.Errorf("%w: %w", history.ErrGone, err), probeErr)
	}
	if !isLost {
		return nil, err
	}
	list, _, err := history.Follow(ctx, steady.Reader{Reader: p.Store}, p.keys, head, nil)
	if err != nil {
		return nil, err
	}
	warn("the ledger is begun again, all sources are read from their start, and reinstatements that were decided before %s release nothing: %v", stamp(list.Version.IssuedAt), lost)
	return ledger.Forgotten(list, list.Version.IssuedAt*1000)
}

// objects reads the objects of the list, those of the ledger from the cache if they are there.
func (p *publisher) objects() *ledger.Objects {
	o := &ledger.Objects{Bucket: steady.Reader{Reader: p.Store}}
	if p.cache != nil {
		o.Cache, o.Fetched = p.Cache, p.fetched
	}
	return o
}

// sameList refuses to publish under other promises than the list was made with: entries were
// already dropped by them.
func (p *publisher) sameList(head *history.Version) error {
	if p.Issuer != "" && p.Issuer != head.Issuer {
		return fmt.Errorf("the list in %s is of the issuer %s, not of %s: a store prefix holds one list", p.Store, head.Issuer, p.Issuer)
	}
	life := time.Duration(head.Policy.MaxTokenLife) * time.Second
	if p.MaxTokenLife != 0 && p.MaxTokenLife != life {
		return fmt.Errorf("the list in %s has a max_token_life of %s, and it cannot become %s: entries ended by it; start a new list under another prefix", p.Store, life, p.MaxTokenLife)
	}
	return nil
}
