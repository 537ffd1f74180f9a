package collect

import (
	"context"
	"errors"
	"regexp"
	"strconv"

	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
)

// keepLedger keeps the objects of the ledger that lead to the versions which are kept whole, and
// the records of these versions.
//
// A record names new objects and some of those that the record before it names. So all that the
// versions from the oldest whole one up to the head name is named by the oldest one's record, or is
// of a later version. The other versions that stay whole, the spare generation and that of the hint,
// are asked one by one. If the record of the
// oldest whole version or of the head is lost, the whole ledger stays.
func (c *collection) keepLedger(ctx context.Context, k *keeping) error {
	objects := &ledger.Objects{Bucket: c.reader}
	seen := map[string]bool{}
	for _, v := range k.versions {
		if v.Ledger == nil || seen[v.Ledger.Name()] || v.Version > k.oldest && v.Version < k.head {
			continue
		}
		name := v.Ledger.Name()
		seen[name], k.names[name] = true, true
		record, err := objects.Record(ctx, v)
		if _, lost := errors.AsType[*ledger.LostError](err); lost {
			if v.Version == k.oldest || v.Version == k.head {
				k.ledger = 0
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, o := range record.Line.Objects {
			k.names[signer.LedgerName(o.From, o.To, o.SHA256)] = true
		}
		if v.Version == k.oldest {
			k.ledger = min(k.ledger, v.Ledger.To)
		}
	}
	return nil
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
