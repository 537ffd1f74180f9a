// Package history reads what lies in a list's bucket: the manifests, the head of
// the history, and the state of the list at a version. It believes nothing that a
// trusted key did not sign for, directly or through a hash. The publisher, the
// client and the verifier all read through it; it has no clock and writes
// only to a [Cache].
package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// ErrNoList means that a store holds no list: no hint and no first version.
var ErrNoList = errors.New("there is no list")

// ErrFork means that two manifests of one version exist: somebody with a
// trusted key wrote the history twice, or a store lost a commit.
var ErrFork = errors.New("the history is forked")

// ErrOtherVersion means that a manifest lies under the name of another version.
var ErrOtherVersion = errors.New("the manifest is of another version than its name says")

// A Version is a verified manifest and its bytes as stored. It is read-only.
type Version struct {
	*signer.Manifest
	Bytes []byte
}

// Digest is what the next version's manifest names as its prev.
func (v *Version) Digest() string { return signer.Digest(v.Bytes) }

// ParseVersion verifies the bytes of a manifest.
func ParseVersion(keys *signer.KeySet, data []byte) (*Version, error) {
	m, err := keys.VerifyManifest(data)
	if err != nil {
		return nil, err
	}
	return &Version{m, data}, nil
}

// Read gets and verifies the manifest of one version. A version that does not
// exist is an error that wraps store.ErrNotFound.
func Read(ctx context.Context, r store.Reader, keys *signer.KeySet, version uint64) (*Version, error) {
	name := signer.ManifestName(version)
	obj, err := r.Get(ctx, name, signer.MaxManifestSize, "")
	if err != nil {
		return nil, err
	}
	v, err := ParseVersion(keys, obj.Data)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", name, r, err)
	}
	if v.Version != version {
		return nil, fmt.Errorf("%w: %s in %s is the manifest of version %d", ErrOtherVersion, name, r, v.Version)
	}
	return v, nil
}

// ManifestVersion tells of which version a manifest is by its name, and whether it
// is the name of one.
func ManifestVersion(name string) (version uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, "versions/")
	if digits, ok2 := strings.CutSuffix(digits, "/manifest.jwt"); ok && ok2 {
		version, err := strconv.ParseUint(digits, 10, 64)
		return version, err == nil && name == signer.ManifestName(version)
	}
	return 0, false
}

// Hint gets and verifies the copy of the newest manifest, which may be old. With
// the ETag of an earlier hint that is still there it gives store.ErrNotModified.
func Hint(ctx context.Context, r store.Reader, keys *signer.KeySet, etag string) (*Version, string, error) {
	obj, err := r.Get(ctx, signer.LatestName, signer.MaxManifestSize, etag)
	if err != nil {
		return nil, "", err
	}
	v, err := ParseVersion(keys, obj.Data)
	if err != nil {
		return nil, "", fmt.Errorf("%s in %s: %w", signer.LatestName, r, err)
	}
	return v, obj.ETag, nil
}

// Head finds the newest version that is committed. It starts at the hint or at
// known, a version seen before, or nil, and probes for later ones: a
// publisher that died after its commit left an old hint. A hint that is missing or
// not to be believed costs some more probes and no more. The error wraps ErrNoList
// if there is nothing.
func Head(ctx context.Context, r store.Reader, keys *signer.KeySet, known *Version) (*Version, error) {
	hint, _, hintErr := Hint(ctx, r, keys, "")
	if hintErr != nil && ctx.Err() != nil {
		return nil, hintErr
	}
	head := known
	if hint != nil && (head == nil || hint.Version > head.Version) {
		head = hint
	}
	if hint != nil && known != nil && hint.Version == known.Version && !bytes.Equal(hint.Bytes, known.Bytes) {
		return nil, forked(r, known.Version)
	}
	head, err := Probe(ctx, r, keys, head)
	if errors.Is(err, ErrNoList) && hintErr != nil && !errors.Is(hintErr, store.ErrNotFound) {
		// A hint that cannot be read, and nothing behind it, is not an empty store.
		return nil, hintErr
	}
	return head, err
}

func forked(r store.Reader, version uint64) error {
	return fmt.Errorf("%w: %s holds another manifest of version %d than the one that was accepted before", ErrFork, r, version)
}

// Probe walks from a version (nil: the beginning) to the newest, without the
// hint. Versions have no gaps, so it may leap, and then halves the last leap.
func Probe(ctx context.Context, r store.Reader, keys *signer.KeySet, from *Version) (*Version, error) {
	at := func(version uint64) (*Version, error) {
		v, err := Read(ctx, r, keys, version)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return v, err
	}
	head, low := from, uint64(0)
	if from != nil {
		low = from.Version
	}
	high := uint64(0) // the lowest version known to be missing
	for step := uint64(1); ; step *= 2 {
		v, err := at(low + step)
		if err != nil {
			return nil, err
		}
		if v == nil {
			high = low + step
			break
		}
		head, low = v, v.Version
	}
	for high-low > 1 {
		v, err := at(low + (high-low)/2)
		if err != nil {
			return nil, err
		}
		if v == nil {
			high = low + (high-low)/2
			continue
		}
		head, low = v, v.Version
	}
	if head == nil {
		return nil, fmt.Errorf("%w in %s", ErrNoList, r)
	}
	return head, nil
}
