package audit

import (
	"errors"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/internal/plural"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// record checks the objects of the ledger that a version is the first to name. Readers do not need
// them, so a bucket may hide them, and a missing one is no finding by itself.
func (w *walk) record(v *history.Version) {
	if v.Ledger == nil || w.hidden != nil || !w.unseen(v.Ledger.Name()) {
		return
	}
	from := &ledger.Objects{Bucket: w.r}
	record, err := from.Record(w.ctx, v)
	if !w.recorded(v, v.Ledger.Name(), v.Ledger.Size, err) {
		return
	}
	for _, o := range record.Line.Objects {
		name := signer.LedgerName(o.From, o.To, o.SHA256)
		if !w.unseen(name) {
			continue
		}
		_, err := from.Delta(w.ctx, o)
		w.recorded(v, name, o.Size, err)
	}
}

// unseen reports whether no version has named an object before.
func (w *walk) unseen(name string) bool {
	_, named := w.seen[name]
	if !named {
		w.seen[name] = false
	}
	return !named
}

// recorded notes how the reading of an object of the ledger ended, and reports whether it is good.
func (w *walk) recorded(v *history.Version, name string, size int64, err error) bool {
	lost, isLost := errors.AsType[*ledger.LostError](err)
	switch {
	case err == nil:
		w.report.Ledger++
		w.report.Bytes += size
		w.seen[name] = true
	case !isLost:
		w.hidden = err
	case errors.Is(err, store.ErrNotFound):
		w.unrecorded++
	default:
		w.find(v.Version, name, lost.Err.Error())
	}
	return err == nil
}

// finishLedger loads the newest state from the ledger, as a publisher without a cache does.
func (w *walk) finishLedger() {
	switch {
	case w.hidden != nil:
		w.note("the ledger could not be read, and readers do not need it: %v", w.hidden)
		return
	case w.head.Ledger == nil:
		w.note("there is no ledger; the next publication begins it")
		return
	case w.report.Ledger == 0:
		return // as in a mirror, which has what readers need
	case w.unrecorded > 0:
		w.note("%s %s gone, as garbage collection leaves it", plural.Count(w.unrecorded, "ledger object", "ledger objects"), plural.Of(w.unrecorded, "is", "are"))
	}
	_, err := ledger.Load(w.ctx, &ledger.Objects{Bucket: w.r}, w.head, nil)
	if err != nil {
		w.find(w.head.Version, "", "its ledger cannot be loaded, so a publisher without a cache begins it again: "+err.Error())
	}
}
