package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
)

// draft is the next version while it is made.
type draft struct {
	*publisher
	base     *ledger.State // nil for the first version
	manifest signer.Manifest
	changes  *changes
	name     string        // of the source
	source   ledger.Source // as it is after the reading
	change   *crl.File     // the entries that change, with their moments; nil if none does
	next     *ledger.State
	blobs    []blob
	whole    []byte // the whole ledger as the cache keeps it, if it was written out
	result   *Result
}

// blob is an object that this version adds.
type blob struct {
	name   string
	stored []byte
}

// begin sets what the manifest has before the source is read.
func (d *draft) begin() error {
	now := d.Now()
	issuedAt, err := d.issuedAt(now.Unix())
	if err != nil {
		return err
	}
	m := &d.manifest
	var head *history.Version
	if d.base == nil {
		if err := d.create(); err != nil {
			return err
		}
	} else {
		head = d.base.Version
		*m = *head.Manifest
		m.Version, m.Previous = head.Version+1, head.Digest()
		if m.Ledger != nil {
			kept := *m.Ledger
			kept.Whole = nil
			m.Ledger = &kept
		}
	}
	validFor := int64((d.ValidFor + time.Second - 1) / time.Second)
	m.IssuedAt, m.Expires, m.Read = issuedAt, issuedAt+validFor, now.Unix()
	m.State.Dropped = dropMoment(head, issuedAt, m.Policy.Skew, validFor)
	if d.MaxAuthAge != nil {
		m.Policy.MaxAuthAge = int64(*d.MaxAuthAge / time.Second)
	}
	d.knowSource()
	d.changes = newChanges(d.base, m, now, d.source.Number)
	d.changes.keepReasons = d.WithReasons
	return nil
}

// knowSource finds the source in the ledger. A new source gets the next number.
func (d *draft) knowSource() {
	d.name = ledger.SourceName(d.manifest.Salt, d.SourceName, d.Source.String())
	d.source = ledger.Source{Number: 1}
	if d.base == nil {
		return
	}
	if known, ok := d.base.Sources[d.name]; ok {
		d.source = known
		return
	}
	for _, other := range d.base.Sources {
		d.source.Number = max(d.source.Number, other.Number+1)
	}
}

// create sets the promises of a new list.
func (d *draft) create() error {
	life := int64(d.MaxTokenLife / time.Second)
	if d.Issuer == "" || life < 1 {
		return fmt.Errorf("%w, and a new one needs an issuer, the iss of its tokens, and the longest life of a token", ErrNotCreated)
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

// readRows reads the rows of the source that may be new into the changes.
func (d *draft) readRows(ctx context.Context) error {
	c, rows := d.changes, int64(0)
	if d.reads != nil {
		d.reads()
	}
	read, err := d.Source.Read(ctx, d.source.Cursor, func(row *source.Row) error {
		if rows++; rows%10_000 == 0 {
			d.Step("reading "+d.Source.String(), rows)
		}
		return c.add(row)
	})
	if err != nil {
		return err
	}
	if len(read.Cursor) > source.MaxCursor || len(read.Cursor) > 0 && !json.Valid(read.Cursor) {
		return fmt.Errorf("the cursor of %s has %d bytes, and must be JSON of at most %d", d.Source, len(read.Cursor), source.MaxCursor)
	}
	d.source.Cursor = read.Cursor
	r := d.result
	for _, rule := range c.rules[len(d.manifest.Rules):] {
		r.NewRules = append(r.NewRules, rule.Name())
	}
	d.manifest.Rules = c.ruleTable()
	r.Rows, r.Full, r.OtherIssuer = read.Rows, read.Full, c.otherIssuer
	r.SkippedRows, r.Skipped = read.SkippedRows, read.Skipped
	r.Warnings = append(r.Warnings, read.Warnings...)
	return nil
}

func (d *draft) warn(format string, args ...any) {
	d.result.Warnings = append(d.result.Warnings, fmt.Sprintf(format, args...))
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }
