package publish

import (
	"fmt"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/signer"
)

// changes collects rows, and folds them into what becomes of the entries they name.
type changes struct {
	base    *crl.List // nil for the first version
	issuer  string
	policy  signer.Policy
	now     int64
	dropped int64 // what has ended by then goes with this version

	rules  []crl.Rule // by ascending ID; only ever appended to
	byName map[string]int
	name   []byte // of the row's rule, reused

	whole bool // the source comes as a whole every time, so its rows are no news by themselves
	held  int  // entries that reinstatements which come again left as they were

	log         rowLog
	otherIssuer int64
	rows        int64
}

func newChanges(base *history.State, m *signer.Manifest) *changes {
	c := &changes{
		issuer: m.Issuer, policy: m.Policy, now: m.IssuedAt, dropped: m.State.Dropped,
		rules: history.Rules(m), byName: map[string]int{},
	}
	copy(c.log.salt[:], m.Salt)
	if base != nil {
		c.base = base.List
	}
	for i, r := range c.rules {
		c.byName[r.Name()] = i
	}
	return c
}

// add takes one row.
func (c *changes) add(row *source.Row) error {
	if row.Issuer != "" && row.Issuer != c.issuer {
		c.otherIssuer++
		return nil
	}
	rule, err := c.rule(row)
	if err != nil {
		return err
	}
	for _, value := range row.Values {
		if len(value) > crl.MaxClaimLength {
			return fmt.Errorf("row %d: %w", row.Line, crl.ErrClaimLength)
		}
	}
	r := record{before: crl.Always, exp: c.exp(row, rule), rule: rule.ID, gone: row.Reinstate, again: row.Again}
	if row.Before != source.None {
		r.before = row.Before
	}
	c.log.append(r, row.Values)
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

// exp is the end of a row's entry, rounded up to the granularity.
func (c *changes) exp(row *source.Row, rule crl.Rule) int64 {
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
	}
	return expUnknown
}

func (c *changes) roundUp(t int64) int64 {
	g := max(1, c.policy.Granularity)
	return min((t+g-1)/g*g, crl.MaxTime)
}

// fold applies the rows of one entry, in their order, to what it was. A reinstatement that comes
// again takes back no more than the rows in front of it, which came again, too: what
// it released may have been revoked since, by a row that is gone, or by another source.
func (c *changes) fold(rows []record, e crl.Entry, there bool) (crl.Entry, bool) {
	base, had, held := e, there, false
	for _, r := range rows {
		switch {
		case r.gone && r.again:
			e, there, held = base, had, had
		case r.gone:
			there, held = false, false
		default:
			e, there, held = c.revoke(rows, r, base, had, e, there), true, false
		}
	}
	if held {
		c.held++
	}
	return e, there
}

// revoke is what a row makes of an entry.
func (c *changes) revoke(rows []record, r record, base crl.Entry, had bool, e crl.Entry, there bool) crl.Entry {
	now := crl.Entry{Rule: r.rule, Key: r.key, Before: r.before, Exp: r.exp}
	if r.exp == expUnknown {
		now.Exp = c.roundUp(c.now + c.policy.MaxTokenLife)
		if had && base.Outright() && c.knows(rows, r, base.Exp) {
			now.Exp = base.Exp
		}
	}
	if there {
		now = now.Combine(e)
	}
	return now
}

// knows tells whether an entry has its end of the same row, which was read before without
// an end: it came again, and no other row gives one as late. One that
// expires with this version is dropped rather than known.
func (c *changes) knows(rows []record, r record, end int64) bool {
	return (r.again || c.whole) && end > c.dropped &&
		!slices.ContainsFunc(rows, func(o record) bool { return !o.gone && o.exp >= end })
}

// ruleTable is the rules as the manifest has them.
func (c *changes) ruleTable() []signer.Rule {
	table := make([]signer.Rule, len(c.rules))
	for i, r := range c.rules {
		table[i] = signer.Rule{ID: r.ID, Claims: r.Claims}
	}
	return table
}
