package publish

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/miniotest"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
	"github.com/revocast/revocast/store/s3"
)

// The name of an object contains the hash of its bytes. Other bytes under that name are replaced.
func TestTornObjectIsReplaced(t *testing.T) {
	r, dir, rows := startRace(t)
	// A copy of the list shows which objects the next version will have.
	copied := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	there, err := store.OpenDir(copied)
	require.NoError(t, err)
	rows.rows = append(rows.rows, raceRow("b"))
	ahead, err := Run(t.Context(), r.config(there, rows))
	require.NoError(t, err)
	delta := ahead.Objects[0].Name()
	whole, err := there.Get(t.Context(), delta, 1<<20, "")
	require.NoError(t, err)

	for what, torn := range map[string][]byte{"shorter": whole.Data[:10], "longer": append(whole.Data[:10:10], make([]byte, 10_000)...), "empty": nil} {
		t.Run(what, func(t *testing.T) {
			again := filepath.Join(t.TempDir(), "again")
			require.NoError(t, os.CopyFS(again, os.DirFS(dir)))
			r.bucket, err = store.OpenDir(again)
			require.NoError(t, err)
			require.NoError(t, r.bucket.Put(t.Context(), delta, torn))
			result, err := Run(t.Context(), r.config(r.bucket, rows))
			require.NoError(t, err)
			require.Equal(t, []string{delta + " was there with other bytes than its name says, and was replaced; is the store's disk in order?"}, result.Warnings)
			r.committed, r.revoked = map[uint64]bool{1: true, 2: true}, []string{"a", "b"}
			r.verify()
		})
	}
}

// No version follows the hint's if the manifest of that version is missing, torn or another one. A
// publisher that does not see the hint would otherwise publish another version of the same number.
func TestHintWithoutItsManifest(t *testing.T) {
	s := newScene(t)
	s.revokeAll(3)
	name := signer.ManifestName(3)
	manifest := filepath.Join(s.dir, "list", filepath.FromSlash(name))
	whole, err := os.ReadFile(manifest)
	require.NoError(t, err)
	other := s.copy(t)
	require.NoError(t, os.RemoveAll(filepath.Join(other.dir, "list", "versions", "000000000003")))
	hint, err := os.ReadFile(filepath.Join(s.dir, "list", filepath.FromSlash(signer.ManifestName(2))))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(other.dir, "list", signer.LatestName), hint, 0o600))
	other.now += 30
	_, err = other.run(other.open("list"), nil)
	require.NoError(t, err)
	forked, err := os.ReadFile(filepath.Join(other.dir, "list", filepath.FromSlash(name)))
	require.NoError(t, err)

	s.revoke("next")
	for _, test := range []struct {
		bytes []byte
		says  string
	}{
		{nil, "whose own manifest is missing"},
		{whole[:len(whole)/2], name},
		{forked, "is another manifest"},
	} {
		require.NoError(t, os.RemoveAll(manifest))
		if test.bytes != nil {
			require.NoError(t, os.WriteFile(manifest, test.bytes, 0o600))
		}
		_, err := s.run(s.open("list"), nil)
		require.ErrorContains(t, err, test.says)
	}
	require.NoError(t, os.WriteFile(manifest, whole, 0o600))
	_, err = s.run(s.open("list"), nil)
	require.NoError(t, err)
	s.holds("the manifest is back")
}

// A torn manifest is never replaced, and no version follows it.
func TestTornManifestStays(t *testing.T) {
	r, _, rows := startRace(t)
	rows.rows = append(rows.rows, raceRow("b"))
	require.True(t, r.note(Run(t.Context(), r.config(r.bucket, rows))))
	name := signer.ManifestName(2)
	whole, err := r.bucket.Get(t.Context(), name, signer.MaxManifestSize, "")
	require.NoError(t, err)
	for what, torn := range map[string][]byte{"empty": nil, "half": whole.Data[:len(whole.Data)/2], "too long": make([]byte, signer.MaxManifestSize+1)} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, r.bucket.Put(t.Context(), name, torn))
			result, err := Run(t.Context(), r.config(r.bucket, rows))
			require.Nil(t, result)
			require.ErrorContains(t, err, name)
			there, err := r.bucket.Get(t.Context(), name, 1<<20, "")
			require.NoError(t, err)
			require.Equal(t, len(torn), len(there.Data))
			_, err = r.bucket.Get(t.Context(), signer.ManifestName(3), signer.MaxManifestSize, "")
			require.ErrorIs(t, err, store.ErrNotFound)
		})
	}
	require.NoError(t, r.bucket.Put(t.Context(), name, whole.Data))
	require.True(t, r.note(Run(t.Context(), r.config(r.bucket, rows))))
	r.revoked = []string{"a", "b"}
	r.verify()
}

// No list is started in a store that overwrites objects on Create, or that does not know the
// condition.
func TestStoreWithoutConditionalWrites(t *testing.T) {
	server := miniotest.Start(t)
	for lack, want := range map[miniotest.Lack]string{
		miniotest.Ignores: "the store does not honour conditional writes (If-None-Match: *)",
		miniotest.Refuses: "the provider does not have conditional writes (If-None-Match: *)",
	} {
		bucket := server.Bucket(t)
		there, err := s3.Open(t.Context(), "s3://"+bucket+"/list?endpoint="+server.Lacking(t, lack))
		require.NoError(t, err)
		r := newRace(t, there)
		result, err := Run(t.Context(), r.config(there, &said{name: "rows"}))
		require.Nil(t, result)
		require.ErrorContains(t, err, want)
		_, err = there.Get(t.Context(), signer.ManifestName(1), signer.MaxManifestSize, "")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = there.Get(t.Context(), signer.LatestName, signer.MaxManifestSize, "")
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}

// startRace returns a list of one version in a directory.
func startRace(t *testing.T) (*race, string, *said) {
	dir := filepath.Join(t.TempDir(), "list")
	bucket, err := store.OpenDir(dir)
	require.NoError(t, err)
	r := newRace(t, bucket)
	rows := &said{name: "rows"}
	rows.rows = append(rows.rows, raceRow("a"))
	require.True(t, r.note(Run(t.Context(), r.config(bucket, rows))))
	return r, dir, rows
}
