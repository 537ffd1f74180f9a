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
	base   *crl.List // nil for the first version
	issuer string
	policy signer.Policy
	now    int64

	rules  []crl.Rule // by ascending ID; only ever appended to
	byName map[string]int
	name   []byte // of the row's rule, reused

	log         rowLog
	otherIssuer int64
	rows        int64
}

func newChanges(base *history.State, m *signer.Manifest) *changes {
	c := &changes{
		issuer: m.Issuer, policy: m.Policy, now: m.IssuedAt,
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
	r := record{before: crl.Always, exp: c.exp(row, rule), rule: rule.ID, gone: row.Reinstate}
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

// fold applies the rows of one entry, in their order, to what it was.
func (c *changes) fold(rows []record, e crl.Entry, there bool) (crl.Entry, bool) {
	for _, r := range rows {
		if r.gone {
			there = false
			continue
		}
		now := crl.Entry{Rule: r.rule, Key: r.key, Before: r.before, Exp: r.exp}
		switch {
		case r.exp != expUnknown:
		case there && e.Outright():
			now.Exp = e.Exp
		default:
			now.Exp = c.roundUp(c.now + c.policy.MaxTokenLife)
		}
		if there {
			now = now.Combine(e)
		}
		e, there = now, true
	}
	return e, there
}

// ruleTable is the rules as the manifest has them.
func (c *changes) ruleTable() []signer.Rule {
	table := make([]signer.Rule, len(c.rules))
	for i, r := range c.rules {
		table[i] = signer.Rule{ID: r.ID, Claims: r.Claims}
	}
	return table
}
