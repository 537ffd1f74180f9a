package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/plural"
	"github.com/revocast/revocast/internal/probe"
)

type gc struct {
	Store  string   `required:"" placeholder:"STORE" help:"Where the list lies: a directory, file:///… or s3://bucket/prefix?endpoint=…&region=…"`
	Keys   []string `required:"" placeholder:"signing.pub.jwks" help:"The public keys that may have signed the versions to keep: one or more JWKS files."`
	Keep   span     `default:"720h" help:"For how long a version stays whole after the next one came; at least 1h."`
	DryRun bool     `help:"Only list what would be deleted."`
}

func (gc) Help() string {
	return `Examples:

    publisher gc --store s3://bucket/list --keys signing.pub.jwks --dry-run
    publisher gc --store s3://bucket/list --keys signing.pub.jwks --keep 720h

Deletes the snapshots, deltas and ledger objects that only versions older than --keep need, and what publishers left that died. All manifests stay, so that every version can still be proved to follow from the one before. It may run beside publishers and readers, and needs no private key. Time is counted back from the newest version.`
}

// garbage is a thing that would go, for machines.
type garbage struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Size      int64     `json:"size"`
	WrittenAt time.Time `json:"written_at"`
}

// collected is a result for machines.
type collected struct {
	*collect.Result
	DryRun bool   `json:"dry_run"`
	Error  string `json:"error,omitempty"`
}

func (c *gc) Run(env *command.Env) error {
	cfg := collect.Config{Keep: time.Duration(c.Keep), DryRun: c.DryRun, Now: env.Now}
	if cfg.Keep < collect.MinKeep {
		return fmt.Errorf("--keep %s is too short: readers that began within the last hour must find what they planned with, so it takes at least 1h", cfg.Keep)
	}
	var err error
	if cfg.Keys, err = command.KeySet(c.Keys...); err != nil {
		return err
	}
	if cfg.Store, err = command.OpenStore(env.Context, c.Store); err != nil {
		return err
	}
	progress := env.Progress()
	cfg.Step = progress.Step
	result, err := collect.Run(env.Context, cfg)
	progress.Stop()
	if result == nil {
		return err
	}
	if c.DryRun {
		for _, info := range result.Goes {
			g := garbage{info.Name, collect.Kind(info), info.Size, info.ModTime.UTC()}
			env.Print(g, fmt.Sprintf("would delete %s, %d bytes, written %s", g.Name, g.Size, g.WrittenAt.Format(time.RFC3339)))
		}
	}
	c.report(env, result, err)
	if err != nil {
		env.Warn("publisher: %v", err)
		return command.ErrTold
	}
	return nil
}

func (c *gc) report(env *command.Env, r *collect.Result, err error) {
	for i, name := range r.Unknown {
		if i == maxListed {
			env.Warn("… and %s", plural.Count(len(r.Unknown)-maxListed, "more name", "more names"))
			break
		}
		left := "is no name that a list has"
		if strings.HasPrefix(name, probe.Folder) {
			left = "was left by publisher doctor, and may be deleted"
		}
		env.Warn("left alone: %s %s", name, left)
	}
	all := collected{Result: r, DryRun: c.DryRun}
	if err != nil {
		all.Error = err.Error()
	}
	env.Print(all, c.sentence(r))
}

func (c *gc) sentence(r *collect.Result) string {
	var s strings.Builder
	if c.DryRun {
		fmt.Fprintf(&s, "would delete %s", tally(r.Garbage))
	} else {
		fmt.Fprintf(&s, "deleted %s", tally(r.Deleted))
	}
	fmt.Fprintf(&s, "\nkept %s, and %s", tally(r.Kept), plural.Count(r.Manifests, "manifest", "manifests"))
	if r.Young > 0 {
		fmt.Fprintf(&s, "; %s of that because it is young, though no version to keep names it", plural.Count(r.Young, "object", "objects"))
	}
	fmt.Fprintf(&s, "\nversions %d to %d, which was issued at %s, are whole", r.WholeFrom, r.Head, r.IssuedAt.Format(time.RFC3339))
	if r.Spare > 0 && r.Spare < r.WholeFrom {
		fmt.Fprintf(&s, ", and so is version %d, with the snapshot before the newest", r.Spare)
	}
	return s.String()
}

func tally(t collect.Tally) string {
	parts := []string{
		plural.Count(t.Snapshots, "snapshot", "snapshots"), plural.Count(t.Deltas, "delta", "deltas"),
		plural.Count(t.Ledger, "ledger object", "ledger objects"),
	}
	if t.Temporary > 0 {
		parts = append(parts, plural.Count(t.Temporary, "temporary file", "temporary files"))
	}
	return fmt.Sprintf("%s of %d bytes", plural.And(parts), t.Bytes)
}
