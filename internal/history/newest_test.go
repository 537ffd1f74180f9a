package history_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/faulty"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// A past is the versions of one list, from 1 on.
type past []*history.Version

func (p past) version(n int) *history.Version { return p[n-1] }

// commit writes the manifests of the versions from one to another, and the hint of the last.
func (p past) commit(t *testing.T, s store.Store, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		require.NoError(t, s.Create(t.Context(), signer.ManifestName(uint64(n)), p.version(n).Bytes))
	}
	p.hint(t, s, to)
}

func (p past) hint(t *testing.T, s store.Store, n int) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), signer.LatestName, p.version(n).Bytes))
}

// grow returns a past that is n versions longer. The issuer, the time and the salt tell pasts of
// the same length apart.
func grow(t *testing.T, key *signer.PrivateKey, p past, n int, issuer string, issued int64, salt byte) past {
	t.Helper()
	empty, err := crl.Build(0, 1, nil, nil)
	require.NoError(t, err)
	object, _, err := history.Pack(empty)
	require.NoError(t, err)
	object.Changes = 1
	sum := empty.Checksum()
	m := signer.Manifest{
		Issuer: issuer, IssuedAt: issued, Expires: issued + 1000, Format: signer.ManifestFormat, Salt: make([]byte, 16),
		Policy:  signer.Policy{MaxTokenLife: 60, Skew: 5, Granularity: 1},
		State:   signer.State{Changed: 1, Changes: 1, Checksum: sum.Bytes()},
		Objects: []signer.Object{object},
	}
	m.Salt[0] = salt
	p = append(past{}, p...)
	for range n {
		m.Version = uint64(len(p)) + 1
		if len(p) > 0 {
			m.Previous = p.version(len(p)).Digest()
		}
		signed, err := key.SignManifest(&m)
		require.NoError(t, err)
		v, err := history.ParseVersion(key.Public(), signed)
		require.NoError(t, err)
		p = append(p, v)
	}
	return p
}

// inStores runs a test on an empty directory and on an empty bucket.
func inStores(t *testing.T, test func(t *testing.T, open func() store.Store)) {
	t.Run("directory", func(t *testing.T) {
		test(t, func() store.Store {
			s, err := store.OpenDir(t.TempDir())
			require.NoError(t, err)
			return s
		})
	})
	t.Run("bucket", func(t *testing.T) {
		server := miniotest.Start(t)
		test(t, func() store.Store {
			s, err := s3.Open(t.Context(), server.Address(t))
			require.NoError(t, err)
			return s
		})
	})
}

func TestNewest(t *testing.T) {
	key := generate(t)
	ours := grow(t, key, nil, 40, "https://issuer", 1000, 1)
	fork := grow(t, key, ours[:3], 5, "https://issuer", 1001, 1)
	anew := grow(t, key, nil, 9, "https://issuer", 1000, 2)
	foreign := grow(t, key, nil, 9, "https://other", 1000, 1)
	remove := func(t *testing.T, s store.Store, versions ...uint64) {
		for _, v := range versions {
			require.NoError(t, s.Delete(t.Context(), signer.ManifestName(v)))
		}
	}
	put := func(t *testing.T, s store.Store, name string, data []byte) {
		require.NoError(t, s.Put(t.Context(), name, data))
	}
	inStores(t, func(t *testing.T, open func() store.Store) {
		for name, test := range map[string]struct {
			prepare func(t *testing.T, s store.Store)
			known   *history.Version
			want    *history.Version // nil: an error
			err     error            // a pointer of a type, with the fields that are expected but the store
			says    string
		}{
			"nothing happened since": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6) }, ours.version(6), ours.version(6), nil, ""},
			"no version is known": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6) }, nil, ours.version(6), nil, ""},
			"the known version is old": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 40) }, ours.version(2), ours.version(40), nil, ""},
			"the hint is old": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 40); ours.hint(t, s, 3) }, nil, ours.version(40), nil, ""},
			"the hint is older than the known version": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 40); ours.hint(t, s, 3) }, ours.version(5), ours.version(40), nil, ""},
			"the hint is missing": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 40)
					require.NoError(t, s.Delete(t.Context(), signer.LatestName))
				}, nil, ours.version(40), nil, ""},
			"the hint is rubbish": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); put(t, s, signer.LatestName, []byte("x")) }, nil, ours.version(6), nil, ""},
			"what another publisher left of a version that it did not commit": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 6)
					put(t, s, "versions/000000000007/delta-x.crl.zst", nil)
				}, ours.version(6), ours.version(6), nil, ""},

			"nothing": {
				func(t *testing.T, s store.Store) {}, nil, nil, history.ErrNoList, "there is no list in "},
			"objects without a version": {
				func(t *testing.T, s store.Store) { put(t, s, "versions/000000000001/snapshot-x.crl.zst", nil) }, nil, nil, history.ErrNoList, "there is no list in "},
			"a hint that is rubbish and nothing else": {
				func(t *testing.T, s store.Store) { put(t, s, signer.LatestName, []byte("x")) }, nil, nil, signer.ErrMalformed, "latest.jwt in "},

			"the hint and version 3 deleted": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 6)
					remove(t, s, 3)
					require.NoError(t, s.Delete(t.Context(), signer.LatestName))
				}, nil, nil, &history.GapError{Missing: 3, Later: 4}, "version 3 is missing in "},
			"the hint and version 1 deleted": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 6)
					remove(t, s, 1)
					require.NoError(t, s.Delete(t.Context(), signer.LatestName))
				}, nil, nil, &history.GapError{Missing: 1, Later: 2}, "although version 2 exists"},
			"an old hint, and the next version has not come yet": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); ours.hint(t, s, 3); remove(t, s, 4) }, nil, nil, &history.GapError{Missing: 4, Later: 5}, "version 4 is missing in "},
			"an old hint, and the last version alone has come": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 40)
					ours.hint(t, s, 3)
					for v := range uint64(36) {
						remove(t, s, 4+v)
					}
				}, ours.version(3), nil, &history.GapError{Missing: 4, Later: 40}, "although version 40 exists"},
			"a version far beyond": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 6)
					put(t, s, signer.ManifestName(signer.MaxVersion), nil)
				}, ours.version(6), nil, &history.GapError{Missing: 7, Later: signer.MaxVersion}, "version 7 is missing in "},
			"a gap between the known version and the hint": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 40); remove(t, s, 21, 22) }, ours.version(2), nil, &history.GapError{Missing: 21, Later: 23}, "version 21 is missing in "},
			"a gap in the place of the known version": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); remove(t, s, 4) }, ours.version(4), nil, &history.GapError{Missing: 4, Later: 5}, "version 4 is missing in "},
			"a gap in the place of the hint": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); ours.hint(t, s, 4); remove(t, s, 4) }, nil, nil, &history.GapError{Missing: 4, Later: 5}, "version 4 is missing in "},

			"an empty store in the place of the list": {
				func(t *testing.T, s store.Store) {}, ours.version(6), nil, &history.LostError{Version: 6}, "it holds no version"},
			"an older copy of the list": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 4) }, ours.version(6), nil, &history.LostError{Version: 6, Newest: 4, Hint: 4}, "the newest there is version 4"},
			"the hint of the known version alone is left": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); remove(t, s, 6) }, ours.version(6), nil, &history.LostError{Version: 6, Newest: 5, Hint: 6}, "is a copy of version 6, whose own manifest is missing"},
			"the hint of a later version alone is left": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); remove(t, s, 6) }, ours.version(3), nil, &history.LostError{Version: 6, Newest: 5, Hint: 6}, "is a copy of version 6, whose own manifest is missing"},
			"the hint alone is left, and no version is known": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); remove(t, s, 6) }, nil, nil, &history.LostError{Version: 6, Newest: 5, Hint: 6}, "is a copy of version 6, whose own manifest is missing"},
			"nothing but the hint": {
				func(t *testing.T, s store.Store) { ours.hint(t, s, 6) }, nil, nil, &history.LostError{Version: 6, Hint: 6}, "it holds no version"},

			"another manifest of the known version": {
				func(t *testing.T, s store.Store) { fork.commit(t, s, 1, 5) }, ours.version(5), nil, &history.ForkError{Known: ours.version(5), Found: fork.version(5)}, "another manifest of version 5 than the one that was accepted before"},
			"another manifest of the known version, and later ones": {
				func(t *testing.T, s store.Store) { fork.commit(t, s, 1, 8) }, ours.version(5), nil, &history.ForkError{Known: ours.version(5), Found: fork.version(5)}, "the history is forked"},
			"a later version that does not follow": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 5)
					fork.commit(t, s, 6, 8)
				}, ours.version(2), nil, &history.ForkError{Known: ours.version(5), Found: fork.version(6)}, "does not follow version 5"},
			"versions of another list behind the known one": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 5)
					foreign.commit(t, s, 6, 8)
				}, ours.version(5), nil, &history.ForkError{Known: ours.version(5), Found: foreign.version(6)}, "does not follow version 5"},
			"a hint that is another manifest of its version": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); fork.hint(t, s, 6) }, nil, nil, &history.ForkError{Known: fork.version(6), Found: ours.version(6), Hint: true}, "latest.jwt in "},
			"a hint that is another manifest of the known version": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 6); fork.hint(t, s, 6) }, ours.version(6), nil, &history.ForkError{Known: fork.version(6), Found: ours.version(6), Hint: true}, "latest.jwt in "},
			"a hint that is another manifest of a version on the way": {
				func(t *testing.T, s store.Store) { ours.commit(t, s, 1, 8); fork.hint(t, s, 6) }, ours.version(2), nil, &history.ForkError{Known: fork.version(6), Found: ours.version(6), Hint: true}, "latest.jwt in "},
			"a manifest under another name": {
				func(t *testing.T, s store.Store) {
					ours.commit(t, s, 1, 6)
					put(t, s, signer.ManifestName(7), ours.version(6).Bytes)
				}, ours.version(6), nil, history.ErrOtherVersion, "is the manifest of version 6"},

			"a list of another issuer": {
				func(t *testing.T, s store.Store) { foreign.commit(t, s, 1, 6) }, ours.version(4), nil, &history.OtherListError{Known: "https://issuer", Found: "https://other"}, `of the issuer "https://other"`},
			"a shorter list of another issuer": {
				func(t *testing.T, s store.Store) { foreign.commit(t, s, 1, 3) }, ours.version(4), nil, &history.OtherListError{Known: "https://issuer", Found: "https://other"}, `of the issuer "https://other"`},
			"the hint of another issuer": {
				func(t *testing.T, s store.Store) { foreign.hint(t, s, 3) }, ours.version(4), nil, &history.OtherListError{Known: "https://issuer", Found: "https://other"}, `of the issuer "https://other"`},
			"a list that was started anew": {
				func(t *testing.T, s store.Store) { anew.commit(t, s, 1, 6) }, ours.version(4), nil, &history.RestartedError{Issuer: "https://issuer"}, `another list of the issuer "https://issuer"`},
			"a shorter list that was started anew": {
				func(t *testing.T, s store.Store) { anew.commit(t, s, 1, 3) }, ours.version(4), nil, &history.RestartedError{Issuer: "https://issuer"}, `another list of the issuer "https://issuer"`},
		} {
			t.Run(name, func(t *testing.T) {
				s := open()
				test.prepare(t, s)
				head, err := history.Newest(t.Context(), s, key.Public(), test.known)
				if test.want != nil {
					require.NoError(t, err)
					require.Equal(t, test.want.Bytes, head.Bytes)
					return
				}
				require.Nil(t, head)
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, s.String())
				switch e := test.err.(type) {
				case *history.GapError:
					e.Store = s.String()
				case *history.LostError:
					e.Store = s.String()
				case *history.ForkError:
					require.ErrorIs(t, err, history.ErrFork)
					e.Store = s.String()
				case *history.OtherListError:
					e.Store = s.String()
				case *history.RestartedError:
					e.Store = s.String()
				default:
					require.ErrorIs(t, err, test.err)
					return
				}
				require.Equal(t, test.err, err)
			})
		}
	})
}

