package main

import (
	"fmt"
	"strings"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/plural"
)

type verify struct{ list }

func (verify) Help() string {
	return `Example:

    verifier verify https://cdn.example/list --keys signing.pub.jwks

Exit code 1 means that there are findings, and they are listed.`
}

func (c *verify) Run(env *command.Env) error {
	r, keys, err := c.open(env.Context)
	if err != nil {
		return err
	}
	progress := env.Progress()
	report, err := audit.Verify(env.Context, r, keys, progress.Step)
	progress.Stop()
	if err != nil {
		return err
	}
	var s strings.Builder
	holds := []string{plural.Count(report.Versions, "version", "versions"), plural.Count(report.Objects, "object", "objects")}
	if report.Ledger > 0 {
		holds = append(holds, plural.Count(report.Ledger, "ledger object", "ledger objects"))
	}
	fmt.Fprintf(&s, "%s of %d bytes; the %s rebuilt and %s as signed", plural.And(holds), report.Bytes,
		plural.Of(report.Replayed, "state of 1 version was", fmt.Sprintf("states of %d versions were", report.Replayed)), plural.Of(report.Replayed, "is", "are"))
	for _, note := range report.Notes {
		fmt.Fprintf(&s, "\nnote: %s", note)
	}
	for _, finding := range report.Findings {
		fmt.Fprintf(&s, "\nFINDING: %s", finding)
	}
	if len(report.Findings) == 0 {
		fmt.Fprintf(&s, "\nno findings: the list of %s is good up to version %d", report.Issuer, report.Head)
	}
	env.Print(report, s.String())
	if len(report.Findings) > 0 {
		return &command.Finding{}
	}
	return nil
}
