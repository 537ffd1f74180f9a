package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/store"
)

// OpenCache opens the directory of a --cache for what is kept of the list in a store. It
// refuses a place that holds a list, and the store itself even while that is empty: the
// first list would be written there, and the cache would then remove its versions.
func OpenCache(ctx context.Context, path string, of store.Reader) (store.Store, error) {
	cache, err := store.OpenDir(path)
	if err != nil {
		return nil, fmt.Errorf("--cache %s: %w", path, err)
	}
	if samePlace(cache.String(), of.String()) {
		return nil, fmt.Errorf("the cache %s is the store itself: %w", path, history.ErrHoldsList)
	}
	return cache, (&history.Cache{Store: cache}).Own(ctx)
}

// samePlace tells whether two paths lead to one directory, or will when it is made.
func samePlace(a, b string) bool {
	a, b = resolve(a), resolve(b)
	if a == b {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// resolve follows the links in as much of a path as is there.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(resolve(parent), filepath.Base(path))
	}
	return path
}
