package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/store"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// clocked runs publish by a clock of the test's.
type clocked struct {
	publishes
	t              *testing.T
	dir            string
	stdout, stderr bytes.Buffer
}

func newClocked(t *testing.T) *clocked {
	c := &clocked{t: t, dir: t.TempDir()}
	require.NoError(t, (&keygen{Out: c.file("k.jwk"), Alg: "EdDSA"}).Run(c.env(noon)))
	require.NoError(t, os.WriteFile(c.file("rows.jsonl"), []byte(`{"jti":"a","exp":"2026-11-24T18:00:00Z"}`+"\n"), 0o600))
	c.publishes = publishes{
		Store: c.file("list"), Source: c.file("rows.jsonl"), Key: c.file("k.jwk"),
		Create: true, Issuer: "i", MaxTokenLife: span(24 * time.Hour), ValidFor: span(time.Hour),
	}
	return c
}

func (c *clocked) file(name string) string { return filepath.Join(c.dir, name) }

func (c *clocked) env(now time.Time) *command.Env {
	c.stdout.Reset()
	return &command.Env{Context: c.t.Context(), Stdout: &c.stdout, Stderr: &c.stderr, Now: func() time.Time { return now }, Rand: rand.Reader}
}

// at publishes at a moment, counted from noon.
func (c *clocked) at(after time.Duration) error { return c.Run(c.env(noon.Add(after))) }

func (c *clocked) says(after time.Duration, want string) {
	c.t.Helper()
	require.NoError(c.t, c.at(after))
	require.Contains(c.t, c.stdout.String(), want)
}

// A machine whose clock is behind publishes nothing: entries would seem to end later, and
// readers would find the list stale from its start.
func TestClockBehind(t *testing.T) {
	c := newClocked(t)
	c.says(0, "; good until 2026-11-24T13:00:00Z\n")

	err := c.at(-6 * time.Minute)
	require.ErrorIs(t, err, publish.ErrClock)
	require.ErrorContains(t, err, "it says 2026-11-24T11:54:00Z, and version 1 was issued at 2026-11-24T12:00:00Z")
	require.Empty(t, c.stdout.String())

	// Within what clocks may differ by, a list does not get older.
	c.says(-4*time.Minute, "published version 2: 1 entry; 0 rows read; 0 changed, 0 reinstated, 0 expired; good until 2026-11-24T13:00:00Z\n")

	// An entry goes when its exp, the skew and a --valid-for had passed at the last version.
	for hour := range time.Duration(7) {
		c.says((hour+1)*time.Hour, ": 1 entry;")
	}
	c.says(7*time.Hour+4*time.Minute, ": 1 entry;")
	c.says(7*time.Hour+6*time.Minute, ": 1 entry;")
	c.says(8*time.Hour, "published version 12: 0 entries; 0 rows read; 0 changed, 0 reinstated, 1 expired")
	require.Empty(t, c.stderr.String())
}

// A clock that jumps ahead, once, drops nothing, and the way back is a flag away. To auditors
// it is worth a note.
func TestClockAhead(t *testing.T) {
	for _, ahead := range []time.Duration{2 * time.Hour, 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			c := newClocked(t)
			c.says(0, "published version 1: 1 entry;")
			c.says(ahead, "published version 2: 1 entry;")
			require.ErrorIs(t, c.at(time.Minute), publish.ErrClock)
			hinted, ok := errors.AsType[*command.Hinted](c.at(time.Minute))
			require.True(t, ok)
			require.Contains(t, hinted.Hint, "publish once with --clock-was-ahead")

			c.ClockWasAhead = true
			c.says(time.Minute, "published version 3: 1 entry; 0 rows read; 0 changed, 0 reinstated, 0 expired; good until 2026-11-24T13:01:00Z\n")
			c.ClockWasAhead = false
			c.says(2*time.Minute, "published version 4: 1 entry;")

			list, err := store.OpenDir(c.Store)
			require.NoError(t, err)
			keys, err := command.KeySet(c.file("k.pub.jwks"))
			require.NoError(t, err)
			report, err := audit.Verify(t.Context(), list, keys, func(string, int64, int64) {})
			require.NoError(t, err)
			require.Empty(t, report.Findings)
			require.Len(t, report.Notes, 1)
			require.Contains(t, report.Notes[0], "version 3 was issued at 2026-11-24T12:01:00Z, before version 2")
		})
	}
}

// A clock that stays ahead drops entries slowly. What has been dropped by then is
// waited for: the right clock must not publish a list that drops what is needed.
func TestClockAheadForLong(t *testing.T) {
	c := newClocked(t)
	c.says(0, "published version 1: 1 entry;")
	year := 365 * 24 * time.Hour
	for minutes := range time.Duration(231) {
		require.NoError(t, c.at(year+minutes*time.Minute))
		require.Contains(t, c.stdout.String(), map[bool]string{true: ": 1 entry;", false: ": 0 entries;"}[minutes <= 212], "%d", minutes)
	}
	c.ClockWasAhead = true
	err := c.at(230 * time.Minute)
	require.ErrorIs(t, err, publish.ErrClock)
	require.ErrorContains(t, err, "has dropped what ends by 2026-11-24T18:35:00Z already; publish again after 2026-11-24T18:40:00Z, or start a new list")
	c.says(6*time.Hour+41*time.Minute, ": 0 entries;")
}

// A publisher that was off for a month goes on by itself, and what ended meanwhile goes
// as fast again as time.
func TestAMonthOff(t *testing.T) {
	c := newClocked(t)
	c.says(0, "published version 1: 1 entry;")
	month := 30 * 24 * time.Hour
	c.says(month, "published version 2: 1 entry;")
	c.says(month+3*time.Hour, "0 reinstated, 0 expired;")
	c.says(month+4*time.Hour, "published version 4: 0 entries; 0 rows read; 0 changed, 0 reinstated, 1 expired;")
	require.Empty(t, c.stderr.String())
}

// The ledger is lost, so it is not known when the entries were revoked, but for the latest moment
// that is possible. A reinstatement that may be older is said to release nothing, and until when.
func TestReinstatedAfterTheLedgerWasLost(t *testing.T) {
	c := newClocked(t)
	record := func(after time.Duration) {
		require.NoError(t, (&reinstate{recorded{Source: c.file("rows.jsonl"), Claims: []string{"jti=a"}}}).Run(c.env(noon.Add(after))))
	}
	c.says(0, "published version 1: 1 entry;")
	require.NoError(t, os.RemoveAll(filepath.Join(c.Store, "ledger")))
	c.says(time.Minute, "published version 2: 1 entry;")
	require.Contains(t, c.stderr.String(), "reinstatements that were decided before 2026-11-24T12:05:00Z release nothing")
	c.stderr.Reset()
	record(2 * time.Minute)
	c.says(3*time.Minute, "published version 3: 1 entry;")
	require.Equal(t, "warning: 1 reinstatement was decided no later than the revocation that is known of the same claims, and releases nothing: record it again after 2026-11-24T12:05:00Z\n", c.stderr.String())
	c.stderr.Reset()
	c.says(4*time.Minute, "published version 4: 1 entry;")
	record(5*time.Minute + time.Second)
	c.says(6*time.Minute, "published version 5: 0 entries; 1 row read; 0 changed, 1 reinstated")
	require.Empty(t, c.stderr.String())
}
