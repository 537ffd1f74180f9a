package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/source"
)

// recorded is what revoke and reinstate have in common.
type recorded struct {
	Source string   `required:"" placeholder:"SOURCE" help:"Where to record it: sqlite:path.db or rows.jsonl, made if missing."`
	Claims []string `arg:"" optional:"" name:"claim=value" help:"What a token must have to match: all of these."`
	Reason string   `placeholder:"R" help:"Why, for whoever reads the source; it is not published."`
}

type revoke struct {
	recorded
	Exp    string `placeholder:"1h" help:"When no matching token can be alive any more: a duration from now, RFC 3339, or Unix seconds."`
	Before string `placeholder:"now" help:"Revoke only what was issued before this moment: now, RFC 3339, or Unix seconds."`
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
	if row.Exp, err = moment("exp", c.Exp, now); err != nil {
		return err
	}
	if row.Before, err = moment("before", c.Before, now); err != nil {
		return err
	}
	if len(row.Claims) == 0 && c.Before == "" {
		return errors.New("name the claims to match, as in jti=4c3c5ed2, or revoke everything issued so far with --before now")
	}
	row.RevokedAt = now
	return c.record(env, "revoked", row)
}

type reinstate struct{ recorded }

func (reinstate) Help() string {
	return `Example:

    publisher reinstate --source sqlite:revocations.db sub=alice

It ends the revocation of exactly these claims, with the next publication. Others that match the same token stay.`
}

func (c *reinstate) Run(env *command.Env) error {
	row, err := c.row()
	if err != nil {
		return err
	}
	row.Reinstate = true
	return c.record(env, "reinstated", row)
}

func (c *recorded) row() (source.NewRow, error) {
	row := source.NewRow{Claims: map[string]string{}, Reason: c.Reason}
	for _, claim := range c.Claims {
		name, value, ok := strings.Cut(claim, "=")
		if !ok || name == "" {
			return row, fmt.Errorf("%q is not of the form claim=value, as in jti=4c3c5ed2", claim)
		}
		if _, twice := row.Claims[name]; twice {
			return row, fmt.Errorf("the claim %q is given twice; two revocations are two commands", name)
		}
		row.Claims[name] = value
	}
	return row, nil
}

func (c *recorded) record(env *command.Env, verb string, row source.NewRow) error {
	id, err := source.Record(env.Context, c.Source, row)
	if err != nil {
		return err
	}
	rule := "*"
	if len(row.Claims) > 0 {
		rule = strings.Join(slices.Sorted(maps.Keys(row.Claims)), "+")
	}
	env.Print(map[string]any{"recorded": verb, "rule": rule, "source": c.Source, "id": id},
		fmt.Sprintf("recorded in %s: %s by %s; it takes effect with the next publisher publish", c.Source, verb, rule))
	return nil
}

// moment reads a time flag; an empty one is the zero time. Only what ends lies in
// the future, so only exp takes a duration, and only before takes "now".
func moment(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if s == "now" && flag == "before" {
		return now, nil
	}
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if d, err := time.ParseDuration(s); err == nil && flag == "exp" {
		if d <= 0 {
			return time.Time{}, fmt.Errorf("--exp %s is not in the future", s)
		}
		return now.Add(d), nil
	}
	if flag == "exp" {
		return time.Time{}, fmt.Errorf("--exp %q is neither a duration such as 1h, nor a time such as 2026-11-24T12:00:00Z, nor Unix seconds", s)
	}
	return time.Time{}, fmt.Errorf("--before %q is neither now, nor a time such as 2026-11-24T12:00:00Z, nor Unix seconds", s)
}
