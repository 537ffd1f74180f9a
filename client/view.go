package client

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
)

const keyIDClaim = crl.KeyIDClaim

// view is a version of the list made ready for checks. It never changes; a
// refresh makes the next one and swaps the pointer.
type view struct {
	state  *history.State
	salt   crl.Salt
	rules  []crl.Rule // only those that have entries: the others cost nothing
	names  []string   // of rules
	issuer string
	life   float64
	auth   float64 // max_auth_age, 0 for none
	asOf   time.Time
	expiry time.Time
	skew   int64 // seconds
}

func newView(s *history.State) *view {
	m := s.Version.Manifest
	v := &view{
		state: s, issuer: m.Issuer,
		life: float64(m.Policy.MaxTokenLife), auth: float64(m.Policy.MaxAuthAge),
		asOf: time.Unix(m.IssuedAt, 0), expiry: time.Unix(m.Expires, 0),
		skew: m.Policy.Skew,
	}
	copy(v.salt[:], m.Salt)
	for _, r := range history.Rules(m) {
		if s.List.HasRule(r.ID) {
			v.rules = append(v.rules, r)
			v.names = append(v.names, r.Name())
		}
	}
	return v
}

// check answers for one token. A match is told first, because it stays true
// whatever else is wrong; then what keeps the list from being believed about
// the others.
func (v *view) check(t *Token, now time.Time, maxAge time.Duration) error {
	if iss, ok := t.Claims["iss"].(string); !ok || iss != v.issuer {
		return &NotCoveredError{"its issuer is not " + v.issuer}
	}
	iat, hasIat, err := t.numericDate("iat")
	if err != nil {
		return err
	}
	if err := v.revoked(t, int64(math.Floor(iat)), hasIat, now); err != nil {
		return err
	}
	if err := v.stale(now, maxAge); err != nil {
		return err
	}
	return v.covered(t, iat, hasIat, now)
}

// revoked looks the token up under every rule. What cannot be looked up is told only if
// no other rule matches.
func (v *view) revoked(t *Token, iat int64, hasIat bool, now time.Time) error {
	var found *RevokedError
	var unclear error
	// The lookups wait for memory, and do so together if no hash comes between them.
	var keys [8]uint64
	var there [8]bool
	var p crl.Preimage
	for first := 0; first < len(v.rules); first += len(keys) {
		rules := v.rules[first:min(len(v.rules), first+len(keys))]
		for i := range rules {
			var err error
			if keys[i], there[i], err = v.fingerprint(&p, &rules[i], t); err != nil {
				unclear = err
			}
		}
		for i := range rules {
			if !there[i] {
				continue
			}
			if before, ok := v.state.List.Find(rules[i].ID, keys[i]); ok && (!hasIat || iat < before) {
				found = v.add(found, v.names[first+i], before)
			}
		}
	}
	if v.auth > 0 {
		since, ok, err := t.numericDate("auth_time")
		if err != nil {
			unclear = err
		} else if !ok {
			since, ok = float64(iat), hasIat
		}
		if err == nil && (!ok || float64(now.Unix())-since > v.auth) {
			found = v.add(found, MaxAuthAgeRule, crl.Always)
		}
	}
	if found == nil {
		return unclear
	}
	found.sort()
	return found
}

// fingerprint is the token's under one rule; ok is false if it lacks a claim of it.
func (v *view) fingerprint(p *crl.Preimage, r *crl.Rule, t *Token) (key uint64, ok bool, err error) {
	p.Reset(&v.salt, r.ID)
	for _, name := range r.Claims {
		value, ok, err := t.claim(name)
		if err != nil || !ok {
			return 0, false, err
		}
		if err := p.Add(value); err != nil {
			return 0, false, badClaim(name, err)
		}
	}
	return p.Fingerprint(), true, nil
}

func badClaim(name string, err error) error {
	if errors.Is(err, crl.ErrClaimLength) {
		// No entry has so long a value, but then nobody could have revoked it either.
		return &ClaimError{name, "it is too long for any entry", err}
	}
	return &ClaimError{name, "it is neither a string nor an integer", err}
}

func (v *view) add(e *RevokedError, rule string, before int64) *RevokedError {
	if e == nil {
		e = &RevokedError{Version: v.state.Version.Version, AsOf: v.asOf}
	}
	e.Rules = append(e.Rules, rule)
	at := time.Time{}
	if before != crl.Always {
		at = time.Unix(before, 0)
	}
	e.Before = append(e.Before, at)
	return e
}

// sort puts the rules into alphabetical order, with their moments.
func (e *RevokedError) sort() {
	order := make([]int, len(e.Rules))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(e.Rules[a], e.Rules[b]) })
	rules, before := make([]string, len(order)), make([]time.Time, len(order))
	for to, from := range order {
		rules[to], before[to] = e.Rules[from], e.Before[from]
	}
	e.Rules, e.Before = rules, before
}

// stale tells whether the list is older than allowed. A clock that reads earlier
// than the list's issue, by more than clocks may differ, proves nothing about its age.
func (v *view) stale(now time.Time, maxAge time.Duration) error {
	until := v.expiry
	if maxAge > 0 {
		until = v.asOf.Add(maxAge)
	}
	if now.Before(until) && now.Unix() >= v.asOf.Unix()-v.skew {
		return nil
	}
	return &StaleError{Version: v.state.Version.Version, AsOf: v.asOf, Until: until, Now: now}
}

// young tells whether the list is in the first half of its life. One of a clock that was
// ahead is not: it may be years until it is.
func (v *view) young(now time.Time) bool {
	age := now.Sub(v.asOf)
	return age >= -time.Duration(v.skew)*time.Second && age < v.expiry.Sub(v.asOf)/2
}

// covered tells whether entries for the token live as long as the token.
func (v *view) covered(t *Token, iat float64, hasIat bool, now time.Time) error {
	exp, ok, err := t.numericDate("exp")
	if err != nil {
		return err
	}
	if !ok {
		return &NotCoveredError{"it has no exp"}
	}
	from := iat
	if !hasIat {
		from = float64(now.Unix())
	} else if iat > float64(now.Unix()+v.skew) {
		// No before would ever reach it, and it would outlive the entries that do.
		return &NotCoveredError{"it was issued in the future"}
	}
	if exp-from > v.life {
		return &NotCoveredError{fmt.Sprintf("it lives longer than the list's max_token_life of %.0f seconds", v.life)}
	}
	return nil
}
