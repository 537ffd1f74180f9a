package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/revocast/revocast/internal/probe"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

// signs has the key sign a whole list without entries, in a directory that is then
// removed: publishing verifies what it signs with the public half.
func signs(ctx context.Context, cfg Config) probe.Finding {
	err := signNothing(ctx, cfg)
	switch {
	case errors.As(err, new(*fs.PathError)) || errors.As(err, new(*os.LinkError)):
		return probe.Finding{Probe: "sign", Grade: probe.Warning, Text: fmt.Sprintf("the key could not be tried, since no list can be written to a temporary folder; set TMPDIR to where there is space: %v", err)}
	case err != nil:
		return probe.Finding{Probe: "sign", Grade: probe.Fail, Text: fmt.Sprintf("the key could not sign a list: %v", err)}
	}
	return probe.Finding{Probe: "sign", Grade: probe.OK, Text: fmt.Sprintf("the %s key %s signs, and its public half verifies", cfg.Key.Algorithm(), cfg.Key.ID())}
}

func signNothing(ctx context.Context, cfg Config) error {
	dir, err := os.MkdirTemp("", "revocast-doctor-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	there, err := store.OpenDir(dir)
	if err != nil {
		return err
	}
	_, err = publish.Run(ctx, publish.Config{
		Store: there, Key: cfg.Key, Source: nothing{}, Create: true, Issuer: "doctor", MaxTokenLife: time.Hour,
		ValidFor: time.Hour, Now: cfg.Now, Rand: cfg.Rand,
	})
	return err
}

// nothing is a source without rows.
type nothing struct{}

func (nothing) String() string { return "nothing" }

func (nothing) Read(context.Context, source.Cursor, func(*source.Row) error) (source.Result, error) {
	return source.Result{Cursor: source.Cursor("{}")}, nil
}

func (nothing) Watch(context.Context, func(), func(string)) {}
