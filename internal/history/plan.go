package history

import (
	"fmt"
	"math"
	"slices"

	"github.com/revocast/revocast/signer"
)

// requestCost is what a request weighs against bytes when a way is chosen: a
// round trip costs about as much as this many bytes on the way.
const requestCost = 4 << 10

// Plan chooses the objects of a manifest that lead from the state of version have (0: none) to the
// manifest's state, in the order in which they are applied. The error says that no objects do.
func Plan(m *signer.Manifest, have uint64) ([]signer.Object, error) {
	plan, err := Way(m.Objects, have, m.State.Changed)
	if err != nil {
		return nil, fmt.Errorf("the manifest of version %d: %w", m.Version, err)
	}
	return plan, nil
}

// Way chooses the objects that lead from version have (0: none) to the target, in the order in
// which they are applied. A delta may be used from any version that it covers, so the choice is the
// cheapest way through the versions that objects lead to, in bytes and requests.
func Way(all []signer.Object, have, target uint64) ([]signer.Object, error) {
	if have == target {
		return nil, nil
	}
	objects := slices.Clone(all)
	slices.SortStableFunc(objects, func(a, b signer.Object) int {
		switch {
		case a.To < b.To:
			return -1
		case a.To > b.To:
			return 1
		}
		return 0
	})
	// best[i] is the cheapest way that ends with objects[i]. Every object leads
	// forward, so by ascending To each way is final when it is looked at.
	type way struct {
		cost int64
		prev int
	}
	best := make([]way, len(objects))
	last := -1
	for i, o := range objects {
		best[i] = way{math.MaxInt64, -1}
		if o.From == 0 || o.From <= have && have < o.To {
			best[i].cost = o.Size + requestCost
		}
		for j, p := range objects[:i] {
			if o.From == 0 || best[j].cost == math.MaxInt64 || p.To < o.From || p.To >= o.To {
				continue
			}
			if cost := best[j].cost + o.Size + requestCost; cost < best[i].cost {
				best[i] = way{cost, j}
			}
		}
		if o.To == target && best[i].cost < math.MaxInt64 && (last < 0 || best[i].cost < best[last].cost) {
			last = i
		}
	}
	if last < 0 {
		return nil, fmt.Errorf("no objects lead from version %d to %d", have, target)
	}
	var plan []signer.Object
	for i := last; i >= 0; i = best[i].prev {
		plan = append(plan, objects[i])
	}
	slices.Reverse(plan)
	return plan, nil
}
