package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrClock means that two clocks contradict each other by more than the skew.
var ErrClock = errors.New("clocks contradict each other")

// findHead finds the newest version, and gives the hint's too if there is one. Readers
// get by with a hint that is not to be believed; here it is a reason to stop, as
// whatever else does not fit.
func (c *collection) findHead(ctx context.Context) (hint *history.Version, err error) {
	hint, _, err = history.Hint(ctx, c.reader, c.Keys, "")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, advised(err)
	}
	if c.head, err = history.Probe(ctx, c.reader, c.Keys, hint); err != nil {
		return nil, advised(err)
	}
	if hint != nil {
		if err := c.holds(ctx, hint); err != nil {
			return nil, err
		}
	}
	return hint, c.holds(ctx, c.head)
}

// holds tells whether a version that came from the hint is the one in its own folder.
func (c *collection) holds(ctx context.Context, v *history.Version) error {
	there, err := history.Read(ctx, c.reader, c.Keys, v.Version)
	if err != nil {
		return advised(err)
	}
	if !bytes.Equal(there.Bytes, v.Bytes) {
		return fmt.Errorf("%w: %s in %s is another manifest of version %d than the one in its folder", history.ErrFork, signer.LatestName, c.Store, v.Version)
	}
	return nil
}

func advised(err error) error {
	switch {
	case errors.Is(err, history.ErrNoList):
		return fmt.Errorf("%w: check the address", err)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w; manifests are never deleted, bring it back", err)
	case errors.Is(err, signer.ErrUnknownKey) || errors.Is(err, signer.ErrBadSignature):
		return fmt.Errorf("%w; if the list was published with another key until now, name its public keys with --keys, too", err)
	}
	return err
}

// listing is all that the store holds, by name.
type listing struct{ infos []store.Info }

func (l *listing) find(name string) (store.Info, bool) {
	i, ok := slices.BinarySearchFunc(l.infos, name, func(info store.Info, name string) int { return strings.Compare(info.Name, name) })
	if !ok {
		return store.Info{}, false
	}
	return l.infos[i], true
}

// holds tells whether all is there that a version names.
func (l *listing) holds(v *history.Version) bool {
	return !slices.ContainsFunc(v.Objects, func(o signer.Object) bool {
		_, ok := l.find(o.Name())
		return !ok
	})
}

// last is the last version that has a manifest by its name.
func (l *listing) last() uint64 {
	for _, info := range slices.Backward(l.infos) {
		if version, ok := history.ManifestVersion(info.Name); ok {
			return version
		}
	}
	return 0
}

// checkListing tells whether the head is where the history ends, and all that it names is there.
func (c *collection) checkListing(ctx context.Context) error {
	if last := c.listed.last(); last > c.head.Version {
		// Somebody may have published meanwhile.
		now, err := history.Probe(ctx, c.reader, c.Keys, c.head)
		if err != nil {
			return advised(err)
		}
		if last > now.Version {
			return fmt.Errorf("the manifest of version %d is missing in %s, though there is one of version %d; manifests are never deleted, bring it back", now.Version+1, c.Store, last)
		}
	}
	for _, o := range c.head.Objects {
		info, ok := c.listed.find(o.Name())
		switch {
		case !ok:
			return fmt.Errorf("%s is missing in %s, and the newest version, %d, needs it; bring it back", o.Name(), c.Store, c.head.Version)
		case info.Size != o.Size:
			return fmt.Errorf("%s in %s has %d bytes, and %d are signed: it is broken, and the newest version, %d, needs it; run verifier verify", o.Name(), c.Store, info.Size, o.Size, c.head.Version)
		}
	}
	return nil
}

// checkClocks tells whether the clocks agree, now that the store was listed, on the head
// and the hint.
func (c *collection) checkClocks(listed time.Time) error {
	skew, issued := c.skew(), time.Unix(c.head.IssuedAt, 0)
	const ahead = "set the clock that is off; if it was the publisher's and is right by now, publish once with --clock-was-ahead, and run gc again"
	if issued.After(listed.Add(skew)) {
		return fmt.Errorf("%w: version %d was issued at %s, and here it is %s; %s", ErrClock, c.head.Version, stamp(issued), stamp(listed), ahead)
	}
	manifest, ok := c.listed.find(signer.ManifestName(c.head.Version))
	if !ok {
		return fmt.Errorf("%s does not list the manifest of version %d, which it holds", c.Store, c.head.Version)
	}
	hint, _ := c.listed.find(signer.LatestName) // or it was never written
	for _, info := range []store.Info{manifest, hint} {
		if info.ModTime.After(listed.Add(skew)) {
			return fmt.Errorf("%w: %s says that %s was written at %s, and here it is %s; set the clock that is off, and if the store's was and is right by now, wait for the next publication", ErrClock, c.Store, info.Name, stamp(info.ModTime), stamp(listed))
		}
	}
	if manifest.ModTime.Before(issued.Add(-skew)) {
		return fmt.Errorf("%w: version %d was issued at %s, and %s says that its manifest was written at %s already; set the clock that is off, and wait for the next publication", ErrClock, c.head.Version, stamp(issued), c.Store, stamp(manifest.ModTime))
	}
	return nil
}

// countFrom gives the moment from which time is counted back, in a run that began at started.
// The version before the head is not proved by it yet; it could make the moment earlier alone.
func (c *collection) countFrom(ctx context.Context, started time.Time) (time.Time, error) {
	from := min(started.Unix(), c.head.IssuedAt)
	if c.head.Version > 1 {
		before, err := history.Read(ctx, c.reader, c.Keys, c.head.Version-1)
		if err != nil {
			return started, advised(err)
		}
		from = min(from, before.IssuedAt)
	}
	return time.Unix(from, 0), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
