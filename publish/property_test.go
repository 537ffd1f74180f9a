package publish

import (
	"context"
	crand "crypto/rand"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/collect"
	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/postgres"
	"github.com/revocast/revocast/store"
)

// manyOperations is how much each property test does. The usual numbers keep it short; a million
// takes minutes.
var manyOperations = flag.Int("operations", 0, "rows and verdicts of each property test")

func operations(usual int) int {
	switch {
	case *manyOperations > 0:
		return *manyOperations
	case testing.Short():
		return usual / 20
	}
	return usual
}

// Decisions about a few claims are split over sources of all kinds. Each source is shown in
// subsets, orders, repetitions and older copies, and read by publishers with all kinds of caches
// and faults. No token is accepted while the latest decision that was read about it is a
// revocation. When each source has been complete, the verdicts are those of all decisions.
func TestTheLatestDecisionThatWasRead(t *testing.T) {
	for kind, of := range map[string]func(*saga){
		"in order":        func(s *saga) { s.apart = true },
		"near each other": func(s *saga) { s.undated = true },
		"lost ledgers":    func(s *saga) { s.loses = true },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			done, most := 0, operations(100_000)
			for seed := uint64(1); done < most; seed++ {
				// Pauses between retries take no time in a bubble.
				synctest.Test(t, func(t *testing.T) {
					s := newSaga(t, seed)
					of(s)
					s.addKinds()
					s.play(60)
					done += s.operations
				})
			}
			t.Logf("%d operations", done)
		})
	}
}

// The same with PostgreSQL beside the other kinds.
func TestTheLatestDecisionThatWasReadOfPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("TestTheLatestDecisionThatWasRead has the other kinds of sources")
	}
	t.Parallel()
	server := pgtest.Start(t)
	for seed, done := uint64(1), 0; done < operations(30_000); seed++ {
		s := newSaga(t, seed)
		s.apart, s.undated = seed%2 == 0, seed%2 == 1
		s.now = time.Now().Add(-365 * 24 * time.Hour).UnixMilli() // the server refuses moments in the future
		s.addKinds()
		for range 2 {
			database := server.Database(t)
			server.Exec(t, database, postgres.Schema)
			s.add("table", newServerTable(server, database))
			s.add("query", newServerQuery(t, server, database))
		}
		s.play(60)
		done += s.operations
	}
}

// A saga is a list, and what happens to its sources and publishers.
type saga struct {
	*testing.T
	r       *rand.Rand
	dir     string
	key     *signer.PrivateKey
	bucket  *memory
	caches  []*memory
	sources []*telling
	now     int64 // Unix milliseconds
	head    uint64

	apart   bool // decisions about the same claims are further apart than clocks may differ
	undated bool // rows may have no moment
	loses   bool // objects of the ledger are lost

	moments    map[string][]int64 // of all decisions, by claims
	all        latest
	read       latest
	happened   map[string][]event
	behind     bool // the hint may be of an older version
	operations int
}

// An event is that a row was read.
type event struct {
	version uint64
	now     int64
	kind    string
	name    string
	row     source.Row
}

// story returns the readings of the rows about claims.
func (s *saga) story(claims string) (text string) {
	for _, e := range s.happened[claims] {
		row := e.row
		what := "revokes"
		if row.Reinstate {
			what = "reinstates"
		}
		text += fmt.Sprintf("\nversion %d at %d, %s %q: %s at %d, before %d, exp %d, new %t", e.version, e.now-noon, e.kind, e.name, what, row.Moment-noon, row.Before, row.Exp, row.New)
	}
	return text
}

// A telling is a source, and what it tells.
type telling struct {
	place
	kind      string
	name      string       // in the ledger, if it has one
	all       []source.Row // the decisions that were ever recorded in it
	shown     []source.Row // those that it shows
	copies    []func()
	publisher *publisher // one that stays, if there is one
	swap      [2]*swapped
	visited   []source.Row // by the last reading
}

const tokenLife = 86400

func newSaga(t *testing.T, seed uint64) *saga {
	key, err := signer.Generate(signer.EdDSA, crand.Reader)
	require.NoError(t, err)
	s := &saga{
		T: t, r: rand.New(rand.NewPCG(seed, 2)), dir: t.TempDir(), key: key, bucket: newMemory(), now: noon,
		caches:  []*memory{newMemory(), newMemory()},
		moments: map[string][]int64{}, all: latest{}, read: latest{}, happened: map[string][]event{},
	}
	s.bucket.now = s.clock
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return s
}

func (s *saga) clock() time.Time { return time.UnixMilli(s.now) }

func (s *saga) path(name string) string { return filepath.Join(s.dir, name) }

