package client_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// An attack is what a web server, or whoever sits between it and the client, does to
// a client that has followed the list to version 3. Whatever it is, the story
// goes on as in run.
type attack struct {
	// before is what else is so from the beginning; may be nil.
	before func(s *siege)
	// answer prepares the attack. It may publish, and then hide what it published.
	answer func(s *siege) hostile.Answer
	// is and text are what the refresh has to say: an error that is wrapped, and a
	// part of the sentence. With neither, it keeps quietly what it has. If later is set,
	// a client that is restarted is the first to notice.
	is    error
	text  string
	later bool
	// fresh is the version that a client without a cache gets, 0 for none.
	fresh uint64
}

// siege is a list of three versions, in which a token is revoked and another no more, the
// web server that it is read from, and a client with a cache.
type siege struct {
	*list
	*truth
	web  *hostile.Server
	http *http.Client // nil for the store's own
	keys *signer.KeySet
	disk string
}

const held = 3 // the version that the client has before the attack

func besiege(t *testing.T) *siege {
	l, w := small(t)
	s := &siege{list: l, truth: w, keys: l.key.Public(), disk: filepath.Join(l.dir, "disk")}
	s.web = hostile.Serve(l.bucket.String())
	t.Cleanup(s.web.Close)
	return s
}

// follow opens a client over HTTP, as every start of a service does.
func (s *siege) follow(options ...func(*client.Config)) *client.Client {
	s.t.Helper()
	r, err := store.OpenHTTP(s.web.URL, s.http)
	require.NoError(s.t, err)
	online := func(cfg *client.Config) { cfg.Store, cfg.Keys, cfg.Issuer = r, s.keys, issuer }
	return s.open(append([]func(*client.Config){online}, options...)...)
}

func (s *siege) cached(cfg *client.Config) { cfg.Cache = s.cache("disk") }

func unplugged(cfg *client.Config) {
	wire := &link{Reader: cfg.Store}
	wire.down.Store(true)
	cfg.Store = wire
}

// says holds a client to the truth of a version: what it has, what it says of
// every token, and nothing else.
func (s *siege) says(c *client.Client, version uint64, when string) {
	s.t.Helper()
	require.Equal(s.t, version, c.Status().Version, when)
	if version == 0 {
		for _, token := range s.tokens {
			require.ErrorIs(s.t, c.Check(token), client.ErrNoList, when)
		}
		return
	}
	require.Equal(s.t, s.rules[version], answers(c, s.tokens), when)
}

// files is what lies in the cache.
func (s *siege) files() map[string]string {
	all := map[string]string{}
	require.NoError(s.t, filepath.WalkDir(s.disk, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, s.disk)] = string(data)
		return err
	}))
	return all
}

// next publishes a version that revokes one more token, the first one of the truth.
func (s *siege) next() uint64 {
	s.t.Helper()
	result := s.publish(`{"jti":"good","exp":"2027-01-16T00:00:00Z"}` + "\n")
	s.rules[result.Version] = answers(s.open(), s.tokens)
	require.Equal(s.t, "jti", s.rules[result.Version][0])
	return result.Version
}

func (a attack) complains(t *testing.T, err error, when string) {
	t.Helper()
	if a.is == nil && a.text == "" {
		require.NoError(t, err, when)
		return
	}
	require.Error(t, err, when)
	if a.is != nil {
		require.ErrorIs(t, err, a.is, when)
	}
	require.ErrorContains(t, err, a.text, when)
}

// run tells the story of an attack.
func (a attack) run(t *testing.T) {
	s := besiege(t)
	if a.before != nil {
		a.before(s)
	}
	c := s.follow(s.cached)
	s.says(c, held, "before the attack")
	before := s.files()

	s.web.Attack(a.answer(s))
	if err := c.Refresh(t.Context()); a.later {
		require.NoError(t, err)
	} else {
		a.complains(t, err, "the refresh")
	}
	s.says(c, held, "under attack")
	restarted := s.follow(s.cached)
	a.complains(t, restarted.Status().Err, "the restart")
	s.says(restarted, held, "restarted under attack")
	s.says(s.follow(s.cached, unplugged), held, "restarted without a network")
	require.Equal(t, before, s.files(), "the attack reached the cache")
	fresh := s.follow()
	if a.fresh == 0 {
		require.Error(t, fresh.Status().Err, "a client without a cache")
	}
	s.says(fresh, a.fresh, "without a cache")

	s.web.Attack(nil)
	head := s.next()
	for _, c := range []*client.Client{c, restarted, fresh} {
		require.NoError(t, c.Refresh(t.Context()), "the next honest update")
		s.says(c, head, "after the attack")
	}
	s.says(s.follow(s.cached), head, "restarted after the attack")
	s.says(s.follow(s.cached, unplugged), head, "restarted after it, without a network")
	s.says(s.follow(), head, "without a cache, after the attack")
}

func runAll(t *testing.T, attacks map[string]attack) {
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) { a.run(t) })
	}
}

// emptied is the version of a list after the honest one as an attacker wants
// it, in which nothing is revoked. What it lacks is the signature.
func (s *siege) emptied(version uint64) (*signer.Manifest, map[string][]byte) {
	s.t.Helper()
	head, err := history.Read(s.t.Context(), s.bucket, s.key.Public(), held)
	require.NoError(s.t, err)
	none, err := crl.Build(0, version, nil, nil)
	require.NoError(s.t, err)
	object, stored, err := history.Pack(none)
	require.NoError(s.t, err)
	m := *head.Manifest
	m.Version, m.Previous = version, head.Digest()
	object.Changes = m.State.Changes + 1
	m.Objects = []signer.Object{object}
	checksum := none.Checksum()
	m.State = signer.State{
		Changed: version, Changes: object.Changes, Checksum: checksum.Bytes(),
		SHA256: sha(none.Bytes()), Dropped: m.State.Dropped,
	}
	return &m, map[string][]byte{object.Name(): stored}
}

// instead serves a manifest as the newest, with its objects. From the hint and from probing.
func instead(version uint64, manifest []byte, objects map[string][]byte) hostile.Answer {
	all := map[string][]byte{signer.LatestName: manifest, signer.ManifestName(version): manifest}
	for name, data := range objects {
		all[name] = data
	}
	return hostile.Objects(all)
}

// The attacks with forged lists are real ones: whoever has the key can do that.
func TestAForgeryWithTheRightKeyIsTaken(t *testing.T) {
	s := besiege(t)
	c := s.follow(s.cached)
	m, objects := s.emptied(held + 1)
	signed, err := s.key.SignManifest(m)
	require.NoError(t, err)
	s.web.Attack(instead(m.Version, signed, objects))
	require.NoError(t, c.Refresh(t.Context()))
	for _, c := range []*client.Client{c, s.follow(), s.follow(s.cached, unplugged)} {
		require.EqualValues(t, held+1, c.Status().Version)
		require.NoError(t, c.Check(s.token(map[string]any{"jti": "stolen"})))
	}
}
