package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/miniotest"
)

// Publishers in processes of their own, each with its own source, on one list. Some are
// killed at a random moment, and started again as cron does. No row is lost, and
// the history has no fork and no gap.
//
// REVOCAST_RACE_PROCESSES and REVOCAST_RACE_ROUNDS make it larger.
func TestProcessesRace(t *testing.T) {
	t.Run("directory", func(t *testing.T) { testProcesses(t, filepath.Join(t.TempDir(), "list")) })
	t.Run("MinIO", func(t *testing.T) { testProcesses(t, miniotest.Start(t).Address(t)) })
}

func testProcesses(t *testing.T, bucket string) {
	processes, rounds := fromEnv(t, "REVOCAST_RACE_PROCESSES", 16), fromEnv(t, "REVOCAST_RACE_ROUNDS", 4)
	p := &processRace{t: t, bucket: bucket, dir: t.TempDir()}
	out, code := run(t, "", "publisher", "keygen", "--out", p.file("k.jwk"))
	require.Zero(t, code, out)
	var all sync.WaitGroup
	for i := range processes {
		all.Go(func() {
			for round := range rounds {
				p.revoke(i, round)
				p.publish(i)
			}
		})
	}
	all.Wait()
	t.Logf("%d processes: %d runs published, %d races were lost, %d were killed", processes, p.published, p.lost, p.killed)
	require.Equal(t, processes*rounds, p.published)
	require.Positive(t, p.killed)

	out, code = run(t, "", "verifier", "verify", bucket, "--keys", p.file("k.pub.jwks"))
	require.Zero(t, code, out)
	var claims strings.Builder
	for i := range processes {
		for round := range rounds {
			fmt.Fprintf(&claims, "{\"iss\":\"i\",\"jti\":\"%d-%d\"}\n", i, round)
		}
	}
	require.NoError(t, os.WriteFile(p.file("claims"), []byte(claims.String()), 0o600))
	out, code = run(t, p.file("claims"), "verifier", "check", bucket, "--keys", p.file("k.pub.jwks"), "-")
	require.Equal(t, 1, code, out)
	require.Equal(t, processes*rounds, strings.Count(out, "revoked jti\n"))
}

func fromEnv(t *testing.T, name string, usual int) int {
	s := os.Getenv(name)
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

type processRace struct {
	t           *testing.T
	bucket, dir string

	mu                      sync.Mutex
	published, lost, killed int
}

func (p *processRace) file(name string) string { return filepath.Join(p.dir, name) }

// revoke appends a row to the source of one process.
func (p *processRace) revoke(i, round int) {
	f, err := os.OpenFile(p.file(fmt.Sprint(i, ".jsonl")), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Error(err)
		return
	}
	_, err = fmt.Fprintf(f, "{\"jti\":\"%d-%d\",\"exp\":\"2099-01-01T00:00:00Z\"}\n", i, round)
	if err := errors.Join(err, f.Close()); err != nil {
		p.t.Error(err)
	}
}

// publish starts publishers until one is not killed, which must end well.
func (p *processRace) publish(i int) {
	for {
		lost, killed, err := p.start(i)
		p.mu.Lock()
		if killed {
			p.killed++
		} else {
			p.published++
			p.lost += lost
		}
		p.mu.Unlock()
		if err != nil {
			p.t.Error(err)
		}
		if !killed {
			return
		}
	}
}

// start runs one publisher, and kills one in three within 100 ms.
func (p *processRace) start(i int) (lost int, killed bool, err error) {
	cmd := exec.Command("publisher", "publish", "--store", p.bucket, "--source", p.file(fmt.Sprint(i, ".jsonl")), "--key", p.file("k.jwk"),
		"--create", "--issuer", "i", "--max-token-life", "24h", "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return 0, false, err
	}
	if rand.IntN(3) == 0 {
		defer time.AfterFunc(rand.N(100*time.Millisecond), func() { cmd.Process.Kill() }).Stop()
	}
	if err := cmd.Wait(); err != nil {
		if cmd.ProcessState.ExitCode() == -1 { // by a signal
			return 0, true, nil
		}
		return 0, false, fmt.Errorf("%w: %s", err, stderr.String())
	}
	var result struct {
		Lost int `json:"races_lost"`
	}
	err = json.Unmarshal(stdout.Bytes(), &result)
	return result.Lost, false, err
}
