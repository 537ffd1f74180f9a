package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/store"
)

// quietPolls is after how many polls without news one asks for the next version
// instead of the hint. ETags differ only as far as a server makes them: nginx's is
// the second and the length of a file, which two hints within a second have in
// common. With 8, who missed one has it within two minutes at the default interval; a poll stays
// one small request; and of the polls only an eighth asks for something that no cache
// on the way can answer.
const quietPolls = 8

// newest gives the version to move to, or nil if there is no news, and what was
// wrong on the way, which need not matter if there is a version. The hint
// costs one small request; later versions are probed for when the hint is of
// no use, or when it has not moved for so long that it may have been left behind.
func (c *Client) newest(ctx context.Context) (*history.Version, error) {
	if c.quiet == quietPolls-1 {
		c.quiet = 0
		return c.search(ctx, nil)
	}
	hint, etag, err := history.Hint(ctx, c.cfg.Store, c.cfg.Keys, c.etag)
	held := c.view.Load()
	switch {
	case err == nil:
		c.etag, c.quiet = etag, 0
		if c.floor == nil {
			break
		}
		if err := c.follows(hint); err != nil {
			if c.lags(ctx, hint) {
				c.etag = "" // that it is the same the next time says nothing
				return c.search(ctx, nil)
			}
			return c.probe(ctx, err)
		}
		if held != nil && hint.Version == c.floor.Version {
			return c.probe(ctx, nil)
		}
	case errors.Is(err, store.ErrNotModified):
		c.quiet++
		return c.probe(ctx, nil)
	default:
		return c.probe(ctx, err)
	}
	return hint, nil
}

// probe looks for versions that the hint does not tell of; why is what is wrong
// with the hint. If nothing is, it looks only in the second half of the held
// list's life.
func (c *Client) probe(ctx context.Context, why error) (*history.Version, error) {
	if v := c.view.Load(); why == nil && v != nil && v.young(c.cfg.Now()) {
		return nil, nil
	}
	return c.search(ctx, why)
}

// search looks for versions later than those accepted.
func (c *Client) search(ctx context.Context, why error) (*history.Version, error) {
	if ctx.Err() != nil {
		return nil, why
	}
	next, err := history.Probe(ctx, c.cfg.Store, c.cfg.Keys, c.floor)
	if err != nil {
		return nil, both(why, err)
	}
	if c.floor != nil && next.Version == c.floor.Version && c.view.Load() != nil {
		return nil, why
	}
	return next, why
}

// lags tells whether a hint is an old copy and nothing worse, since the store still has the version that
// was accepted: a CDN's, or that of a publisher who is slower than another and about
// to see it.
func (c *Client) lags(ctx context.Context, hint *history.Version) bool {
	if hint.Version >= c.floor.Version {
		return false
	}
	there, err := history.Read(ctx, c.cfg.Store, c.cfg.Keys, c.floor.Version)
	return err == nil && bytes.Equal(there.Bytes, c.floor.Bytes)
}

// follows tells why a version may not come after the one that was accepted.
func (c *Client) follows(v *history.Version) error {
	if f := c.floor; f != nil && (v.Version < f.Version || v.Version == f.Version && !bytes.Equal(v.Bytes, f.Bytes)) {
		return fmt.Errorf("%w (version %d offered, %d accepted)", ErrRollback, v.Version, f.Version)
	}
	return nil
}

// sameList tells why a version is not one of the list that this client follows.
func (c *Client) sameList(v *history.Version) error {
	if c.cfg.Issuer != "" && v.Issuer != c.cfg.Issuer {
		return fmt.Errorf("the list in %s is of the issuer %s, not of %s", c.cfg.Store, v.Issuer, c.cfg.Issuer)
	}
	if c.floor != nil && (v.Issuer != c.floor.Issuer || !bytes.Equal(v.Salt, c.floor.Salt)) {
		return fmt.Errorf("%w: version %d in %s belongs to another list than the one accepted before", ErrRollback, v.Version, c.cfg.Store)
	}
	return nil
}
