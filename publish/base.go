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
)

// position returns the state on which the next version builds, or nil if the store holds no list and
// the publisher may create one. The warnings are about a cache or a ledger that could not be used.
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
		p.rewrite = base == nil || !p.signed(base.Version)
	}
	head, err := history.Newest(ctx, p.Store, p.keys, known)
	_, foreign := errors.AsType[*history.OtherListError](err)
	foreign = foreign || p.Issuer != "" && known != nil && known.Issuer != p.Issuer
	if foreign && p.last == nil {
		warn("the cache %s is of a list of %s, so this run reads the store and writes it again", p.Cache, known.Issuer)
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
	state, err := p.load(ctx, head, base, warn)
	for errors.Is(err, history.ErrGone) {
		// Garbage collection may have taken objects of the head, if a later version came meanwhile.
		later, probeErr := history.Newest(ctx, p.Store, p.keys, head)
		if probeErr != nil || later.Version == head.Version {
			return nil, warnings, errors.Join(err, probeErr)
		}
		head = later
		state, err = p.load(ctx, head, base, warn)
	}
	if err != nil {
		return nil, warnings, err
	}
	p.last = state
	return state, warnings, nil
}

// signed reports whether a version is signed by the publisher's own key. The next run may trust no
// other.
func (p *publisher) signed(v *history.Version) bool {
	_, _, err := p.Key.Public().Verify(v.Bytes)
	return err == nil
}

// load returns the state at the head. If the ledger is lost it goes on without.
func (p *publisher) load(ctx context.Context, head *history.Version, base *ledger.State, warn func(string, ...any)) (*ledger.State, error) {
	s, err := ledger.Load(ctx, p.objects(), head, base)
	if err != nil && base != nil {
		s, err = ledger.Load(ctx, p.objects(), head, nil)
	}
	lost, ok := errors.AsType[*ledger.LostError](err)
	if !ok {
		return s, err
	}
	later, err := history.Probe(ctx, steady.Reader{Reader: p.Store}, p.keys, head)
	if err != nil {
		return nil, err
	}
	if later.Version > head.Version {
		return nil, fmt.Errorf("%w: %w", history.ErrGone, lost)
	}
	list, _, err := history.Follow(ctx, steady.Reader{Reader: p.Store}, p.keys, head, nil)
	if err != nil {
		return nil, err
	}
	// No row that was read was decided later than this.
	latest := list.Version.IssuedAt + list.Version.Policy.Skew
	warn("the ledger is begun again: all sources are read from their start, and reinstatements that were decided before %s release nothing: %v", stamp(latest), lost)
	return ledger.Forgotten(list, latest*1000)
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
