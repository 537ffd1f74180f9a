package collect

import (
	"context"
	"errors"
	"regexp"
	"strconv"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
)

// keepLedger keeps the objects of the ledger that lead to the versions which are kept whole, and
// the records of these versions.
//
// A record names new objects and some of those that the record before it names. So the record of the
// oldest whole version names all that the later ones name, without the objects that are later than
// itself, which stay anyway. The records of the other versions to keep, of the spare generation and
// the hint, are read one by one.
//
// If a record is lost, the whole ledger stays. An earlier run may have deleted records of versions
// that are older than the oldest whole one, so there a record counts as lost only if it is listed.
func (c *collection) keepLedger(ctx context.Context, k *keeping) error {
	lost := map[string]bool{} // the records that were read, by name
	for _, v := range k.versions {
		if v.Version > k.oldest && v.Version < k.head {
			continue
		}
		if v.Ledger == nil {
			k.ledger = 0
			continue
		}
		name := v.Ledger.Name()
		if _, read := lost[name]; !read {
			k.names[name] = true
			var err error
			if lost[name], err = c.keepRecorded(ctx, k, v); err != nil {
				return err
			}
		}
		_, listed := c.listed.find(name)
		switch {
		case lost[name] && (listed || v.Version >= k.oldest):
			k.ledger = 0
		case v.Version == k.oldest:
			k.ledger = min(k.ledger, v.Ledger.To)
		}
	}
	return nil
}

// keepRecorded keeps the objects that the record of a version names. It reports whether the record
// is lost.
func (c *collection) keepRecorded(ctx context.Context, k *keeping, v *history.Version) (lost bool, err error) {
	record, err := (&ledger.Objects{Bucket: c.reader}).Record(ctx, v)
	if err != nil {
		_, lost = errors.AsType[*ledger.LostError](err)
		if lost {
			err = nil
		}
		return lost, err
	}
	for _, o := range record.Line.Objects {
		k.names[signer.LedgerName(o.From, o.To, o.SHA256)] = true
	}
	return false, nil
}

var ledgerName = regexp.MustCompile(`^ledger/([0-9]{12})-(?:snapshot|from-[0-9]{12})-[0-9a-f]{64}\.zst$`)

// ledgerVersion returns the version that an object of the ledger leads to. ok reports whether the
// name is one of the ledger.
func ledgerVersion(name string) (version uint64, ok bool) {
	found := ledgerName.FindStringSubmatch(name)
	if found == nil {
		return 0, false
	}
	version, err := strconv.ParseUint(found[1], 10, 64)
	return version, err == nil
}