// addKinds adds a source of each kind that needs no server.
func (s *saga) addKinds() {
	for _, name := range []string{"rows.jsonl", "rows.csv"} {
		f := &rowFile{s.path(name)}
		f.show(s, nil)
		s.add("file", f)
	}
	s.add("pipe", newPipe())
	s.add("own", newOwn("own"))
	s.add("table", newLiteTable(s, s.path("table.db")))
	s.add("query", newLiteQuery(s.path("query.db")))
}

func (s *saga) add(kind string, p place) {
	s.sources = append(s.sources, &telling{place: p, kind: kind})
}

func (s *saga) play(steps int) {
	for range steps {
		s.step()
	}
	s.complete()
	if s.loses {
		return
	}
	report, err := audit.Verify(s.Context(), s.bucket, s.key.Public(), func(string, int64, int64) {})
	require.NoError(s, err)
	require.Empty(s, report.Findings)
}

// step lets something happen to a source, some time pass, and publishes what the source shows.
func (s *saga) step() {
	src := s.sources[s.r.IntN(len(s.sources))]
	switch s.r.IntN(20) {
	case 0:
		s.show(src, s.subset(src.all))
	case 1:
		s.show(src, s.subset(src.shown))
	case 2:
		rows, restore := slices.Clone(src.shown), src.back(s)
		src.copies = append(src.copies, func() { restore(); src.shown = slices.Clone(rows) })
	case 3, 4:
		if n := len(src.copies); n > 0 {
			src.copies[s.r.IntN(n)]()
		}
	case 5:
		src.name, src.publisher = fmt.Sprint("source ", s.r.IntN(20)), nil
	case 6:
		s.mend(src)
	case 7:
		s.housekeeping(src)
	case 8:
		s.move(src)
	case 9:
		if s.apart && s.r.IntN(4) == 0 {
			s.complete()
		}
	case 10:
		s.collect()
	case 11:
		s.lose()
	}
	for range s.r.IntN(10) {
		s.decide(src)
	}
	s.now += s.r.Int64N(60_000)
	if !s.apart && s.r.IntN(10) == 0 {
		s.now += s.r.Int64N(tokenLife * 1000)
	}
	s.publish(src, true)
	s.verdicts(s.read, nil)
}

// decide records a new decision in a source, and sometimes in another one, too.
func (s *saga) decide(src *telling) {
	row := s.row(src)
	if row.Moment != source.None {
		s.all.read([]source.Row{row}, s.now)
	}
	s.record(src, row)
	if other := s.sources[s.r.IntN(len(s.sources))]; s.r.IntN(10) == 0 && row.Moment != source.None && other != src {
		s.record(other, row)
	}
}

func (s *saga) record(src *telling, row source.Row) {
	src.place.add(s, row)
	src.all, src.shown = append(src.all, row), append(src.shown, row)
}

var sagaRules = [][]string{{"sub"}, {"sub"}, {"jti"}, {"sid"}, {"client_id", "sub"}, {"client_id", "sub"}, {"kid"}, {"client_id"}}

// row returns a random decision about a few claims.
func (s *saga) row(src *telling) source.Row {
	row := source.Row{Before: source.None, Exp: source.None}
	if s.r.IntN(50) > 0 {
		row.Names = sagaRules[s.r.IntN(len(sagaRules))]
	}
	for _, name := range row.Names {
		row.Values = append(row.Values, s.value(name))
	}
	row.Moment = s.moment(claimsOf(row))
	row.Reinstate = s.r.IntN(5) < 2
	seconds := s.now / 1000
	if len(row.Names) == 0 || s.r.IntN(4) == 0 {
		row.Before = seconds - s.r.Int64N(tokenLife)
	}
	switch {
	case s.apart && s.r.IntN(2) == 0:
		row.Exp = seconds + tokenLife + s.r.Int64N(tokenLife)
	case !s.apart && s.r.IntN(2) == 0:
		row.Exp = seconds - tokenLife/24 + s.r.Int64N(tokenLife)
	}
	if s.undated && src.kind != "table" && s.r.IntN(4) == 0 && (!row.Reinstate || src.kind == "file") {
		row.Moment = source.None
	}
	return row
}

func (s *saga) value(claim string) string { return fmt.Sprint(claim, " ", s.r.IntN(4)) }

// moment returns when a new decision about claims was made.
func (s *saga) moment(claims string) int64 {
	others := s.moments[claims]
	var at int64
	for free := false; !free; {
		at = s.now - s.r.Int64N(20*minute) + 4*minute
		if !s.apart {
			if len(others) > 0 && s.r.IntN(4) == 0 {
				at = min(others[s.r.IntN(len(others))], at)
			}
			break
		}
		at = s.now - s.r.Int64N(6*60*minute)
		free = !slices.ContainsFunc(others, func(other int64) bool { return max(at-other, other-at) <= 5*minute })
	}
	s.moments[claims] = append(others, at)
	return at
}

