package vectors

import (
	"github.com/revocast/revocast/crl"
)

// applied is one application of a delta, or of none, to a state.
type applied struct {
	Why      string `json:"why"`
	State    string `json:"state"`
	Delta    string `json:"delta,omitempty"` // none: only expiry
	Dropped  int64  `json:"dropped"`
	Result   string `json:"result,omitempty"`
	Checksum string `json:"checksum,omitempty"` // of the result
	Refused  string `json:"refused,omitempty"`
}

// composed is two deltas and the one that does what both do.
type composed struct {
	First  string `json:"first"`
	Second string `json:"second"`
	Result string `json:"result"`
}

func (s *set) changes() error {
	build := func(from, to uint64, entries, removed []crl.Entry) *crl.File {
		f, err := crl.Build(from, to, entries, removed)
		if err != nil {
			panic(err) // the tables below are constant
		}
		return f
	}
	at := func(minutes int64) int64 { return moment + 60*minutes }
	v1 := build(0, 1, []crl.Entry{outright(1, 10, at(10)), outright(1, 20, at(20)), outright(1, 30, crl.Never), {Rule: 2, Key: 10, Before: at(0), Exp: at(90)}}, nil)
	d2 := build(1, 2, []crl.Entry{outright(1, 15, at(15)), outright(1, 20, at(40))}, []crl.Entry{outright(1, 30, 0)})
	d4 := build(2, 4, []crl.Entry{outright(2, 10, at(90)), outright(1, 30, at(30))}, []crl.Entry{{Rule: 2, Key: 10}, outright(1, 15, 0)})
	both, err := crl.Compose(d2, d4)
	if err != nil {
		return err
	}
	names := map[*crl.File]string{v1: s.list("state-1", v1), d2: s.list("delta-1-2", d2), d4: s.list("delta-2-4", d4), both: s.list("delta-1-4", both)}
	var all []applied
	apply := func(why, result string, state, delta *crl.File, dropped int64) *crl.File {
		v := applied{Why: why, State: names[state], Dropped: dropped}
		if delta != nil {
			v.Delta = names[delta]
		}
		next, sum, err := crl.Apply(state, state.Checksum(), delta, dropped)
		if err != nil {
			v.Refused = err.Error()
		} else {
			if _, ok := names[next]; !ok {
				names[next] = s.list(result, next)
			}
			v.Result, v.Checksum = names[next], hexSum(sum)
		}
		all = append(all, v)
		return next
	}
	v2 := apply("entries come, change and go", "state-2", v1, d2, at(-1))
	apply("the same, and what ends at the dropped moment goes", "state-2-dropped", v1, d2, at(10))
	apply("nothing but expiry", "state-1-dropped", v1, nil, at(20))
	apply("an entry moves from before to outright", "state-4", v2, d4, at(-1))
	apply("two steps at once", "state-4-composed", v1, both, at(-1))
	apply("a delta that began before the state's version", "state-4-window", v2, both, at(-1))
	apply("an entry that the delta brings has ended", "state-4-late", v2, d4, at(30))
	apply("a delta that begins after the state's version", "", v1, d4, at(-1))
	apply("a delta that leads no further", "", v2, d2, at(-1))
	if err := s.json("apply.json", all); err != nil {
		return err
	}
	return s.json("compose.json", []composed{{names[d2], names[d4], names[both]}})
}
