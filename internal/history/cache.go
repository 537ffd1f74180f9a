package history

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// A Cache keeps one verified state of a list in a store of its own, a directory
// as a rule, over restarts:
//
//	manifest.jwt             the manifest of the newest accepted version
//	list-<sha256>.crl        its entries, as the manifest's state.sha256 names them
//
// The list is written first and the manifest is the commit, so what the manifest
// names was whole. Everything is verified again when it is loaded.
//
// A Cache is for one goroutine at a time.
type Cache struct {
	Store store.Store
	Keys  *signer.KeySet

	held string // the list known to be there whole
}

const (
	cacheManifest = "manifest.jwt"
	// maxList bounds what is read of a cached list, whose hash is checked afterwards.
	maxList = 8 << 30
)

func cachedList(v *Version) string {
	return "list-" + hex.EncodeToString(v.State.SHA256) + ".crl"
}

// Load gives what was saved. The version comes without a state, and an error,
// if its manifest is good but its list is not there or broken: it still
// is the version below which nothing may be accepted. All are nil if nothing
// was saved.
func (c *Cache) Load(ctx context.Context) (*Version, *State, error) {
	obj, err := c.Store.Get(ctx, cacheManifest, signer.MaxManifestSize, "")
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	v, err := ParseVersion(c.Keys, obj.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s in the cache %s: %w", cacheManifest, c.Store, err)
	}
	list, err := c.Store.Get(ctx, cachedList(v), maxList, "")
	if err != nil {
		return v, nil, err
	}
	f, err := crl.Parse(list.Data)
	if err != nil {
		return v, nil, fmt.Errorf("%s in the cache %s: %w", cachedList(v), c.Store, err)
	}
	s := &State{Version: v, File: f}
	if err := s.accept(); err != nil {
		return v, nil, fmt.Errorf("%s in the cache %s: %w", cachedList(v), c.Store, err)
	}
	c.held = cachedList(v)
	return v, s, nil
}

// Save keeps a state that was verified, unless a later one is there already
// (two processes may share the directory), and removes lists that no
// manifest names any more.
func (c *Cache) Save(ctx context.Context, s *State) error {
	if obj, err := c.Store.Get(ctx, cacheManifest, signer.MaxManifestSize, ""); err == nil {
		if v, err := ParseVersion(c.Keys, obj.Data); err == nil && v.Version > s.Version.Version {
			return nil
		}
	}
	name := cachedList(s.Version)
	if c.held == name {
		return c.Store.Put(ctx, cacheManifest, s.Version.Bytes)
	}
	if err := c.Store.Put(ctx, name, s.File.Bytes()); err != nil {
		return err
	}
	if err := c.Store.Put(ctx, cacheManifest, s.Version.Bytes); err != nil {
		return err
	}
	c.held = name
	infos, err := c.Store.List(ctx, "")
	if err != nil {
		return err
	}
	for _, info := range infos {
		if strings.HasPrefix(info.Name, "list-") && info.Name != name {
			if err := c.Store.Delete(ctx, info.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
