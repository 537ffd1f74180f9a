package main

import (
	"fmt"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/plural"
	"github.com/revocast/revocast/store"
)

type mirror struct {
	list
	Dir string `arg:"" name:"DIR" help:"The directory to copy to; it is a STORE from then on."`
}

func (mirror) Help() string {
	return `Example:

    verifier mirror https://cdn.example/list ./mirror --keys signing.pub.jwks

Run it again to bring the mirror up to date. Nothing is copied that was not verified, and nothing in the mirror is rewritten.`
}

func (c *mirror) Run(env *command.Env) error {
	r, keys, err := c.open(env.Context)
	if err != nil {
		return err
	}
	to, err := store.OpenDir(c.Dir)
	if err != nil {
		return err
	}
	progress := env.Progress()
	result, err := audit.Mirror(env.Context, r, to, keys, progress.Step)
	progress.Stop()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s holds the list up to version %d: %s of %d bytes copied, %s there",
		c.Dir, result.Head, plural.Count(result.Copied, "object", "objects"), result.Bytes, plural.Count(result.Present, "was", "were"))
	if result.Gone > 0 {
		text += fmt.Sprintf(", %s gone from the source", plural.Count(result.Gone, "of an older version is", "of older versions are"))
	}
	env.Print(result, text)
	return nil
}
