package collect

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// keeping is what stays. It does no I/O: it is told of the versions to keep whole, and
// then sorts what a store holds.
type keeping struct {
	head   uint64
	whole  time.Time // versions that were the newest at that moment or later stay whole
	young  time.Time // what was written at that moment or later stays
	oldest uint64    // from it up to the head all versions are whole
	spare  uint64
	names  map[string]bool

	versions []*history.Version // whose objects are named
	ledger   uint64             // the version from which on all objects of the ledger stay
}

func newKeeping(head uint64, whole, young time.Time) *keeping {
	return &keeping{head: head, whole: whole, young: young, oldest: head, names: map[string]bool{}, ledger: head}
}

// name keeps all objects that a version names.
func (k *keeping) name(v *history.Version) {
	k.versions = append(k.versions, v)
	for _, o := range v.Objects {
		k.names[o.Name()] = true
	}
}

// wants tells whether the version before v stays whole; v's manifest was written at the
// time given. It ceased to be the newest when v was issued or written, whichever is later.
func (k *keeping) wants(v *history.Version, written time.Time) bool {
	until := time.Unix(v.IssuedAt, 0)
	if written.After(until) {
		until = written
	}
	return v.Version > 1 && !until.Before(k.whole)
}

// sort tells what of a store's objects and litter goes.
func (k *keeping) sort(infos, litter []store.Info) *Result {
	r := &Result{Head: k.head, WholeFrom: k.oldest, Spare: k.spare}
	for _, info := range infos {
		to, isObject := objectVersion(info.Name)
		recorded, isLedger := ledgerVersion(info.Name)
		isObject = isObject || isLedger
		switch {
		case isLedger && recorded >= k.ledger:
			r.Kept.add(info)
		case isObject && (to > k.head || k.names[info.Name]):
			r.Kept.add(info)
		case isObject && !info.ModTime.Before(k.young):
			r.Kept.add(info)
			r.Young++
		case isObject:
			r.goes(info)
		default:
			_, isManifest := history.ManifestVersion(info.Name)
			if isManifest {
				r.Manifests++
			} else if info.Name != signer.LatestName && !strings.HasPrefix(info.Name, "trust/") {
				r.Unknown = append(r.Unknown, info.Name)
			}
		}
	}
	for _, info := range litter {
		// The store gives what is old enough. A folder that is not ours stays.
		if folder := strings.HasSuffix(info.Name, "/"); !folder || versionFolder.MatchString(info.Name) {
			r.goes(info)
		}
	}
	return r
}

func (r *Result) goes(info store.Info) {
	r.Garbage.add(info)
	r.Goes = append(r.Goes, info)
}

var (
	versionFolder = regexp.MustCompile(`^versions/[0-9]{12}/$`)
	objectName    = regexp.MustCompile(`^versions/([0-9]{12})/(?:snapshot|delta-[0-9]{12})-[0-9a-f]{64}\.crl\.zst$`)
)

// objectVersion tells in which version's folder a snapshot or delta lies, and whether
// it is the name of one.
func objectVersion(name string) (version uint64, ok bool) {
	found := objectName.FindStringSubmatch(name)
	if found == nil {
		return 0, false
	}
	version, err := strconv.ParseUint(found[1], 10, 64)
	return version, err == nil
}

// Kind returns the kind of a thing in a store: snapshot, delta, ledger or temporary.
func Kind(info store.Info) string {
	if _, ok := ledgerVersion(info.Name); ok {
		return "ledger"
	}
	if _, ok := objectVersion(info.Name); !ok {
		return "temporary"
	}
	kind, _, _ := strings.Cut(path.Base(info.Name), "-")
	return kind
}

func (t *Tally) add(info store.Info) {
	switch Kind(info) {
	case "snapshot":
		t.Snapshots++
	case "delta":
		t.Deltas++
	case "ledger":
		t.Ledger++
	default:
		t.Temporary++
	}
	t.Bytes += info.Size
}
