// Package audit proves what lies in a list's store, from its bytes to its
// signatures, and copies what is proved.
//
// [Verify] walks the whole history, from version 1 on. For every version it checks three things: the
// manifest's signature, that the manifest follows from the one before (see chain.go), and that its
// delta leads to the state that it signs for. Every object is fetched once. It must have its hash,
// and be the canonical encoding of its contents. Deltas over many versions must be the sum of the
// small ones. So a publisher cannot tell two readers different things, or rewrite the past, without
// a finding. Package client says what the list means for a token.
//
// The objects of the ledger must have their hashes, too, and lead to the newest state. A bucket may
// hide them, which is not a finding.
//
// Objects that are gone, and that the newest version does not need, are no finding:
// garbage collection takes them. What remains provable is told in notes: of all
// versions the manifests and their chain, and the state from the first one on
// whose objects are all there.
//
// Memory is bounded by two states of the list and the deltas that one manifest
// names.
package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/plural"
	"github.com/revocast/revocast/internal/probe"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// A Finding is something that must not be.
type Finding struct {
	Version uint64 `json:"version,omitempty"`
	Object  string `json:"object,omitempty"`
	Problem string `json:"problem"`
}

func (f Finding) String() string {
	where := ""
	switch {
	case f.Object != "":
		where = f.Object + ": "
	case f.Version != 0:
		where = fmt.Sprintf("version %d: ", f.Version)
	}
	return where + f.Problem
}

// A Report is what Verify found.
type Report struct {
	Issuer   string    `json:"issuer"`
	Head     uint64    `json:"head"`
	Versions int       `json:"versions"`
	Objects  int       `json:"objects"` // that readers may need
	Ledger   int       `json:"ledger"`  // objects of the ledger
	Bytes    int64     `json:"bytes"`
	Replayed int       `json:"replayed"` // versions whose state was built and is as signed
	Findings []Finding `json:"findings"`
	// Notes are worth knowing, and nothing is wrong with them.
	Notes []string `json:"notes"`
}

// Step is told how far a long run is; total may be 0 for unknown.
type Step func(what string, done, total int64)

// Verify proves a list. The error means that it could not be done: nothing is
// there, or the store does not answer. What is wrong is in the report.
func Verify(ctx context.Context, r store.Reader, keys *signer.KeySet, step Step) (*Report, error) {
	w := &walk{ctx: ctx, r: r, keys: keys, report: &Report{Findings: []Finding{}, Notes: []string{}}, seen: map[string]bool{}, unread: map[uint64]bool{}}
	last, err := w.end()
	if err != nil {
		return nil, err
	}
	for version := uint64(1); ; version++ {
		step("verifying", int64(version), int64(last))
		v, err := history.Read(ctx, r, keys, version)
		switch {
		case errors.Is(err, store.ErrNotFound) && version > last:
			return w.report, w.finish()
		case errors.Is(err, store.ErrNotFound):
			w.find(version, "", "its manifest is missing, though there are later versions; manifests are never deleted")
		case unusable(err):
			w.find(version, "", err.Error())
			if version > last {
				// Nothing says that there are more, and a server that has an answer to
				// everything would be asked for ever.
				return w.report, w.finish()
			}
		case err != nil:
			return nil, err
		default:
			if err := w.version(v); err != nil {
				return nil, err
			}
			continue
		}
		w.prev, w.state = nil, nil
		w.unread[version] = true
		if len(w.report.Findings) >= maxFindings {
			w.find(version, "", "the walk ends here: there is too much that cannot be believed")
			return w.report, w.finish()
		}
	}
}

// maxFindings bounds a walk to a version that only a stolen key promises.
const maxFindings = 1000

// unusable tells bytes that are wrong, which is a finding, from a store that
// does not answer, which is none.
func unusable(err error) bool {
	var object *history.ObjectError
	for _, target := range []error{signer.ErrMalformed, signer.ErrBadSignature, signer.ErrUnknownKey, signer.ErrAlgorithm,
		signer.ErrType, signer.ErrUnknownCritical, signer.ErrUnsupportedFormat, history.ErrOtherVersion, store.ErrTooLarge} {
		if errors.Is(err, target) {
			return true
		}
	}
	return errors.As(err, &object)
}

// walk is a verification under way.
type walk struct {
	ctx    context.Context
	r      store.Reader
	keys   *signer.KeySet
	report *Report

	prev    *history.Version // nil if the version before cannot be believed
	state   *history.State   // at prev, nil if it is not known
	head    *history.Version
	hint    *history.Version
	hintAt  bool            // the hint is a version that was seen
	seen    map[string]bool // all objects that any manifest named; true for those that are good
	unread  map[uint64]bool // versions whose manifests cannot be believed; at most maxFindings
	missing []string
	deltas  []delta // those that the last manifest named and are good
	unsure  int     // deltas that could not be held against smaller ones
	from    uint64  // the states of all versions from this one on were rebuilt
	strays  []string

	unrecorded int   // those that are missing
	hidden     error // why the ledger cannot be read
}

