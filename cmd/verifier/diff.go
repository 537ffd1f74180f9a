package main

import (
	"fmt"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/history"
)

type diff struct {
	list
	A uint64 `arg:"" name:"A" help:"A version."`
	B uint64 `arg:"" name:"B" help:"Another one."`
}

func (diff) Help() string {
	return `Example:

    verifier diff ./list --keys signing.pub.jwks 41 42

Prints the entries that version 42 adds (+), lacks (-) or holds with other values (~), by rule and fingerprint, and how many: the values of claims are nowhere in a list.`
}

func (c *diff) Run(env *command.Env) error {
	r, keys, err := c.open(env.Context)
	if err != nil {
		return err
	}
	var states [2]*history.State
	for i, version := range []uint64{c.A, c.B} {
		if version == 0 {
			return errNoVersion
		}
		v, err := audit.VersionAt(env.Context, r, keys, version)
		if err != nil {
			return err
		}
		if states[i], err = audit.StateAt(env.Context, r, v); err != nil {
			return err
		}
	}
	signs := map[string]string{"added": "+", "removed": "-", "changed": "~"}
	counts := map[string]int{"added": 0, "removed": 0, "changed": 0}
	for _, change := range audit.Diff(states[0], states[1]) {
		counts[change.Change]++
		text := fmt.Sprintf("%s %s %s", signs[change.Change], change.Rule, change.Fingerprint)
		if change.Before != 0 {
			text += " before " + utc(change.Before)
		}
		if change.Exp != 0 {
			text += " until " + utc(change.Exp)
		}
		env.Print(change, text)
	}
	env.Print(counts, fmt.Sprintf("%d added, %d removed, %d changed", counts["added"], counts["removed"], counts["changed"]))
	return nil
}
