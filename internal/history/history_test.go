package history_test

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// chain commits manifests of versions without entries and gives the store.
func chain(t *testing.T, key *signer.PrivateKey, versions int) store.Store {
	t.Helper()
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	empty, err := crl.Build(0, 1, nil, nil)
	require.NoError(t, err)
	object, stored, err := history.Pack(empty)
	require.NoError(t, err)
	object.Changes = 1
	require.NoError(t, s.Create(t.Context(), object.Name(), stored))
	sum, raw := empty.Checksum(), sha256.Sum256(empty.Bytes())
	m := signer.Manifest{
		Issuer: "i", IssuedAt: 1000, Expires: 2000, Format: signer.ManifestFormat, Salt: make([]byte, 16),
		Policy:  signer.Policy{MaxTokenLife: 60, Skew: 5, Granularity: 1},
		State:   signer.State{Changed: 1, Changes: 1, Checksum: sum.Bytes(), SHA256: raw[:]},
		Objects: []signer.Object{object},
	}
	for range versions {
		m.Version++
		signed, err := key.SignManifest(&m)
		require.NoError(t, err)
		require.NoError(t, s.Create(t.Context(), signer.ManifestName(m.Version), signed))
		m.Previous = signer.Digest(signed)
	}
	return s
}

func generate(t *testing.T) *signer.PrivateKey {
	t.Helper()
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	return key
}

// The head is found from any hint, from none, and from what was known before.
func TestHead(t *testing.T) {
	key := generate(t)
	keys := key.Public()
	for _, versions := range []int{1, 2, 3, 7, 8, 9, 64, 100} {
		s := chain(t, key, versions)
		for _, known := range []int{0, 1, versions / 2, versions} {
			var from *history.Version
			if known > 0 {
				var err error
				from, err = history.Read(t.Context(), s, keys, uint64(known))
				require.NoError(t, err)
			}
			head, err := history.Head(t.Context(), s, keys, from)
			require.NoError(t, err)
			require.EqualValues(t, versions, head.Version)
		}
		for _, hint := range []string{"rubbish", "1", fmt.Sprint(versions)} {
			data := []byte(hint)
			var version uint64
			if _, err := fmt.Sscan(hint, &version); err == nil {
				v, err := history.Read(t.Context(), s, keys, version)
				require.NoError(t, err)
				data = v.Bytes
			}
			require.NoError(t, s.Put(t.Context(), signer.LatestName, data))
			head, err := history.Head(t.Context(), s, keys, nil)
			require.NoError(t, err)
			require.EqualValues(t, versions, head.Version)
		}
	}
}

func TestNothingIsNotAList(t *testing.T) {
	s, err := store.OpenDir(t.TempDir())
	require.NoError(t, err)
	keys := generate(t).Public()
	_, err = history.Head(t.Context(), s, keys, nil)
	require.ErrorIs(t, err, history.ErrNoList)
	// A hint that nobody can believe is not "nothing", or somebody might begin anew.
	require.NoError(t, s.Put(t.Context(), signer.LatestName, []byte("rubbish")))
	_, err = history.Head(t.Context(), s, keys, nil)
	require.ErrorIs(t, err, signer.ErrMalformed)
	require.NotErrorIs(t, err, history.ErrNoList)
}

func TestManifestUnderAnotherName(t *testing.T) {
	key := generate(t)
	s := chain(t, key, 3)
	obj, err := s.Get(t.Context(), signer.ManifestName(2), 1<<16, "")
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), signer.ManifestName(3), obj.Data))
	_, err = history.Read(t.Context(), s, key.Public(), 3)
	require.ErrorIs(t, err, history.ErrOtherVersion)
	_, err = history.Head(t.Context(), s, key.Public(), nil)
	require.ErrorIs(t, err, history.ErrOtherVersion)
}

func TestTwoManifestsOfOneVersion(t *testing.T) {
	key := generate(t)
	s, other := chain(t, key, 2), chain(t, generate(t), 0)
	known, err := history.Read(t.Context(), s, key.Public(), 2)
	require.NoError(t, err)
	m := *known.Manifest
	m.Expires++
	forged, err := key.SignManifest(&m)
	require.NoError(t, err)
	require.NoError(t, other.Put(t.Context(), signer.LatestName, forged))
	_, err = history.Head(t.Context(), other, key.Public(), known)
	require.ErrorIs(t, err, history.ErrFork)
}
