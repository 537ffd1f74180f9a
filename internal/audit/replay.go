package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// delta is a good delta and its description.
type delta struct {
	signer.Object
	file *crl.File
}

// objects fetches what a manifest names for the first time, and gives what is good.
func (w *walk) objects(v *history.Version) ([]delta, error) {
	var good []delta
	for _, o := range v.Objects {
		name := o.Name()
		if _, ok := w.seen[name]; ok {
			continue
		}
		w.seen[name] = false
		f, err := history.Fetch(w.ctx, w.r, o)
		switch {
		case errors.Is(err, store.ErrNotFound):
			w.missing = append(w.missing, name)
			continue
		case unusable(err):
			w.find(v.Version, name, err.Error())
			continue
		case err != nil:
			return nil, err
		}
		w.report.Objects++
		w.report.Bytes += o.Size
		if err := f.Verify(); err != nil {
			w.find(v.Version, name, err.Error())
			continue
		}
		if o.To != v.Version && !w.unread[o.To] {
			w.find(v.Version, name, "it leads to another version than the first that names it")
		}
		w.seen[name] = true
		good = append(good, delta{o, f})
	}
	w.deltas = slices.DeleteFunc(w.deltas, func(d delta) bool {
		return !slices.ContainsFunc(v.Objects, func(o signer.Object) bool { return o.Name() == d.Name() })
	})
	for _, d := range good {
		if d.From != 0 {
			w.sum(d, append(w.deltas, good...))
			w.deltas = append(w.deltas, d)
		}
	}
	return good, nil
}

// sum holds a delta over several versions with changes against the smaller ones.
func (w *walk) sum(d delta, all []delta) {
	if d.Changes <= 1 {
		return
	}
	var parts []*crl.File
	for at := d.From; at != d.To; {
		i := slices.IndexFunc(all, func(p delta) bool { return p.From == at && p.To <= d.To && p.Changes < d.Changes })
		if i < 0 {
			w.unsure++
			return
		}
		at = all[i].To
		parts = append(parts, all[i].file)
	}
	sum, err := crl.ComposeAll(parts...)
	if err != nil {
		w.find(d.To, d.Name(), err.Error())
		return
	}
	if !sum.Equal(d.file) {
		w.find(d.To, d.Name(), "it is not the sum of the smaller deltas that it covers")
	}
}

// replay brings the state to a version, by its own delta or its snapshot, and
// compares it with what the manifest signs for. If the state before is not known, it
// is built as a new reader does, where all that this takes is there: from the
// oldest version that garbage collection left whole, all can be replayed again.
func (w *walk) replay(v *history.Version, files []delta) error {
	before := w.state
	w.state = nil
	var candidates []*history.State
	if before != nil && v.State.Changed != v.Version {
		candidates = w.advance(candidates, before, nil, v)
	}
	for _, d := range files {
		switch {
		case d.To != v.Version:
		case d.From == 0:
			if list := w.snapshot(d); list != nil {
				candidates = append(candidates, &history.State{Version: v, List: list})
			}
		case before != nil && d.From == before.List.To():
			candidates = w.advance(candidates, before, d.file, v)
		}
	}
	if len(candidates) == 0 {
		list, err := w.rebuild(v)
		if err != nil {
			return err
		}
		if list != nil {
			candidates = append(candidates, &history.State{Version: v, List: list})
		}
	}
	for _, s := range candidates {
		if problem := differs(s, v); problem != "" {
			w.find(v.Version, "", problem)
			w.state = nil
			return nil
		}
		w.state = s
	}
	if w.state != nil {
		w.report.Replayed++
		if before == nil {
			w.from = v.Version
		}
	}
	return nil
}

// rebuild gives a version's list from nothing, or nil if not all is good that this takes.
func (w *walk) rebuild(v *history.Version) (*crl.List, error) {
	plan, err := history.Plan(v.Manifest, 0)
	if err != nil || slices.ContainsFunc(plan, func(o signer.Object) bool { return !w.seen[o.Name()] }) {
		return nil, nil
	}
	s, err := history.Load(w.ctx, w.r, v, nil)
	switch {
	case err == nil:
		return s.List, nil
	case errors.Is(err, history.ErrNotTheState):
		w.find(v.Version, "", err.Error())
		return nil, nil
	case unusable(err) || errors.Is(err, store.ErrNotFound):
		return nil, nil // it changed since it was read
	}
	return nil, err
}

func (w *walk) advance(candidates []*history.State, before *history.State, d *crl.File, v *history.Version) []*history.State {
	list, err := before.List.Apply(d, v.State.Dropped)
	if err != nil {
		w.find(v.Version, "", err.Error())
		return candidates
	}
	return append(candidates, &history.State{Version: v, List: list})
}

// snapshot counts the checksum of a snapshot, which readers take on trust.
func (w *walk) snapshot(d delta) *crl.List {
	sum := d.file.Checksum()
	if !bytes.Equal(sum.Bytes(), d.Checksum) {
		w.find(d.To, d.Name(), "its entries have not the checksum that is signed for it")
		return nil
	}
	list, err := crl.NewList(d.file, sum)
	if err != nil {
		w.find(d.To, d.Name(), err.Error())
		return nil
	}
	return list
}

// differs says in what a state is not the one that a manifest signs for, and
// makes it whole where the manifest has the hash of that.
func differs(s *history.State, v *history.Version) string {
	if err := s.Prove(v); err != nil {
		return err.Error()
	}
	if next := s.List.NextExpiry(); next <= v.State.Dropped {
		return fmt.Sprintf("it holds entries that end at %s, though its manifest dropped all up to %s", stamp(next), stamp(v.State.Dropped))
	}
	return ""
}
