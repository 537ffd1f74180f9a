package vectors

import (
	"context"
	"fmt"

	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/internal/ledger"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/store"
)

// remembered is what the ledger knows at a version.
type remembered struct {
	Version    uint64                   `json:"version"`
	Record     string                   `json:"record"`   // the object that the manifest names
	Source     string                   `json:"source"`   // that was read for the record
	CatchUp    []string                 `json:"catch_up"` // the cheapest way from nothing
	Sources    map[string]ledger.Source `json:"sources"`
	Entries    []dated                  `json:"entries"`
	Reinstated []reinstated             `json:"reinstated"`
}

// dated is an entry with the moment of its decision, in Unix milliseconds.
type dated struct {
	entry
	Moment int64 `json:"moment"`
}

type reinstated struct {
	Rule   uint8  `json:"rule"`
	Key    string `json:"key"`
	Moment int64  `json:"moment"`
	Over   int64  `json:"over"`
	Source uint32 `json:"source"`
	Exp    int64  `json:"exp"`
}

// ledgerOf loads the ledger of a version from the store alone.
func (s *set) ledgerOf(ctx context.Context, bucket store.Store, number uint64) (out remembered, err error) {
	v, err := history.Read(ctx, bucket, s.all, number)
	if err != nil {
		return out, err
	}
	objects := &ledger.Objects{Bucket: bucket}
	record, err := objects.Record(ctx, v)
	if err != nil {
		return out, err
	}
	state, err := ledger.Load(ctx, objects, v, nil)
	if err != nil {
		return out, err
	}
	out = remembered{Version: v.Version, Record: v.Ledger.Name(), Source: record.Source, Sources: state.Sources, Entries: []dated{}, Reinstated: []reinstated{}}
	way, err := history.Way(state.Line.Objects, 0, state.Line.To)
	if err != nil {
		return out, err
	}
	for _, o := range way {
		out.CatchUp = append(out.CatchUp, signer.LedgerName(o.From, o.To, o.SHA256))
	}
	list, err := state.List.Whole()
	if err != nil {
		return out, err
	}
	for e := range list.Snapshot().Entries() {
		out.Entries = append(out.Entries, dated{entryOf(e), e.Moment})
	}
	for _, r := range state.Reinstated {
		out.Reinstated = append(out.Reinstated, reinstated{r.Rule, fmt.Sprintf("%016x", r.Key), r.Moment, r.Over, r.Source, r.Exp})
	}
	return out, nil
}
