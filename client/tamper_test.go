package client_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/store"
)

// snapshot of a store in memory, in which single objects can be replaced.
type tampered struct {
	objects  map[string][]byte
	replaced string
	data     []byte // in its place; nil: it is missing
}

func load(t *testing.T, s store.Store) *tampered {
	t.Helper()
	infos, err := s.List(t.Context(), "", "")
	require.NoError(t, err)
	all := &tampered{objects: map[string][]byte{}}
	for _, info := range infos {
		obj, err := s.Get(t.Context(), info.Name, 1<<30, "")
		require.NoError(t, err)
		all.objects[info.Name] = obj.Data
	}
	return all
}

func (s *tampered) String() string { return "tampered" }

func (s *tampered) Get(_ context.Context, name string, limit int64, _ string) (store.Object, error) {
	data, ok := s.objects[name]
	if name == s.replaced {
		data, ok = s.data, s.data != nil
	}
	if !ok {
		return store.Object{}, fmt.Errorf("%w: %s", store.ErrNotFound, name)
	}
	if int64(len(data)) > limit {
		return store.Object{}, store.ErrTooLarge
	}
	return store.Object{Data: slices.Clone(data)}, nil
}

// without the list a cached copy is all there is.
func (s *tampered) Create(context.Context, string, []byte) error { return errUnplugged }
func (s *tampered) Put(context.Context, string, []byte) error    { return errUnplugged }
func (s *tampered) Delete(context.Context, string) error         { return errUnplugged }
func (s *tampered) List(context.Context, string, string) ([]store.Info, error) {
	var infos []store.Info
	for _, name := range s.names() {
		infos = append(infos, store.Info{Name: name})
	}
	return infos, nil
}

