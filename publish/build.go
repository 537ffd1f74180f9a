package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/internal/plural"
	"github.com/revocast/revocast/signer"
)

// wholeEvery is after how many versions with changes all entries are written out and hashed, at the
// latest. It bounds what a reader that restarts has to put together, and what a publisher has.
const wholeEvery = 128

// build makes the next state, the objects that lead to it, and the manifest.
func (d *draft) build(ctx context.Context) error {
	t := d.changes.touched()
	d.tell(&t)
	snapshot, err := d.advance(ctx, &t)
	if err != nil {
		return err
	}
	if err := d.writeOut(snapshot); err != nil {
		return err
	}
	if err := d.record(ctx, &t, snapshot); err != nil {
		return err
	}
	m, r, list := &d.manifest, d.result, d.next.List
	sum := list.Sum()
	m.State.Checksum = sum.Bytes()
	m.State.Count, m.State.Permanent = uint64(list.Len()), uint64(list.Permanent())
	r.Version, r.Entries, r.Permanent = m.Version, list.Len(), m.State.Permanent
	r.IssuedAt, r.StaleAt = time.Unix(m.IssuedAt, 0).UTC(), time.Unix(m.Expires, 0).UTC()
	return nil
}

// tell reports what the operator should know of the decisions.
func (d *draft) tell(t *touched) {
	r, n := d.result, d.changes.notes
	r.Changed, r.Released = len(t.entries)-t.unseen, t.released
	if n.again > 0 {
		d.warn("%s claims that were reinstated, and %s them again: with revoked_at they would change nothing",
			plural.Count(n.again, "row without revoked_at names", "rows without revoked_at name"), plural.Of(n.again, "revokes", "revoke"))
	}
	if n.late > 0 {
		d.warn("%s decided less than %s before a reinstatement that came from another source, and %s: the clocks of the two may differ",
			plural.Count(n.late, "revocation was", "revocations were"), Skew, plural.Of(n.late, "revokes", "revoke"))
	}
	if n.stale > 0 {
		d.warn("%s decided before the reinstatement that is known of the same claims, and %s nothing",
			plural.Count(n.stale, "new revocation was", "new revocations were"), plural.Of(n.stale, "revokes", "revoke"))
	}
	if n.older > 0 {
		again := ""
		if n.until > 0 {
			again = ": record it again after " + stamp(ceilSeconds(n.until))
		}
		d.warn("%s decided no later than the revocation that is known of the same claims, and %s nothing%s",
			plural.Count(n.older, "reinstatement was", "reinstatements were"), plural.Of(n.older, "releases", "release"), again)
	}
	if missing := d.changes.wordless; missing > 0 {
		d.warn("%s not in the ledger, because the reasons of one version may have %d bytes together",
			plural.Count(missing, "reason is", "reasons are"), maxReasonBytes)
	}
	if n.held > 0 {
		d.warn("%s without revoked_at may have been read before, so %s: record the reinstatement again, with revoked_at",
			plural.Count(n.held, "reinstatement", "reinstatements"), plural.Of(n.held, "the revocation that it names stays", "the revocations that they name stay"))
	}
}

