package publish

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
)

const (
	minute = 60_000 // in milliseconds
	noon   = 1_800_000_000_000
)

func testJudge(source uint32) *judge {
	return &judge{now: noon, skew: 5 * minute, source: source, dropped: noon/1000 - 100*60, expiry: func(unix int64) int64 { return unix + 86400 }}
}

// Rows of the stories.
func revokes(at int64) record {
	return record{before: crl.Always, exp: crl.Never, moment: noon + at*minute}
}
func lets(at int64) record {
	return record{before: crl.Always, exp: expUnknown, moment: noon + at*minute, kind: reinstates}
}
func (r record) before_(at int64) record { r.before = noon/1000 + at*60; return r }
func (r record) until(at int64) record   { r.exp = noon/1000 + at*60; return r }
func (r record) now() record             { r.moment, r.kind = noon, r.kind|undated; return r }
func (r record) new() record             { r.kind |= isNew; return r }

// reading is the rows of one reading of a source.
type reading struct {
	source uint32
	rows   []record
}

func from(source uint32, rows ...record) reading { return reading{source, rows} }

// after is the standing after the readings.
func after(n *notes, readings ...reading) (s standing) {
	for _, r := range readings {
		rows := slices.Clone(r.rows)
		for i := range rows {
			rows[i].seq = uint32(i)
		}
		slices.SortFunc(rows, func(a, b record) int { return a.compare(&b) })
		s = testJudge(r.source).decide(rows, s, n)
	}
	return s
}

func TestTheLatestDecisionWins(t *testing.T) {
	for name, test := range map[string]struct {
		revoked  bool
		readings []reading
	}{
		"revoked":                              {true, []reading{from(1, revokes(-60))}},
		"let back in":                          {false, []reading{from(1, revokes(-60), lets(-40))}},
		"let back in, from another source":     {false, []reading{from(1, revokes(-60)), from(2, lets(-40))}},
		"revoked again":                        {true, []reading{from(1, revokes(-60), lets(-40), revokes(-20))}},
		"in another order":                     {true, []reading{from(1, revokes(-20)), from(1, lets(-40)), from(1, revokes(-60))}},
		"at equal moments":                     {true, []reading{from(1, revokes(-40), lets(-40))}},
		"at equal moments, in two readings":    {true, []reading{from(1, lets(-40)), from(2, revokes(-40))}},
		"the first two rows come again":        {true, []reading{from(1, revokes(-60), lets(-40), revokes(-20)), from(1, revokes(-60), lets(-40))}},
		"an older revocation comes late":       {false, []reading{from(1, lets(-40)), from(2, revokes(-60))}},
		"older by less than clocks differ":     {true, []reading{from(1, lets(-40)), from(2, revokes(-41))}},
		"the same from the same source":        {false, []reading{from(1, lets(-40)), from(1, revokes(-41))}},
		"older than what it released":          {false, []reading{from(1, revokes(-41)), from(1, lets(-40)), from(2, revokes(-42))}},
		"the same row from a renamed source":   {false, []reading{from(1, revokes(-41), lets(-40)), from(2, revokes(-41), lets(-40))}},
		"its reinstatement comes again":        {true, []reading{from(1, lets(-40)), from(2, revokes(-41)), from(1, lets(-40))}},
		"an ignored row from a renamed source": {false, []reading{from(1, lets(-40)), from(1, revokes(-41)), from(2, revokes(-41))}},
		"two reinstatements, and rows again":   {false, []reading{from(2, revokes(-42)), from(1, lets(-41)), from(1, lets(-40)), from(2, revokes(-42))}},

		"without a moment":                                 {true, []reading{from(1, revokes(0).now())}},
		"appended without a moment":                        {false, []reading{from(1, revokes(0).now().new(), lets(0).now().new())}},
		"appended, and revoked again":                      {true, []reading{from(1, revokes(0).now().new(), lets(0).now().new(), revokes(0).now().new())}},
		"let in by hand, then revoked with a moment":       {true, []reading{from(1, lets(0).now().new(), revokes(-1).new())}},
		"revoked by hand, then let in with a moment":       {false, []reading{from(1, revokes(0).now().new(), lets(-1).new())}},
		"by hand twice, then with a moment":                {false, []reading{from(1, lets(0).now().new(), revokes(0).now().new(), lets(-1).new())}},
		"the order of rows that are not new says nothing":  {true, []reading{from(1, revokes(0).now(), lets(-1))}},
		"may have been read, and so releases nothing":      {true, []reading{from(1, revokes(-60)), from(1, lets(0).now())}},
		"takes back only the rows before it":               {false, []reading{from(1, revokes(0).now(), lets(0).now())}},
		"not those of others":                              {true, []reading{from(2, revokes(-10)), from(1, revokes(0).now(), lets(0).now())}},
		"a row without a moment revokes again":             {true, []reading{from(1, revokes(-60)), from(2, lets(-40)), from(1, revokes(0).now())}},
		"also if the reinstatement is ahead of the clock":  {true, []reading{from(1, revokes(-60)), from(2, lets(3)), from(1, revokes(0).now())}},
		"also in one reading":                              {true, []reading{from(1, revokes(-60), lets(3), revokes(0).now())}},
		"and is taken back there":                          {false, []reading{from(1, lets(3), revokes(0).now(), lets(0).now())}},
		"a new row lets in no earlier revocation than now": {true, []reading{from(1, revokes(3).new(), revokes(0).now().new(), lets(0).now().new())}},
		"but not if it comes first":                        {false, []reading{from(1, revokes(0).now(), lets(3))}},
		"a new row without a moment is a decision":         {true, []reading{from(1, revokes(-60)), from(1, revokes(0).now().new()), from(2, lets(-40))}},
		"a repetition without a moment is no decision":     {false, []reading{from(1, revokes(-60)), from(1, revokes(0).now()), from(2, lets(-40))}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.revoked, after(&notes{}, test.readings...).revoked)
		})
	}
}

