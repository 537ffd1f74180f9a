package main

import (
	"strings"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/source/postgres"
)

type schema struct{}

func (schema) Help() string {
	return `Example:

    publisher schema | psql -1 -v ON_ERROR_STOP=1 auth

It makes the table revocations, for PostgreSQL 13 or later, and two roles without a login: revocations_writer may insert rows and nothing else, revocations_reader may read them and nothing else. It may be run again: after adding a column for a claim of your own, after restoring the table from a dump, and when a logical replica takes over.`
}

func (schema) Run(env *command.Env) error {
	env.Print(map[string]string{"sql": postgres.Schema}, strings.TrimSuffix(postgres.Schema, "\n"))
	return nil
}
