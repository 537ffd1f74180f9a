package collect

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// atOnce is how many requests are under way at a time.
const atOnce = 16

// readBack keeps the versions whole that were the newest within the time to keep. It reads
// them from the head backwards, and proves each by the one after it.
func (c *collection) readBack(ctx context.Context, k *keeping) error {
	next, whole := c.head, true
	done := int64(0)
	for c.wants(k, next) {
		batch, errs := c.readMany(ctx, next.Version-1)
		for i, v := range batch {
			if !c.wants(k, next) {
				break
			}
			if errs[i] != nil {
				return advised(errs[i])
			}
			if problems := audit.Follows(v, next); len(problems) > 0 {
				return fmt.Errorf("version %d in %s cannot be believed: %s; run verifier verify", next.Version, c.Store, problems[0])
			}
			k.name(v)
			// A run with a shorter time to keep may have been here before.
			if whole = whole && c.listed.holds(v); whole {
				k.oldest = v.Version
			}
			next = v
			done++
			c.Step("reading versions to keep", done, 0)
		}
	}
	return nil
}

func (c *collection) wants(k *keeping, next *history.Version) bool {
	manifest, _ := c.listed.find(signer.ManifestName(next.Version))
	return k.wants(next, manifest.ModTime)
}

// readMany reads some versions down from one. What is wrong with a version matters only if
// it is asked for, so each has an error of its own.
func (c *collection) readMany(ctx context.Context, from uint64) ([]*history.Version, []error) {
	n := min(4*atOnce, from)
	versions, errs := make([]*history.Version, n), make([]error, n)
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i := range n {
		all.Go(func() error {
			versions[i], errs[i] = history.Read(ctx, c.reader, c.Keys, from-i)
			return nil
		})
	}
	all.Wait()
	return versions, errs
}

// keepSpare keeps the generation before the newest snapshot: what the version names that
// has this snapshot first, and the one before it.
func (c *collection) keepSpare(ctx context.Context, k *keeping) error {
	i := slices.IndexFunc(c.head.Objects, func(o signer.Object) bool { return o.From == 0 })
	if i < 0 {
		return fmt.Errorf("version %d in %s names no snapshot, so no new reader can load it; run verifier verify", c.head.Version, c.Store)
	}
	at := c.head.Objects[i].To
	if at == 1 {
		return nil // it is the first of all
	}
	k.spare = at - 1
	var pair [2]*history.Version
	for i := range pair {
		var err error
		if pair[i], err = history.Read(ctx, c.reader, c.Keys, k.spare+uint64(i)); err != nil {
			return advised(err)
		}
		k.name(pair[i])
	}
	if problems := audit.Follows(pair[0], pair[1]); len(problems) > 0 {
		return fmt.Errorf("version %d in %s cannot be believed: %s; run verifier verify", at, c.Store, problems[0])
	}
	return nil
}
