// Package cmd_test holds the two programs, as they are built, against stories of
// their use: the scripts in testdata/script, and the tokens of a real issuer.
package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/miniotest"
)

func TestMain(m *testing.M) {
	bin, err := os.MkdirTemp("", "revocast")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./publisher", "./verifier")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the programs cannot be built:", err)
		os.Exit(1)
	}
	os.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	code := m.Run()
	os.RemoveAll(bin)
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"aged": aged, "unprivileged": unprivileged},
	})
}

// The scripts of the folder s3 have a bucket in $S3, and what may be read of it
// by everybody in $HTTP.
func TestScriptsOnMinIO(t *testing.T) {
	server := miniotest.Start(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "s3"), RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			bucket := server.Public(t)
			env.Setenv("S3", "s3://"+bucket+"/list?endpoint="+server.Endpoint)
			env.Setenv("HTTP", server.Endpoint+"/"+bucket+"/list")
			env.Setenv("ENDPOINT", server.Endpoint)
			env.Setenv("AWS_ACCESS_KEY_ID", miniotest.AccessKey)
			env.Setenv("AWS_SECRET_ACCESS_KEY", miniotest.SecretKey)
			return nil
		},
	})
}

// run gives a program's standard output and exit code.
func run(t *testing.T, stdin string, program string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	if stdin != "" {
		f, err := os.Open(stdin)
		require.NoError(t, err)
		defer f.Close()
		cmd.Stdin = f
	}
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		return string(out) + string(exit.Stderr), exit.ExitCode()
	}
	require.NoError(t, err)
	return string(out), 0
}