// subset returns some of the rows, in any order, and some of them more than once.
func (s *saga) subset(rows []source.Row) []source.Row {
	var some []source.Row
	for range s.r.IntN(len(rows)*3/2 + 1) {
		some = append(some, rows[s.r.IntN(len(rows))])
	}
	return some
}

func (s *saga) show(src *telling, rows []source.Row) {
	src.show(s, rows)
	src.shown = slices.Clone(rows)
}

// mend makes a source complete: the missing rows are recorded again, or all rows are written in
// another order.
func (s *saga) mend(src *telling) {
	if s.r.IntN(2) == 0 {
		all := slices.Clone(src.all)
		s.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		s.show(src, all)
		return
	}
	there := map[string]bool{}
	for _, row := range src.shown {
		there[fmt.Sprint(row)] = true
	}
	for _, row := range src.all {
		if !there[fmt.Sprint(row)] {
			src.place.add(s, row)
			src.shown = append(src.shown, row)
		}
	}
}

// housekeeping deletes rows of a table.
func (s *saga) housekeeping(src *telling) {
	if table, ok := src.place.(interface {
		housekeeping(testing.TB, int)
		rows(testing.TB) []source.Row
	}); ok {
		table.housekeeping(s, 1+s.r.IntN(4))
		src.shown = table.rows(s)
	}
}

// move renames a file.
func (s *saga) move(src *telling) {
	if f, ok := src.place.(*rowFile); ok {
		to := s.path(fmt.Sprint(s.r.IntN(20), filepath.Ext(f.path)))
		require.NoError(s, os.Rename(f.path, to))
		f.path, src.copies, src.publisher = to, nil, nil
	}
}

// lose removes or flips an object of the ledger.
func (s *saga) lose() {
	if !s.loses {
		return
	}
	infos, err := s.bucket.List(s.Context(), "ledger/", "")
	require.NoError(s, err)
	if len(infos) == 0 {
		return
	}
	// The newest objects are those that a publisher needs.
	name := infos[len(infos)-1-s.r.IntN(min(len(infos), 5))].Name
	if s.r.IntN(2) == 0 {
		delete(s.bucket.objects, name)
		return
	}
	data := slices.Clone(s.bucket.objects[name])
	data[s.r.IntN(len(data))] ^= 1 << s.r.IntN(8)
	s.bucket.objects[name] = data
}

func (s *saga) collect() {
	_, err := collect.Run(s.Context(), collect.Config{Store: s.bucket, Keys: s.key.Public(), Keep: time.Hour, Now: s.clock})
	if s.head > 0 {
		require.NoError(s, err)
	}
}

// publish publishes what a source shows, perhaps with faults.
func (s *saga) publish(src *telling, faults bool) *Result {
	bucket, cache := store.Store(s.bucket), store.Store(s.caches[s.r.IntN(len(s.caches))])
	var fault *faulty.Store
	if faults && s.r.IntN(8) == 0 {
		fault = &faulty.Store{N: 1 + s.r.Int64N(25), Way: []faulty.Way{faulty.Before, faulty.After, faulty.Killed, faulty.KilledAfter}[s.r.IntN(4)]}
		hit := []*store.Store{&bucket, &cache}[s.r.IntN(2)]
		fault.Store = *hit
		*hit = fault
	}
	if s.r.IntN(10) == 0 {
		damage(s, s.r, s.caches[s.r.IntN(len(s.caches))])
	}
	result, err := s.run(src, bucket, cache)
	s.operations += len(src.visited) + 1
	if fault == nil || fault.Failed() == 0 {
		require.NoError(s, err)
	}
	if fault != nil && err != nil && fault.Way >= faulty.Killed {
		src.publisher = nil // its process died
	}
	s.behind = err != nil
	committed := result != nil
	if !committed {
		head, err := history.Head(s.Context(), s.bucket, s.key.Public(), nil)
		committed = err == nil && head.Version > s.head
	}
	if committed {
		s.head++
		s.read.read(src.visited, s.now)
		for _, row := range src.visited {
			s.happened[claimsOf(row)] = append(s.happened[claimsOf(row)], event{s.head, s.now, src.kind, src.name, row})
		}
	}
	if result != nil {
		require.Equal(s, s.head, result.Version)
	}
	return result
}