// Objects of a store are deleted, restored and replaced at random, and Newest must agree with a
// model: the newest of all versions, if the line from known or the hint up to it is whole.
func TestNewestOfRandomStores(t *testing.T) {
	key := generate(t)
	ours := grow(t, key, nil, 40, "https://issuer", 1000, 1)
	pasts := []past{
		ours, ours, ours, ours,
		grow(t, key, ours[:11], 29, "https://issuer", 1001, 1),
		grow(t, key, nil, 40, "https://issuer", 1000, 2),
		grow(t, key, nil, 40, "https://other", 1000, 1),
	}
	rounds := map[string]int{"directory": 2000, "bucket": 200}
	inStores(t, func(t *testing.T, open func() store.Store) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		intN := rand.New(rand.NewPCG(seed, 0)).IntN
		s := open()
		held := map[int]*history.Version{} // by version; 0 is the hint
		set := func(n int, v *history.Version) {
			name := signer.LatestName
			if n > 0 {
				name = signer.ManifestName(uint64(n))
			}
			if held[n] == v {
				return
			}
			if held[n] = v; v == nil {
				delete(held, n)
				require.NoError(t, s.Delete(t.Context(), name))
				return
			}
			require.NoError(t, s.Put(t.Context(), name, v.Bytes))
		}
		length, ends := 0, map[string]int{}
		for range rounds[filepath.Base(t.Name())] {
			if intN(3) == 0 { // the store is whole, up to some version
				length = min(max(length+intN(9)-4, 0), 40)
				for n := 1; n <= 40; n++ {
					if n <= length {
						set(n, ours.version(n))
					} else {
						set(n, nil)
					}
				}
				set(0, nil)
				if length > 0 {
					set(0, ours.version(length))
				}
			}
			for range intN(3) { // some objects become others, or go away
				n := intN(length+2) % 41
				p := pasts[intN(len(pasts))]
				switch {
				case intN(2) == 0:
					set(n, nil)
				case n == 0:
					set(n, p.version(1+intN(40)))
				default:
					set(n, p.version(n))
				}
			}
			var known *history.Version
			if intN(3) > 0 {
				known = pasts[intN(len(pasts))].version(min(1+intN(length+2), 40))
			}
			head, err := history.Newest(t.Context(), s, key.Public(), known)
			ends[kind(err)]++
			agree(t, held, known, head, err)
		}
		t.Log(ends)
		require.Len(t, ends, 7, "each end must happen")
	})
}

// agree fails the test unless a head or an error is right for the versions that a store holds.
func agree(t *testing.T, held map[int]*history.Version, known, head *history.Version, err error) {
	t.Helper()
	hint, newest := held[0], 0
	for n := range held {
		newest = max(newest, n)
	}
	first := 1
	switch {
	case known != nil:
		first = int(known.Version)
	case hint != nil:
		first = int(hint.Version)
	}
	whole := newest >= first && (known == nil || held[first] == known) && (hint == nil || int(hint.Version) <= newest)
	for n := first; n <= newest && whole; n++ {
		v := held[n]
		whole = v != nil && (hint == nil || int(hint.Version) != n || hint == v) &&
			// From version 1 on, names count.
			(n == first || known == nil && hint == nil || v.Previous == held[n-1].Digest())
	}
	if whole {
		require.NoError(t, err)
		require.Equal(t, held[newest].Bytes, head.Bytes)
		return
	}
	require.Error(t, err)
	require.Nil(t, head)
	var gap *history.GapError
	var lost *history.LostError
	var fork *history.ForkError
	switch {
	case errors.As(err, &gap):
		require.Nil(t, held[int(gap.Missing)])
		require.NotNil(t, held[int(gap.Later)])
		require.Greater(t, gap.Later, gap.Missing)
	case errors.As(err, &lost):
		require.Nil(t, held[int(lost.Version)])
		require.EqualValues(t, newest, lost.Newest)
		require.Greater(t, lost.Version, lost.Newest)
	case errors.As(err, &fork):
		require.Equal(t, held[int(fork.Found.Version)].Bytes, fork.Found.Bytes)
		require.NotEqual(t, fork.Found.Previous, fork.Known.Digest())
	case errors.Is(err, history.ErrNoList):
		require.Empty(t, held)
	default:
		require.NotNil(t, known, err)
		require.False(t, held[first] == known)
	}
}

func kind(err error) string {
	var gap *history.GapError
	var lost *history.LostError
	var fork *history.ForkError
	var issuer *history.OtherListError
	var list *history.RestartedError
	switch {
	case err == nil:
		return "head"
	case errors.As(err, &gap):
		return "gap"
	case errors.As(err, &lost):
		return "lost"
	case errors.As(err, &fork):
		return "fork"
	case errors.As(err, &issuer):
		return "other issuer"
	case errors.As(err, &list):
		return "other list"
	case errors.Is(err, history.ErrNoList):
		return "no list"
	}
	return err.Error()
}

