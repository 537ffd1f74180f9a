package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A publisher that waits for rows that never come ends when it is told to, and leaves
// nothing behind.
func TestInterruptedWhileReading(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			keygen := exec.Command("publisher", "keygen", "--out", "k.jwk")
			keygen.Dir = dir
			require.NoError(t, keygen.Run())

			cmd := exec.Command("publisher", "publish", "--store", "list", "--source", "-", "--key", "k.jwk",
				"--create", "--issuer", "i", "--max-token-life", "24h", "--json")
			cmd.Dir = dir
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			rows, err := cmd.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			// A pipe holds less than this, so once it is written the publisher is reading.
			_, err = rows.Write(bytes.Repeat([]byte("\n"), 1<<20))
			require.NoError(t, err)

			require.NoError(t, cmd.Process.Signal(signal))
			stuck := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer stuck.Stop()
			err = cmd.Wait()
			require.Error(t, err)
			require.Equal(t, 2, cmd.ProcessState.ExitCode(), stderr.String())
			const words = "stopped by a signal before it was done: cannot read standard input: context canceled"
			require.Equal(t, "publisher: "+words+"\n", stderr.String())
			require.Equal(t, `{"error":"`+words+`"}`+"\n", stdout.String())
			require.NoDirExists(t, filepath.Join(dir, "list"))
		})
	}
}
