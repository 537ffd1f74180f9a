package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/store"
)

// A file of a cache is gone, cut or empty: a disk was full, or a backup tool skipped it. The next run
// publishes all the same, and makes the cache whole. After that a store that is set back is noticed.
func TestACacheThatLostAFile(t *testing.T) {
	for name, versions := range map[string]int{"a young list": 2, "an older one": 9} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := newScene(t)
			origin.revokeAll(versions)
			old := origin.copy(t) // the store will be set back to this
			origin.files("cache", func(path string) {
				file, err := filepath.Rel(origin.dir, path)
				require.NoError(t, err)
				for how, damage := range map[string]func(string){
					"gone":  func(path string) { require.NoError(t, os.Remove(path)) },
					"cut":   func(path string) { require.NoError(t, os.Truncate(path, 40)) },
					"empty": func(path string) { require.NoError(t, os.Truncate(path, 0)) },
				} {
					what := file + " is " + how
					s := origin.copy(t)
					damage(filepath.Join(s.dir, file))
					s.now += 30
					s.revoke("next")
					r, err := s.run(s.open("list"), s.open("cache"))
					require.NoError(t, err, what)
					if filepath.Base(file) == "manifest.jwt" {
						require.Contains(t, strings.Join(r.Warnings, "\n"), "the cache", what)
					}
					s.holds(what)
					r, err = s.run(s.open("list"), s.open("cache"))
					require.NoError(t, err, what)
					require.Empty(t, r.Warnings, what)
					require.NoError(t, os.RemoveAll(filepath.Join(s.dir, "list")))
					require.NoError(t, os.CopyFS(filepath.Join(s.dir, "list"), os.DirFS(filepath.Join(old.dir, "list"))))
					_, err = s.run(s.open("list"), s.open("cache"))
					require.ErrorAs(t, err, new(*LostError), what)
				}
			})
		})
	}
}

// A cache of the list of another issuer, or of a key that is not trusted, is replaced with a warning.
func TestTheCacheOfAnotherList(t *testing.T) {
	for name, other := range map[string]func(*scene){
		"of another issuer": func(s *scene) { s.cfg = func(cfg *Config) { cfg.Issuer = "https://other.example" } },
		"of another key":    func(s *scene) { s.key = newScene(t).key },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.revokeAll(3)
			foreign := s.copy(t)
			require.NoError(t, os.RemoveAll(foreign.dir))
			other(foreign)
			foreign.publish()
			require.NoError(t, os.RemoveAll(filepath.Join(s.dir, "cache")))
			require.NoError(t, os.Rename(filepath.Join(foreign.dir, "cache"), filepath.Join(s.dir, "cache")))
			s.revoke("next")
			r, err := s.run(s.open("list"), s.open("cache"))
			require.NoError(t, err)
			require.Len(t, r.Warnings, 1)
			require.Contains(t, r.Warnings[0], "the cache")
			s.holds(name)
			s.now += 30
			r, err = s.run(s.open("list"), s.open("cache"))
			require.NoError(t, err)
			require.Empty(t, r.Warnings)
		})
	}
}

// A cache of another list of the same issuer is a sign that the list in the store was started again,
// which readers of the old list refuse. So nothing is published.
func TestAListThatWasStartedAgain(t *testing.T) {
	s := newScene(t)
	s.revokeAll(3)
	require.NoError(t, os.RemoveAll(filepath.Join(s.dir, "list")))
	_, err := s.run(s.open("list"), s.open("cache"))
	require.ErrorAs(t, err, new(*LostError))
	_, err = s.run(s.open("list"), nil)
	require.NoError(t, err)
	_, err = s.run(s.open("list"), s.open("cache"))
	require.ErrorAs(t, err, new(*RestartedError))
}

