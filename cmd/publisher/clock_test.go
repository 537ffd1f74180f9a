package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/publish"
)

// A machine whose clock is behind publishes nothing: entries would seem to end later, and
// readers would find the list stale from its start.
func TestClockBehind(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var stdout, stderr bytes.Buffer
	env := func(now time.Time) *command.Env {
		stdout.Reset()
		return &command.Env{Context: t.Context(), Stdout: &stdout, Stderr: &stderr, Now: func() time.Time { return now }, Rand: rand.Reader}
	}
	require.NoError(t, (&keygen{Out: file("k.jwk"), Alg: "EdDSA"}).Run(env(noon)))
	require.NoError(t, os.WriteFile(file("rows.jsonl"), []byte(`{"jti":"a","exp":"2026-11-24T18:00:00Z"}`+"\n"), 0o600))
	publishes := publishes{
		Store: file("list"), Source: file("rows.jsonl"), Key: file("k.jwk"),
		Create: true, Issuer: "i", MaxTokenLife: span(24 * time.Hour), ValidFor: span(time.Hour),
	}
	require.NoError(t, publishes.Run(env(noon)))
	require.Contains(t, stdout.String(), "; good until 2026-11-24T13:00:00Z\n")

	err := publishes.Run(env(noon.Add(-6 * time.Minute)))
	require.ErrorIs(t, err, publish.ErrClock)
	require.ErrorContains(t, err, "it says 2026-11-24T11:54:00Z, and version 1 was issued at 2026-11-24T12:00:00Z")
	require.Empty(t, stdout.String())

	// Within what clocks may differ by, a list does not get older.
	require.NoError(t, publishes.Run(env(noon.Add(-4*time.Minute))))
	require.Contains(t, stdout.String(), "published version 2: 1 entry; 0 rows read; 0 changed, 0 reinstated, 0 expired; good until 2026-11-24T13:00:00Z\n")

	// An entry goes when its exp, the skew and a --valid-for have passed.
	require.NoError(t, publishes.Run(env(noon.Add(7*time.Hour+4*time.Minute))))
	require.Contains(t, stdout.String(), "published version 3: 1 entry;")
	require.NoError(t, publishes.Run(env(noon.Add(7*time.Hour+6*time.Minute))))
	require.Contains(t, stdout.String(), "published version 4: 0 entries; 0 rows read; 0 changed, 0 reinstated, 1 expired")
	require.Empty(t, stderr.String())
}
