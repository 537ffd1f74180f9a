package publish

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
)

// changes collects the rows of a run, and works out what becomes of the entries that they name.
type changes struct {
	judge
	base   *ledger.State // nil for the first version
	issuer string
	policy signer.Policy

	rules     []crl.Rule // by ascending ID; only ever appended to
	byName    map[string]int
	name      []byte // of the row's rule, reused
	ruleBytes int    // of the names of all rules' claims

	log         rowLog
	reasons     []reason // of the rows, if they are kept
	keepReasons bool
	reasonBytes int // of reasons
	wordless    int // rows whose reasons are not kept
	otherIssuer int64
	notes       notes
}

// reason is the words of a row.
type reason struct {
	seq  uint32
	text string
}

// maxReasonBytes bounds the reasons that a version records. They are in memory during the run, and
// in the head of its record, which has a limit.
const maxReasonBytes = 64 << 20

// maxRuleBytes bounds the names in the rule table, which never shrinks, so that the manifest always
// has room for the rest.
const maxRuleBytes = 24 << 10

func newChanges(base *ledger.State, m *signer.Manifest, now time.Time, source uint32) *changes {
	c := &changes{
		base: base, issuer: m.Issuer, policy: m.Policy,
		rules: history.Rules(m), byName: map[string]int{},
	}
	c.judge = judge{
		now: now.UnixMilli(), skew: Skew.Milliseconds(), source: source, dropped: m.State.Dropped,
		expiry: func(unix int64) int64 { return c.roundUp(unix + c.policy.MaxTokenLife) },
	}
	copy(c.log.salt[:], m.Salt)
	for i, r := range c.rules {
		c.byName[r.Name()] = i
		c.ruleBytes += len(r.Name())
	}
	return c
}

// add takes one row. It refuses a bad one with a *source.BadRowError.
func (c *changes) add(row *source.Row) error {
	if row.Issuer != "" && row.Issuer != c.issuer {
		c.otherIssuer++
		return nil
	}
	if f := rows.Check(row); f != nil {
		return &source.BadRowError{Field: f.Field, Reason: f.Reason}
	}
	if row.Moment != source.None && row.Moment > c.now+c.skew {
		return &source.BadRowError{Field: "revoked_at", Reason: fmt.Sprintf("%s is later than now, %s, by more than the %s that clocks may differ",
			stampMilli(row.Moment), stampMilli(c.now), Skew)}
	}
	rule, err := c.rule(row)
	if err != nil {
		return err
	}
	r := record{before: crl.Always, exp: c.exp(row, rule), moment: row.Moment, rule: rule.ID}
	if row.Before != source.None {
		r.before = row.Before
	}
	if row.Reinstate {
		r.kind |= reinstates
	}
	if row.New {
		r.kind |= isNew
	}
	if row.Moment == source.None {
		r.kind |= undated
		r.moment = c.now
	}
	if c.keepReasons && row.Reason != "" {
		if size := c.reasonBytes + len(row.Reason); size <= maxReasonBytes {
			c.reasonBytes = size
			c.reasons = append(c.reasons, reason{c.log.rows, strings.Clone(row.Reason)})
		} else {
			c.wordless++
		}
	}
	c.log.append(r, row.Values)
	return nil
}

// rule finds the rule of a row, or adds it with the next id.
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
	if i, ok := c.byName[string(c.name)]; ok && len(c.rules[i].Claims) == len(row.Names) {
		return c.rules[i], nil
	}
	if len(c.rules) == crl.MaxRules || c.ruleBytes+len(c.name) > maxRuleBytes {
		return crl.Rule{}, &source.BadRowError{Reason: fmt.Sprintf("it needs the new rule %s, and the list has no room for more than its %d rules: do the columns of the source have stable names?", source.Shorten(string(c.name)), len(c.rules))}
	}
	r, err := crl.NewRule(row.Names...)
	if err != nil {
		return r, &source.BadRowError{Reason: err.Error()}
	}
	for _, n := range row.Names {
		if f := rows.CheckClaim(n); f != nil {
			return r, &source.BadRowError{Field: f.Field, Reason: f.Reason}
		}
	}
	if r.Name() != string(c.name) {
		return r, &source.BadRowError{Reason: fmt.Sprintf("its names are not in byte order: %s", source.Shorten(string(c.name)))}
	}
	// Ids are given in order and never taken back, so the next one is free.
	r.ID = uint8(len(c.rules) + 1)
	c.byName[r.Name()] = len(c.rules)
	c.ruleBytes += len(r.Name())
	c.rules = append(c.rules, r)
	return r, nil
}

// exp is the end of a row's entry, rounded up to the granularity.
func (c *changes) exp(row *source.Row, rule crl.Rule) int64 {
	switch {
	case row.Exp != source.None:
		return c.roundUp(row.Exp)
	case row.Reinstate:
		return expUnknown
	case row.Before != source.None:
		return c.expiry(row.Before)
	case !slices.Contains(rule.Claims, "jti"):
		return crl.Never
	case row.Moment != source.None:
		return c.expiry(ceilSeconds(row.Moment))
	}
	return expUnknown
}

func (c *changes) roundUp(t int64) int64 {
	g := max(1, c.policy.Granularity)
	return min((t+g-1)/g*g, crl.MaxTime)
}

// ruleTable is the rules as the manifest has them.
func (c *changes) ruleTable() []signer.Rule {
	table := make([]signer.Rule, len(c.rules))
	for i, r := range c.rules {
		table[i] = signer.Rule{ID: r.ID, Claims: r.Claims}
	}
	return table
}

func stampMilli(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