// names are the store's objects that a reader may meet.
func (s *tampered) names() []string {
	var names []string
	for name := range s.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A truth is what each version says about some tokens.
type truth struct {
	tokens []client.Token
	rules  map[uint64][]string // by version, for each token, "" for none
}

func answers(c *client.Client, tokens []client.Token) []string {
	var all []string
	for _, token := range tokens {
		rules := ""
		if err := c.Check(token); err != nil {
			rules = err.Error()
			if revoked, ok := err.(*client.RevokedError); ok {
				rules = strings.Join(revoked.Rules, ",")
			}
		}
		all = append(all, rules)
	}
	return all
}

// holds opens a client on tampered objects. It may have no list, or an earlier
// version, but whatever it answers is what that version says.
func (w *truth) holds(t *testing.T, l *list, what string, config func(*client.Config)) (loaded bool) {
	t.Helper()
	c := l.open(config)
	if !c.Status().Loaded {
		for _, token := range w.tokens {
			require.ErrorIs(t, c.Check(token), client.ErrNoList)
		}
		return false
	}
	want, ok := w.rules[c.Status().Version]
	require.True(t, ok, what)
	if got := answers(c, w.tokens); !slices.Equal(want, got) {
		t.Fatalf("%s: version %d says %q and not %q", what, c.Status().Version, got, want)
	}
	return true
}

// small is a list of three versions with a snapshot, a delta and a heartbeat, and
// for each of them a cache that holds it.
func small(t *testing.T) (*list, *truth) {
	l := newList(t)
	w := &truth{rules: map[uint64][]string{}}
	for _, claims := range []map[string]any{
		{"jti": "good"}, {"jti": "stolen"}, {"sid": "session"}, {"sub": "alice", "iat": l.clock.Load() - 100}, {"tenant": 42}, {"jti": "back"}, {"jti": "late"},
	} {
		w.tokens = append(w.tokens, l.token(claims))
	}
	keep := func(r *publish.Result) {
		w.rules[r.Version] = answers(l.open(func(cfg *client.Config) { cfg.Cache = l.cache(fmt.Sprint("at ", r.Version)) }), w.tokens)
	}
	keep(l.publish(everyKind))
	keep(l.publish(`{"jti":"late","exp":"2027-01-16T00:00:00Z"}` + "\n" + `{"sid":"session","reinstate":true}` + "\n"))
	keep(l.publish(""))
	require.NotEqual(t, w.rules[1], w.rules[2])
	return l, w
}

func TestEveryFlippedBit(t *testing.T) {
	l, w := small(t)
	objects := load(t, l.bucket)
	believed := 0
	for _, name := range objects.names() {
		original := objects.objects[name]
		objects.replaced = name
		for bit := range 8 * len(original) {
			objects.data = slices.Clone(original)
			objects.data[bit/8] ^= 1 << (bit % 8)
			if w.holds(t, l, fmt.Sprintf("bit %d of %s", bit, name), func(cfg *client.Config) { cfg.Store = objects }) {
				believed++
			}
		}
	}
	require.NotZero(t, believed, "a hint that is broken is no reason to have no list")
}

func TestEveryTruncationAndSwap(t *testing.T) {
	l, w := small(t)
	objects := load(t, l.bucket)
	names := objects.names()
	config := func(cfg *client.Config) { cfg.Store = objects }
	for _, name := range names {
		original := objects.objects[name]
		objects.replaced = name
		for n := range original {
			objects.data = original[:n]
			w.holds(t, l, fmt.Sprintf("%d bytes of %s", n, name), config)
		}
		for _, longer := range [][]byte{append(slices.Clone(original), 0), append(slices.Clone(original), original...), bytes.Repeat([]byte("x"), 1<<20)} {
			objects.data = longer
			w.holds(t, l, "a longer "+name, config)
		}
		for _, other := range names {
			objects.data = objects.objects[other]
			w.holds(t, l, other+" in the place of "+name, config)
		}
		objects.data = nil
		w.holds(t, l, "without "+name, config)
	}
	objects.replaced = ""
	for i, a := range names {
		for _, b := range names[:i] {
			swapped := &tampered{objects: map[string][]byte{}}
			for name, data := range objects.objects {
				swapped.objects[name] = data
			}
			swapped.objects[a], swapped.objects[b] = objects.objects[b], objects.objects[a]
			w.holds(t, l, a+" and "+b+" swapped", func(cfg *client.Config) { cfg.Store = swapped })
		}
	}
}

// What lies in the cache is verified again, however it came to be broken.
func TestEveryFlippedBitOfTheCache(t *testing.T) {
	l, w := small(t)
	l.open(func(cfg *client.Config) { cfg.Cache = l.cache("cache") })
	objects := load(t, l.cache("cache"))
	require.Len(t, objects.objects, 2, "the whole list and its manifest")
	wire := &link{Reader: l.bucket}
	wire.down.Store(true)
	config := func(cfg *client.Config) { cfg.Store, cfg.Cache = wire, objects }
	require.True(t, w.holds(t, l, "the cache as it is", config))
	for _, name := range objects.names() {
		original := objects.objects[name]
		objects.replaced = name
		for bit := range 8 * len(original) {
			objects.data = slices.Clone(original)
			objects.data[bit/8] ^= 1 << (bit % 8)
			require.False(t, w.holds(t, l, fmt.Sprintf("bit %d of %s", bit, name), config))
		}
		for n := range original {
			objects.data = original[:n]
			require.False(t, w.holds(t, l, fmt.Sprintf("%d bytes of %s", n, name), config))
		}
	}
}

// The same where the cache holds a snapshot and the steps since.
func TestFlippedBitsOfTheStepsInTheCache(t *testing.T) {
	l, w := small(t)
	l.publish(`{"jti":"good","exp":"2027-01-16T00:00:00Z"}` + "\n")
	w.rules[4] = answers(l.open(), w.tokens)
	l.open(func(cfg *client.Config) { cfg.Cache = l.cache("cache") })
	objects := load(t, l.cache("cache"))
	require.Greater(t, len(objects.objects), 3, "objects and manifests")
	wire := &link{Reader: l.bucket}
	wire.down.Store(true)
	config := func(cfg *client.Config) { cfg.Store, cfg.Cache = wire, objects }
	require.True(t, w.holds(t, l, "the cache as it is", config))
	for _, name := range objects.names() {
		original := objects.objects[name]
		objects.replaced = name
		objects.data = nil
		require.False(t, w.holds(t, l, "without "+name, config), name)
		for bit := 0; bit < 8*len(original); bit += 5 {
			objects.data = slices.Clone(original)
			objects.data[bit/8] ^= 1 << (bit % 8)
			require.False(t, w.holds(t, l, fmt.Sprintf("bit %d of %s", bit, name), config))
		}
	}
}

func TestSampledBitsOfABigList(t *testing.T) {
	l := newList(t)
	var rows strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&rows, `{"jti":"%d","exp":%d}`+"\n", i, l.clock.Load()+int64(i%86400))
	}
	l.publish(rows.String())
	w := &truth{rules: map[uint64][]string{}}
	for i := range 200 {
		w.tokens = append(w.tokens, l.token(map[string]any{"jti": fmt.Sprint(i * 500)}))
	}
	w.rules[1] = answers(l.open(), w.tokens)
	objects := load(t, l.bucket)
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range objects.names() {
		if !strings.HasPrefix(name, "versions/") || !strings.Contains(name, "snapshot") {
			continue
		}
		original := objects.objects[name]
		objects.replaced = name
		for range 300 {
			objects.data = slices.Clone(original)
			bit := r.IntN(8 * len(original))
			objects.data[bit/8] ^= 1 << (bit % 8)
			if r.IntN(4) == 0 {
				objects.data = objects.data[:r.IntN(len(original))]
			}
			require.False(t, w.holds(t, l, fmt.Sprintf("bit %d", bit), func(cfg *client.Config) { cfg.Store = objects }))
		}
	}
}
