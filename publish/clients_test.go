package publish

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/store"
)

// feed is a source that keeps its cursor. The test appends its rows.
type feed struct {
	name string
	rows []source.Row
	more []source.Row // that were appended since the last publication
	all  bool         // the next reading shows all rows
}

func (f *feed) String() string { return f.name }

func (f *feed) Watch(context.Context, func(), func(string)) {}

func (f *feed) Read(_ context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	from := 0
	if since != nil && !f.all {
		if err := json.Unmarshal(since, &from); err != nil {
			return source.Result{}, err
		}
	}
	rows := f.rows[from:]
	for i := range rows {
		if err := visit(&rows[i]); err != nil {
			return source.Result{}, err
		}
	}
	return source.Result{Cursor: source.Cursor(strconv.Itoa(len(f.rows))), Rows: int64(len(rows)), Full: from == 0}, nil
}

// A reader is a client, and the version that it holds.
type reader struct {
	name    string
	client  *client.Client
	cache   store.Store
	version uint64
}

// held is a version of the model.
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

// Rows are published, expire and are reinstated. Sources are read again or lose rows. Clients
// follow, skip versions, sleep and restart. Every verdict of every client is the one that the model
// of its version has. No token that lives is accepted if a row revoked it for as long as it lives.
func TestClientsAgreeWithTheModel(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			for w.operations < operations(1_000_000)/2 {
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
	moment     int64 // of the last row
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
		model: newModel(modelLife), now: noon / 1000, versions: map[uint64]held{}, verdicts: map[string]int{},
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

// step appends some rows, lets some time pass, publishes, moves some clients and checks some
// tokens.
func (w *world) step() {
	rows := w.r.IntN(300)
	if w.r.IntN(5) == 0 {
		rows = 0 // a heartbeat
	}
	f := w.feeds[w.r.IntN(len(w.feeds))]
	switch w.r.IntN(20) {
	case 0:
		f.all = true
	case 1:
		f.all = true
		f.rows = slices.Clone(f.rows[max(0, len(f.rows)-5000):])
		f.rows = slices.DeleteFunc(f.rows, func(source.Row) bool { return w.r.IntN(10) == 0 })
	}
	for range rows {
		w.moment = max(w.moment+1, w.now*1000)
		row := randomRow(w.r, w.moment, w.now, modelLife)
		f.rows, f.more = append(f.rows, row), append(f.more, row)
	}
	w.operations += rows
	w.now += w.r.Int64N(40)
	if w.r.IntN(50) == 0 {
		w.now += w.r.Int64N(2 * modelLife)
	}
	w.publish(f)
	w.move()
	for _, r := range w.readers {
		w.check(r, 150)
	}
}

func (w *world) publish(f *feed) {
	validFor := 60 + w.r.Int64N(200)
	cfg := Config{
		Store: w.bucket, Key: w.key, Source: f, ValidFor: time.Duration(validFor) * time.Second,
		Now: func() time.Time { return time.Unix(w.now, 0) }, Rand: crand.Reader,
		SnapshotEvery: w.r.IntN(3) * 20,
	}
	if w.head == 0 {
		cfg.Create, cfg.Issuer, cfg.MaxTokenLife = true, testIssuer, modelLife*time.Second
	}
	if w.r.IntN(3) > 0 {
		cfg.Cache = w.cache
	}
	result, err := Run(w.ctx, cfg)
	require.NoError(w.t, err)
	for _, warning := range result.Warnings {
		require.Contains(w.t, warning, "no later than the revocation that is known")
	}
	require.Equal(w.t, w.head+1, result.Version)
	w.head++
	w.operations++
	w.model.publish(f.more, w.now, validFor)
	f.more, f.all = nil, false
	require.Equal(w.t, len(w.model.entries), result.Entries)
	w.versions[w.head] = held{w.model.frozen(), w.now, w.now + validFor}
}

// move refreshes and restarts clients, some more often than others.
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
			// A restart without a network goes on with the list that was verified before.
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
