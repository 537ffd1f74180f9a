package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// base is the state at the head, or nil if there is no list yet and one may be created.
func (p *publisher) base(ctx context.Context) (*history.State, error) {
	var known *history.Version
	var cached *history.State
	switch {
	case p.last != nil:
		known, cached = p.last.Version, p.last
	case p.cache != nil:
		// A broken cache costs a download; the store is what counts.
		known, cached, _ = p.cache.Load(ctx)
	}
	head, err := history.Head(ctx, steady.Reader{Reader: p.Store}, p.keys, known)
	if errors.Is(err, history.ErrNoList) {
		if !p.Create {
			return nil, fmt.Errorf("%w (%s): check the address, or start a list with --create --issuer ISS --max-token-life 24h", ErrNotCreated, p.Store)
		}
		return nil, nil
	}
	if err != nil {
		return nil, advised(err)
	}
	if err := p.sameList(head); err != nil {
		return nil, err
	}
	if err := p.holds(ctx, head, known); err != nil {
		return nil, err
	}
	state, objects, err := history.Follow(ctx, steady.Reader{Reader: p.Store}, p.keys, head, cached)
	if err != nil {
		return nil, err
	}
	p.last = state
	if p.cache == nil {
		return state, nil
	}
	// A cache that cannot be written is reported when the run is done.
	_ = p.cache.Save(ctx, state, objects)
	return state, nil
}

func advised(err error) error {
	switch {
	case errors.Is(err, signer.ErrUnknownKey) || errors.Is(err, signer.ErrBadSignature):
		return fmt.Errorf("%w; if the list was published with another key until now, name its public keys with --keys", err)
	case errors.Is(err, signer.ErrMalformed) || errors.Is(err, store.ErrTooLarge):
		return fmt.Errorf("%w; a manifest is never replaced, since readers may have accepted it when it was whole: bring it back from a mirror or a backup; only if nobody has it, delete it and run again", err)
	}
	return err
}

// holds refuses to publish on top of a version that has no manifest of its own in the store:
// one that only the cache has, or that this run read before it lost a race and that is gone
// since, or of which the hint alone is left. The search for the head starts there and finds
// nothing newer in an empty store either, or in that of another list; and once the
// hint is gone, too, somebody would publish another version of that number.
func (p *publisher) holds(ctx context.Context, head, known *history.Version) error {
	there, err := history.Read(ctx, steady.Reader{Reader: p.Store}, p.keys, head.Version)
	switch {
	case errors.Is(err, store.ErrNotFound) && p.last != nil:
		return fmt.Errorf("version %d, on which the list was being built, is gone from %s: is the volume still mounted? %w", head.Version, p.Store, err)
	case errors.Is(err, store.ErrNotFound) && (known == nil || head.Version > known.Version):
		return fmt.Errorf("%s in %s is the manifest of version %d, whose own is missing; manifests are never deleted, bring it back: a copy of %s under the name %s will do: %w",
			signer.LatestName, p.Store, head.Version, signer.LatestName, signer.ManifestName(head.Version), err)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("the cache %s knows version %d of the list, and %s does not hold it: check both addresses; if the store was restored from an older copy, bring back the versions it lacks, which readers may have accepted; only if the list was started anew on purpose, empty the cache: %w",
			p.Cache, head.Version, p.Store, err)
	case err != nil:
		return advised(err)
	case !bytes.Equal(there.Bytes, head.Bytes):
		return fmt.Errorf("%w: version %d in %s is not the one that was read before, or that %s is a copy of", history.ErrFork, head.Version, p.Store, signer.LatestName)
	}
	return nil
}

// sameList refuses to publish under other promises than the list was made with:
// entries were already dropped by them.
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
