// Package ledger is the publisher's memory: when each live revocation was decided, which claims
// were reinstated, and how far each source was read. Readers do not need it. The manifest of a
// version signs for the newest object of the ledger, and that object names the others.
//
// docs/FORMAT.md, "The ledger", specifies the objects.
package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// A State is the publisher's memory at a version. It is read-only.
type State struct {
	// Version is the version of the list whose manifest signs for the state.
	Version *history.Version
	// List holds the entries of the list, with their moments.
	List *crl.List
	// Reinstated is what is known of reinstated claims.
	Reinstated Reinstatements
	// Sources are the sources that were ever read, by name.
	Sources map[string]Source

	// Line is how to reach the state.
	Line Line
}

// A Source is what the ledger keeps of a source.
type Source struct {
	Number uint32          `json:"n"`                // stands for the name in reinstatements, from 1
	Cursor json.RawMessage `json:"cursor,omitempty"` // of the last reading
}

// SourceName returns what the ledger calls a source: the given name, or else a hash of the salt of
// the list and the address. The ledger stores no address, host or path.
func SourceName(salt []byte, given, address string) string {
	if given != "" {
		return given
	}
	sum := sha256.Sum256(append(bytes.Clone(salt), address...))
	return "#" + hex.EncodeToString(sum[:8])
}

// A Line is the objects that lead to the newest state of the ledger.
type Line struct {
	To      uint64          // the last version with an object
	Changes uint64          // how many versions had one
	Objects []signer.Object // the newest snapshot, and deltas of several lengths
}

// A Reinstatement is the memory that claims were let back in.
type Reinstatement struct {
	Rule   uint8
	Key    uint64 // fingerprint of the claims' values
	Moment int64  // when the latest reinstatement was decided, in Unix milliseconds
	Over   int64  // the latest moment of a decision that it overrode, or 0
	Source uint32 // the number of the source that it came from
	Exp    int64  // until when an older revocation could come back, in Unix seconds, or crl.Never
}

// Reinstatements are ordered by rule and key, one for the same claims.
type Reinstatements []Reinstatement

func compareReinstatements(a, b Reinstatement) int {
	return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Key, b.Key))
}

// Find returns the reinstatement of a key.
func (r Reinstatements) Find(rule uint8, key uint64) (Reinstatement, bool) {
	i, ok := slices.BinarySearchFunc(r, Reinstatement{Rule: rule, Key: key}, compareReinstatements)
	if !ok {
		return Reinstatement{}, false
	}
	return r[i], true
}

// merge returns r with the changes, each in place of its older one, without those that ended by
// dropped.
func (r Reinstatements) merge(changes Reinstatements, dropped int64) Reinstatements {
	ended := func(x Reinstatement) bool { return x.Exp <= dropped }
	if len(changes) == 0 && !slices.ContainsFunc(r, ended) {
		return r
	}
	out := make(Reinstatements, 0, len(r)+len(changes))
	for len(r) > 0 && len(changes) > 0 {
		switch order := compareReinstatements(r[0], changes[0]); {
		case order < 0:
			out, r = append(out, r[0]), r[1:]
		case order > 0:
			out, changes = append(out, changes[0]), changes[1:]
		default:
			r = r[1:]
		}
	}
	return slices.DeleteFunc(append(append(out, r...), changes...), ended)
}

// Forgotten returns the state of a list whose ledger is lost. Every entry counts as decided at the
// moment in milliseconds, and every source as never read. So no older reinstatement releases
// anything, and each source is read from its start.
func Forgotten(state *history.State, moment int64) (*State, error) {
	list, err := state.List.Whole()
	if err != nil {
		return nil, err
	}
	file, err := list.Snapshot().Dated(moment)
	if err != nil {
		return nil, err
	}
	if list, err = crl.NewList(file, list.Sum()); err != nil {
		return nil, err
	}
	return &State{Version: state.Version, List: list, Sources: map[string]Source{}}, nil
}