func TestRevocationsCombine(t *testing.T) {
	s := after(&notes{}, from(1, revokes(-60).before_(-60).until(100), revokes(-50).before_(-50).until(90)))
	require.Equal(t, crl.Entry{Before: noon/1000 - 50*60, Exp: noon/1000 + 100*60, Moment: noon - 50*minute}, s.entry)
	s = after(&notes{}, from(1, revokes(-60).until(100)), from(1, revokes(-50).before_(-50).until(90)))
	require.Equal(t, crl.Entry{Before: crl.Always, Exp: noon/1000 + 100*60, Moment: noon - 50*minute}, s.entry, "none beats any")
	s = after(&notes{}, from(1, revokes(-50).before_(-50).until(90)), from(2, revokes(-60).until(-100)))
	require.Equal(t, int64(noon/1000-50*60), s.entry.Before, "a row whose tokens have ended makes no entry stronger")
	s = after(&notes{}, from(1, revokes(-60)), from(1, revokes(-40).until(-100)), from(1, lets(-50)))
	require.True(t, s.revoked, "but an older reinstatement does not release it")
	s = after(&notes{}, from(1, revokes(-60), lets(-40), revokes(-20).before_(-20)), from(1, revokes(-60)))
	require.Equal(t, int64(noon/1000-20*60), s.entry.Before, "what was released before does not come back with what is revoked now")
}

func TestARowWithoutAnEnd(t *testing.T) {
	jti := record{before: crl.Always, exp: expUnknown, moment: noon, kind: undated}
	once := after(&notes{}, from(1, jti))
	require.Equal(t, int64(noon/1000+86400), once.entry.Exp)
	later := testJudge(1)
	later.now += 60 * minute
	jti.moment = later.now
	require.Equal(t, once, later.decide([]record{jti}, once, &notes{}), "reading it again does not prolong it")
	short := after(&notes{}, from(1, revokes(-60).until(5)), from(1, jti))
	require.Equal(t, int64(noon/1000-3600+86400), short.entry.Exp, "it does not take the shorter end of another row")
	require.Equal(t, short, later.decide([]record{jti}, short, &notes{}))
}

