package publish

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// racers is the number of publishers that race.
const racers = 32

// raceRounds is the number of versions that each of them publishes. REVOCAST_RACE_ROUNDS=100 makes
// thousands of versions.
func raceRounds(t *testing.T, usual int) int {
	s := os.Getenv("REVOCAST_RACE_ROUNDS")
	switch {
	case s == "" && testing.Short():
		return 1
	case s == "":
		return usual
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

// Many publishers run at once, each with a source of its own. No revocation is lost, the history
// has no fork, and each publisher commits its versions.
func TestPublishersRace(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		bucket, err := store.OpenDir(filepath.Join(t.TempDir(), "list"))
		require.NoError(t, err)
		r := newRace(t, bucket)
		r.run(func() store.Store { return bucket }, raceRounds(t, 4))
		r.verify()
	})
	t.Run("MinIO", func(t *testing.T) {
		address := miniotest.Start(t).Address(t)
		open := func() store.Store {
			s, err := s3.Open(t.Context(), address)
			require.NoError(t, err)
			return s
		}
		r := newRace(t, open())
		r.run(open, raceRounds(t, 4))
		r.verify()
	})
}

// A race is between publishers in this process.
type race struct {
	t      *testing.T
	bucket store.Store // without faults, for the verdict
	key    *signer.PrivateKey
	faults bool // a run may fail, and is repeated

	mu        sync.Mutex
	committed map[uint64]bool
	revoked   []string // the jti of every row
	lost      []int
	failed    int
}

func newRace(t *testing.T, bucket store.Store) *race {
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	return &race{t: t, bucket: bucket, key: key, committed: map[uint64]bool{}}
}

func raceClock() time.Time { return time.UnixMilli(noon) }

func raceRow(jti string) source.Row {
	return jtiRow(jti, source.None, noon/1000+3600)
}

func (r *race) config(bucket store.Store, rows source.Source) Config {
	return Config{
		Store: bucket, Key: r.key, Source: rows, Create: true, Issuer: testIssuer, MaxTokenLife: 24 * time.Hour,
		ValidFor: time.Hour, Now: raceClock, Rand: rand.Reader,
	}
}

// run lets each racer publish a new row in each round, through a store of its own.
func (r *race) run(open func() store.Store, rounds int) {
	began := time.Now()
	var all sync.WaitGroup
	for i := range racers {
		bucket := open()
		rows := &said{name: fmt.Sprint("source ", i)}
		all.Go(func() {
			for round := range rounds {
				jti := fmt.Sprint(i, " ", round)
				rows.rows = append(rows.rows, raceRow(jti))
				r.publish(bucket, rows, jti)
			}
		})
	}
	all.Wait()
	lost, most := 0, 0
	for _, n := range r.lost {
		lost += n
		most = max(most, n)
	}
	r.t.Logf("%d publishers committed %d versions in %s: %d races lost, at most %d in a row by one; %d runs failed and were repeated",
		racers, len(r.committed), time.Since(began).Round(time.Second), lost, most, r.failed)
}

// publish runs a publisher until its row is published, as cron does.
func (r *race) publish(bucket store.Store, rows source.Source, jti string) {
	for {
		if r.note(Run(r.t.Context(), r.config(bucket, rows))) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.revoked = append(r.revoked, jti)
			return
		}
		if r.t.Failed() {
			return
		}
	}
}

// note keeps the outcome of a run, and reports whether the run published.
func (r *race) note(result *Result, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case result != nil:
		if r.committed[result.Version] {
			r.t.Errorf("version %d was published twice", result.Version)
		}
		r.committed[result.Version] = true
		r.lost = append(r.lost, result.Lost)
	case errors.Is(err, ErrRaces) || !r.faults:
		r.t.Error(err)
	default:
		r.failed++
		r.t.Log(err)
	}
	return result != nil
}

// verify compares the list in the store with the outcomes of the runs.
func (r *race) verify() {
	t := r.t
	c, err := client.Open(t.Context(), client.Config{Store: r.bucket, Keys: r.key.Public(), Now: raceClock})
	require.NoError(t, err)
	// A run that failed may have published.
	versions := int(c.Status().Version)
	require.GreaterOrEqual(t, versions, len(r.committed))
	require.LessOrEqual(t, versions, len(r.committed)+r.failed)
	require.Equal(t, len(r.revoked), c.Status().Entries)
	for _, jti := range r.revoked {
		err := c.Check(client.Token{Claims: map[string]any{"iss": testIssuer, "jti": jti}})
		require.ErrorAs(t, err, new(*client.RevokedError), jti)
	}
	report, err := audit.Verify(t.Context(), r.bucket, r.key.Public(), func(string, int64, int64) {})
	require.NoError(t, err)
	require.Empty(t, report.Findings)
	require.Equal(t, versions, report.Replayed)
}