func (w *walk) find(version uint64, object, problem string) {
	w.report.Findings = append(w.report.Findings, Finding{version, object, problem})
}

func (w *walk) note(format string, args ...any) {
	w.report.Notes = append(w.report.Notes, fmt.Sprintf(format, args...))
}

// end is the last version that is known to exist before the walk begins, by the
// hint and by the names in the store.
func (w *walk) end() (uint64, error) {
	last := uint64(0)
	var err error
	w.hint, _, err = history.Hint(w.ctx, w.r, w.keys, "")
	switch {
	case err == nil:
		last = w.hint.Version
	case errors.Is(err, store.ErrNotFound):
		w.find(0, signer.LatestName, "it is missing; readers have to probe for the newest version")
	case unusable(err):
		w.find(0, signer.LatestName, err.Error())
	default:
		return 0, err
	}
	s, ok := w.r.(store.Store)
	if ok {
		infos, err := s.List(w.ctx, "", "")
		if err != nil {
			return 0, err
		}
		for _, info := range infos {
			if version, ok := history.ManifestVersion(info.Name); ok {
				last = max(last, version)
			} else if info.Name != signer.LatestName {
				w.strays = append(w.strays, info.Name)
			}
		}
	}
	if last > 0 {
		return last, nil
	}
	_, err = w.r.Get(w.ctx, signer.ManifestName(1), signer.MaxManifestSize, "")
	if errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("%w in %s", history.ErrNoList, w.r)
	}
	return 0, nil
}

// version proves one version.
func (w *walk) version(v *history.Version) error {
	w.report.Versions++
	w.head = v
	for _, problem := range Follows(w.prev, v) {
		w.find(v.Version, "", problem)
	}
	if w.prev != nil && v.IssuedAt < w.prev.IssuedAt {
		w.note("version %d was issued at %s, before version %d at %s: a publisher's clock was ahead, and it went on knowingly", v.Version, stamp(v.IssuedAt), w.prev.Version, stamp(w.prev.IssuedAt))
	}
	if w.hint != nil && w.hint.Version == v.Version {
		w.hintAt = bytes.Equal(w.hint.Bytes, v.Bytes)
	}
	files, err := w.objects(v)
	if err != nil {
		return err
	}
	w.record(v)
	w.prev = v
	return w.replay(v, files)
}

// whole says of which versions the entries are proved.
func (w *walk) whole() string {
	if w.state == nil {
		return "those of the newest are not among what could be rebuilt"
	}
	return fmt.Sprintf("from version %d on the entries were rebuilt of all", w.from)
}

// finish is what can be said once the head is known.
func (w *walk) finish() error {
	r := w.report
	if w.head == nil {
		return nil
	}
	r.Issuer, r.Head = w.head.Issuer, w.head.Version
	if w.hint != nil && !w.hintAt {
		w.find(0, signer.LatestName, fmt.Sprintf("it is no copy of the manifest of version %d", w.hint.Version))
	} else if w.hint != nil && w.hint.Version < r.Head {
		w.note("%s tells of version %d, and the newest is %d; the next publication mends it", signer.LatestName, w.hint.Version, r.Head)
	}
	gone := 0
	for _, name := range w.missing {
		if slices.ContainsFunc(w.head.Objects, func(o signer.Object) bool { return o.Name() == name }) {
			w.find(0, name, fmt.Sprintf("it is missing, and the newest version, %d, needs it", r.Head))
		} else {
			gone++
		}
	}
	if gone > 0 {
		w.note("%s of older versions %s gone, as garbage collection leaves it", plural.Count(gone, "object", "objects"), plural.Of(gone, "is", "are"))
	}
	if w.unsure > 0 {
		w.note("%s over several versions could not be held against smaller ones, which are gone", plural.Count(w.unsure, "delta", "deltas"))
	}
	if without := r.Versions - r.Replayed; without > 0 && gone > 0 {
		w.note("of %s only the %s left to prove, without the entries; %s", plural.Count(without, "version", "versions"), plural.Of(without, "manifest is", "manifests are"), w.whole())
	}
	for _, name := range w.strays {
		if _, named := w.seen[name]; named || w.hidden != nil && strings.HasPrefix(name, "ledger/") {
			continue
		}
		left := "a publisher that lost a race or died left it"
		if strings.HasPrefix(name, probe.Folder) {
			left = "publisher doctor left it, and it may be deleted"
		}
		w.note("no manifest names %s; %s", name, left)
	}
	// The way of a new reader, whatever the walk could follow.
	if _, err := history.Load(w.ctx, w.r, w.head, nil); err != nil {
		if !unusable(err) && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, history.ErrNotTheState) {
			return err
		}
		w.find(r.Head, "", "a new reader cannot load it: "+err.Error())
	}
	w.finishLedger()
	return nil
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }
