package publish

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/source"
)

// The model is the list as the documentation describes it to people: a map from claims to entries.
// It shares nothing with the product but the meaning of a row.
type model struct {
	life, granularity, skew int64
	dropped, published      int64
	entries                 map[string]modelEntry
	// promises are all revocations that no reinstatement released. They are never dropped. A token
	// that they match must be refused as long as it lives.
	promises map[string][]modelEntry
}

type modelEntry struct {
	outright    bool
	before, exp int64 // exp < 0: never ends
}

func newModel(life int64) *model {
	return &model{life: life, granularity: life / 24, skew: 300,
		entries: map[string]modelEntry{}, promises: map[string][]modelEntry{}}
}

// publish applies the rows that are new in a publication, in the order of their moments.
func (m *model) publish(rows []source.Row, now, validFor int64) {
	// Entries that had ended at the last publication are dropped, at twice the speed of time.
	dropped := now - m.skew - validFor
	if m.published > 0 {
		dropped = min(m.published-m.skew-validFor, m.dropped+2*(now-m.published))
	}
	m.dropped, m.published = max(m.dropped, dropped), now
	for _, r := range rows {
		key := claimsOf(r)
		if r.Reinstate {
			delete(m.entries, key)
			delete(m.promises, key)
			continue
		}
		e := modelEntry{outright: r.Before < 0, before: r.Before, exp: m.end(r)}
		m.promises[key] = append(m.promises[key], e)
		e.exp = m.roundUp(e.exp)
		combine(m.entries, key, e)
	}
	maps.DeleteFunc(m.entries, func(_ string, e modelEntry) bool { return e.exp >= 0 && e.exp <= m.dropped })
	// Promises about tokens that ended long ago are forgotten, to keep the test small.
	for key, all := range m.promises {
		all = slices.DeleteFunc(all, func(e modelEntry) bool { return e.exp >= 0 && e.exp < now-m.life })
		if len(all) == 0 {
			delete(m.promises, key)
		} else {
			m.promises[key] = all
		}
	}
}

// combine adds an entry to the one of the same claims, if there is one.
func combine(entries map[string]modelEntry, key string, e modelEntry) {
	if old, there := entries[key]; there {
		e.outright = e.outright || old.outright
		e.before = max(e.before, old.before)
		if e.exp >= 0 && (old.exp < 0 || old.exp > e.exp) {
			e.exp = old.exp
		}
	}
	entries[key] = e
}

// end returns when the entry of a row ends.
func (m *model) end(r source.Row) int64 {
	switch {
	case r.Exp >= 0:
		return r.Exp
	case r.Before >= 0:
		return r.Before + m.life
	case !slices.Contains(r.Names, "jti"):
		return -1
	}
	return (r.Moment+999)/1000 + m.life
}

func (m *model) roundUp(exp int64) int64 {
	if exp < 0 {
		return exp
	}
	return (exp + m.granularity - 1) / m.granularity * m.granularity
}

// frozen returns the entries of the version, for readers that still hold it.
func (m *model) frozen() map[string]modelEntry { return maps.Clone(m.entries) }

// A token of the test, in the model's terms.
type modelToken struct {
	claims, header map[string]any
	iat, exp       int64
	hasIat         bool
}

var modelRules = [][]string{
	{}, {"client_id"}, {"client_id", "sub"}, {"jti"}, {"kid"}, {"sid"}, {"sub"}, {"tenant"},
}

// key returns the key of the entry that would revoke the token under a rule.
func (t *modelToken) key(rule []string) (string, bool) {
	var values []string
	for _, name := range rule {
		from := t.claims
		if name == "kid" {
			from = t.header
		}
		v, ok := from[name]
		if !ok {
			return "", false
		}
		values = append(values, fmt.Sprint(v))
	}
	return claimsOf(source.Row{Names: rule, Values: values}), true
}

func (t *modelToken) hit(e modelEntry) bool { return e.outright || !t.hasIat || t.iat < e.before }

