package collect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// Everything in these tables happens so many minutes after midnight.
func at(minute int) time.Time { return time.Unix(1_800_000_000+60*int64(minute), 0) }

// version is one that was issued at a minute and names objects, each from-to.
func version(number uint64, minute int, objects ...string) *history.Version {
	m := &signer.Manifest{Version: number, IssuedAt: at(minute).Unix()}
	for _, o := range objects {
		var from, to uint64
		if _, err := fmt.Sscanf(o, "%d-%d", &from, &to); err != nil {
			panic(err)
		}
		m.Objects = append(m.Objects, signer.Object{From: from, To: to, SHA256: make([]byte, 32)})
	}
	return &history.Version{Manifest: m}
}

func object(from, to uint64, minute int) store.Info {
	return store.Info{Name: signer.ObjectName(from, to, make([]byte, 32)), Size: 10, ModTime: at(minute)}
}

func TestWhatGoes(t *testing.T) {
	kept := []*history.Version{version(5, 300, "0-3", "3-4", "4-5"), version(6, 400, "0-6", "4-5", "5-6")}
	leftover := store.Info{Name: signer.ObjectName(4, 5, []byte(strings.Repeat("x", 32))), Size: 10, ModTime: at(300)}
	for name, test := range map[string]struct {
		info store.Info
		goes bool
	}{
		"named by the head":                  {object(5, 6, 400), false},
		"named by an older version to keep":  {object(0, 3, 100), false},
		"named by none":                      {object(2, 3, 100), true},
		"a snapshot that none names":         {object(0, 1, 0), true},
		"a leftover beside what is kept":     {leftover, true},
		"young, though none names it":        {object(2, 3, 350), false},
		"a moment too old to be young":       {object(2, 3, 349), true},
		"of a version that is not there yet": {object(6, 7, 0), false},
		"of one long after that":             {object(0, 99, 0), false},
		"the hint":                           {store.Info{Name: "latest.jwt"}, false},
		"a manifest":                         {store.Info{Name: signer.ManifestName(1)}, false},
		"a key list":                         {store.Info{Name: "trust/1.jws"}, false},
		"a name that is not ours":            {store.Info{Name: "versions/000000000001/notes.txt"}, false},
		"nearly ours: a short hash":          {store.Info{Name: "versions/000000000001/snapshot-00.crl.zst"}, false},
		"nearly ours: an upper-case hash":    {store.Info{Name: "versions/000000000001/snapshot-" + strings.Repeat("A", 64) + ".crl.zst"}, false},
		"nearly ours: somewhere else":        {store.Info{Name: "old/" + object(0, 1, 0).Name}, false},
		"nearly ours: more behind it":        {store.Info{Name: object(0, 1, 0).Name + ".bak"}, false},
		"the ledger of an older version":     {store.Info{Name: signer.LedgerName(3, 4, make([]byte, 32))}, true},
		"a snapshot of the ledger":           {store.Info{Name: signer.LedgerName(0, 4, make([]byte, 32))}, true},
		"the ledger of the head":             {store.Info{Name: signer.LedgerName(5, 6, make([]byte, 32))}, false},
		"the ledger of a later version":      {store.Info{Name: signer.LedgerName(6, 7, make([]byte, 32))}, false},
		"young, of the ledger":               {store.Info{Name: signer.LedgerName(3, 4, make([]byte, 32)), ModTime: at(350)}, false},
		"a name that is not the ledger's":    {store.Info{Name: "ledger/notes.txt"}, false},
		"a version of thirteen digits":       {store.Info{Name: strings.Replace(object(0, 1, 0).Name, "versions/", "versions/0", 1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(6, at(0), at(350))
			for _, v := range kept {
				k.name(v)
			}
			r := k.sort([]store.Info{test.info}, nil)
			require.Equal(t, test.goes, len(r.Goes) == 1)
			require.Equal(t, test.goes, r.Garbage.Things() == 1)
		})
	}
}

func TestNamesThatAreNotOursAreTold(t *testing.T) {
	r := newKeeping(6, at(0), at(350)).sort([]store.Info{
		{Name: "index.html"}, {Name: "latest.jwt"}, {Name: "trust/1.jws"}, {Name: signer.ManifestName(1)}, {Name: "versions/1/x"}, object(0, 1, 0), object(0, 9, 0),
	}, []store.Info{{Name: "mine/"}, {Name: "versions/000000000007/"}, {Name: ".tmp-1", Size: 7}})
	require.Equal(t, []string{"index.html", "versions/1/x"}, r.Unknown)
	require.Equal(t, 1, r.Manifests)
	require.Equal(t, Tally{Snapshots: 1, Bytes: 10}, r.Kept)
	require.Equal(t, Tally{Snapshots: 1, Temporary: 2, Bytes: 17}, r.Garbage)
}

// A version stays whole from the moment it is issued until --keep after the next one.
func TestWhichVersionsStayWhole(t *testing.T) {
	for name, test := range map[string]struct {
		next    *history.Version
		written int // minute
		want    bool
	}{
		"the next came within the time":            {version(6, 400), 400, true},
		"the next came before it":                  {version(6, 299), 299, false},
		"the next came at its first moment":        {version(6, 300), 300, true},
		"the next was written late":                {version(6, 200), 301, true},
		"the store's clock is behind":              {version(6, 301), 100, true},
		"nothing comes before the first version":   {version(1, 400), 400, false},
		"the store does not know when it was made": {version(6, 299), -1e9, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, newKeeping(9, at(300), at(0)).wants(test.next, at(test.written)))
		})
	}
}
