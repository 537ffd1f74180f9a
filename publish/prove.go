package publish

import (
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
)

// prove checks the next list by other means than it was made. It looks up every entry that the rows
// touch, and counts the entries and their checksum from the changes. So the entries that no row
// touches are proved to be there still. An entry leaves only because it expired or was reinstated.
func (d *draft) prove(t *touched) error {
	base, next, dropped := d.base.List, d.next.List, d.manifest.State.Dropped
	for _, e := range t.removed {
		if got, ok := next.Lookup(e.Rule, e.Key); ok && got.Outright() == e.Outright() {
			return d.explain(t)
		}
	}
	for _, e := range t.entries {
		if got, ok := next.Lookup(e.Rule, e.Key); !ok || got != e {
			return d.explain(t)
		}
	}
	count, sum := base.Len()-len(t.replaced)+len(t.entries), base.Sum()
	if base.NextExpiry() <= dropped {
		whole, err := base.Whole()
		if err != nil {
			return err
		}
		for e := range whole.Snapshot().Entries() {
			if e.Exp <= dropped {
				count--
				sum.Sub(e)
			}
		}
	}
	for _, e := range t.replaced {
		sum.Sub(e)
	}
	for _, e := range t.entries {
		sum.Add(e)
	}
	if next.Len() != count || next.Sum() != sum {
		return d.explain(t)
	}
	d.result.Dropped = base.Len() - len(t.replaced) + len(t.entries) - next.Len() - t.revived
	return nil
}

// explain finds the entries that are not as the rows ask for. It takes its time: it runs when the
// program does not agree with itself.
func (d *draft) explain(t *touched) error {
	base, err := d.base.List.Whole()
	if err != nil {
		return err
	}
	next, err := d.next.List.Whole()
	if err != nil {
		return err
	}
	type id struct {
		rule     uint8
		outright bool
		key      uint64
	}
	touched := map[id]bool{}
	for _, e := range slices.Concat(t.replaced, t.entries) {
		touched[id{e.Rule, e.Outright(), e.Key}] = true
	}
	expected := slices.Clone(t.entries)
	for e := range base.Snapshot().Entries() {
		if e.Exp > d.manifest.State.Dropped && !touched[id{e.Rule, e.Outright(), e.Key}] {
			expected = append(expected, e)
		}
	}
	want, err := crl.Build(0, d.manifest.Version, expected, nil)
	if err != nil {
		return err
	}
	other, missing := crl.Diff(want, next.Snapshot())
	e := &UnexplainedError{Version: d.manifest.Version, Entries: next.Len(), Expected: want.Len()}
	e.Missing, e.MissingCount = d.named(missing), len(missing)
	e.Other, e.OtherCount = d.named(other), len(other)
	return e
}

// named returns the first few entries in the words of the manifest.
func (d *draft) named(entries []crl.Entry) []Unexplained {
	var named []Unexplained
	rules := history.Rules(&d.manifest)
	for _, e := range entries[:min(len(entries), maxNamed)] {
		u := Unexplained{Fingerprint: e.Key, Before: e.Before, Exp: e.Exp}
		for _, r := range rules {
			if r.ID == e.Rule {
				u.Rule = r.Name()
			}
		}
		named = append(named, u)
	}
	return named
}
