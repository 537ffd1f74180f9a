package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/signer"
)

// draft is the next version while it is made.
type draft struct {
	*publisher
	base     *history.State // nil for the first version
	manifest signer.Manifest
	changes  *changes
	state    *history.State
	blobs    []blob
	result   *Result
}

// blob is an object that this version adds.
type blob struct {
	signer.Object
	stored []byte
}

// begin sets what the manifest has before the source is read.
func (d *draft) begin() error {
	now := d.Now().Unix()
	m := &d.manifest
	if d.base == nil {
		if err := d.create(); err != nil {
			return err
		}
	} else {
		head := d.base.Version
		if skew := int64(Skew / time.Second); now < head.IssuedAt-skew {
			return fmt.Errorf("%w: it says %s, and version %d was issued at %s; set the clock of the machine that is off", ErrClock,
				stamp(now), head.Version, stamp(head.IssuedAt))
		}
		*m = *head.Manifest
		m.Version, m.Previous = head.Version+1, head.Digest()
		m.Sources = maps.Clone(head.Sources)
		// Within the skew, time stands still rather than going back.
		now = max(now, head.IssuedAt)
	}
	validFor := int64((d.ValidFor + time.Second - 1) / time.Second)
	m.IssuedAt, m.Expires = now, now+validFor
	m.State.Dropped = max(m.State.Dropped, now-m.Policy.Skew-validFor, 0)
	if d.MaxAuthAge != nil {
		m.Policy.MaxAuthAge = int64(*d.MaxAuthAge / time.Second)
	}
	if m.Sources == nil {
		m.Sources = map[string]json.RawMessage{}
	}
	d.changes = newChanges(d.base, m)
	return nil
}

// create sets the promises of a new list.
func (d *draft) create() error {
	life := int64(d.MaxTokenLife / time.Second)
	if d.Issuer == "" || life < 1 {
		return fmt.Errorf("%w, and a new one needs --issuer, the iss of its tokens, and --max-token-life, the longest that a token lives", ErrNotCreated)
	}
	salt := make([]byte, len(crl.Salt{}))
	if _, err := io.ReadFull(d.Rand, salt); err != nil {
		return fmt.Errorf("no randomness for the list's salt: %w", err)
	}
	d.manifest = signer.Manifest{
		Issuer: d.Issuer, Version: 1, Format: signer.ManifestFormat, Salt: salt,
		Policy: signer.Policy{
			MaxTokenLife: life, Skew: int64(Skew / time.Second),
			Granularity: max(1, (life+23)/24),
		},
	}
	return nil
}

// readRows folds what is new in the source into the changes.
func (d *draft) readRows(ctx context.Context) error {
	name := d.Source.Name()
	c := d.changes
	read, err := d.Source.Read(ctx, d.manifest.Sources[name], func(row *source.Row) error {
		if c.rows++; c.rows%10_000 == 0 {
			d.Step("reading "+name, c.rows)
		}
		return c.add(row)
	})
	if err != nil {
		return err
	}
	d.manifest.Sources[name] = json.RawMessage(read.Cursor)
	d.manifest.Rules = c.ruleTable()
	r := d.result
	r.Rows, r.Full, r.OtherIssuer = read.Rows, read.Full, c.otherIssuer
	r.SkippedRows, r.Skipped = read.SkippedRows, read.Skipped
	return nil
}

// build makes the next state, the objects that lead to it, and the manifest.
func (d *draft) build(ctx context.Context) error {
	m, r := &d.manifest, d.result
	touched := d.changes.touched(m.State.Dropped)
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
	f := d.state.File
	sum := sha256.Sum256(f.Bytes())
	m.State.SHA256 = sum[:]
	m.State.Checksum = d.state.Sum.Bytes()
	m.State.Count, m.State.Permanent = uint64(f.Len()), uint64(f.Permanent())
	r.Version, r.Entries, r.Permanent = m.Version, f.Len(), m.State.Permanent
	r.IssuedAt, r.StaleAt = time.Unix(m.IssuedAt, 0).UTC(), time.Unix(m.Expires, 0).UTC()
	for _, b := range d.blobs {
		r.Objects = append(r.Objects, b.Object)
	}
	return nil
}

// buildHeartbeat is a version in which nothing changes but what expires, which
// readers drop by themselves: a manifest is all there is to it.
func (d *draft) buildHeartbeat() error {
	d.state = &history.State{File: d.base.File, Sum: d.base.Sum}
	if d.base.File.NextExpiry() <= d.manifest.State.Dropped {
		var err error
		d.state.File, d.state.Sum, err = crl.Apply(d.base.File, d.base.Sum, nil, d.manifest.State.Dropped)
		if err != nil {
			return err
		}
	}
	d.result.Dropped = d.base.File.Len() - d.state.File.Len()
	return nil
}

// buildChange is a version with a delta, which is proved before it is believed:
// the state is built from the entries, the delta is packed, unpacked
// and applied as a reader would, and both must be the same bytes.
func (d *draft) buildChange(ctx context.Context, t touched) error {
	m := &d.manifest
	m.State.Changed = m.Version
	m.State.Changes++
	entries, dropped := d.changes.next(t, m.State.Dropped)
	d.result.Dropped = dropped
	file, err := crl.Build(0, m.Version, entries, nil)
	if err != nil {
		return err
	}
	d.state = &history.State{File: file, Sum: file.Checksum()}
	if d.base != nil {
		delta, err := crl.Build(d.base.File.To(), m.Version, t.entries, t.removed)
		if err != nil {
			return err
		}
		packed, err := d.pack(delta, 1)
		if err != nil {
			return err
		}
		if err := d.replay(packed); err != nil {
			return err
		}
		d.addDelta(ctx, packed, delta)
	}
	if snapshotDue(m, d.SnapshotEvery) {
		packed, err := d.pack(file, m.State.Changes)
		if err != nil {
			return err
		}
		m.Objects = withSnapshot(m.Objects, packed.Object)
	}
	return nil
}

// pack makes a file an object of this version.
func (d *draft) pack(f *crl.File, changes uint64) (blob, error) {
	o, stored, err := history.Pack(f)
	if err != nil {
		return blob{}, err
	}
	o.Changes = changes
	back, err := history.Unpack(o, stored)
	if err != nil {
		return blob{}, fmt.Errorf("what was just packed cannot be read back, nothing was published: %w", err)
	}
	if !bytes.Equal(back.Bytes(), f.Bytes()) {
		return blob{}, fmt.Errorf("what was just packed reads back as something else; nothing was published")
	}
	b := blob{o, stored}
	d.blobs = append(d.blobs, b)
	return b, nil
}

// replay does with the delta what a reader will do.
func (d *draft) replay(b blob) error {
	delta, err := history.Unpack(b.Object, b.stored)
	if err != nil {
		return err
	}
	file, sum, err := crl.Apply(d.base.File, d.base.Sum, delta, d.manifest.State.Dropped)
	if err != nil {
		return err
	}
	if !bytes.Equal(file.Bytes(), d.state.File.Bytes()) || sum != d.state.Sum {
		return fmt.Errorf("the delta to version %d does not lead to the list it was made for; nothing was published, and this is a defect of the program: please report it", d.manifest.Version)
	}
	return nil
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }
