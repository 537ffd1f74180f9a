package audit_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/audit"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/store"
)

// history of 20 versions, with deltas over 8 of them and two snapshots.
func published(t *testing.T) (store.Store, *signer.PrivateKey) {
	t.Helper()
	dir := t.TempDir()
	key, err := signer.Generate(signer.EdDSA, rand.Reader)
	require.NoError(t, err)
	bucket, err := store.OpenDir(filepath.Join(dir, "list"))
	require.NoError(t, err)
	path := filepath.Join(dir, "rows.jsonl")
	rows := ""
	for i := range 20 {
		rows += `{"jti":"` + string(rune('a'+i)) + `","exp":1800003600}` + "\n"
		require.NoError(t, os.WriteFile(path, []byte(rows), 0o600))
		src, err := file.Open(path, file.Options{})
		require.NoError(t, err)
		_, err = publish.Run(t.Context(), publish.Config{
			Store: bucket, Key: key, Source: src, Create: true, Issuer: "i", MaxTokenLife: 24 * time.Hour, ValidFor: time.Hour,
			Now: func() time.Time { return time.Unix(1_800_000_000+int64(i), 0) }, Rand: rand.Reader, SnapshotEvery: 12,
		})
		require.NoError(t, err)
	}
	return bucket, key
}

func verify(t *testing.T, s store.Store, key *signer.PrivateKey) *audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), s, key.Public(), func(string, int64, int64) {})
	require.NoError(t, err)
	return report
}

func TestAGoodHistory(t *testing.T) {
	s, key := published(t)
	report := verify(t, s, key)
	require.Empty(t, report.Findings)
	require.Empty(t, report.Notes)
	require.Equal(t, 20, report.Versions)
	require.Equal(t, 20, report.Replayed)
}

// Somebody with the key rewrites a version. Whatever they change, it shows.
func TestWhatAKeyHolderCannotHide(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*signer.Manifest)
		want   string
	}{
		"another time":            {func(m *signer.Manifest) { m.Expires++ }, "prev is not the hash"},
		"another issuer":          {func(m *signer.Manifest) { m.Issuer = "j" }, "issuer changed"},
		"another salt":            {func(m *signer.Manifest) { m.Salt = make([]byte, 16) }, "salt changed"},
		"another max_token_life":  {func(m *signer.Manifest) { m.Policy.MaxTokenLife++ }, "max_token_life"},
		"dropped goes back":       {func(m *signer.Manifest) { m.State.Dropped -= 100 }, "went back"},
		"dropped too early":       {func(m *signer.Manifest) { m.State.Dropped = m.IssuedAt }, "too early"},
		"a rule is another":       {func(m *signer.Manifest) { m.Rules = []signer.Rule{{ID: 1, Claims: []string{"sid"}}} }, "rule table"},
		"no ledger":               {func(m *signer.Manifest) { m.Ledger = nil }, "does not continue that of version 9"},
		"an older ledger":         {func(m *signer.Manifest) { m.Ledger.To = 8; m.Ledger.From = 7 }, "does not continue that of version 9"},
		"a ledger with a gap":     {func(m *signer.Manifest) { m.Ledger.From = 8 }, "does not continue that of version 9"},
		"changes are miscounted":  {func(m *signer.Manifest) { m.State.Changes-- }, "counts"},
		"another count":           {func(m *signer.Manifest) { m.State.Count-- }, "entries, and its manifest says"},
		"another checksum":        {func(m *signer.Manifest) { m.State.Checksum = make([]byte, 32) }, "whose checksum is not"},
		"another hash":            {func(m *signer.Manifest) { m.State.SHA256 = make([]byte, 32) }, "SHA-256"},
		"permanent is miscounted": {func(m *signer.Manifest) { m.State.Permanent++ }, "never end"},
	} {
		t.Run(name, func(t *testing.T) {
			s, key := published(t)
			v, err := history.Read(t.Context(), s, key.Public(), 10)
			require.NoError(t, err)
			m := *v.Manifest
			test.change(&m)
			signed, err := key.SignManifest(&m)
			require.NoError(t, err)
			require.NoError(t, s.Put(t.Context(), signer.ManifestName(10), signed))
			report := verify(t, s, key)
			found := false
			for _, f := range report.Findings {
				found = found || strings.Contains(f.String(), test.want)
			}
			require.True(t, found, "%v", report.Findings)
		})
	}
}

// Each object in turn is missing, cut, or another one.
func TestEveryObjectCounts(t *testing.T) {
	s, key := published(t)
	infos, err := s.List(t.Context(), "", "")
	require.NoError(t, err)
	head, err := history.Head(t.Context(), s, key.Public(), nil)
	require.NoError(t, err)
	needed := map[string]bool{}
	for _, o := range head.Objects {
		needed[o.Name()] = true
	}
	state, err := ledger.Load(t.Context(), &ledger.Objects{Bucket: s}, head, nil)
	require.NoError(t, err)
	way, err := history.Way(state.Line.Objects, 0, head.Ledger.To)
	require.NoError(t, err)
	for _, o := range way {
		needed[signer.LedgerName(o.From, o.To, o.SHA256)] = true
	}
	needed[head.Ledger.Name()] = true
	for i, info := range infos {
		obj, err := s.Get(t.Context(), info.Name, 1<<20, "")
		require.NoError(t, err)
		other, err := s.Get(t.Context(), infos[(i+3)%len(infos)].Name, 1<<20, "")
		require.NoError(t, err)
		require.NoError(t, s.Put(t.Context(), info.Name, obj.Data[:len(obj.Data)-1]))
		require.NotEmpty(t, verify(t, s, key).Findings, "%s is cut", info.Name)
		if info.Name != signer.LatestName { // the hint may be a copy of any manifest
			require.NoError(t, s.Put(t.Context(), info.Name, other.Data))
			require.NotEmpty(t, verify(t, s, key).Findings, "%s is another object", info.Name)
		}
		require.NoError(t, s.Delete(t.Context(), info.Name))
		report := verify(t, s, key)
		old := strings.HasSuffix(info.Name, ".zst") && !needed[info.Name]
		require.Equal(t, old, len(report.Findings) == 0, "%s is missing: %v", info.Name, report.Findings)
		if old {
			require.NotEmpty(t, report.Notes)
		}
		require.NoError(t, s.Put(t.Context(), info.Name, obj.Data))
	}
	require.Empty(t, verify(t, s, key).Findings)
}

// A bucket may hide the ledger, or lose it: readers do not miss it.
func TestALedgerThatIsNotThere(t *testing.T) {
	s, key := published(t)
	infos, err := s.List(t.Context(), "ledger/", "")
	require.NoError(t, err)
	require.NotEmpty(t, infos)

	hidden := verify(t, forbidden{s}, key)
	require.Empty(t, hidden.Findings)
	require.Equal(t, []string{"the ledger could not be read, and readers do not need it: forbidden"}, hidden.Notes)

	for _, info := range infos {
		require.NoError(t, s.Delete(t.Context(), info.Name))
	}
	lost := verify(t, s, key)
	require.Empty(t, lost.Findings)
	require.Empty(t, lost.Notes)
	require.Zero(t, lost.Ledger)
}

// forbidden is a bucket whose policy hides the ledger.
type forbidden struct{ store.Store }

func (f forbidden) Get(ctx context.Context, name string, limit int64, etag string) (store.Object, error) {
	if strings.HasPrefix(name, "ledger/") {
		return store.Object{}, errors.New("forbidden")
	}
	return f.Store.Get(ctx, name, limit, etag)
}
