package main

import (
	"fmt"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/doctor"
	"github.com/revocast/revocast/internal/probe"
)

type examines struct {
	Store      string `required:"" placeholder:"STORE" help:"Where the list lies or is to lie: a directory, file:///… or s3://bucket/prefix?endpoint=…&region=…"`
	Source     string `placeholder:"SOURCE" help:"Where revocations come from, to be read once as publish reads it."`
	Key        string `placeholder:"signing.jwk" help:"The private key to sign with. With it the list that is there is examined, too."`
	Query      string `placeholder:"SELECT…" help:"As for publish."`
	SourceName string `placeholder:"NAME" help:"As for publish."`
}

func (examines) Help() string {
	return `Example:

    publisher doctor --store s3://bucket/list --source sqlite:revocations.db --key signing.jwk

It tries out what publishing rests on: that the store lets one of many writers create an object, and what else is needed of it, the clock, the rights, the key, the list that is there and the source. Nothing is published; what is written lies under doctor/ and is removed. Exit code 2 means that publishing there is unsafe or impossible; warnings do not change the code.`
}

func (c *examines) Run(env *command.Env) error {
	cfg := doctor.Config{Now: env.Now, Rand: env.Rand, SourceName: c.SourceName}
	failed := false
	report := func(f probe.Finding) {
		grade := string(f.Grade)
		switch f.Grade {
		case probe.Fail:
			failed, grade = true, "FAIL"
		case probe.Warning:
			grade = "WARNING"
		}
		env.Print(f, fmt.Sprintf("%-8s %-10s %s", grade, f.Probe, f.Text))
	}
	var err error
	if cfg.Store, err = command.OpenStore(env.Context, c.Store); err != nil {
		return err
	}
	if c.Source != "" {
		if cfg.Source, err = openSource(c.Source, sourceOptions{Query: c.Query, SkipBadRows: true, Stdin: env.Stdin}); err != nil {
			return err
		}
	}
	if c.Key != "" {
		key, warning, err := command.ReadPrivateKey(c.Key)
		switch {
		case err != nil:
			report(probe.Finding{Probe: "key", Grade: probe.Fail, Text: err.Error()})
		case warning != "":
			report(probe.Finding{Probe: "key", Grade: probe.Warning, Text: warning})
		default:
			report(probe.Finding{Probe: "key", Grade: probe.OK, Text: c.Key + " is a private key that only its owner can read"})
		}
		cfg.Key = key
	}
	if err := doctor.Examine(env.Context, cfg, report); err != nil {
		return err
	}
	if failed {
		return command.ErrTold
	}
	return nil
}
