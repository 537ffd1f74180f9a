// The verifier reads lists: it proves them, asks them about tokens, shows and
// compares versions, and copies whole histories to work from offline.
//
// Exit codes: 0 fine or not revoked, 1 revoked or findings, 2 if it could not tell
// or could not run.
package main

import (
	"context"
	"os"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

type cli struct {
	command.Output
	Verify verify `cmd:"" help:"Prove everything that can be reached, from bytes to signatures."`
	Check  check  `cmd:"" help:"Say whether tokens are revoked."`
	Show   show   `cmd:"" help:"Show a version of the list."`
	Mirror mirror `cmd:"" help:"Copy a list, verified, into a directory."`
	Diff   diff   `cmd:"" help:"Show how two versions differ."`
}

func main() {
	os.Exit(command.Main("verifier", "Proves revocation lists and checks tokens against them.", &cli{}))
}

// list is what every command reads, and whom it believes.
type list struct {
	Store string   `arg:"" name:"STORE" help:"Where the list lies: a directory, file:///…, s3://bucket/prefix?endpoint=…&region=… or http(s)://…"`
	Keys  []string `required:"" placeholder:"signing.pub.jwks" help:"The publisher's public keys to trust: one or more JWKS files."`
}

func (l *list) open(ctx context.Context) (store.Reader, *signer.KeySet, error) {
	keys, err := command.KeySet(l.Keys...)
	if err != nil {
		return nil, nil, err
	}
	r, err := command.OpenReader(ctx, l.Store)
	return r, keys, err
}
