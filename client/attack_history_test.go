package client_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/client"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/hostile"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// object is what lies in the bucket.
func (s *siege) object(name string) []byte {
	s.t.Helper()
	obj, err := s.bucket.Get(s.t.Context(), name, 1<<20, "")
	require.NoError(s.t, err)
	return obj.Data
}

// until serves the list as it was at a version; what came later is not there.
func (s *siege) until(version uint64) hostile.Answer {
	objects := map[string][]byte{signer.LatestName: s.object(signer.ManifestName(version))}
	for later := version + 1; later <= held+10; later++ {
		objects[signer.ManifestName(later)] = nil
	}
	return hostile.Objects(objects)
}

// another is a list by the same key, of an issuer, with more versions.
func (s *siege) another(iss string) *list {
	other := newList(s.t)
	other.secret, other.key = s.secret, s.key
	for range held + 2 {
		other.publish("", func(cfg *publish.Config) { cfg.Issuer = iss })
	}
	return other
}

func TestRollback(t *testing.T) {
	runAll(t, map[string]attack{
		"to version 2": {answer: func(s *siege) hostile.Answer { return s.until(2) }, is: client.ErrRollback, fresh: 2},
		"to version 1": {answer: func(s *siege) hostile.Answer { return s.until(1) }, is: client.ErrRollback, fresh: 1},
		"while there is a version 4": {answer: func(s *siege) hostile.Answer {
			s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n")
			return s.until(2)
		}, is: client.ErrRollback, fresh: 2},
		"of the hint, with the newest version out of sight": {answer: func(s *siege) hostile.Answer {
			return hostile.Objects(map[string][]byte{
				signer.LatestName:         s.object(signer.ManifestName(1)),
				signer.ManifestName(held): nil,
			})
		}, is: client.ErrRollback, fresh: 1},
		"without a hint": {answer: func(s *siege) hostile.Answer {
			return hostile.Objects(map[string][]byte{signer.LatestName: nil, signer.ManifestName(held): nil})
		}, is: store.ErrNotFound, fresh: 2},
		"to nothing": {answer: always(hostile.Everything(404, "")), is: store.ErrNotFound},
	})
}

// An attacker who can only repeat what was said is not noticed, until the list is stale.
func TestFreeze(t *testing.T) {
	frozen := func(s *siege) hostile.Answer {
		s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n")
		return s.until(held)
	}
	attack{answer: frozen, fresh: held}.run(t)

	for name, answer := range map[string]func(*siege) hostile.Answer{
		"the same answers": frozen,
		"not modified":     always(hostile.Only(signer.LatestName, hostile.Everything(304, ""))),
	} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t)
			byManifest := s.follow(s.cached)
			byCaller := s.follow(func(cfg *client.Config) { cfg.MaxAge = 20 * time.Minute })
			s.web.Attack(answer(s))
			_ = byManifest.Refresh(t.Context())
			_ = byCaller.Refresh(t.Context())
			var stale *client.StaleError
			var revoked *client.RevokedError
			refuses := func(c *client.Client) {
				require.ErrorAs(t, c.Check(s.tokens[0]), &stale)
				require.ErrorAs(t, c.Check(s.tokens[1]), &revoked)
			}
			s.sleep(20 * time.Minute)
			s.says(byManifest, held, "it is good for an hour")
			refuses(byCaller)
			s.sleep(40 * time.Minute)
			_ = byManifest.Refresh(t.Context())
			refuses(byManifest)
			refuses(s.follow(s.cached))

			s.web.Attack(nil)
			head := s.next()
			require.NoError(t, byManifest.Refresh(t.Context()))
			s.says(byManifest, head, "after the attack")
		})
	}
}

// mixed publishes version 4 and serves other bytes, of the same length, for its objects.
func mixed(other func(s *siege, version4 *history.Version) []byte) func(*siege) hostile.Answer {
	return func(s *siege) hostile.Answer {
		added := s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n").Objects
		v, err := history.Read(s.t.Context(), s.bucket, s.keys, held+1)
		require.NoError(s.t, err)
		answer := map[string][]byte{}
		for _, o := range added {
			data := make([]byte, o.Size)
			copy(data, other(s, v))
			answer[o.Name()] = data
		}
		require.NotEmpty(s.t, answer)
		return hostile.Objects(answer)
	}
}

// resigned is version 4 as the honest key would sign it, with a manifest that is edited, and
// stored, if there is any, in the place of its object.
func resigned(edit func(m *signer.Manifest, head *history.Version), stored ...[]byte) func(*siege) hostile.Answer {
	return func(s *siege) hostile.Answer {
		m, objects := s.emptied(held + 1)
		head, err := history.Read(s.t.Context(), s.bucket, s.keys, held)
		require.NoError(s.t, err)
		edit(m, head)
		for _, data := range stored {
			objects[m.Objects[0].Name()] = data
		}
		signed, err := s.key.SignManifest(m)
		require.NoError(s.t, err)
		return instead(m.Version, signed, objects)
	}
}

