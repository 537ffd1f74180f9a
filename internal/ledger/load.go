package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// A LostError means that an object of the ledger is missing, or is not the one that was signed.
type LostError struct {
	Store string
	Name  string
	Err   error
}

func (e *LostError) Error() string {
	if errors.Is(e.Err, store.ErrNotFound) {
		return fmt.Sprintf("%s in %s, a part of the ledger, is missing", e.Name, e.Store)
	}
	return fmt.Sprintf("%s in %s, a part of the ledger, is not what was signed: %v", e.Name, e.Store, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// Objects reads the immutable objects of a list, from a cache if they are there, else from the
// bucket. It remembers the objects that it fetched from the bucket.
type Objects struct {
	Bucket  store.Reader
	Cache   store.Reader // may be nil
	Fetched map[string][]byte
}

// Delta reads an object of the ledger. The error is a *LostError if the object is not there or is
// not the one that was signed.
func (o *Objects) Delta(ctx context.Context, obj signer.Object) (*Delta, error) {
	name := signer.LedgerName(obj.From, obj.To, obj.SHA256)
	if o.Cache != nil {
		if stored, err := o.Cache.Get(ctx, name, obj.Size, ""); err == nil {
			if d, err := unpack(obj, stored.Data); err == nil {
				return d, nil
			}
		}
	}
	stored, err := o.Bucket.Get(ctx, name, obj.Size, "")
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrTooLarge) {
		return nil, &LostError{o.Bucket.String(), name, err}
	}
	if err != nil {
		return nil, err
	}
	d, err := unpack(obj, stored.Data)
	if err != nil {
		return nil, &LostError{o.Bucket.String(), name, err}
	}
	if o.Fetched != nil {
		o.Fetched[name] = stored.Data
	}
	return d, nil
}

func unpack(obj signer.Object, stored []byte) (*Delta, error) {
	block, why, err := history.Decompress(stored, obj.Size, obj.RawSize, obj.SHA256)
	if why != "" {
		return nil, errors.Join(errors.New(why), err)
	}
	d, err := Decode(block)
	if err == nil && (d.From != obj.From || d.To != obj.To) {
		err = fmt.Errorf("it leads from version %d to version %d", d.From, d.To)
	}
	return d, err
}

// Pack compresses a delta for storage, and describes the object. It reads back what it packed.
func Pack(d *Delta) (signer.Object, []byte, error) {
	raw, err := d.Encode()
	if err != nil {
		return signer.Object{}, nil, err
	}
	stored, err := history.Compress(raw)
	if err != nil {
		return signer.Object{}, nil, err
	}
	sum := sha256.Sum256(stored)
	obj := signer.Object{From: d.From, To: d.To, Changes: 1, Size: int64(len(stored)), RawSize: int64(len(raw)), SHA256: sum[:]}
	back, why, err := history.Decompress(stored, obj.Size, obj.RawSize, obj.SHA256)
	switch {
	case err != nil || why != "":
		return obj, nil, fmt.Errorf("a ledger that was just packed cannot be read back: %s %w", why, err)
	case !bytes.Equal(back.Bytes(), raw):
		return obj, nil, errors.New("a ledger that was just packed reads back as something else")
	}
	return obj, stored, nil
}

// recordOf describes the object that a manifest names.
func recordOf(l *signer.Ledger) signer.Object {
	return signer.Object{From: l.From, To: l.To, Changes: 1, Size: l.Size, RawSize: l.Raw, SHA256: l.SHA256}
}

// Record returns the record of the ledger that the manifest of a version names. The error is a
// *LostError if it is not there or is not the one that was signed.
func (o *Objects) Record(ctx context.Context, v *history.Version) (*Record, error) {
	d, err := o.record(ctx, v)
	if err != nil {
		return nil, err
	}
	return d.Record, nil
}

func (o *Objects) record(ctx context.Context, v *history.Version) (*Delta, error) {
	if v.Ledger == nil {
		return nil, &LostError{o.Bucket.String(), signer.ManifestName(v.Version), errors.New("it names no ledger")}
	}
	d, err := o.Delta(ctx, recordOf(v.Ledger))
	if err == nil && d.Record == nil {
		return nil, &LostError{o.Bucket.String(), v.Ledger.Name(), errors.New("it is not the record of a version")}
	}
	return d, err
}

// Load returns the state at a version. It starts at base, the state of an earlier version, or at a
// snapshot if base is nil or that is cheaper. The list in the result is the one that the manifest
// signs for. The error is a *LostError if the ledger does not lead there.
func Load(ctx context.Context, from *Objects, v *history.Version, base *State) (*State, error) {
	if base != nil && v.Ledger != nil && base.Line.To == v.Ledger.To && base.Line.Objects != nil {
		s, err := base.follow(v, nil) // only time has passed
		return s, err
	}
	last, err := from.record(ctx, v)
	if err != nil {
		return nil, err
	}
	newest := recordOf(v.Ledger)
	line := last.Record.Line
	if newest.From == 0 {
		newest.Checksum = v.State.Checksum
	}
	line.Objects = append(line.Objects[:len(line.Objects):len(line.Objects)], newest)
	s := base
	if s == nil {
		s = &State{}
	}
	way, err := history.Way(line.Objects, s.Line.To, line.To)
	if err != nil {
		return nil, &LostError{from.Bucket.String(), v.Ledger.Name(), err}
	}
	var deltas []*Delta
	for _, obj := range way {
		d := last
		if obj.To != newest.To || obj.From != newest.From {
			if d, err = from.Delta(ctx, obj); err != nil {
				return nil, err
			}
		}
		if d.From != 0 {
			deltas = append(deltas, d)
			continue
		}
		if s, err = from.snapshot(ctx, v, d, obj); err != nil {
			return nil, err
		}
	}
	if s, err = s.follow(v, deltas); err != nil {
		return nil, err
	}
	s.Line = line
	return s, nil
}

// snapshot returns the state of a snapshot of the ledger, which goes with the snapshot of the list
// of the same version.
func (o *Objects) snapshot(ctx context.Context, v *history.Version, d *Delta, obj signer.Object) (*State, error) {
	for _, list := range v.Objects {
		if list.From != 0 || list.To != d.To {
			continue
		}
		file, err := history.Fetch(ctx, o.Bucket, list)
		if errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("%w: %w", history.ErrGone, err)
		}
		if err != nil {
			return nil, err
		}
		if d.Moments != nil {
			if file, err = file.WithMoments(d.Moments, d.keeps); err != nil {
				return nil, &LostError{o.Bucket.String(), signer.LedgerName(obj.From, obj.To, obj.SHA256), err}
			}
		}
		sum, _ := crl.ChecksumFromBytes(list.Checksum) // its length was validated
		s := &State{Reinstated: d.Reinstated, Sources: d.Sources}
		if s.Sources == nil {
			s.Sources = map[string]Source{}
		}
		s.List, err = crl.NewList(file, sum)
		return s, err
	}
	return nil, &LostError{o.Bucket.String(), signer.LedgerName(obj.From, obj.To, obj.SHA256),
		fmt.Errorf("the manifest of version %d names no snapshot of version %d to go with it", v.Version, d.To)}
}

