package crl

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what a rule and a row may name. They bound what a check can cost.
const (
	MaxRules       = 255  // rules of one list
	MaxRuleClaims  = 8    // claims of one rule
	MaxClaimName   = 64   // bytes of a claim's name
	MaxClaimLength = 1024 // bytes of a claim's value
)

// KeyIDClaim is the name under which a rule matches the kid of the JOSE header
// (RFC 7515, section 4.1.4) and not a claim of the payload.
const KeyIDClaim = "kid"

// A Rule is the claim names that its entries match, in alphabetical order.
// Make one with [NewRule].
type Rule struct {
	// ID is the rule's number in its list, 1 to 255. The list's manifest gives it.
	ID uint8
	// Claims are the distinct claim names in byte order; none match every token.
	Claims []string
}

// NewRule returns the rule of the given claim names, in any order, with no id.
// The error is a *RuleError.
func NewRule(claims ...string) (Rule, error) {
	r := Rule{Claims: slices.Clone(claims)}
	slices.Sort(r.Claims)
	return r, r.Validate()
}

// Validate tells, with a *RuleError, what is wrong with the rule's claim names.
func (r Rule) Validate() error {
	if len(r.Claims) > MaxRuleClaims {
		return &RuleError{r.Name(), fmt.Sprintf("it names %d claims, and %d is the most", len(r.Claims), MaxRuleClaims)}
	}
	for i, c := range r.Claims {
		if why := badClaimName(c); why != "" {
			return &RuleError{r.Name(), why}
		}
		if i > 0 && c == r.Claims[i-1] {
			return &RuleError{r.Name(), fmt.Sprintf("it names the claim %q twice", c)}
		}
		if i > 0 && c < r.Claims[i-1] {
			return &RuleError{r.Name(), "its claims are not in alphabetical order"}
		}
	}
	return nil
}

func badClaimName(c string) string {
	switch {
	case c == "":
		return "a claim has no name"
	case len(c) > MaxClaimName:
		return fmt.Sprintf("the claim name %.20q… is longer than %d bytes", c, MaxClaimName)
	case !utf8.ValidString(c):
		return fmt.Sprintf("the claim name %q is not UTF-8", c)
	case strings.ContainsAny(c, "+*,"):
		return fmt.Sprintf("the claim name %q has one of the characters + * , in it", c)
	case strings.ContainsFunc(c, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return fmt.Sprintf("the claim name %q has white space or a control character in it", c)
	}
	return ""
}

// Name is how people write the rule: its claim names joined by "+", or "*".
func (r Rule) Name() string {
	if len(r.Claims) == 0 {
		return "*"
	}
	return strings.Join(r.Claims, "+")
}

// A RuleError says why the named rule cannot be one.
type RuleError struct {
	Rule   string
	Reason string
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("the rule %q cannot be used: %s", e.Rule, e.Reason)
}