// verdict returns the verdict on the token by a version with these entries, issued at asOf and
// stale at expiry.
func (t *modelToken) verdict(entries map[string]modelEntry, life, now, asOf, expiry int64) string {
	var rules []string
	for _, rule := range modelRules {
		key, ok := t.key(rule)
		if !ok {
			continue
		}
		if e, ok := entries[key]; ok && t.hit(e) {
			name := strings.Join(rule, "+")
			if name == "" {
				name = "*"
			}
			rules = append(rules, name)
		}
	}
	from := t.iat
	if !t.hasIat {
		from = now
	}
	_, named := t.header["kid"]
	switch {
	case len(rules) > 0:
		slices.Sort(rules)
		return "revoked " + strings.Join(rules, ",")
	case !named && revokesKeys(entries):
		return "refused"
	case now >= expiry || now < asOf-300:
		return "stale"
	case t.exp-from > life:
		return "not-covered"
	}
	return "ok"
}

// revokesKeys reports whether a key is revoked. Then a token must name its key.
func revokesKeys(entries map[string]modelEntry) bool {
	for key := range entries {
		if strings.HasPrefix(key, "kid=") {
			return true
		}
	}
	return false
}

// promised reports whether a row revoked the token for at least as long as it lives.
func (t *modelToken) promised(m *model) bool {
	for _, rule := range modelRules {
		if key, ok := t.key(rule); ok {
			for _, e := range m.promises[key] {
				if t.hit(e) && (e.exp < 0 || e.exp >= t.exp) {
					return true
				}
			}
		}
	}
	return false
}

// verdictOf returns a client's answer in the model's words.
func verdictOf(err error) string {
	switch e := err.(type) {
	case nil:
		return "ok"
	case *client.RevokedError:
		return "revoked " + strings.Join(e.Rules, ",")
	case *client.StaleError:
		return "stale"
	case *client.NotCoveredError:
		return "not-covered"
	case *client.ClaimError:
		return "refused"
	}
	return err.Error()
}

// randomRow returns a decision about something of a small world, so that entries meet often.
func randomRow(r *rand.Rand, moment, now, life int64) source.Row {
	row := source.Row{Before: source.None, Exp: source.None, Moment: moment}
	rule := modelRules[[]int{3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 6, 2, 2, 2}[r.IntN(14)]]
	// Rules that match many tokens are rare, and reinstated as often, or most tokens would be refused.
	rare := r.IntN(60) == 0
	if rare {
		rule = modelRules[[]int{0, 1, 4, 7}[r.IntN(4)]]
	}
	for _, name := range rule {
		row.Names = append(row.Names, name)
		row.Values = append(row.Values, randomValue(r, name))
	}
	if r.IntN(3) == 0 || rare && r.IntN(2) == 0 {
		row.Reinstate = true
		return row
	}
	if len(rule) == 0 || r.IntN(4) == 0 {
		row.Before = now - r.Int64N(life)
		if rare {
			row.Before = now - life + r.Int64N(life/4)
		}
	}
	if r.IntN(10) > 0 || rare {
		row.Exp = now + r.Int64N(life)
	}
	return row
}

func randomValue(r *rand.Rand, claim string) string {
	n := map[string]int{"jti": 2000, "sid": 1500, "sub": 400, "client_id": 30, "kid": 20, "tenant": 40}[claim]
	if claim == "tenant" {
		return fmt.Sprint(r.IntN(n))
	}
	return fmt.Sprintf("%s-%d", claim, r.IntN(n))
}

func randomToken(r *rand.Rand, now, life int64) modelToken {
	t := modelToken{claims: map[string]any{"iss": testIssuer}, header: map[string]any{}}
	for _, name := range []string{"jti", "sid", "sub", "client_id"} {
		if r.IntN(10) > 0 {
			t.claims[name] = randomValue(r, name)
		}
	}
	if r.IntN(10) > 0 {
		t.header["kid"] = randomValue(r, "kid")
	}
	if r.IntN(3) == 0 {
		t.claims["tenant"] = r.IntN(40)
	}
	t.iat = now - r.Int64N(life)
	t.exp = t.iat + r.Int64N(life+life/50)
	if t.hasIat = r.IntN(20) > 0; t.hasIat {
		t.claims["iat"] = t.iat
	}
	t.claims["exp"] = t.exp
	return t
}
