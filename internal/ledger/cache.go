package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// A Cache keeps a publisher's state over its runs, in a store of its own, as a rule a directory:
//
//	manifest.jwt         the newest version that the publisher has seen
//	base.jwt             the manifest of the version of the next two
//	list-<sha256>.crl    the whole list
//	ledger-<sha256>      the whole ledger, as a snapshot that is not compressed
//	ledger/…             objects of the bucket that lead on from there
//
// A version adds its objects and replaces manifest.jwt. Now and then a version writes the list and
// the ledger as a whole, and then the objects up to it are removed. Between these versions, objects
// that no longer lead to the newest one are removed. The order of the writes is such
// that each file is there before another one needs it. Everything is verified when it is loaded: the
// manifests by their signatures, the rest by the hashes in them. A file that is lost costs a look
// into the bucket, and the publisher writes the cache as a whole at its next version.
//
// A Cache is for one goroutine at a time. Publishers that share a directory may remove each
// other's files, which then count as lost, so each should have a directory of its own.
type Cache struct {
	Store store.Store
	Keys  *signer.KeySet
}

const (
	newestName = "manifest.jwt"
	baseName   = "base.jwt"
)

// wholeName is the name in a cache of the ledger with a hash.
func wholeName(sum []byte) string { return "ledger-" + hex.EncodeToString(sum) }

// Load returns the newest version that the publisher has seen, and the whole state in the cache, of
// that version or an earlier one. Either is nil if the cache does not have it. The error says why
// one is missing. An empty cache is not an error.
func (c *Cache) Load(ctx context.Context) (known *history.Version, base *State, err error) {
	known, err = c.manifest(ctx, newestName)
	if errors.Is(err, store.ErrNotFound) && c.empty(ctx) {
		return nil, nil, nil
	}
	v, baseErr := c.manifest(ctx, baseName)
	if err != nil {
		// The publisher had seen the base, and perhaps later versions.
		return v, nil, fmt.Errorf("it cannot be told which version the publisher had seen: %w", err)
	}
	if baseErr != nil {
		return known, nil, baseErr
	}
	if !bytes.Equal(v.Salt, known.Salt) {
		return known, nil, fmt.Errorf("%s and %s are of two lists", newestName, baseName)
	}
	if v.Version > known.Version {
		known = v // the publisher died before it could replace the older one
	}
	base, err = c.whole(ctx, v)
	return known, base, err
}

