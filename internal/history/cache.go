package history

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"

	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// A Cache keeps one verified state of a list in a store of its own, a directory
// as a rule, over restarts:
//
//	manifest.jwt                    the manifest of the newest accepted version
//	list-<sha256>.crl               all entries as of a version whose manifest has
//	                                this state.sha256
//	versions/…                      manifests and objects as in the bucket: that
//	                                version's manifest, and what leads on from it
//
// A step to a new version adds its objects and the manifest that was in manifest.jwt
// until then, so it costs what the step brings; now and then, when a manifest has the hash of all
// entries, they are written out and what came before is removed. manifest.jwt is
// written last and is the commit. Everything is verified again when it is
// loaded: the entries by the signed hash, and each object by the manifest that
// it was accepted with.
//
// What was accepted before counts, whoever accepted it: Save gives ErrLater where the cache
// knows better, and a caller that meets ErrUnread does not know yet. A cache that was emptied meanwhile, or in which a step
// is missing because it could not be written, is told of with ErrGap.
//
// A Cache is for one goroutine at a time.
type Cache struct {
	Store store.Store
	Keys  *signer.KeySet

	saved *Version // that is known to be there with all it needs
	gap   bool     // what is there does not lead to the version in manifest.jwt
}

const cacheManifest = "manifest.jwt"

var (
	// ErrUnread means that the cache's manifest could not be read, and may be there: nobody
	// knows which version was accepted before.
	ErrUnread = errors.New("it cannot be read which version was accepted before")
	// ErrLater means that the cache holds a later version of the list than the one to
	// save, or another manifest of that version. It stays: Load gives it.
	ErrLater = errors.New("the cache holds a later version of the list")
	// ErrGap means that a version was saved as the one below which nothing may be accepted, but that
	// the objects do not lead to it from what is there. Those that lead to it from a snapshot do.
	ErrGap = errors.New("the cache lacks what came before")
)

// CachedList returns the name in a cache of the whole list of a version.
func CachedList(v *Version) string { return "list-" + hex.EncodeToString(v.State.SHA256) + ".crl" }

// ErrHoldsList means that what was given for a cache is a store or a mirror. The cache
// would write into the list there, and take its versions for steps of its own, which it
// removes.
var ErrHoldsList = errors.New("a cache needs a directory of its own")

// NoHint tells, with an error that wraps [ErrHoldsList], whether a list lies where the cache
// is to be, by its hint, which no cache has. A cache that lost its manifest is none of that.
func (c *Cache) NoHint(ctx context.Context) error { return c.has(ctx, signer.LatestName) }

// Own is NoHint that also takes the first version, beside no manifest of a cache, for a list: a
// mirror that was interrupted. Save asks it before it writes.
func (c *Cache) Own(ctx context.Context) error {
	if err := c.NoHint(ctx); err != nil {
		return err
	}
	_, err := c.Store.Get(ctx, cacheManifest, signer.MaxManifestSize, "")
	if errors.Is(err, store.ErrNotFound) {
		return c.has(ctx, signer.ManifestName(1))
	}
	return nil // whatever else is wrong with it, it is there
}

// has is an error if an object is there that shows that it is a list, or may be.
func (c *Cache) has(ctx context.Context, name string) error {
	_, err := c.Store.Get(ctx, name, signer.MaxManifestSize, "")
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err == nil || errors.Is(err, store.ErrTooLarge):
		return fmt.Errorf("the cache %s holds a list (%s): %w", c.Store, name, ErrHoldsList)
	}
	return err
}

// Save keeps a state that was verified, unless a later one is there already
// (two processes may share the directory): then the error wraps ErrLater. Objects
// are those that led to it from the state saved or loaded before, by name; if they do not, it wraps ErrGap.
func (c *Cache) Save(ctx context.Context, s *State, objects map[string][]byte) error {
	v := s.Version
	if err := c.Own(ctx); err != nil {
		return err
	}
	was, err := c.there(ctx)
	if err != nil {
		return err
	}
	if was != nil && was.Version >= v.Version && !bytes.Equal(was.Bytes, v.Bytes) {
		return fmt.Errorf("%w (version %d is there, and version %d is not kept)", ErrLater, was.Version, v.Version)
	}
	switch {
	case was == c.saved && c.holdsEntries(v):
	case v.State.SHA256 != nil && s.List.Snapshot() != nil:
		return c.saveWhole(ctx, s)
	default:
		if err := c.saveStep(ctx, was, objects); err != nil {
			return err
		}
		if !c.leads(was, v, objects) {
			if err := c.commit(ctx, v); err != nil {
				return err
			}
			c.saved, c.gap = nil, true
			return fmt.Errorf("%w version %d", ErrGap, v.Version)
		}
	}
	return c.commit(ctx, v)
}

