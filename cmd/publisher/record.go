package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/source"
)

// recorded is what revoke and reinstate have in common.
type recorded struct {
	Source string   `required:"" placeholder:"SOURCE" help:"Where to record it: sqlite:path.db or rows.jsonl, made if missing, or postgres://user@host/database."`
	Claims []string `arg:"" optional:"" name:"claim=value" help:"What a token must have to match: all of these."`
	Reason string   `empty:"" placeholder:"R" help:"Why, for whoever reads the source; it is not published."`
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
	row, err := c.row()
	if err != nil {
		return err
	}
	now := env.Now()
	if row.Exp, err = expiry(c.Exp, now); err != nil {
		return err
	}
	if row.Before, err = issuedBefore(c.Before, now); err != nil {
		return err
	}
	if len(row.Claims) == 0 && c.Before == nil {
		return errors.New("name the claims to match, as in jti=4c3c5ed2, or revoke everything issued so far with --before now")
	}
	row.RevokedAt = now
	return c.record(env, "revoked", row)
}

type reinstate struct{ recorded }

func (reinstate) Help() string {
	return `Example:

    publisher reinstate --source sqlite:revocations.db sub=alice

It ends the revocation of exactly these claims, with the next publication. Others that match the same token stay. Without claims it ends the revocation of everything issued so far.`
}

func (c *reinstate) Run(env *command.Env) error {
	row, err := c.row()
	if err != nil {
		return err
	}
	row.Reinstate = true
	return c.record(env, "reinstated", row)
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

func (c *recorded) row() (source.NewRow, error) {
	row := source.NewRow{Claims: map[string]string{}, Reason: c.Reason}
	for _, claim := range c.Claims {
		name, value, ok := strings.Cut(claim, "=")
		if !ok || name == "" {
			return row, fmt.Errorf("%q is not of the form claim=value, as in jti=4c3c5ed2", claim)
		}
		if hint, ok := reserved[strings.ToLower(name)]; ok {
			return row, fmt.Errorf("%q is a reserved column, and no claim to match: %s", name, hint)
		}
		if _, twice := row.Claims[name]; twice {
			return row, fmt.Errorf("the claim %q is given twice; two revocations are two commands", name)
		}
		row.Claims[name] = value
	}
	return row, nil
}

func (c *recorded) record(env *command.Env, verb string, row source.NewRow) error {
	for _, name := range slices.Sorted(maps.Keys(row.Claims)) {
		if row.Claims[name] == "" { // as any value, it may be meant
			env.Warn("warning: the value of %s is empty, and matches only tokens in which it is empty; is a variable unset?", name)
		}
	}
	id, err := source.Record(env.Context, c.Source, row)
	if err != nil {
		return err
	}
	place, err := source.Open(c.Source, source.Options{}) // for its name, which holds no password
	if err != nil {
		return err
	}
	rule := "*"
	if len(row.Claims) > 0 {
		rule = strings.Join(slices.Sorted(maps.Keys(row.Claims)), "+")
	}
	text := fmt.Sprintf("recorded in %s: %s by %s; it takes effect with the next publisher publish", place.Name(), verb, rule)
	answer := map[string]any{"recorded": verb, "rule": rule, "source": place.Name()}
	if id != 0 { // a file's rows have none, and not everybody may see a table's
		answer["id"] = id
		text += fmt.Sprintf(" (row %d)", id)
	}
	env.Print(answer, text)
	return nil
}
