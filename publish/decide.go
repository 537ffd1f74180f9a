package publish

import (
	"cmp"
	"math"
	"slices"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/ledger"
)

// record is the rest of a row: millions of records are in memory at once.
type record struct {
	key    uint64
	before int64 // crl.Always without
	exp    int64 // expUnknown if it follows from the moment
	moment int64 // Unix milliseconds; the moment of the run if the row gives none
	seq    uint32
	rule   uint8
	kind   kind
}

// kind is what a record is.
type kind uint8

const (
	reinstates kind = 1 << iota
	undated         // the row gives no moment
	isNew           // no earlier reading visited the row
	void            // a later row of the reading takes it back
)

func (k kind) is(of kind) bool { return k&of == of }

// expUnknown is the exp of a row that gives none, and whose end follows from its moment.
const expUnknown = -1

// standing is what is known of claims: whether they are revoked, and when they were reinstated.
type standing struct {
	entry      crl.Entry
	revoked    bool
	back       ledger.Reinstatement
	reinstated bool
}

// rules of deciding, the same for all rows of a run.
type judge struct {
	now    int64 // of the run, in Unix milliseconds
	skew   int64 // by which clocks may differ, in milliseconds
	source uint32
	// dropped is the moment in seconds by which entries have ended that this version drops.
	dropped int64
	expiry  func(unix int64) int64 // the end of an entry without exp, decided at a moment in seconds
}

// notes count what the operator should know of the decisions.
type notes struct {
	again int   // rows without a moment that revoke claims which were reinstated
	late  int   // revocations of another source, slightly older than a reinstatement, that revoke
	held  int   // reinstatements without a moment that may be old, and therefore release nothing
	older int   // reinstatements that are older than the revocation that is known
	until int64 // the latest moment of these revocations that is still to come, or 0
	stale int   // new revocations that are older than the reinstatement that is known
}

// decide returns what the rows of the same claims make of their standing. The latest decision wins,
// and at equal moments the revocation (docs/SOURCES.md). The rows are ordered by [record.compare].
func (j *judge) decide(rows []record, s standing, n *notes) standing {
	held := settle(rows)
	here := false
	for _, r := range rows {
		switch {
		case r.kind.is(void):
			continue
		case r.kind.is(reinstates):
			j.reinstate(&s, r, here, n)
		default:
			j.revoke(&s, r, n)
		}
		here = r.kind.is(undated) && !r.kind.is(reinstates)
	}
	if held && s.revoked {
		n.held++
	}
	return s
}

// possible corrects moments that lie in the future. No row can have been decided then, so the clock
// of the publisher that recorded them was ahead. A revocation counts as decided now, so that a later
// reinstatement can release it. A reinstatement counts as decided right after the decisions that it
// overrode, so that it hides no later revocation.
func (j *judge) possible(s standing) standing {
	latest := j.now + j.skew
	if s.revoked && s.entry.Moment > latest {
		s.entry.Moment = j.now
	}
	if s.reinstated && s.back.Moment > latest {
		s.back.Moment = s.back.Over + 1
	}
	return s
}

