package publish

import (
	"context"
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
	unsure   bool // which rows of the source are new
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
	now, err := d.issuedAt(d.Now().Unix())
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
		m.Sources = maps.Clone(head.Sources)
	}
	validFor := int64((d.ValidFor + time.Second - 1) / time.Second)
	m.IssuedAt, m.Expires = now, now+validFor
	m.State.Dropped = dropMoment(head, now, m.Policy.Skew, validFor)
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
	if err := d.takes(name); err != nil {
		return err
	}
	c := d.changes
	if d.reads != nil {
		d.reads()
	}
	read, err := source.Read(ctx, d.Source, d.manifest.Sources, func(row *source.Row) error {
		if c.rows++; c.rows%10_000 == 0 {
			d.Step("reading "+name, c.rows)
		}
		return c.add(row)
	})
	if err != nil {
		return err
	}
	c.whole, d.unsure = read.Whole, read.Unsure
	d.manifest.Sources[name] = json.RawMessage(read.Cursor)
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

// takes refuses a source that the manifest has no room for, before it is read.
func (d *draft) takes(name string) error {
	if len(name) > signer.MaxSourceName {
		return fmt.Errorf("the name %.40q… of the source has %d bytes, and a manifest takes %d: give it a shorter one with --source-name", name, len(name), signer.MaxSourceName)
	}
	if _, known := d.manifest.Sources[name]; !known && len(d.manifest.Sources) >= signer.MaxSources {
		return fmt.Errorf("the list has had %d sources, which is the most, and %q would be another: with --source-name give it the name of one that is not published from any more (verifier show lists them), or start a new list under another prefix; a name is to be the same in every run", signer.MaxSources, name)
	}
	return nil
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }
