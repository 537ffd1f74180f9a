package publish

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
)

// build makes the next state, the objects that lead to it, and the manifest.
func (d *draft) build(ctx context.Context) error {
	m, r := &d.manifest, d.result
	touched := d.changes.touched()
	if d.changes.held > 0 && d.unsure {
		d.warn("what %d reinstatements of %s release is still revoked: they may have been read before, and what they name may have been revoked since, by a row that is gone, or by another source; reinstate again what is to be released", d.changes.held, d.Source.Name())
	}
	r.Changed, r.Released = len(touched.entries), len(touched.removed)
	var err error
	if d.base == nil || len(touched.entries)+len(touched.removed) > 0 {
		err = d.buildChange(ctx, touched)
	} else {
		err = d.buildHeartbeat()
	}
	if err != nil {
		return err
	}
	list := d.state.List
	sum := list.Sum()
	m.State.Checksum = sum.Bytes()
	m.State.Count, m.State.Permanent = uint64(list.Len()), uint64(list.Permanent())
	r.Version, r.Entries, r.Permanent = m.Version, list.Len(), m.State.Permanent
	r.IssuedAt, r.StaleAt = time.Unix(m.IssuedAt, 0).UTC(), time.Unix(m.Expires, 0).UTC()
	for _, b := range d.blobs {
		r.Objects = append(r.Objects, b.Object)
	}
	return nil
}

// buildHeartbeat is a version in which nothing changes but what expires, which
// readers drop by themselves: a manifest is all there is to it. There is time
// to write all entries out, if nobody has yet.
func (d *draft) buildHeartbeat() error {
	base, dropped := d.base.List, d.manifest.State.Dropped
	list, err := base.Apply(nil, dropped)
	if err != nil {
		return err
	}
	d.state = &history.State{List: list}
	if list == base && d.manifest.State.SHA256 != nil {
		return nil // as it was
	}
	if err := d.prove(touched{}); err != nil {
		return err
	}
	return d.writeOut()
}

// wholeEvery is after how many versions with changes all entries are written out
// and hashed, at the latest. It bounds what a reader that restarts has to put together, and
// what a publisher without a cache has.
const wholeEvery = 128

// buildChange is a version with a delta. The next state is what a reader makes
// of the delta's stored bytes, and it is held against what the rows
// ask for before it is believed.
func (d *draft) buildChange(ctx context.Context, t touched) error {
	m := &d.manifest
	m.State.Changed = m.Version
	m.State.Changes++
	if d.base == nil {
		return d.buildFirst(t)
	}
	base := d.base.List
	delta, err := crl.Build(base.To(), m.Version, t.entries, t.removed)
	if err != nil {
		return err
	}
	packed, delta, err := d.pack(delta, 1)
	if err != nil {
		return err
	}
	list, err := base.Apply(delta, m.State.Dropped)
	if err != nil {
		return err
	}
	d.state = &history.State{List: list}
	if err := d.prove(t); err != nil {
		return err
	}
	d.addDelta(ctx, packed, delta)
	m.State.SHA256 = nil
	snapshot := snapshotDue(m, d.SnapshotEvery)
	if snapshot || list.Snapshot() != nil || m.State.Changes%wholeEvery == 0 {
		if err := d.writeOut(); err != nil {
			return err
		}
	}
	if snapshot {
		return d.addSnapshot()
	}
	return nil
}

// buildFirst is the first version: a snapshot.
func (d *draft) buildFirst(t touched) error {
	file, err := crl.Build(0, d.manifest.Version, t.entries, nil)
	if err != nil {
		return err
	}
	list, err := crl.NewList(file, crl.ChecksumOf(t.entries))
	if err != nil {
		return err
	}
	d.state = &history.State{List: list}
	if err := d.writeOut(); err != nil {
		return err
	}
	return d.addSnapshot()
}

// writeOut makes the list whole and signs for the hash of all its entries.
func (d *draft) writeOut() error {
	list, err := d.state.List.Whole()
	if err != nil {
		return err
	}
	if list.Sum() != d.state.List.Sum() {
		return d.defect("all entries written out have another checksum than what changed says")
	}
	d.state.List = list
	sum := list.Snapshot().SHA256()
	d.manifest.State.SHA256 = sum[:]
	return nil
}

// addSnapshot makes the list, which is whole, an object. Its checksum is counted anew
// from the bytes that will be stored.
func (d *draft) addSnapshot() error {
	m := &d.manifest
	packed, _, err := d.pack(d.state.List.Snapshot(), m.State.Changes)
	if err != nil {
		return err
	}
	sum := d.state.List.Sum()
	if !bytes.Equal(packed.Checksum, sum.Bytes()) {
		return d.defect("the snapshot holds other entries than the changes lead to")
	}
	m.Objects = withSnapshot(m.Objects, packed.Object)
	return nil
}

// pack makes a file an object of this version, and gives what a reader finds in it.
func (d *draft) pack(f *crl.File, changes uint64) (blob, *crl.File, error) {
	o, stored, err := history.Pack(f)
	if err != nil {
		return blob{}, nil, err
	}
	o.Changes = changes
	back, err := history.Unpack(o, stored)
	if err != nil {
		return blob{}, nil, fmt.Errorf("what was just packed cannot be read back, nothing was published: %w", err)
	}
	if !back.Equal(f) {
		return blob{}, nil, d.defect("what was just packed reads back as something else")
	}
	b := blob{o, stored}
	d.blobs = append(d.blobs, b)
	return b, back, nil
}

// defect is what is found when the program does not agree with itself.
func (d *draft) defect(what string) error {
	return fmt.Errorf("%s; nothing was published as version %d, and this is a defect of the program: please report it", what, d.manifest.Version)
}
