package audit

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
)

// Follows says what is wrong with a version as the successor of another; prev
// is nil for the first one and after one that cannot be believed. Nothing is wrong if it
// gives nothing.
func Follows(prev, v *history.Version) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if prev == nil {
		return nil
	}
	if v.Previous != prev.Digest() {
		bad("its prev is not the hash of the manifest of version %d, so one of the two was rewritten", prev.Version)
	}
	if v.Issuer != prev.Issuer {
		bad("its issuer changed from %q to %q", prev.Issuer, v.Issuer)
	}
	if !bytes.Equal(v.Salt, prev.Salt) {
		bad("its salt changed, so no entry of before can be found any more")
	}
	if v.Policy.MaxTokenLife != prev.Policy.MaxTokenLife || v.Policy.Skew != prev.Policy.Skew || v.Policy.Granularity != prev.Policy.Granularity {
		bad("its max_token_life, skew or granularity changed, by which entries were dropped already")
	}
	if v.State.Dropped < prev.State.Dropped {
		bad("its dropped moment went back from %s to %s", stamp(prev.State.Dropped), stamp(v.State.Dropped))
	}
	if v.State.Dropped > v.IssuedAt-v.Policy.Skew {
		bad("it dropped entries up to %s, which is too early for a version issued at %s", stamp(v.State.Dropped), stamp(v.IssuedAt))
	}
	if len(v.Rules) < len(prev.Rules) || !slices.EqualFunc(v.Rules[:len(prev.Rules)], prev.Rules, sameRule) {
		bad("its rule table is not that of version %d with new rules behind it", prev.Version)
	}
	if l := v.Ledger; prev.Ledger != nil && (l == nil || l.To < prev.Ledger.To || l.To > prev.Ledger.To && l.From != prev.Ledger.To && l.From != 0) {
		bad("its ledger does not continue that of version %d", prev.Version)
	}
	changed := v.State.Changed == v.Version
	switch {
	case changed && v.State.Changes != prev.State.Changes+1:
		bad("it counts %d versions with changes, after %d", v.State.Changes, prev.State.Changes)
	case !changed && (v.State.Changed != prev.State.Changed || v.State.Changes != prev.State.Changes):
		bad("it says that nothing changed in it, and counts changes otherwise than version %d", prev.Version)
	}
	return problems
}

func sameRule(a, b signer.Rule) bool { return a.ID == b.ID && slices.Equal(a.Claims, b.Claims) }
