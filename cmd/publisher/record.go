package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/source"
)

// recorded is what revoke and reinstate have in common.
type recorded struct {
	Source string   `required:"" placeholder:"SOURCE" help:"Where to record it: sqlite:path.db or rows.jsonl, made if missing, or postgres://user@host/database."`
	Claims []string `arg:"" optional:"" name:"claim=value" help:"The claims that a token must have to match, all of them."`
	Reason string   `empty:"" placeholder:"R" help:"Why, for the readers of the source. It is not published in the list."`
}

type revoke struct {
	recorded
	Exp    *string `placeholder:"1h" help:"When no matching token can be alive any more: a duration from now, RFC 3339, or Unix seconds."`
	Before *string `placeholder:"now" help:"Revoke only what was issued before this moment: now, RFC 3339, or Unix seconds."`
}

func (revoke) Help() string {
	return `Examples:

    publisher revoke --source sqlite:revocations.db jti=4c3c5ed2 --exp 1h
    publisher revoke --source sqlite:revocations.db sub=alice --before now --reason "changed her password"
    publisher revoke --source sqlite:revocations.db kid=2026-01
    publisher revoke --source sqlite:revocations.db --before now

The last one revokes every token issued so far. A revocation without --before holds whenever the token was issued; without --exp it lasts as long as a token can live if it names a jti or has --before, and else until it is reinstated.`
}

func (c *revoke) Run(env *command.Env) error {
	d, err := c.decision()
	if err != nil {
		return err
	}
	now := env.Now()
	if d.Exp, err = expiry(c.Exp, now); err != nil {
		return err
	}
	if d.Before, err = issuedBefore(c.Before, now); err != nil {
		return err
	}
	if len(d.Claims) == 0 && c.Before == nil {
		return errors.New("name the claims to match, as in jti=4c3c5ed2, or revoke everything issued so far with --before now")
	}
	return c.record(env, "revoked", d)
}

type reinstate struct{ recorded }

func (reinstate) Help() string {
	return `Example:

    publisher reinstate --source sqlite:revocations.db sub=alice

It ends the revocation of exactly these claims, with the next publication. Others that match the same token stay. Without claims it ends the revocation of everything issued so far.`
}

func (c *reinstate) Run(env *command.Env) error {
	d, err := c.decision()
	if err != nil {
		return err
	}
	d.Reinstate = true
	return c.record(env, "reinstated", d)
}

// reserved says what to do about the columns of a source that are no claims.
var reserved = map[string]string{
	"exp":        "use --exp of publisher revoke",
	"before":     "use --before of publisher revoke",
	"reason":     "use --reason",
	"reinstate":  "use publisher reinstate",
	"revoked_at": "publisher revoke records the time by itself",
	"iss":        "a list is of one issuer; record it where that issuer's list is published from",
}

// decision returns the decision that the arguments name.
func (c *recorded) decision() (source.Decision, error) {
	d := source.Decision{Claims: map[string]string{}, Reason: c.Reason}
	for _, claim := range c.Claims {
		name, value, ok := strings.Cut(claim, "=")
		if !ok || name == "" {
			return d, fmt.Errorf("%q is not of the form claim=value, as in jti=4c3c5ed2", claim)
		}
		if hint, ok := reserved[strings.ToLower(name)]; ok {
			return d, fmt.Errorf("%q is a reserved column, and no claim to match: %s", name, hint)
		}
		if _, twice := d.Claims[name]; twice {
			return d, fmt.Errorf("the claim %q is given twice; two revocations are two commands", name)
		}
		d.Claims[name] = value
	}
	return d, nil
}

func (c *recorded) record(env *command.Env, verb string, d source.Decision) error {
	for _, name := range slices.Sorted(maps.Keys(d.Claims)) {
		if d.Claims[name] == "" { // as any value, it may be meant
			env.Warn("warning: the value of %s is empty, and matches only tokens in which it is empty; is a variable unset?", name)
		}
	}
	d.Moment = env.Now()
	place, id, err := record(env.Context, c.Source, d)
	if err != nil {
		return err
	}
	rule := "*"
	if len(d.Claims) > 0 {
		rule = strings.Join(slices.Sorted(maps.Keys(d.Claims)), "+")
	}
	text := fmt.Sprintf("recorded in %s: %s by %s; it takes effect with the next publisher publish", place, verb, rule)
	answer := map[string]any{"recorded": verb, "rule": rule, "source": place}
	if id != 0 { // a file's rows have none, and not everybody may see a table's
		answer["id"] = id
		text += fmt.Sprintf(" (row %d)", id)
	}
	env.Print(answer, text)
	return nil
}