// Versions that are committed during the search make no gap.
func TestNewestWhileOthersPublish(t *testing.T) {
	key := generate(t)
	ours := grow(t, key, nil, 300, "https://issuer", 1000, 1)
	inStores(t, func(t *testing.T, open func() store.Store) {
		s := open()
		ours.commit(t, s, 1, 1)
		var committed atomic.Int64
		committed.Store(1)
		var publishing sync.WaitGroup
		publishing.Go(func() {
			for n := 2; n <= len(ours); n++ {
				if err := s.Create(t.Context(), signer.ManifestName(uint64(n)), ours.version(n).Bytes); err != nil {
					t.Error(err)
				}
				committed.Store(int64(n))
				if n%3 > 0 {
					continue
				}
				if err := s.Put(t.Context(), signer.LatestName, ours.version(n).Bytes); err != nil {
					t.Error(err)
				}
			}
		})
		var reader store.Store = s
		for i := 0; committed.Load() < int64(len(ours)); i++ {
			least := committed.Load()
			var known *history.Version
			reader = s
			switch i % 3 {
			case 0:
				known = ours.version(1 + rand.IntN(int(least)))
			case 1:
				reader = hintless{s}
			}
			head, err := history.Newest(t.Context(), reader, key.Public(), known)
			require.NoError(t, err)
			require.GreaterOrEqual(t, head.Version, uint64(least))
		}
		publishing.Wait()
	})
}

// hintless is a store without a hint.
type hintless struct{ store.Store }

func (s hintless) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if name == signer.LatestName {
		return store.Object{}, store.ErrNotFound
	}
	return s.Store.Get(ctx, name, limit, etag)
}

// If nothing happened since, four requests find the head, and each of them may fail once.
func TestRequestsOfNewest(t *testing.T) {
	key := generate(t)
	ours := grow(t, key, nil, 40, "https://issuer", 1000, 1)
	inStores(t, func(t *testing.T, open func() store.Store) {
		s := open()
		ours.commit(t, s, 1, 40)
		for known, want := range map[*history.Version]int64{
			nil:              4,
			ours.version(40): 4,
			ours.version(39): 6, // it lists again after the new version
		} {
			counted := &faulty.Store{Store: s}
			head, err := history.Newest(t.Context(), counted, key.Public(), known)
			require.NoError(t, err)
			require.EqualValues(t, 40, head.Version)
			require.EqualValues(t, want, counted.Done())
		}
		for n := range int64(4) {
			broken := &faulty.Store{Store: s, N: n + 1, Way: faulty.Before}
			head, err := history.Newest(t.Context(), broken, key.Public(), ours.version(40))
			require.NoError(t, err)
			require.EqualValues(t, 40, head.Version)
			require.EqualValues(t, 1, broken.Failed())
		}
	})
}

// A listing that lags behind hides nothing that can be read.
func TestNewestWithoutNewsInListings(t *testing.T) {
	key := generate(t)
	ours := grow(t, key, nil, 5, "https://issuer", 1000, 1)
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	ours.commit(t, s, 1, 5)
	for _, r := range []store.Store{lagging{s}, lagging{hintless{s}}} {
		for _, known := range []*history.Version{nil, ours.version(1), ours.version(4)} {
			head, err := history.Newest(t.Context(), r, key.Public(), known)
			require.NoError(t, err)
			require.EqualValues(t, 5, head.Version)
		}
	}
}

// lagging is a store whose listings show nothing yet.
type lagging struct{ store.Store }

func (lagging) List(context.Context, string, string) ([]store.Info, error) { return nil, nil }

// Objects that cannot be listed may be later versions.
func TestNewestWithoutListing(t *testing.T) {
	key := generate(t)
	ours := grow(t, key, nil, 3, "https://issuer", 1000, 1)
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	ours.commit(t, s, 1, 3)
	for _, known := range []*history.Version{nil, ours.version(1), ours.version(3)} {
		_, err = history.Newest(t.Context(), unlisted{s}, key.Public(), known)
		require.ErrorIs(t, err, errUnlisted)
	}
}

var errUnlisted = errors.New("no right to list")

type unlisted struct{ store.Store }

func (unlisted) List(context.Context, string, string) ([]store.Info, error) { return nil, errUnlisted }

// Another publisher's key signed what comes after the known version.
func TestNewestOfAKeyThatIsNotTrusted(t *testing.T) {
	key, theirs := generate(t), generate(t)
	ours := grow(t, key, nil, 3, "https://issuer", 1000, 1)
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	ours.commit(t, s, 1, 3)
	m := *ours.version(3).Manifest
	m.Version, m.Previous = 4, ours.version(3).Digest()
	signed, err := theirs.SignManifest(&m)
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), signer.ManifestName(4), signed))
	for _, known := range []*history.Version{nil, ours.version(1), ours.version(3)} {
		_, err = history.Newest(t.Context(), s, key.Public(), known)
		require.ErrorIs(t, err, signer.ErrUnknownKey)
		require.ErrorContains(t, err, signer.ManifestName(4))
	}
}