// run publishes with a publisher that stays, or with a new one that has a cache or none.
func (s *saga) run(src *telling, bucket, cache store.Store) (*Result, error) {
	cfg := Config{
		Store: bucket, Key: s.key, Source: &heard{src.open(s), src}, SourceName: src.name,
		Create: true, Issuer: testIssuer, MaxTokenLife: tokenLife * time.Second, ValidFor: time.Hour,
		Now: s.clock, SnapshotEvery: s.r.IntN(3) * 5,
	}
	src.visited = nil
	switch {
	case src.publisher != nil && s.r.IntN(20) > 0:
		src.swap[0].Store, src.swap[1].Store = bucket, cache
		src.publisher.Source = cfg.Source
		return src.publisher.run(s.Context())
	case s.r.IntN(3) == 0:
		src.swap = [2]*swapped{{bucket}, {cache}}
		cfg.Store = src.swap[0]
		if s.r.IntN(2) == 0 {
			cfg.Cache = src.swap[1]
		}
		var err error
		src.publisher, err = newPublisher(cfg)
		require.NoError(s, err)
		return src.publisher.run(s.Context())
	case s.r.IntN(3) > 0:
		cfg.Cache = cache
	}
	return Run(s.Context(), cfg)
}

// swapped is a store that is another one in each run.
type swapped struct{ store.Store }

// heard is a source that keeps the rows of its last reading.
type heard struct {
	source.Source
	*telling
}

func (h *heard) String() string { return h.Source.String() }

func (h *heard) Read(ctx context.Context, since source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	h.visited = nil
	return h.Source.Read(ctx, since, func(row *source.Row) error {
		h.visited = append(h.visited, sourcetest.Clone(row))
		return visit(row)
	})
}

// damage removes, cuts or empties a file of a cache.
func damage(t testing.TB, r *rand.Rand, cache *memory) {
	infos, err := cache.List(t.Context(), "", "")
	require.NoError(t, err)
	if len(infos) == 0 {
		return
	}
	name := infos[r.IntN(len(infos))].Name
	switch data := cache.objects[name]; r.IntN(3) {
	case 0:
		delete(cache.objects, name)
	case 1:
		cache.objects[name] = data[:len(data)/2]
	case 2:
		cache.objects[name] = nil
	}
}

// complete lets each source show all its decisions, and publishes them. If the moments are apart,
// the verdicts are those of all decisions then, and reading everything once more changes nothing.
func (s *saga) complete() {
	for _, src := range s.sources {
		s.mend(src)
		s.publish(src, false)
	}
	s.verdicts(s.read, nil)
	if !s.apart {
		return
	}
	s.verdicts(s.all, s.all)
	for _, src := range s.sources {
		s.show(src, src.all)
		result := s.publish(src, false)
		require.Zero(s, result.Changed+result.Released, "%s was read again", src.kind)
	}
	s.verdicts(s.all, s.all)
}

// verdicts checks tokens. Each rule whose latest decision revokes the token must refuse it. No
// other rule may, of those that exact knows.
func (s *saga) verdicts(m, exact latest) {
	if s.head == 0 {
		return
	}
	c, err := client.Open(s.Context(), client.Config{Store: s.bucket, Keys: s.key.Public(), Now: s.clock})
	require.NoError(s, err)
	require.NoError(s, c.Status().Err)
	if s.behind && c.Status().Version < s.head {
		return
	}
	require.Equal(s, s.head, c.Status().Version)
	seconds := s.now / 1000
	for range 100 {
		s.operations++
		iat := seconds - s.r.Int64N(tokenLife)
		token := client.Token{Claims: map[string]any{"iss": testIssuer, "iat": iat}, Header: map[string]any{"kid": s.value("kid")}}
		for _, name := range []string{"jti", "sid", "sub", "client_id"} {
			token.Claims[name] = s.value(name)
		}
		var refuse []string
		if e, ok := c.Check(token).(*client.RevokedError); ok {
			refuse = e.Rules
		}
		for _, rule := range append(sagaRules, nil) {
			claims := keyOf(token, rule)
			d, known := m[claims]
			name := strings.Join(rule, "+")
			if len(rule) == 0 {
				name = "*"
			}
			refused := slices.Contains(refuse, name)
			if known && d.revokes(iat, seconds) {
				require.True(s, refused, "a token of iat %d is accepted: %s at %d%s", iat, claims, s.now-noon, s.story(claims))
			}
			if d, known := exact[claims]; exact != nil && (!known || d.Reinstate) {
				require.False(s, refused, "a token of iat %d is refused: %s at %d%s", iat, claims, s.now-noon, s.story(claims))
			}
		}
	}
}

// keyOf is the claims by which a rule would revoke a token.
func keyOf(token client.Token, rule []string) string {
	row := source.Row{Names: rule}
	for _, name := range rule {
		value, ok := token.Claims[name]
		if !ok {
			value = token.Header[name]
		}
		row.Values = append(row.Values, value.(string))
	}
	return claimsOf(row)
}
