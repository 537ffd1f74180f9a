package publish_test

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/publish"
	"github.com/revocast/revocast/internal/source"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

var operations = flag.Int("operations", 2_000_000, "random operations of the property test")

// feed is a source whose rows the test appends.
type feed struct {
	name  string
	rows  []source.Row
	state // of the next reading

	visited []source.Row // by the last reading
}

// state is in which state a feed is found.
type state int

const (
	grown     state = iota // rows were appended
	restarted              // all rows come, and those of before are known
	piped                  // all rows come, and the reinstatements of before are known
	rewritten              // all rows come, and nobody knows which
)

func (f *feed) Name() string { return cmp.Or(f.name, "feed") }

func (f *feed) Read(_ context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	from := 0
	if since != nil {
		if err := json.Unmarshal(since, &from); err != nil {
			return source.Result{}, err
		}
	}
	r := source.Result{Cursor: source.Cursor(strconv.Itoa(len(f.rows))), Full: f.state != grown || from == 0, Whole: f.state == piped, Unsure: f.state == rewritten}
	f.visited = nil
	for i, row := range f.rows {
		row.Again = f.state == rewritten || i < from && (f.state != piped || row.Reinstate)
		if f.state == grown && i < from {
			continue
		}
		f.visited = append(f.visited, row)
		if err := visit(&row); err != nil {
			return source.Result{}, err
		}
	}
	r.Rows = int64(len(f.visited))
	return r, nil
}

// A reader is a client and what the model says of the version that it holds.
type reader struct {
	name    string
	client  *client.Client
	cache   store.Store
	version uint64
}

// held is a version as the model knows it.
type held struct {
	entries      map[string]modelEntry
	asOf, expiry int64
}

// unreachable is a store without a network.
type unreachable struct{ store.Reader }

var errUnplugged = errors.New("the network cable is pulled")

func (unreachable) Get(context.Context, string, int64, string) (store.Object, error) {
	return store.Object{}, errUnplugged
}

// Millions of random revocations, reinstatements, expiries, publications, skipped
// versions and restarts, of two sources that are read again or lose rows now and then: every
// verdict of every client is the one that a naive model of the version gives, and
// no token that lives is accepted that somebody revoked for as long as it lives.
func TestAgainstTheModel(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			for w.operations < *operations/2 {
				w.step()
			}
			t.Logf("%d operations, %d versions, %d verdicts: %v", w.operations, w.head, w.checks, w.verdicts)
			for _, kind := range []string{"ok", "revoked", "stale", "not-covered"} {
				require.NotZero(t, w.verdicts[kind], "the test never met the verdict %s", kind)
			}
		})
	}
}

type world struct {
	t          *testing.T
	r          *rand.Rand
	ctx        context.Context
	bucket     store.Store
	key        *signer.PrivateKey
	feeds      [2]*feed
	cache      store.Store // the publisher's
	model      *model
	now        int64
	head       uint64
	versions   map[uint64]held
	readers    []*reader
	operations int
	checks     int
	verdicts   map[string]int
}

const modelLife = 2400

func newWorld(t *testing.T, seed uint64) *world {
	key, err := signer.Generate(signer.EdDSA, crand.Reader)
	require.NoError(t, err)
	bucket := newMemory()
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), ctx: t.Context(), key: key, feeds: [2]*feed{{name: "a"}, {name: "b"}},
		bucket: bucket, cache: newMemory(),
		model: newModel(modelLife), now: 1_800_000_000, versions: map[uint64]held{}, verdicts: map[string]int{},
	}
	bucket.now = func() time.Time { return time.Unix(w.now, 0) }
	for _, f := range w.feeds {
		w.publish(f)
	}
	for _, name := range []string{"follower", "skipper", "sleeper"} {
		w.readers = append(w.readers, w.open(name, newMemory(), false))
	}
	return w
}

func (w *world) open(name string, cache store.Store, unplugged bool) *reader {
	cfg := client.Config{Store: w.bucket, Keys: w.key.Public(), Cache: cache, Now: func() time.Time { return time.Unix(w.now, 0) }}
	if unplugged {
		cfg.Store = unreachable{w.bucket}
	}
	c, err := client.Open(w.ctx, cfg)
	require.NoError(w.t, err)
	return &reader{name, c, cache, c.Status().Version}
}

