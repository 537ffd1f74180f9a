// The publisher writes an issuer's revocations as a signed, versioned list to
// plain storage. It is made to be run from cron, and any number may run at once.
//
// Exit codes: 0 if it did what it was told, 2 if not.
package main

import (
	"os"

	"github.com/revocast/revocast/internal/command"
)

type cli struct {
	command.Output
	Keygen    keygen    `cmd:"" help:"Make a key to sign lists with."`
	Publish   publishes `cmd:"" help:"Publish what is new in a source as the next version of the list."`
	Revoke    revoke    `cmd:"" help:"Record a revocation in a source."`
	Reinstate reinstate `cmd:"" help:"Record that a revocation ends."`
	Doctor    examines  `cmd:"" help:"Try out whether publishing to a store is safe and possible."`
	Schema    schema    `cmd:"" help:"Print the SQL that makes the table revocations in PostgreSQL."`
	GC        gc        `cmd:"" name:"gc" help:"Delete what only old versions of the list need."`
}

func main() {
	os.Exit(command.Main("publisher", "Publishes the revoked tokens of a JWT issuer as a signed list.", &cli{}))
}
