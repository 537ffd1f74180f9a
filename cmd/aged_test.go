package cmd_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

// aged makes a list in a directory with a history, as the programs cannot, whose clock is
// the machine's: aged DIR KEY N publishes N versions, one an hour, the last just now, and
// a snapshot with every twelfth. The files are as old as their versions.
func aged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: aged dir key versions")
	}
	versions, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(age(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[1])), versions))
}

func age(dir string, jwk []byte, versions int) error {
	bucket, err := store.OpenDir(dir)
	if err != nil {
		return err
	}
	key, err := signer.ParsePrivateKey(jwk)
	if err != nil {
		return err
	}
	for version := 1; version <= versions; version++ {
		at := time.Now().Add(time.Duration(version-versions) * time.Hour)
		row := fmt.Sprintf(`{"jti":"%d","exp":"2099-01-01T00:00:00Z"}`+"\n", version)
		src := file.Stream(strings.NewReader(row), file.Options{})
		if _, err = publish.Run(context.Background(), publish.Config{
			Store: bucket, Key: key, Source: src, Create: version == 1, Issuer: "i", MaxTokenLife: 24 * time.Hour,
			ValidFor: time.Hour, SnapshotEvery: 12, Now: func() time.Time { return at }, Rand: rand.Reader,
		}); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(dir, filepath.Dir(signer.ManifestName(uint64(version))), "*"))
		if err != nil {
			return err
		}
		records, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("ledger/%012d-*", version)))
		if err != nil {
			return err
		}
		for _, written := range append(files, records...) {
			if err := os.Chtimes(written, at, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// unprivileged runs a program that must fail, and for which modes of files count even if the test runs
// as root: setpriv takes the capability away that overrides them.
func unprivileged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: unprivileged program [args...]")
	}
	if os.Geteuid() == 0 {
		if _, err := exec.LookPath("setpriv"); err != nil {
			ts.Fatalf("as root this test needs setpriv, of util-linux")
		}
		args = append([]string{"setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"}, args...)
	}
	if ts.Exec(args[0], args[1:]...) == nil {
		ts.Fatalf("it did not fail")
	}
}