func (c *Cache) manifest(ctx context.Context, name string) (*history.Version, error) {
	obj, err := c.Store.Get(ctx, name, signer.MaxManifestSize, "")
	if err != nil {
		return nil, err
	}
	v, err := history.ParseVersion(c.Keys, obj.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

// empty reports whether the cache holds nothing that a publisher wrote.
func (c *Cache) empty(ctx context.Context) bool {
	infos, err := c.Store.List(ctx, "", "")
	if err != nil {
		return false
	}
	for _, info := range infos {
		if info.Name == baseName || history.HasForm(info.Name, cacheForms) {
			return false
		}
	}
	return true
}

// whole reads the list and the ledger of a version, at the same time on two processors.
func (c *Cache) whole(ctx context.Context, v *history.Version) (*State, error) {
	if v.State.SHA256 == nil || v.Ledger == nil || v.Ledger.Whole == nil {
		return nil, fmt.Errorf("version %d in %s was not written as a whole", v.Version, baseName)
	}
	type loaded struct {
		delta *Delta
		err   error
	}
	memory := make(chan loaded, 1)
	go func() {
		d, err := c.wholeLedger(ctx, v)
		memory <- loaded{d, err}
	}()
	list, err := history.LoadList(ctx, c.Store, v)
	ledger := <-memory
	if err := errors.Join(err, ledger.err); err != nil {
		return nil, err
	}
	s := &State{Version: v, List: list, Reinstated: ledger.delta.Reinstated, Sources: ledger.delta.Sources, Line: Line{To: v.Ledger.To}}
	if ledger.delta.Record != nil {
		s.Line = ledger.delta.Record.Line
	}
	if s.Sources == nil {
		s.Sources = map[string]Source{}
	}
	if ledger.delta.Moments == nil {
		return s, nil
	}
	s.List, err = list.WithMoments(ledger.delta.Moments, ledger.delta.keeps)
	return s, err
}

func (c *Cache) wholeLedger(ctx context.Context, v *history.Version) (*Delta, error) {
	// The bytes are hashed only when they are read. This bounds the memory that they can take.
	const slack, entry, most = 1 << 30, 16, 8 << 30
	limit := min(slack+int64(min(v.State.Count, most))*entry, most)
	name := wholeName(v.Ledger.Whole)
	block, hash, err := history.ReadBlock(ctx, c.Store, name, limit)
	if err != nil {
		return nil, err
	}
	if sum := <-hash; !bytes.Equal(sum, v.Ledger.Whole) {
		return nil, fmt.Errorf("%s has the SHA-256 %x", name, sum)
	}
	d, err := Decode(block)
	if err == nil && (d.From != 0 || d.To != v.Ledger.To) {
		err = fmt.Errorf("%s leads from version %d to version %d", name, d.From, d.To)
	}
	return d, err
}

// Save keeps a state of a later version, and the objects that led to it from the state before, by
// name. If whole is not nil, it is the encoding of the whole ledger, and the manifest of the state
// has its hash and that of the whole list. Then Save writes both and removes the objects up to them.
func (c *Cache) Save(ctx context.Context, s *State, objects map[string][]byte, whole []byte) error {
	if err := (&history.Cache{Store: c.Store}).NoHint(ctx); err != nil {
		return err
	}
	if known, err := c.manifest(ctx, newestName); err == nil && bytes.Equal(known.Salt, s.Version.Salt) && known.Version > s.Version.Version {
		return nil // another publisher shares the cache, and is ahead
	}
	for name, data := range objects {
		if err := c.Store.Put(ctx, name, data); err != nil {
			return err
		}
	}
	if whole != nil {
		if err := c.saveWhole(ctx, s, whole); err != nil {
			return err
		}
	}
	if err := c.Store.Put(ctx, newestName, s.Version.Bytes); err != nil {
		return err
	}
	needed := map[string]bool{}
	switch {
	case whole != nil:
		needed[history.CachedList(s.Version)], needed[wholeName(s.Version.Ledger.Whole)] = true, true
	case s.Line.Changes%pruneEvery != 0:
		return nil
	default:
		for _, o := range s.Line.Objects {
			needed[signer.LedgerName(o.From, o.To, o.SHA256)] = true
		}
	}
	return c.removeOthers(ctx, s.Line.To, needed, whole != nil)
}

// pruneEvery is after how many changes of the ledger a cache removes objects that are not needed.
const pruneEvery = 128

func (c *Cache) saveWhole(ctx context.Context, s *State, whole []byte) error {
	list := s.List.Snapshot()
	err := c.Store.Put(ctx, history.CachedList(s.Version), list.Bytes())
	runtime.KeepAlive(list)
	if err != nil {
		return err
	}
	if err := c.Store.Put(ctx, wholeName(s.Version.Ledger.Whole), whole); err != nil {
		return err
	}
	return c.Store.Put(ctx, baseName, s.Version.Bytes)
}

// removeOthers removes files that are not needed, of the whole states only if wholes is true. The
// objects of the ledger from a version on stay: another publisher may need them.
func (c *Cache) removeOthers(ctx context.Context, from uint64, needed map[string]bool, wholes bool) error {
	infos, err := c.Store.List(ctx, "", "")
	if err != nil {
		return err
	}
	own := fmt.Sprintf("ledger/%012d-", from)
	for _, info := range infos {
		name := info.Name
		object := strings.HasPrefix(name, "ledger/")
		if needed[name] || object && name >= own || !object && !wholes || !history.HasForm(name, cacheForms) {
			continue
		}
		if err := c.Store.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// cacheForms are the forms of the names that a cache gives.
var cacheForms = []string{"list-*.crl", "ledger-*", "ledger/????????????-*.zst"}
