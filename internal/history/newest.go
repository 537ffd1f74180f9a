package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/revocast/revocast/internal/steady"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// Newest returns the newest version in a store, for a publisher to build on. It proves that this
// version is the end of an unbroken line, and that no later version exists beyond a gap. The line
// begins at known, a version that the caller accepted before. Without one it begins at the hint,
// and without that at version 1. Newest verifies each manifest from known or the hint on, and
// follows their prev. From version 1 it looks at names alone, and verifies the newest manifest.
//
// The errors are of these types:
//   - [ErrNoList]: the store holds no version. If its hint cannot be read either, the error is the
//     hint's, because an unreadable hint is a sign of a list.
//   - [GapError]: a version is missing, and a later one exists.
//   - [LostError]: the manifest of known or of the hint is missing, and no later one exists.
//   - [ForkError]: a manifest contradicts known, the hint or the manifest before it.
//   - [OtherListError]: the store holds the list of another issuer than known's.
//   - [RestartedError]: the store holds another list of known's issuer.
//
// Other errors say which object could not be read or verified. Failed requests are retried. If
// nothing happened since known, Newest makes four requests, and one of them lists.
func Newest(ctx context.Context, s store.Store, keys *signer.KeySet, known *Version) (*Version, error) {
	l := &line{store: s, reader: steady.Reader{Reader: s}, keys: keys, known: known}
	l.hint, _, l.hintErr = Hint(ctx, l.reader, keys, "")
	if l.hintErr != nil && ctx.Err() != nil {
		return nil, l.hintErr
	}
	head, err := l.begin(ctx)
	if err != nil {
		return nil, err
	}
	if head, err = l.end(ctx, head); err != nil {
		return nil, err
	}
	if l.hint != nil && l.hint.Version > head.Version {
		return nil, l.lost(l.hint, head.Version)
	}
	return head, nil
}

// A line is the search for the newest version.
type line struct {
	store   store.Store
	reader  store.Reader // store, with retries
	keys    *signer.KeySet
	known   *Version // nil: none
	hint    *Version // nil: missing or unreadable, as hintErr says
	hintErr error
}

// begin returns the version from which the line is verified.
func (l *line) begin(ctx context.Context) (*Version, error) {
	from := l.known
	if from == nil {
		from = l.hint
	}
	if from == nil {
		return l.beginAtOne(ctx)
	}
	there, err := Read(ctx, l.reader, l.keys, from.Version)
	if errors.Is(err, store.ErrNotFound) {
		return nil, l.missing(ctx, from)
	}
	if err != nil {
		return nil, err
	}
	if l.known != nil && !bytes.Equal(there.Bytes, l.known.Bytes) {
		if err := l.otherList(there); err != nil {
			return nil, err
		}
		return nil, &ForkError{Store: l.store.String(), Known: l.known, Found: there}
	}
	return there, l.likeHint(there)
}

// beginAtOne returns the newest version that is listed. All before it must exist, too.
func (l *line) beginAtOne(ctx context.Context) (*Version, error) {
	versions, err := l.after(ctx, 0)
	if err != nil {
		return nil, err
	}
	last := uint64(0)
	for _, version := range versions {
		for last++; last < version; last++ {
			// A folder that is written to while it is listed may show a later name alone.
			if _, err := Read(ctx, l.reader, l.keys, last); errors.Is(err, store.ErrNotFound) {
				return nil, &GapError{Store: l.store.String(), Missing: last, Later: version}
			} else if err != nil {
				return nil, err
			}
		}
	}
	head, err := Read(ctx, l.reader, l.keys, max(last, 1)) // a listing may lag behind
	if last > 0 || !errors.Is(err, store.ErrNotFound) {
		return head, err
	}
	if !errors.Is(l.hintErr, store.ErrNotFound) {
		return nil, l.hintErr
	}
	return nil, fmt.Errorf("%w in %s", ErrNoList, l.store)
}