// advance makes the next state of the list, from the bytes of its delta as a reader will, and
// compares it with the rows. It reports whether a snapshot is due.
func (d *draft) advance(ctx context.Context, t *touched) (snapshot bool, err error) {
	m := &d.manifest
	switch {
	case d.base == nil:
		m.State.Changed, m.State.Changes = m.Version, 1
		return true, d.first(t)
	case t.none() && d.base.Line.To != 0 && d.SnapshotEvery != 1:
		// Only expiry changes the list, and readers drop what ends by themselves.
		if d.next, err = d.base.Apply(&ledger.Delta{Reinstated: t.reinstated}, m.State.Dropped); err != nil {
			return false, err
		}
		if d.next.List != d.base.List {
			m.State.SHA256 = nil
		}
		return false, d.prove(t)
	}
	m.State.Changed, m.State.SHA256 = m.Version, nil
	m.State.Changes++
	delta, err := crl.Build(d.base.List.To(), m.Version, t.entries, t.removed)
	if err != nil {
		return false, err
	}
	d.change = delta
	if d.next, err = d.base.Apply(&ledger.Delta{Changes: delta, Reinstated: t.reinstated}, m.State.Dropped); err != nil {
		return false, err
	}
	if err := d.prove(t); err != nil {
		return false, err
	}
	packed, delta, err := d.packSeen(t, delta)
	if err != nil {
		return false, err
	}
	d.addDelta(ctx, packed, delta)
	line := &d.base.Line
	list := snapshotSize(m.Objects)
	return line.To == 0 || snapshotDue(m.Objects, m.State.Changed, m.State.Changes, d.SnapshotEvery, list) ||
		d.SnapshotEvery == 0 && snapshotDue(line.Objects, line.To, line.Changes, 0, list+snapshotSize(line.Objects)), nil
}

// first makes the first version.
func (d *draft) first(t *touched) error {
	file, err := crl.Build(0, d.manifest.Version, t.entries, nil)
	if err != nil {
		return err
	}
	list, err := crl.NewList(file, crl.ChecksumOf(t.entries))
	if err != nil {
		return err
	}
	d.next = &ledger.State{List: list, Reinstated: t.reinstated, Sources: map[string]ledger.Source{}}
	return nil
}

// packSeen packs the delta of the version for readers, who do not see that the moment of an entry
// changed. It returns the file that a reader finds in it.
func (d *draft) packSeen(t *touched, delta *crl.File) (signer.Object, *crl.File, error) {
	if t.unseen > 0 {
		var err error
		if delta, err = crl.Build(delta.From(), delta.To(), t.seen(d.base.List), t.removed); err != nil {
			return signer.Object{}, nil, err
		}
		reader, err := d.base.List.Apply(delta, d.manifest.State.Dropped)
		if err != nil {
			return signer.Object{}, nil, err
		}
		if reader.Len() != d.next.List.Len() || reader.Sum() != d.next.List.Sum() {
			return signer.Object{}, nil, d.defect("the delta for readers leads to another list")
		}
	}
	return d.pack(delta, 1)
}

// writeOut makes the list whole and signs for the hash of all its entries, if it is time to.
func (d *draft) writeOut(snapshot bool) error {
	m := &d.manifest
	heartbeat := m.State.Changed != m.Version
	if !snapshot && !d.rewrite && m.State.SHA256 != nil {
		return nil // the list is as it was
	}
	if !snapshot && !d.rewrite && !heartbeat && d.next.List.Snapshot() == nil && m.State.Changes%wholeEvery != 0 {
		return nil
	}
	list, err := d.next.List.Whole()
	if err != nil {
		return err
	}
	if list.Sum() != d.next.List.Sum() {
		return d.defect("all entries written out have another checksum than the changes lead to")
	}
	d.next.List = list
	sum := list.Snapshot().SHA256()
	m.State.SHA256 = sum[:]
	if !snapshot {
		return nil
	}
	// The checksum of a snapshot is counted again from the bytes that will be stored.
	packed, _, err := d.pack(list.Snapshot(), m.State.Changes)
	if err != nil {
		return err
	}
	want := list.Sum()
	if !bytes.Equal(packed.Checksum, want.Bytes()) {
		return d.defect("the snapshot holds other entries than the changes lead to")
	}
	m.Objects = withSnapshot(m.Objects, packed)
	return nil
}

