package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrUnconditional means that a store overwrites an object that was to be created.
var ErrUnconditional = errors.New("the store does not honour conditional writes (If-None-Match: *)")

// commit writes the objects, then the manifest, then the hint.
func (d *draft) commit(ctx context.Context) (*Result, error) {
	for _, b := range d.blobs {
		if err := d.createBlob(ctx, b.name, b.stored); err != nil {
			return nil, err
		}
	}
	if d.base == nil {
		if err := d.refusesSecond(ctx, d.blobs[0]); err != nil {
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
	d.next.Version = version
	if err := d.commitManifest(ctx, signed); err != nil {
		return nil, err
	}
	d.warned = nil
	// Who is told to stop from here on still does what the version is waiting for.
	ctx, done := grace(ctx)
	defer done()
	if err := d.putHint(ctx, version); err != nil {
		return d.result, err
	}
	d.last = d.next
	d.save(ctx)
	return d.result, nil
}

// save keeps the state in the cache.
func (d *draft) save(ctx context.Context) {
	if d.cache == nil {
		return
	}
	objects := d.fetched
	for _, b := range d.blobs {
		if strings.HasPrefix(b.name, "ledger/") {
			objects[b.name] = b.stored
		}
	}
	if d.whole != nil {
		clear(objects) // all that led here is in it
	}
	if err := d.cache.Save(ctx, d.next, objects, d.whole); err != nil {
		d.warn("the cache %s could not be written, so the next run reads the store: %v", d.Cache, err)
		d.rewrite = true
		return
	}
	d.fetched, d.rewrite = map[string][]byte{}, false
}

// graceful is how much longer a context lasts for what should be finished.
const graceful = 5 * time.Second

func grace(ctx context.Context) (longer context.Context, done func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(graceful, cancel) })
	return longer, func() { stop(); cancel() }
}

// createBlob writes an object whose name contains the hash of its bytes. Somebody
// else may have written the same, and that it exists says that it is durable; after any
// other error it may be there, and is created again until the store says one or the other. Other
// bytes under that name are a leftover that a disk or a copy has torn. No manifest
// that anybody could follow names them, and the bytes at hand are the only ones that the
// name can mean, so they take the place.
func (d *draft) createBlob(ctx context.Context, name string, stored []byte) error {
	return steady.Try(ctx, func() error {
		err := d.Store.Create(ctx, name, stored)
		if err == nil {
			return nil
		}
		obj, getErr := d.Store.Get(ctx, name, int64(len(stored)), "")
		switch {
		case getErr == nil && bytes.Equal(obj.Data, stored):
			return unlessExists(err)
		case getErr == nil || errors.Is(getErr, store.ErrTooLarge):
			if err := d.Store.Put(ctx, name, stored); err != nil {
				return fmt.Errorf("%s is there with other bytes than its name says, and cannot be replaced: %w", name, err)
			}
			d.warn("%s was there with other bytes than its name says, and was replaced; is the store's disk in order?", name)
			return nil
		}
		return err
	})
}

// refusesSecond creates the first object of a list once more. A store that takes
// it would take two manifests of one version as well, and keep the last; nothing is committed
// to it. The bytes are the same, so nothing is harmed, and nothing is left to
// delete, which publishers need no right for. That a store changes its ways later, or
// lets two win at the same moment, is for publisher doctor to find.
func (d *draft) refusesSecond(ctx context.Context, b blob) error {
	return steady.Try(ctx, func() error {
		err := d.Store.Create(ctx, b.name, b.stored)
		switch {
		case errors.Is(err, store.ErrExists):
			return nil
		case err == nil:
			return fmt.Errorf("%w: %s took %s a second time. Two publishers would overwrite each other's versions there, so no list was started",
				ErrUnconditional, d.Store, b.name)
		}
		return err
	}, ErrUnconditional)
}

// commitManifest creates the manifest, and reads it back where the answer leaves
// open whose it is: our own success can come back as "exists" after a
// retry below us, and a lost reply as any error. After such an error it is not enough that
// our bytes can be read: a disk that failed shows them, and may not have them after a power
// cut, when somebody else would publish this version. So it is created again, until the
// store says that it was, or that it exists, which it says of what is durable alone.
func (d *draft) commitManifest(ctx context.Context, signed []byte) error {
	name := signer.ManifestName(d.manifest.Version)
	return steady.Try(ctx, func() error {
		err := d.Store.Create(ctx, name, signed)
		if err == nil {
			return nil
		}
		obj, getErr := d.Store.Get(ctx, name, signer.MaxManifestSize, "")
		switch {
		case getErr == nil && bytes.Equal(obj.Data, signed):
			err = unlessExists(err)
		case getErr == nil || errors.Is(getErr, store.ErrTooLarge):
			return errLost
		}
		if err != nil {
			err = fmt.Errorf("version %d may or may not be published, run again to find out: %w", d.manifest.Version, err)
		}
		return err
	}, errLost)
}

// unlessExists is the error of a Create after which our own bytes are there, and none if
// it says that they exist.
func unlessExists(err error) error {
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	return err
}
