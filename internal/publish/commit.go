package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrHint means that a version was published, but that the hint, latest.jwt,
// could not be overwritten. Readers find the version later, by probing; the
// next run mends the hint.
var ErrHint = errors.New("the version is published, but its hint is not")

// tries is how often one operation on the store is tried before the run gives up.
const tries = 3

// commit writes the objects, then the manifest, then the hint.
func (d *draft) commit(ctx context.Context) (*Result, error) {
	for _, b := range d.blobs {
		if err := d.createBlob(ctx, b.Name(), b.stored); err != nil {
			return nil, err
		}
	}
	signed, err := d.Key.SignManifest(&d.manifest)
	if err != nil {
		return nil, err
	}
	version, err := history.ParseVersion(d.keys, signed)
	if err != nil {
		return nil, fmt.Errorf("the manifest that was just signed does not verify, nothing was published: %w", err)
	}
	d.state.Version = version
	if err := d.commitManifest(ctx, signed); err != nil {
		return nil, err
	}
	if err := d.retry(ctx, func() error { return d.Store.Put(ctx, signer.LatestName, signed) }); err != nil {
		return d.result, fmt.Errorf("%w (version %d): %w", ErrHint, version.Version, err)
	}
	if d.cache != nil {
		objects := make(map[string][]byte, len(d.blobs))
		for _, b := range d.blobs {
			objects[b.Name()] = b.stored
		}
		if err := d.cache.Save(ctx, d.state, objects); err != nil {
			d.result.Warnings = append(d.result.Warnings, fmt.Sprintf("the cache could not be written, so the next run reads the store: %v", err))
		}
	}
	return d.result, nil
}

// createBlob writes an object whose name contains the hash of its bytes. Somebody
// else may have written the same; after an error it may be there as well.
func (d *draft) createBlob(ctx context.Context, name string, stored []byte) error {
	return d.retry(ctx, func() error {
		err := d.Store.Create(ctx, name, stored)
		if err == nil {
			return nil
		}
		obj, getErr := d.Store.Get(ctx, name, int64(len(stored)), "")
		switch {
		case getErr == nil && bytes.Equal(obj.Data, stored):
			return nil
		case getErr == nil || errors.Is(getErr, store.ErrTooLarge):
			return fmt.Errorf("%s in %s is there with other bytes than its name says: it is broken, delete it", name, d.Store)
		}
		return err
	})
}

// commitManifest creates the manifest, and reads it back where the answer leaves
// open whose it is: our own success can come back as "exists" after a
// retry below us, and a lost reply as any error.
func (d *draft) commitManifest(ctx context.Context, signed []byte) error {
	name := signer.ManifestName(d.manifest.Version)
	return d.retry(ctx, func() error {
		err := d.Store.Create(ctx, name, signed)
		if err == nil {
			return nil
		}
		obj, getErr := d.Store.Get(ctx, name, signer.MaxManifestSize, "")
		switch {
		case getErr == nil && bytes.Equal(obj.Data, signed):
			return nil
		case getErr == nil || errors.Is(getErr, store.ErrTooLarge):
			return errLost
		}
		return fmt.Errorf("version %d may or may not be published, run again to find out: %w", d.manifest.Version, err)
	})
}

// retry tries an operation again after a failure, but not after a lost race.
func (d *draft) retry(ctx context.Context, op func() error) error {
	var err error
	for i := range tries {
		if i > 0 {
			if sleep(ctx, time.Duration(i)*100*time.Millisecond) != nil {
				return err
			}
		}
		if err = op(); err == nil || errors.Is(err, errLost) || ctx.Err() != nil {
			return err
		}
	}
	return err
}
