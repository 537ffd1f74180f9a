// Package doctor examines what a publisher depends on before it is put into cron, or
// when it fails: the store, the key, the list that is there, and the source. It
// publishes nothing, and what it writes it removes (package probe).
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/internal/plural"
	"github.com/revocast/revocast/internal/probe"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

// Config says what to examine. Key and Source may be nil.
type Config struct {
	Store  store.Store
	Key    *signer.PrivateKey
	Source source.Source // opened to skip bad rows, so that they are counted
	// SourceName is as in [publish.Config].
	SourceName string
	Now        func() time.Time
	Rand       io.Reader
}

// Examine examines everything there is, and tells report of each finding as it is
// made. The error means that it could not begin.
func Examine(ctx context.Context, cfg Config, report func(probe.Finding)) error {
	trial, err := probe.New(cfg.Store, cfg.Now, cfg.Rand, publish.Skew)
	if err != nil {
		return err
	}
	if finding, ok := known(cfg.Store.String()); ok {
		report(finding)
	}
	folder, above := folderOf(cfg.Store)
	trial.Directory = folder != ""
	trial.Run(ctx, report)
	if folder != "" {
		leave(folder, above)
		if finding, ok := rights(folder); ok {
			report(finding)
		}
		if finding, ok := space(above); ok {
			report(finding)
		}
	}
	if cfg.Key != nil {
		report(signs(ctx, cfg))
	}
	var state *ledger.State
	if cfg.Key != nil {
		var finding probe.Finding
		state, finding = list(ctx, cfg)
		report(finding)
	}
	if cfg.Source != nil {
		report(reads(ctx, cfg, state))
	}
	return ctx.Err()
}

// folderOf is where a directory lies, and the part of that which is there already.
// Both are empty for a bucket.
func folderOf(s store.Store) (folder, above string) {
	if _, ok := s.(store.Opener); !ok {
		return "", ""
	}
	folder, above = s.String(), s.String()
	for {
		if _, err := os.Stat(above); err == nil || filepath.Dir(above) == above {
			return folder, above
		}
		above = filepath.Dir(above)
	}
}

// leave removes the folders that a trial made for the store, if it left nothing in them: the
// address may be a typing error.
func leave(folder, above string) {
	for ; folder != above && os.Remove(folder) == nil; folder = filepath.Dir(folder) {
	}
}

// list looks at the list in the store as the next publication will. It returns the state at the head,
// nil if there is none.
func list(ctx context.Context, cfg Config) (*ledger.State, probe.Finding) {
	finding := func(g probe.Grade, format string, args ...any) probe.Finding {
		return probe.Finding{Probe: "list", Grade: g, Text: fmt.Sprintf(format, args...)}
	}
	head, err := history.Newest(ctx, cfg.Store, cfg.Key.Public(), nil)
	switch {
	case errors.Is(err, history.ErrNoList):
		return nil, finding(probe.OK, "there is no list here yet; publisher publish --create starts one")
	case errors.Is(err, signer.ErrUnknownKey) || errors.Is(err, signer.ErrBadSignature):
		return nil, finding(probe.Warning, "the list here is signed with another key; if that is known, name its public keys once in publisher publish --keys: %v", err)
	case errors.Is(err, signer.ErrMalformed) || errors.Is(err, store.ErrTooLarge):
		return nil, finding(probe.Fail, "a manifest is broken, and manifests are never replaced: bring it back from a mirror or a backup; only if nobody has it, delete it: %v", err)
	case err != nil:
		return nil, finding(probe.Fail, "the list here cannot be read: %v", err)
	}
	now, issued, stale := cfg.Now(), time.Unix(head.IssuedAt, 0), time.Unix(head.Expires, 0)
	what := fmt.Sprintf("version %d of the list of %s verifies; issued at %s", head.Version, head.Issuer, issued.UTC().Format(time.RFC3339))
	_, err = history.Load(ctx, cfg.Store, head, nil)
	state, lost := ledger.Load(ctx, &ledger.Objects{Bucket: cfg.Store}, head, nil)
	switch {
	case issued.After(now.Add(publish.Skew)):
		return state, finding(probe.Fail, "%s, which this machine's clock has not reached: set the clock that is wrong", what)
	case err != nil:
		return state, finding(probe.Fail, "%s, but a new reader cannot load it; run verifier verify: %v", what, err)
	case lost != nil:
		return nil, finding(probe.Warning, "%s, but its ledger cannot be loaded, so the next publication begins it again and reads all of its source: %v", what, lost)
	case !stale.After(now):
		return state, finding(probe.Warning, "%s, it is stale since %s, so readers refuse all tokens: publish, and see why cron did not", what, stale.UTC().Format(time.RFC3339))
	}
	return state, finding(probe.OK, "%s, good until %s", what, stale.UTC().Format(time.RFC3339))
}

// reads reads the source as the next publication will.
func reads(ctx context.Context, cfg Config, state *ledger.State) probe.Finding {
	finding := func(g probe.Grade, format string, args ...any) probe.Finding {
		return probe.Finding{Probe: "source", Grade: g, Text: fmt.Sprintf(format, args...)}
	}
	var known ledger.Source
	if state != nil {
		known = state.Sources[ledger.SourceName(state.Version.Salt, cfg.SourceName, cfg.Source.String())]
	}
	read, err := cfg.Source.Read(ctx, known.Cursor, func(*source.Row) error { return nil })
	if err != nil {
		return finding(probe.Fail, "the source cannot be read: %v", err)
	}
	from := "from where the list has read it"
	if read.Full {
		from = "from its start"
	}
	if read.SkippedRows > 0 {
		return finding(probe.Fail, "%s beside %d good ones, read %s; publishing stops at the first, unless --skip-bad-rows leaves them out: %v", plural.Count(read.SkippedRows, "bad row", "bad rows"), read.Rows, from, read.Skipped[0])
	}
	if len(read.Warnings) > 0 {
		return finding(probe.Warning, "%s, read %s, and none of them bad; but %s", plural.Count(read.Rows, "row", "rows"), from, strings.Join(read.Warnings, "; "))
	}
	return finding(probe.OK, "%s, read %s, and none of them bad", plural.Count(read.Rows, "row", "rows"), from)
}