func TestMixAndMatch(t *testing.T) {
	const other = "https://other.example"
	runAll(t, map[string]attack{
		"the delta of another base": {answer: mixed(func(s *siege, v *history.Version) []byte {
			return s.object(v.Objects[1].Name())
		}), text: "its SHA-256 is"},
		"the snapshot of another list": {answer: mixed(func(s *siege, _ *history.Version) []byte {
			list := s.another(issuer)
			v, err := history.Read(s.t.Context(), list.bucket, s.keys, 1)
			require.NoError(s.t, err)
			stored, err := list.bucket.Get(s.t.Context(), v.Objects[0].Name(), 1<<20, "")
			require.NoError(s.t, err)
			return stored.Data
		}), text: "its SHA-256 is"},
		"the state of version 3 with no entries": {answer: resigned(func(m *signer.Manifest, head *history.Version) {
			changed, changes := m.State.Changed, m.State.Changes
			m.State = head.State
			m.State.Changed, m.State.Changes = changed, changes
		}), is: history.ErrNotTheState},
		"a checksum of other entries": {answer: resigned(func(m *signer.Manifest, head *history.Version) {
			m.State.Checksum = head.State.Checksum
		}), is: history.ErrNotTheState},
		"a hash of other entries": {answer: resigned(func(m *signer.Manifest, head *history.Version) {
			m.State.SHA256 = head.State.SHA256
		}), is: history.ErrNotTheState},
		"objects that lead elsewhere": {answer: resigned(func(m *signer.Manifest, head *history.Version) {
			m.Objects = head.Objects
		}), text: "the manifest of version 4: no objects lead from version 0 to 4"},
		"an older manifest under the newest name": {answer: func(s *siege) hostile.Answer {
			return hostile.Objects(map[string][]byte{signer.LatestName: nil, signer.ManifestName(held + 1): s.object(signer.ManifestName(2))})
		}, is: history.ErrOtherVersion},
		"a list of another issuer": {answer: func(s *siege) hostile.Answer {
			return hostile.Directory(s.another(other).bucket.String())
		}, text: "is of the issuer " + other},
		"the hint of another list": {answer: func(s *siege) hostile.Answer {
			return hostile.Only(signer.LatestName, hostile.Directory(s.another(other).bucket.String()))
		}, text: "is of the issuer " + other},
	})
}

// Two lists of one issuer by one key differ in their salt alone. Who holds one does not
// take the other; who holds none cannot tell them apart: a key signs for one list.
func TestAnotherListOfTheSameKey(t *testing.T) {
	s := besiege(t)
	c := s.follow(s.cached)
	s.web.Attack(hostile.Directory(s.another(issuer).bucket.String()))
	for _, c := range []*client.Client{c, s.follow(s.cached)} {
		require.ErrorIs(t, c.Refresh(t.Context()), client.ErrRollback)
		s.says(c, held, "under attack")
	}
	s.says(s.follow(s.cached, unplugged), held, "without a network")
	require.NoError(t, s.follow().Check(s.tokens[1]), "what does not hold, see docs/THREATS.md")

	s.web.Attack(nil)
	head := s.next()
	require.NoError(t, c.Refresh(t.Context()))
	s.says(c, head, "after the attack")
}

// The objects of version 4 are withheld, and what is found in its place is version 5 of another
// list by the same key.
func TestAnotherListBehindWithheldObjects(t *testing.T) {
	attack{answer: func(s *siege) hostile.Answer {
		other := s.another(issuer)
		s.publish(`{"jti":"another","exp":"2027-01-16T00:00:00Z"}` + "\n")
		elsewhere := hostile.Directory(other.bucket.String())
		return hostile.First(
			hostile.Only("versions/000000000005/", elsewhere),
			hostile.Only(".crl.zst", elsewhere), // version 4 of ours has none there
			hostile.Objects(map[string][]byte{signer.ManifestName(6): nil}),
		)
	}, is: history.ErrFork}.run(t)
}

// The attack ends, and nothing new is published: the very version that was attacked is taken.
func TestTheAttackedVersionIsTaken(t *testing.T) {
	s := besiege(t)
	c := s.follow(s.cached)
	head := s.next()
	s.web.Attack(hostile.Only(".crl.zst", hostile.Everything(404, "")))
	require.ErrorIs(t, c.Refresh(t.Context()), store.ErrNotFound)
	s.says(c, held, "under attack")
	s.web.Attack(nil)
	require.NoError(t, c.Refresh(t.Context()))
	s.says(c, head, "after the attack")
}

// nginx makes an ETag of the second and the length of a file, so two manifests that are published
// within a second have the same. They are published in the time between two polls here.
func TestTheSameETagForTwoManifests(t *testing.T) {
	s := besiege(t)
	requests, bytes := 0, 0
	s.web.Attack(func(w http.ResponseWriter, r *http.Request, name string) bool {
		requests++
		if name != signer.LatestName {
			bytes += 500 // of a page that says that there is nothing
			return false
		}
		w.Header().Set("ETag", `"6923f3c0-8bb"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			bytes += 100
			return true
		}
		return false
	})
	c := s.follow(s.cached)
	poll := func(n int) {
		for range n {
			s.sleep(15 * time.Second)
			require.NoError(t, c.Refresh(t.Context()))
		}
	}
	head := s.next()
	poll(7)
	s.says(c, held, "not modified")
	poll(1)
	s.says(c, head, "the eighth asks for the next version")
	requests, bytes = 0, 0
	poll(80)
	require.Equal(t, 80, requests, "a poll without news is one request")
	require.LessOrEqual(t, bytes, 80*500)
	head = s.publish(oneMore).Version
	poll(8)
	require.Equal(t, head, c.Status().Version)
}