// An object of the ledger is missing, or has a flipped bit. A publisher without a cache begins the
// ledger again. What was revoked stays revoked, and what a row reinstates that is read again is let
// in. The run after that has nothing to say.
func TestALedgerThatIsLost(t *testing.T) {
	b := newBench(t)
	b.Cache = nil
	bucket := b.Store.(*memory)
	for i := range int64(12) {
		b.publish("auth", say("alice", noon-100*minute), reinstate("bob", noon-90*minute), say("bob", noon-100*minute), say("carol", noon+i*1000))
	}
	lost := 0
	for name := range bucket.clone().objects {
		if !strings.HasPrefix(name, "ledger/") {
			continue
		}
		for how, damage := range map[string]func(*memory){
			"gone":    func(m *memory) { delete(m.objects, name) },
			"flipped": func(m *memory) { m.objects[name] = append([]byte{^m.objects[name][0]}, m.objects[name][1:]...) },
		} {
			what := name + " is " + how
			c := *b
			c.Now = func() time.Time { return c.now }
			damaged := bucket.clone()
			damage(damaged)
			c.Store = damaged
			// An older reinstatement of carol comes with the source that is read first.
			r := c.publish("other", reinstate("carol", noon-10*minute))
			if !strings.Contains(strings.Join(r.Warnings, "\n"), "the ledger is begun again") {
				continue // no publisher needs the object any more
			}
			lost++
			require.True(t, c.refuses("alice"), what)
			require.True(t, c.refuses("carol"), what)
			c.publish("auth", say("alice", noon-100*minute), reinstate("bob", noon-90*minute), say("bob", noon-100*minute), say("carol", noon))
			require.True(t, c.refuses("alice"), what)
			require.False(t, c.refuses("bob"), what)
			require.True(t, c.refuses("carol"), what)
			require.Empty(t, c.publish("other").Warnings, what)
			// A reinstatement that is decided now counts, as ever.
			c.now = c.now.Add(20 * time.Minute)
			c.publish("other", reinstate("alice", c.now.UnixMilli()))
			require.False(t, c.refuses("alice"), what)
			c.state()
		}
	}
	require.Greater(t, lost, 4)
}

// A publisher with a cache does not miss the ledger in the store.
func TestACacheHasTheLedger(t *testing.T) {
	b := newBench(t)
	for i := range int64(5) {
		b.publish("auth", say("alice", noon+i*1000))
	}
	for name := range b.Store.(*memory).objects {
		if strings.HasPrefix(name, "ledger/") {
			delete(b.Store.(*memory).objects, name)
		}
	}
	require.Empty(t, b.publish("auth", say("bob", noon)).Warnings)
	b.Cache = nil
	require.Contains(t, b.publish("auth", say("bob", noon)).Warnings[0], "the ledger is begun again")
	require.True(t, b.refuses("alice"))
}

// forbidden is a bucket whose policy hides the ledger.
type forbidden struct{ store.Store }

var errForbidden = errors.New("403 Forbidden")

func (f forbidden) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if strings.HasPrefix(name, "ledger/") {
		return store.Object{}, errForbidden
	}
	return f.Store.Get(ctx, name, limit, etag)
}

// A publisher that may not read the ledger does not begin it again.
func TestALedgerThatIsForbidden(t *testing.T) {
	b := newBench(t)
	b.Cache = nil
	b.publish("auth", say("alice", noon))
	there := b.Store.(*memory)
	before := there.clone()
	b.Store = forbidden{there}
	_, err := b.run("auth", say("bob", noon))
	require.ErrorIs(t, err, errForbidden)
	require.Equal(t, before.objects, there.objects)
}

// The ledger has the names of the sources and the words of the rows. It has no address.
func TestReasonsAndNamesInTheLedger(t *testing.T) {
	b := newBench(t)
	b.WithReasons = true
	b.SourceName = "auth"
	row := say("alice", noon)
	row.Reason = "left the company"
	b.publish("postgres://secret.host/db", row)
	b.SourceName = ""
	b.publish("/srv/secret/path.jsonl", say("bob", noon))
	for name, data := range b.Store.(*memory).objects {
		require.NotContains(t, name+string(data), "secret")
	}
	state := b.state()
	require.Len(t, state.Sources, 2)
	require.Contains(t, state.Sources, "auth")
	first, err := history.Read(t.Context(), b.Store, b.Key.Public(), 1)
	require.NoError(t, err)
	record, err := (&ledger.Objects{Bucket: b.Store}).Record(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, "auth", record.Source)
	require.Len(t, record.Reasons, 1)
	require.Equal(t, "left the company", record.Reasons[0].Text)
}
