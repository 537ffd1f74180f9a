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
	"github.com/revocast/revocast/internal/pgtest"
)

func TestMain(m *testing.M) {
	bin, err := os.MkdirTemp("", "revocast")
	if err != nil {
		panic(err)
	}
	if err := os.Chmod(bin, 0o755); err != nil { // some tests run as somebody without rights
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"aged": aged, "unprivileged": unprivileged, "unpack": unpack},
	})
}

// The scripts of the folder s3 have a bucket in $S3, and what may be read of it
// by everybody in $HTTP. $IGNORING, $REFUSING and $LOOKING are buckets of providers that
// lack conditional writes.
func TestScriptsOnMinIO(t *testing.T) {
	server := miniotest.Start(t)
	lacking := map[string]string{
		"IGNORING": server.Lacking(t, miniotest.Ignores), "REFUSING": server.Lacking(t, miniotest.Refuses), "LOOKING": server.Lacking(t, miniotest.Looks),
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "s3"), RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			bucket := server.Public(t)
			env.Setenv("S3", "s3://"+bucket+"/list?endpoint="+server.Endpoint)
			env.Setenv("HTTP", server.Endpoint+"/"+bucket+"/list")
			env.Setenv("ENDPOINT", server.Endpoint)
			for name, endpoint := range lacking {
				env.Setenv(name, "s3://"+server.Bucket(t)+"/list?endpoint="+endpoint)
			}
			env.Setenv("AWS_ACCESS_KEY_ID", miniotest.AccessKey)
			env.Setenv("AWS_SECRET_ACCESS_KEY", miniotest.SecretKey)
			return nil
		},
	})
}

// The scripts of the folder postgres have a database in $PG, for its superuser, and the same
// for who may write the table revocations, who may read it, and who may read it with a
// password, the right one and a wrong one. sql runs a file of statements.
func TestScriptsOnPostgreSQL(t *testing.T) {
	server := pgtest.Start(t)
	server.Exec(t, "postgres", `CREATE ROLE revocations_writer; CREATE ROLE revocations_reader;
		CREATE ROLE writer LOGIN IN ROLE revocations_writer; CREATE ROLE reader LOGIN IN ROLE revocations_reader; CREATE ROLE asked LOGIN IN ROLE revocations_reader`)
	server.Password(t, "asked", "open-sesame")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "postgres"), RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			database := server.Database(t)
			env.Setenv("PG", server.URL("postgres", database))
			env.Setenv("WRITER", server.URL("writer", database))
			env.Setenv("READER", server.URL("reader", database))
			env.Setenv("ASKED", server.URL("asked:open-sesame", database))
			env.Setenv("WRONG", server.URL("asked:wrong-guess", database))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sql": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: sql ADDRESS FILE")
				}
				ts.Check(pgtest.Exec(args[0], ts.ReadFile(args[1])))
			},
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