// record adds this version to the ledger, if it changes anything there.
func (d *draft) record(ctx context.Context, t *touched, snapshot bool) error {
	m := &d.manifest
	line := ledger.Line{}
	known := false
	if d.base != nil {
		line = d.base.Line
		var old ledger.Source
		old, known = d.base.Sources[d.name]
		known = known && bytes.Equal(old.Cursor, d.source.Cursor)
	}
	d.next.Sources = maps.Clone(d.next.Sources)
	d.next.Sources[d.name] = d.source
	d.next.Line = line
	if !known || !t.none() || len(t.reinstated) > 0 || snapshot {
		if err := d.addRecord(ctx, t, line, snapshot); err != nil {
			return err
		}
	}
	if d.cache == nil || m.State.SHA256 == nil || d.next.List.Snapshot() == nil || d.base != nil && d.next.List == d.base.List && !d.rewrite {
		return nil
	}
	whole := d.next.Snapshot()
	whole.Record = &ledger.Record{Line: d.next.Line}
	var err error
	if d.whole, err = whole.Encode(); err != nil {
		return err
	}
	sum := sha256.Sum256(d.whole)
	m.Ledger.Whole = sum[:]
	return nil
}

// addRecord makes the object of the ledger for this version, and the larger ones that are due.
func (d *draft) addRecord(ctx context.Context, t *touched, line ledger.Line, snapshot bool) error {
	m := &d.manifest
	d.next.Line.To, d.next.Line.Changes = m.Version, line.Changes+1
	sum := d.next.List.Sum()
	var change *ledger.Delta
	if line.To == 0 { // the first record of a ledger is a snapshot
		change = d.next.Snapshot()
	} else {
		change = &ledger.Delta{
			From: line.To, To: m.Version, Changes: d.change, Reinstated: t.reinstated,
			Sources: map[string]ledger.Source{d.name: d.source},
		}
		line.Objects = d.addLedger(ctx, line, change)
		if snapshot {
			object, err := d.packLedger(d.next.Snapshot(), d.next.Line.Changes)
			if err != nil {
				return err
			}
			object.Checksum = sum.Bytes()
			line.Objects = withSnapshot(line.Objects, object)
		}
	}
	change.Record = &ledger.Record{Source: d.name, Reasons: t.reasons, Line: ledger.Line{Changes: d.next.Line.Changes, Objects: line.Objects}}
	object, err := d.packLedger(change, 1)
	if err != nil {
		return err
	}
	m.Ledger = &signer.Ledger{From: object.From, To: object.To, Size: object.Size, Raw: object.RawSize, SHA256: object.SHA256}
	if object.From == 0 {
		object.Checksum = sum.Bytes()
	}
	d.next.Line.Objects = append(line.Objects[:len(line.Objects):len(line.Objects)], object)
	return nil
}

func (d *draft) packLedger(change *ledger.Delta, changes uint64) (signer.Object, error) {
	object, stored, err := ledger.Pack(change)
	if err != nil {
		return object, err
	}
	object.Changes = changes
	d.blobs = append(d.blobs, blob{signer.LedgerName(object.From, object.To, object.SHA256), stored})
	return object, nil
}

// pack makes a file an object of this version, and returns the file that a reader finds in it.
func (d *draft) pack(f *crl.File, changes uint64) (signer.Object, *crl.File, error) {
	o, stored, err := history.Pack(f)
	if err != nil {
		return o, nil, err
	}
	o.Changes = changes
	back, err := history.Unpack(o, stored)
	if err != nil {
		return o, nil, fmt.Errorf("an object that was just packed cannot be read back, nothing was published: %w", err)
	}
	if !bytes.Equal(back.Bytes(), f.Bytes()) {
		return o, nil, d.defect("an object that was just packed reads back as something else")
	}
	d.blobs = append(d.blobs, blob{o.Name(), stored})
	d.result.Objects = append(d.result.Objects, o)
	return o, back, nil
}

// defect is the error of a program that does not agree with itself.
func (d *draft) defect(what string) error {
	return fmt.Errorf("%s; nothing was published as version %d, and this is a defect of the program: please report it", what, d.manifest.Version)
}