// missing returns the error for a version, known or the hint's, that has no manifest in the store.
func (l *line) missing(ctx context.Context, v *Version) error {
	versions, err := l.after(ctx, 0)
	if err != nil {
		return err
	}
	if i, _ := slices.BinarySearch(versions, v.Version+1); i < len(versions) {
		return &GapError{Store: l.store.String(), Missing: v.Version, Later: versions[i]}
	}
	newest := uint64(0)
	other := l.hint
	if len(versions) > 0 {
		newest = versions[len(versions)-1]
		if other, err = Read(ctx, l.reader, l.keys, newest); err != nil {
			return err
		}
	}
	if l.known != nil && other != nil {
		if err := l.otherList(other); err != nil {
			return err
		}
	}
	return l.lost(v, newest)
}

func (l *line) lost(v *Version, newest uint64) error {
	err := &LostError{Store: l.store.String(), Version: v.Version, Newest: newest}
	if l.hint != nil {
		err.Hint = l.hint.Version
	}
	return err
}

// otherList returns an error if a version is not of the same list as known.
func (l *line) otherList(v *Version) error {
	switch {
	case v.Issuer != l.known.Issuer:
		return &OtherListError{Store: l.store.String(), Known: l.known.Issuer, Found: v.Issuer}
	case !bytes.Equal(v.Salt, l.known.Salt):
		return &RestartedError{Store: l.store.String(), Issuer: v.Issuer}
	}
	return nil
}

// likeHint returns an error if the hint is of the same version as v and not a copy of it.
func (l *line) likeHint(v *Version) error {
	if l.hint == nil || l.hint.Version != v.Version || bytes.Equal(l.hint.Bytes, v.Bytes) {
		return nil
	}
	return &ForkError{Store: l.store.String(), Known: l.hint, Found: v, Hint: true}
}

// end follows the line to its end. It lists because a version beyond a gap may be at any distance,
// and asks for the next version because a listing may lag behind.
func (l *line) end(ctx context.Context, head *Version) (*Version, error) {
	for {
		later, err := l.after(ctx, head.Version)
		if err != nil {
			return nil, err
		}
		to := head.Version + 1
		if len(later) > 0 {
			to = later[len(later)-1]
		}
		head, err = l.walk(ctx, head, to)
		if err == nil {
			continue
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		missing := head.Version + 1
		if i, _ := slices.BinarySearch(later, missing+1); i < len(later) {
			return nil, &GapError{Store: l.store.String(), Missing: missing, Later: later[i]}
		}
		if len(later) > 0 {
			return nil, err // it was listed, and is gone
		}
		return head, nil
	}
}

// atOnce is the number of manifests that are read at the same time.
const atOnce = 16

// walk verifies the versions after head up to a version. It returns the last one that is good, and
// the error of the next.
func (l *line) walk(ctx context.Context, head *Version, to uint64) (*Version, error) {
	for head.Version < to {
		next := make([]*Version, min(to-head.Version, atOnce))
		errs := make([]error, len(next))
		var reading sync.WaitGroup
		for i := range next {
			reading.Go(func() { next[i], errs[i] = Read(ctx, l.reader, l.keys, head.Version+1+uint64(i)) })
		}
		reading.Wait()
		for i, v := range next {
			if errs[i] != nil {
				return head, errs[i]
			}
			if v.Previous != head.Digest() || v.Issuer != head.Issuer || !bytes.Equal(v.Salt, head.Salt) {
				return head, &ForkError{Store: l.store.String(), Known: head, Found: v}
			}
			if err := l.likeHint(v); err != nil {
				return head, err
			}
			head = v
		}
	}
	return head, nil
}

// after returns the versions that are listed after a version, in ascending order.
func (l *line) after(ctx context.Context, version uint64) (versions []uint64, err error) {
	name := ""
	if version > 0 {
		name = signer.ManifestName(version)
	}
	err = steady.Try(ctx, func() error {
		infos, err := l.store.List(ctx, "versions/", name)
		versions = nil
		for _, info := range infos {
			if v, ok := ManifestVersion(info.Name); ok && v > version && v <= signer.MaxVersion {
				versions = append(versions, v)
			}
		}
		return err
	})
	return versions, err
}
