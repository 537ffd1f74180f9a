package ledger

import (
	"maps"

	"github.com/revocast/revocast/crl"
)

// A Delta is what changed in the ledger after version From, up to version To. From 0 makes it a
// snapshot, which has Moments instead of Changes.
type Delta struct {
	From, To uint64
	// Changes are the entries that changed, with their moments; nil if none did.
	Changes *crl.File
	// Moments are those of the list's snapshot of version To, as [crl.File.Moments] returns them.
	Moments []byte
	keeps   any // keeps Moments
	// Reinstated and Sources are those that changed; all of them in a snapshot.
	Reinstated Reinstatements
	Sources    map[string]Source
	// Record says more of the version To. Deltas over several versions have none.
	Record *Record
}

// A Record is what the object of a single version has besides its changes.
type Record struct {
	// Source is the name of the source that the version read.
	Source string
	// Reasons are the words of rows that took effect, if the publisher keeps them.
	Reasons []Reason
	// Line leads to the version, together with the object of the record itself.
	Line Line
}

// A Reason is why a decision was taken, in the words of its row.
type Reason struct {
	Rule uint8
	Key  uint64
	Text string
}

// Apply returns the state that follows by a delta, or by expiry alone if d is nil, without what has
// ended by dropped. It has the version and the line of s.
func (s *State) Apply(d *Delta, dropped int64) (*State, error) {
	if d == nil {
		d = &Delta{}
	}
	next := *s
	var err error
	if next.List, err = s.List.Apply(newer(d.Changes, s.List.To()), dropped); err != nil {
		return nil, err
	}
	next.Reinstated = s.Reinstated.merge(d.Reinstated, dropped)
	if len(d.Sources) > 0 {
		next.Sources = maps.Clone(s.Sources)
		maps.Copy(next.Sources, d.Sources)
	}
	return &next, nil
}

// newer returns changes that lead beyond a version, and nil for others.
func newer(changes *crl.File, version uint64) *crl.File {
	if changes == nil || changes.To() <= version {
		return nil
	}
	return changes
}

// Compose returns the one delta that does what the deltas do, in their order.
func Compose(deltas ...*Delta) (*Delta, error) {
	all := &Delta{From: deltas[0].From, To: deltas[len(deltas)-1].To, Sources: map[string]Source{}}
	var files []*crl.File
	to := uint64(0)
	for _, d := range deltas {
		if f := newer(d.Changes, to); f != nil {
			files, to = append(files, f), f.To()
		}
		all.Reinstated = all.Reinstated.merge(d.Reinstated, -1)
		maps.Copy(all.Sources, d.Sources)
	}
	if len(files) == 0 {
		return all, nil
	}
	var err error
	all.Changes, err = crl.ComposeAll(files...)
	return all, err
}