// settle keeps rows without a moment in the order of the source, and then the order of the records.
//
// A reinstatement among them that may have been read before is void, and so are the rows without a
// moment that precede it. It takes back nothing else. settle reports whether such a reinstatement is
// the last row without a moment.
//
// A new row was appended, so it was decided before a later row that gives an earlier moment than now.
// A revocation was decided no earlier than a row before it, whose moment is later than now if another
// clock is ahead.
func settle(rows []record) (held bool) {
	if !slices.ContainsFunc(rows, func(r record) bool { return r.kind.is(undated) }) {
		return false
	}
	slices.SortFunc(rows, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
	next, back, last := int64(math.MaxInt64), false, true
	for i := range slices.Backward(rows) {
		r := &rows[i]
		if !r.kind.is(undated) {
			next = min(next, r.moment)
			continue
		}
		if r.kind.is(reinstates) && !r.kind.is(isNew) {
			back, held = true, held || last
		}
		last = false
		switch {
		case back:
			r.kind |= void
		case r.kind.is(isNew) && next <= r.moment:
			next--
			r.moment, r.kind = next, r.kind&^undated
		}
	}
	latest := int64(math.MinInt64)
	for i := range rows {
		r := &rows[i]
		if r.kind.is(undated) && !r.kind.is(reinstates) {
			r.moment = max(r.moment, latest)
		}
		if !r.kind.is(void) {
			latest = max(latest, r.moment)
		}
	}
	slices.SortFunc(rows, func(a, b record) int { return a.compare(&b) })
	return held
}

// reinstate applies a reinstatement. here reports whether the row before it, which like itself has
// no moment, revoked: then it releases what was decided at the same moment.
func (j *judge) reinstate(s *standing, r record, here bool, n *notes) {
	if s.reinstated && r.moment <= s.back.Moment {
		if r.moment < s.back.Moment {
			s.back.Over = max(s.back.Over, r.moment)
		}
		return
	}
	back := ledger.Reinstatement{Rule: r.rule, Key: r.key, Moment: r.moment, Source: j.source, Exp: crl.Never}
	known := r.exp != expUnknown
	if known {
		back.Exp = r.exp
	}
	// The latest end of what it overrides; without any there may be one that never ends.
	overrides := func(moment, exp int64) {
		back.Over = max(back.Over, moment)
		if known {
			exp = max(exp, back.Exp)
		}
		back.Exp, known = exp, true
	}
	if s.reinstated {
		overrides(max(s.back.Over, s.back.Moment), s.back.Exp)
	}
	if s.revoked && (s.entry.Moment < r.moment || s.entry.Moment == r.moment && here && r.kind.is(undated)) {
		overrides(s.entry.Moment, s.entry.Exp)
		s.revoked = false
	}
	if s.revoked {
		n.older++
		if s.entry.Moment > j.now {
			n.until = max(n.until, s.entry.Moment)
		}
	}
	s.back, s.reinstated = back, true
}

// revoke applies a revocation.
func (j *judge) revoke(s *standing, r record, n *notes) {
	e := crl.Entry{Rule: r.rule, Key: r.key, Before: r.before, Exp: r.exp, Moment: r.moment}
	repeats := s.revoked && r.kind.is(undated) && !r.kind.is(isNew) // perhaps
	if repeats && r.exp == expUnknown && s.entry.Outright() {
		e.Moment = s.entry.Moment // and so it ends with the decision that is known
	}
	if e.Exp == expUnknown {
		e.Exp = j.expiry(ceilSeconds(e.Moment))
	}
	if e.Exp <= j.dropped {
		// All tokens that it can match have ended. So it makes no entry stronger. It still is a
		// decision, which an older reinstatement does not release.
		if s.revoked && !r.kind.is(undated) {
			s.entry.Moment = max(s.entry.Moment, r.moment)
		}
		return
	}
	switch {
	case r.kind.is(undated):
		if repeats && e.Before <= s.entry.Before && e.Exp <= s.entry.Exp {
			return
		}
		if s.reinstated {
			e.Moment = max(e.Moment, s.back.Moment)
			if !s.revoked {
				n.again++
			}
		}
	case s.reinstated && r.moment < s.back.Moment:
		if !j.mayBeLater(r.moment, &s.back) {
			if r.kind.is(isNew) && r.moment > s.back.Over {
				n.stale++
			}
			s.back.Over, s.back.Exp = max(s.back.Over, r.moment), max(s.back.Exp, e.Exp)
			return
		}
		// From here on it counts as decided at the moment of the reinstatement.
		e.Moment = s.back.Moment
		if !s.revoked {
			n.late++
		}
	}
	if s.revoked {
		e = e.Combine(s.entry)
	}
	s.entry, s.revoked = e, true
}

// mayBeLater reports whether a revocation with an older moment than a reinstatement may have been
// decided after it, because the clocks of two sources differ.
func (j *judge) mayBeLater(moment int64, back *ledger.Reinstatement) bool {
	return j.source != back.Source && moment > back.Over && back.Moment-moment < j.skew
}

func ceilSeconds(ms int64) int64 { return (ms + 999) / 1000 }