// follow returns the state of a version to which deltas lead.
func (s *State) follow(v *history.Version, deltas []*Delta) (*State, error) {
	all := &Delta{}
	if len(deltas) > 0 {
		var err error
		if all, err = Compose(deltas...); err != nil {
			return nil, err
		}
	}
	// Over a list that was hashed as a whole, everything that follows was signed for, and so were
	// the figures of the result.
	if changes := newer(all.Changes, s.List.To()); changes != nil && s.List.Snapshot() != nil && s.Version != nil {
		sum, _ := crl.ChecksumFromBytes(v.State.Checksum)
		list, err := s.List.Over(changes, int(v.State.Count), int(v.State.Permanent), sum)
		if err != nil {
			return nil, err
		}
		s = &State{Version: s.Version, List: list, Reinstated: s.Reinstated, Sources: s.Sources}
		all = &Delta{Reinstated: all.Reinstated, Sources: all.Sources}
	}
	next, err := s.Apply(all, v.State.Dropped)
	if err != nil {
		return nil, err
	}
	next.Version = v
	return next, (&history.State{Version: v, List: next.List}).Check(v)
}

// Snapshot returns the state as a snapshot of the ledger. The list must be whole.
func (s *State) Snapshot() *Delta {
	list := s.List.Snapshot()
	return &Delta{To: s.Line.To, Moments: list.Moments(), keeps: list, Reinstated: s.Reinstated, Sources: s.Sources}
}