// A publisher whose clock was ahead for a while neither keeps claims revoked until then, nor hides
// revocations until then.
func TestAClockThatWasAhead(t *testing.T) {
	ahead := testJudge(1)
	ahead.now += 120 * minute
	row := record{before: crl.Always, exp: crl.Never, moment: ahead.now, kind: undated | isNew}
	revoked := ahead.decide([]record{row}, standing{}, &notes{})
	right := testJudge(1)
	right.now += 10 * minute
	require.False(t, right.decide([]record{lets(11)}, right.possible(revoked), &notes{}).revoked)

	row.kind |= reinstates
	back := ahead.decide([]record{row}, after(&notes{}, from(1, revokes(-60))), &notes{})
	require.False(t, back.revoked)
	require.True(t, right.decide([]record{revokes(5)}, right.possible(back), &notes{}).revoked)
	require.False(t, right.decide([]record{revokes(-60)}, right.possible(back), &notes{}).revoked, "what it released stays released")
}

func TestNotes(t *testing.T) {
	var n notes
	after(&n, from(1, revokes(-60)), from(1, lets(-40)), from(1, revokes(0).now()))
	require.Equal(t, notes{again: 1}, n)
	n = notes{}
	after(&n, from(1, lets(-40)), from(2, revokes(-41)), from(2, revokes(-41)))
	require.Equal(t, notes{late: 1}, n, "once")
	n = notes{}
	after(&n, from(1, revokes(-40)), from(2, lets(-60)), from(2, lets(-60)))
	require.Equal(t, notes{older: 1}, n, "once")
	n = notes{}
	after(&n, from(1, revokes(-60)), from(1, lets(0).now()))
	require.Equal(t, notes{held: 1}, n)
}

// Whatever is read of some decisions, in which order and how often: claims are never let in while
// the latest decision that was read revokes them, and when everything was read the outcome is that
// of the latest. Reading any of it once more then changes no entry.
func TestDecisionsInAnyOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 300_000
	if testing.Short() {
		rounds = 30_000
	}
	for range rounds {
		// Moments further apart than clocks may differ, or closer.
		apart := []int64{6, 1}[r.IntN(2)]
		all := make([]reading, 3)
		moments := r.Perm(10)[:1+r.IntN(6)]
		for _, m := range moments {
			row := revokes(int64(m-10) * apart)
			if r.IntN(2) == 0 {
				row = lets(int64(m-10) * apart)
			} else if r.IntN(3) == 0 {
				row = row.before_(-500 + r.Int64N(400))
			}
			s := &all[r.IntN(3)]
			s.rows = append(s.rows, row)
		}
		for i := range all {
			all[i].source = uint32(i + 1)
		}
		var latest record
		var done []reading
		read := func(some reading) {
			done = append(done, some)
			for _, row := range some.rows {
				if row.moment >= latest.moment {
					latest = row
				}
			}
			s := after(&notes{}, done...)
			if latest.kind.is(reinstates) || latest.moment == 0 {
				return
			}
			require.True(t, s.revoked, "%s", story(done))
		}
		for range r.IntN(6) {
			some := all[r.IntN(3)]
			some.rows = slices.Clone(some.rows)
			r.Shuffle(len(some.rows), func(i, j int) { some.rows[i], some.rows[j] = some.rows[j], some.rows[i] })
			some.rows = some.rows[:r.IntN(len(some.rows)+1)]
			read(some)
		}
		for _, i := range r.Perm(3) {
			read(all[i])
		}
		s := after(&notes{}, done...)
		if apart > 5 {
			require.Equal(t, !latest.kind.is(reinstates), s.revoked, "%s", story(done))
		}
		for _, i := range r.Perm(3) {
			again := all[i]
			again.source += uint32(10 * r.IntN(2)) // under another name, perhaps
			once := after(&notes{}, append(done, again)...)
			require.Equal(t, [2]any{s.revoked, s.entry}, [2]any{once.revoked, once.entry}, "reading again: %s then %s", story(done), story([]reading{again}))
			require.Equal(t, once, after(&notes{}, append(done, again, again)...))
		}
	}
}

func story(readings []reading) (text string) {
	for _, r := range readings {
		text += fmt.Sprintf("source %d:", r.source)
		for _, row := range r.rows {
			word := "revoke"
			if row.kind.is(reinstates) {
				word = "reinstate"
			}
			text += fmt.Sprintf(" %s at %d", word, (row.moment-noon)/minute)
		}
		text += "; "
	}
	return text
}
