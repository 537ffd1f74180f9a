package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/revocast/revocast/internal/miniotest"
)

// TestMain makes this test binary, under another name, the publisher that the
// scripts run: in processes of its own, as people run it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"publisher": main})
}

// The scripts are about the publisher's own words, files and exit codes. What its lists
// mean to those who check tokens is in the scripts of the folder above.
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts("script"))
}

// The scripts of the folder s3 have two prefixes of a bucket in $S3 and $OTHER.
func TestScriptsOnMinIO(t *testing.T) {
	server := miniotest.Start(t)
	params := scripts("s3")
	params.Setup = func(env *testscript.Env) error {
		bucket := server.Bucket(t)
		env.Setenv("S3", "s3://"+bucket+"/list?endpoint="+server.Endpoint)
		env.Setenv("OTHER", "s3://"+bucket+"/other?endpoint="+server.Endpoint)
		env.Setenv("AWS_ACCESS_KEY_ID", miniotest.AccessKey)
		env.Setenv("AWS_SECRET_ACCESS_KEY", miniotest.SecretKey)
		return nil
	}
	testscript.Run(t, params)
}

func scripts(folder string) testscript.Params {
	return testscript.Params{
		Dir: filepath.Join("testdata", folder), RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"refused": refused},
	}
}

// refused runs a program that must exit with 2, neither 1 nor by a panic or a signal.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: refused program [args...]")
	}
	err := ts.Exec(args[0], args[1:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		ts.Fatalf("the exit code must be 2, but: %v", err)
	}
}