func (c *Cache) commit(ctx context.Context, v *Version) error {
	if err := c.Store.Put(ctx, cacheManifest, v.Bytes); err != nil {
		return err
	}
	c.saved, c.gap = v, false
	return nil
}

func (c *Cache) saveWhole(ctx context.Context, s *State) error {
	list := s.List.Snapshot()
	err := c.Store.Put(ctx, CachedList(s.Version), list.Bytes())
	runtime.KeepAlive(list)
	if err != nil {
		return err
	}
	if err := c.commit(ctx, s.Version); err != nil {
		return err
	}
	return c.removeOthers(ctx, s.Version)
}

// there is the version in manifest.jwt, which may be another process's that shares the
// cache; what was saved or loaded last where that cannot be believed, or nil.
func (c *Cache) there(ctx context.Context) (*Version, error) {
	obj, err := c.Store.Get(ctx, cacheManifest, signer.MaxManifestSize, "")
	switch {
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTooLarge):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnread, err)
	case c.saved != nil && bytes.Equal(obj.Data, c.saved.Bytes):
		return c.saved, nil
	}
	v, err := ParseVersion(c.Keys, obj.Data)
	if err != nil {
		// Broken, or of a key that is not trusted any more: it will be replaced. What this
		// process put there is there all the same.
		return c.saved, nil
	}
	return v, nil
}

func (c *Cache) saveStep(ctx context.Context, was *Version, objects map[string][]byte) error {
	if was != nil {
		// It proves what is there, and manifest.jwt will be another.
		if err := c.Store.Put(ctx, signer.ManifestName(was.Version), was.Bytes); err != nil {
			return err
		}
	}
	for name, data := range objects {
		if err := c.Store.Put(ctx, name, data); err != nil {
			return err
		}
	}
	return nil
}

// leads tells whether objects lead to a version, from the one that is there or from nothing.
func (c *Cache) leads(was, v *Version, objects map[string][]byte) bool {
	have := uint64(0)
	if was != nil && !c.gap {
		have = was.State.Changed
	}
	m := *v.Manifest
	m.Objects = slices.DeleteFunc(slices.Clone(m.Objects), func(o signer.Object) bool { return objects[o.Name()] == nil })
	_, err := Plan(&m, have)
	return err == nil
}

// holdsEntries tells whether a version brings nothing but freshness, or the hash
// of what is there whole already.
func (c *Cache) holdsEntries(v *Version) bool {
	if c.saved == nil || !bytes.Equal(c.saved.Salt, v.Salt) {
		return false
	}
	was, is := &c.saved.State, &v.State
	return was.Changed == is.Changed && bytes.Equal(was.Checksum, is.Checksum) && bytes.Equal(was.SHA256, is.SHA256)
}

// removeOthers removes what the whole list of a version has replaced.
func (c *Cache) removeOthers(ctx context.Context, v *Version) error {
	infos, err := c.Store.List(ctx, "", "")
	if err != nil {
		return err
	}
	// A process that shares the directory may have stepped on already, and then it needs this
	// version's manifest and what comes behind.
	own := signer.ManifestName(v.Version)[:len("versions/000000000000")]
	for _, info := range infos {
		if info.Name == CachedList(v) || info.Name >= own {
			continue
		}
		if HasForm(info.Name, cacheForms) {
			if err := c.Store.Delete(ctx, info.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// cacheForms are the forms of the names that a cache gives.
var cacheForms = []string{"list-*.crl", "versions/????????????/manifest.jwt", "versions/????????????/*.crl.zst"}

// HasForm reports whether a name in a cache has one of the forms, as [path.Match] takes them. Other
// files in the directory are not the cache's to remove: a folder list-of-ours beside or above it, for
// example.
func HasForm(name string, forms []string) bool {
	return slices.ContainsFunc(forms, func(form string) bool {
		ok, _ := path.Match(form, name)
		return ok
	})
}

// Load gives what was saved. The version comes without a state, and an error,
// if its manifest is good but its entries are not there or broken: it still
// is the version below which nothing may be accepted. All are nil if nothing
// was saved. The error wraps ErrUnread if that cannot be told, and [ErrHoldsList] if it is no cache.
func (c *Cache) Load(ctx context.Context) (*Version, *State, error) {
	if err := c.NoHint(ctx); errors.Is(err, ErrHoldsList) {
		return nil, nil, err
	}
	obj, err := c.Store.Get(ctx, cacheManifest, signer.MaxManifestSize, "")
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, nil
	case errors.Is(err, store.ErrTooLarge):
		return nil, nil, err // whatever it is, it is no manifest
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrUnread, err)
	}
	v, err := ParseVersion(c.Keys, obj.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s in the cache %s: %w", cacheManifest, c.Store, err)
	}
	s, err := c.loadState(ctx, v)
	if c.gap = err != nil; c.gap {
		return v, nil, fmt.Errorf("version %d in the cache %s: %w", v.Version, c.Store, err)
	}
	c.saved = v
	return v, s, nil
}
