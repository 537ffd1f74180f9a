package publish

import (
	"fmt"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/signer"
)

// changes folds rows into what becomes of the entries they name.
type changes struct {
	base   *crl.File // nil for the first version
	issuer string
	policy signer.Policy
	now    int64
	salt   crl.Salt

	rules  []crl.Rule // by ascending ID; only ever appended to
	byName map[string]int
	name   []byte // of the row's rule, reused

	pending     map[entryKey]outcome
	rows        int64
	otherIssuer int64
}

type entryKey struct {
	rule uint8
	key  uint64
}

// outcome is what the rows so far make of an entry.
type outcome struct {
	before, exp int64
	gone        bool
}

func newChanges(base *history.State, m *signer.Manifest) *changes {
	c := &changes{
		issuer: m.Issuer, policy: m.Policy, now: m.IssuedAt,
		rules: history.Rules(m), byName: map[string]int{}, pending: map[entryKey]outcome{},
	}
	copy(c.salt[:], m.Salt)
	if base != nil {
		c.base = base.File
	}
	for i, r := range c.rules {
		c.byName[r.Name()] = i
	}
	return c
}

// add folds one row.
func (c *changes) add(row *source.Row) error {
	if row.Issuer != "" && row.Issuer != c.issuer {
		c.otherIssuer++
		return nil
	}
	rule, err := c.rule(row)
	if err != nil {
		return err
	}
	fingerprint, err := crl.Fingerprint(c.salt, rule, row.Values...)
	if err != nil {
		return fmt.Errorf("row %d: %w", row.Line, err)
	}
	key := entryKey{rule.ID, fingerprint}
	if row.Reinstate {
		c.pending[key] = outcome{gone: true}
		return nil
	}
	old, there := c.current(key)
	e := crl.Entry{Before: crl.Always, Exp: c.exp(row, rule, old, there)}
	if row.Before != source.None {
		e.Before = row.Before
	}
	if there {
		e = e.Combine(old)
	}
	c.pending[key] = outcome{before: e.Before, exp: e.Exp}
	return nil
}

// rule finds the row's rule, or gives it the next id.
func (c *changes) rule(row *source.Row) (crl.Rule, error) {
	c.name = c.name[:0]
	for i, n := range row.Names {
		if i > 0 {
			c.name = append(c.name, '+')
		}
		c.name = append(c.name, n...)
	}
	if len(row.Names) == 0 {
		c.name = append(c.name, '*')
	}
	if i, ok := c.byName[string(c.name)]; ok {
		return c.rules[i], nil
	}
	if len(c.rules) == crl.MaxRules {
		return crl.Rule{}, fmt.Errorf("row %d needs the rule %s, and the list has %d rules already, the most there can be: do the columns of the source have stable names?", row.Line, c.name, crl.MaxRules)
	}
	r, err := crl.NewRule(row.Names...)
	if err != nil {
		return r, fmt.Errorf("row %d: %w", row.Line, err)
	}
	// Ids are given in order and never taken back, so the next one is free.
	r.ID = uint8(len(c.rules) + 1)
	c.byName[r.Name()] = len(c.rules)
	c.rules = append(c.rules, r)
	return r, nil
}

// current is the entry as the rows so far, and the list before them, leave it.
func (c *changes) current(key entryKey) (crl.Entry, bool) {
	if o, ok := c.pending[key]; ok {
		return crl.Entry{Before: o.before, Exp: o.exp}, !o.gone
	}
	if c.base == nil {
		return crl.Entry{}, false
	}
	e, ok := c.base.Lookup(key.rule, key.key)
	return crl.Entry{Before: e.Before, Exp: e.Exp}, ok
}

// exp is the end of a row's entry, rounded up to the granularity.
func (c *changes) exp(row *source.Row, rule crl.Rule, old crl.Entry, there bool) int64 {
	life := c.policy.MaxTokenLife
	switch {
	case row.Exp != source.None:
		return c.roundUp(row.Exp)
	case row.Before != source.None:
		return c.roundUp(row.Before + life)
	case !slices.Contains(rule.Claims, "jti"):
		return crl.Never
	case row.RevokedAt != source.None:
		return c.roundUp(row.RevokedAt + life)
	case there && old.Outright():
		return old.Exp
	}
	return c.roundUp(c.now + life)
}

func (c *changes) roundUp(t int64) int64 {
	g := max(1, c.policy.Granularity)
	return min((t+g-1)/g*g, crl.MaxTime)
}

// touched are the changes to the base that a delta has to name.
type touched struct {
	entries []crl.Entry
	removed []crl.Entry // as they were in the base
}

// touched compares the outcomes with the base. What expires by the dropped moment is left
// to expiry, which needs no delta.
func (c *changes) touched(dropped int64) touched {
	var t touched
	for key, o := range c.pending {
		var old crl.Entry
		had := false
		if c.base != nil {
			old, had = c.base.Lookup(key.rule, key.key)
		}
		now := crl.Entry{Rule: key.rule, Key: key.key, Before: o.before, Exp: o.exp}
		stays := !o.gone && o.exp > dropped
		if had && stays && old == now {
			continue
		}
		if stays {
			t.entries = append(t.entries, now)
		}
		// An entry that comes to revoke outright, or no longer does, moves between sections.
		if had && old.Exp > dropped && (!stays || old.Outright() != now.Outright()) {
			t.removed = append(t.removed, old)
		}
	}
	return t
}

// next are the entries of the next state, and how many of the base expired.
func (c *changes) next(t touched, dropped int64) (entries []crl.Entry, expired int) {
	entries = slices.Clone(t.entries)
	if c.base == nil {
		return entries, 0
	}
	touched := make(map[entryKey]bool, len(t.entries)+len(t.removed))
	for _, e := range t.entries {
		touched[entryKey{e.Rule, e.Key}] = true
	}
	for _, e := range t.removed {
		touched[entryKey{e.Rule, e.Key}] = true
	}
	for e := range c.base.Entries() {
		switch {
		case touched[entryKey{e.Rule, e.Key}]:
		case e.Exp <= dropped:
			expired++
		default:
			entries = append(entries, e)
		}
	}
	return entries, expired
}

// ruleTable is the rules as the manifest has them.
func (c *changes) ruleTable() []signer.Rule {
	table := make([]signer.Rule, len(c.rules))
	for i, r := range c.rules {
		table[i] = signer.Rule{ID: r.ID, Claims: r.Claims}
	}
	return table
}
