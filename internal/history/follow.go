package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrGone means that a store has lost an object that the newest version needs.
var ErrGone = errors.New("the newest version needs an object that is not there")

// Follow is Load for who wants the newest state: v is the newest version that the
// caller knows of. It falls back to a snapshot if something is wrong with the deltas. If
// objects of v are gone, v was not the newest any more, because it came from an old copy of the
// hint or the caller paused on the way, and garbage collection took what later versions
// do not need; then Follow looks for those, and goes there. It also gives the stored bytes of
// the objects that led to the state, for a [Cache]. The error wraps ErrGone if objects of the
// newest version are gone.
func Follow(ctx context.Context, r store.Reader, keys *signer.KeySet, v *Version, base *State) (*State, map[string][]byte, error) {
	for {
		s, objects, err := follow(ctx, r, v, base)
		if !errors.Is(err, store.ErrNotFound) {
			return s, objects, err
		}
		later, probeErr := Probe(ctx, r, keys, v)
		if probeErr != nil {
			return nil, nil, fmt.Errorf("%w; and it could not be seen whether there is a newer version: %w", err, probeErr)
		}
		if later.Version == v.Version {
			return nil, nil, fmt.Errorf("%w: %w", ErrGone, err)
		}
		if later.Issuer != v.Issuer || !bytes.Equal(later.Salt, v.Salt) {
			return nil, nil, fmt.Errorf("%w: version %d in %s is of another list than version %d", ErrFork, later.Version, r, v.Version)
		}
		v = later
	}
}

func follow(ctx context.Context, r store.Reader, v *Version, base *State) (*State, map[string][]byte, error) {
	seen := &recorder{r, map[string][]byte{}}
	s, err := Load(ctx, seen, v, base)
	if err != nil && base != nil {
		clear(seen.objects)
		s, err = Load(ctx, seen, v, nil)
	}
	return s, seen.objects, err
}

// recorder remembers what was read.
type recorder struct {
	store.Reader
	objects map[string][]byte
}

func (r *recorder) Get(ctx context.Context, name string, limit int64, ifNoneMatch string) (store.Object, error) {
	obj, err := r.Reader.Get(ctx, name, limit, ifNoneMatch)
	if err == nil {
		r.objects[name] = obj.Data
	}
	return obj, err
}
