package publish

import (
	"context"
	"errors"
	"fmt"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
)

// ErrHint means that a version was published, but that the hint, latest.jwt,
// could not be overwritten. Readers find the version later, by probing; the
// next run mends the hint.
var ErrHint = errors.New("the version is published, but its hint is not")

// putHint overwrites the hint with a version, and with the next one if that was
// committed meanwhile, whose own hint may have been there already. Else the slower of two
// publishers would put the older version in the place of the newer, and readers,
// who do not probe while the hint is fresh, would not see the newer until half of its life
// is over. Whoever writes last looks last, so the last hint is the newest.
func (d *draft) putHint(ctx context.Context, v *history.Version) error {
	for {
		if err := steady.Try(ctx, func() error { return d.Store.Put(ctx, signer.LatestName, v.Bytes) }); err != nil {
			return fmt.Errorf("%w (version %d): %w", ErrHint, v.Version, err)
		}
		newest, err := history.Probe(ctx, steady.Reader{Reader: d.Store}, d.keys, v)
		if err != nil {
			d.warn("it could not be seen whether a later version was published meanwhile, which %s would then not tell of; the next run mends it: %v", signer.LatestName, err)
			return nil
		}
		if newest.Version == v.Version {
			return nil
		}
		v = newest
	}
}