// step appends some rows, lets some time pass, publishes, moves some clients and
// checks some tokens.
func (w *world) step() {
	rows := w.r.IntN(300)
	if w.r.IntN(5) == 0 {
		rows = 0 // a heartbeat
	}
	f := w.feeds[w.r.IntN(len(w.feeds))]
	switch w.r.IntN(40) {
	case 0:
		f.state = restarted
	case 1:
		f.state = piped
	case 2:
		f.state = rewritten
		f.rows = slices.Clone(f.rows[max(0, len(f.rows)-5000):])
		f.rows = slices.DeleteFunc(f.rows, func(source.Row) bool { return w.r.IntN(10) == 0 })
	}
	for range rows {
		f.rows = append(f.rows, randomRow(w.r, w.now, modelLife))
	}
	w.operations += rows
	w.now += w.r.Int64N(40)
	if w.r.IntN(50) == 0 {
		w.now += w.r.Int64N(2 * modelLife)
	}
	w.publish(f)
	f.state = grown
	w.move()
	for _, r := range w.readers {
		w.check(r, 150)
	}
}

func (w *world) publish(f *feed) {
	validFor := 60 + w.r.Int64N(200)
	cfg := publish.Config{
		Store: w.bucket, Key: w.key, Source: f, ValidFor: time.Duration(validFor) * time.Second,
		Now: func() time.Time { return time.Unix(w.now, 0) }, Rand: crand.Reader,
		SnapshotEvery: w.r.IntN(3) * 20,
	}
	if w.head == 0 {
		cfg.Create, cfg.Issuer, cfg.MaxTokenLife = true, modelIssuer, modelLife*time.Second
	}
	if w.r.IntN(3) > 0 {
		cfg.Cache = w.cache
	}
	result, err := publish.Run(w.ctx, cfg)
	require.NoError(w.t, err)
	if f.state != rewritten {
		require.Empty(w.t, result.Warnings)
	}
	require.Equal(w.t, w.head+1, result.Version)
	w.head++
	w.operations++
	w.model.publish(f.visited, f.state == piped, w.now, validFor)
	require.Equal(w.t, len(w.model.entries), result.Entries)
	w.versions[w.head] = held{w.model.frozen(), w.now, w.now + validFor}
}

// move refreshes and restarts clients, each in its own way.
func (w *world) move() {
	for i, r := range w.readers {
		chance := []int{1, 20, 150}[i]
		if w.r.IntN(chance) == 0 {
			require.NoError(w.t, r.client.Refresh(w.ctx))
			require.Equal(w.t, w.head, r.client.Status().Version, r.name)
			r.version = w.head
			w.operations++
		}
		if w.r.IntN(30) == 0 {
			// A restart without a network goes on with what was verified before.
			version := r.version
			*r = *w.open(r.name, r.cache, true)
			require.Equal(w.t, version, r.version, "%s after a restart", r.name)
			w.check(r, 5)
			*r = *w.open(r.name, r.cache, false)
			require.Equal(w.t, w.head, r.version)
			w.operations++
		}
	}
	if w.r.IntN(10) == 0 {
		fresh := w.open("newcomer", nil, false)
		require.Equal(w.t, w.head, fresh.version)
		w.check(fresh, 20)
		w.operations++
	}
	oldest := w.head
	for _, r := range w.readers {
		oldest = min(oldest, r.version)
	}
	for v := range w.versions {
		if v < oldest {
			delete(w.versions, v)
		}
	}
}

func (w *world) check(r *reader, n int) {
	at := w.versions[r.version]
	for range n {
		token := randomToken(w.r, w.now, modelLife)
		w.operations++
		w.checks++
		got := verdictOf(r.client.Check(client.Token{Claims: token.claims, Header: token.header}))
		want := token.verdict(at.entries, modelLife, w.now, at.asOf, at.expiry)
		require.Equal(w.t, want, got, "%s at version %d of %d, token %v", r.name, r.version, w.head, token)
		if got == "ok" && r.version == w.head && token.exp > w.now {
			require.False(w.t, token.promised(w.model), "a false “not revoked” by %s: %v", r.name, token)
		}
		kind, _, _ := strings.Cut(got, " ")
		w.verdicts[kind]++
	}
}
