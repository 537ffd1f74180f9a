package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/plural"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
)

// published is a result for machines.
type published struct {
	*publish.Result
	Objects []object `json:"objects"`
	Error   string   `json:"error,omitempty"` // of publish.ErrHint
}

type object struct {
	Name string `json:"name"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	Size int64  `json:"size"`
	Raw  int64  `json:"raw"`
}

// maxListed bounds how many skipped rows are printed.
const maxListed = 20

// report tells what a run published. An error besides a result is
// publish.ErrHint: the version is out, but whoever runs publishers should know.
func (c *publishes) report(env *command.Env, r *publish.Result, err error) {
	for i, bad := range r.Skipped {
		if i == maxListed {
			env.Warn("… and %s", plural.Count(r.SkippedRows-maxListed, "more row", "more rows"))
			break
		}
		env.Warn("skipped: %v", bad)
	}
	for _, warning := range r.Warnings {
		env.Warn("warning: %s", warning)
	}
	if r.Lost > 0 {
		env.Warn("%s committed meanwhile; this one is on top", plural.Count(r.Lost, "other version was", "other versions were"))
	}
	all := published{Result: r, Objects: []object{}}
	if err != nil {
		all.Error = err.Error()
	}
	for _, o := range r.Objects {
		all.Objects = append(all.Objects, object{o.Name(), o.From, o.To, o.Size, o.RawSize})
	}
	env.Print(all, sentence(r))
}

func sentence(r *publish.Result) string {
	var s strings.Builder
	fmt.Fprintf(&s, "published version %d: %s", r.Version, plural.Count(r.Entries, "entry", "entries"))
	if r.Permanent > 0 {
		fmt.Fprintf(&s, " (%s)", plural.Count(r.Permanent, "never ends", "never end"))
	}
	fmt.Fprintf(&s, "; %s read", plural.Count(r.Rows, "row", "rows"))
	if r.SkippedRows > 0 {
		fmt.Fprintf(&s, ", %d skipped as bad", r.SkippedRows)
	}
	if r.OtherIssuer > 0 {
		fmt.Fprintf(&s, ", %d of other issuers left alone", r.OtherIssuer)
	}
	fmt.Fprintf(&s, "; %d changed, %d reinstated, %d expired", r.Changed, r.Released, r.Dropped)
	// A rule stays in the list for ever, and one that is misspelt matches nothing.
	if n := len(r.NewRules); n > 0 {
		fmt.Fprintf(&s, "; %s: %s", plural.Of(n, "new rule", "new rules"), strings.Join(r.NewRules, ", "))
	}
	for _, o := range r.Objects {
		fmt.Fprintf(&s, "; %s of %d bytes", kind(o), o.Size)
	}
	fmt.Fprintf(&s, "; good until %s", r.StaleAt.Format(time.RFC3339))
	return s.String()
}

func kind(o signer.Object) string {
	if o.From == 0 {
		return "snapshot"
	}
	return fmt.Sprintf("delta %d→%d", o.From, o.To)
}
