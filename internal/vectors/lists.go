package vectors

import (
	"fmt"
	"math/rand/v2"

	"github.com/revocast/revocast/crl"
)

// list is one file and what it says.
type list struct {
	File       string    `json:"file"`
	Why        string    `json:"why"`
	From       uint64    `json:"from"`
	To         uint64    `json:"to"`
	Entries    []entry   `json:"entries"`
	Removed    []removed `json:"removed"`
	Checksum   string    `json:"checksum"`
	Permanent  int       `json:"permanent"`
	NextExpiry int64     `json:"next_expiry"`
	Lookups    []lookup  `json:"lookups"`
}

// lookup asks one file for one fingerprint.
type lookup struct {
	Rule  uint8  `json:"rule"`
	Key   string `json:"key"`
	Found *entry `json:"found"` // null for a miss
}

// moment is what every vector takes for its time.
const moment = 1_800_000_000

func outright(rule uint8, key uint64, exp int64) crl.Entry {
	return crl.Entry{Rule: rule, Key: key, Before: crl.Always, Exp: exp}
}

func (s *set) lists() error {
	r := rand.New(rand.NewChaCha8([32]byte{1}))
	random := func(n int, rule uint8, before func(int) int64, exp func(int) int64) []crl.Entry {
		var all []crl.Entry
		for i := range n {
			all = append(all, crl.Entry{Rule: rule, Key: r.Uint64(), Before: before(i), Exp: exp(i)})
		}
		return all
	}
	always := func(int) int64 { return crl.Always }
	never := func(int) int64 { return crl.Never }
	hours := func(i int) int64 { return moment + 3600*int64(i%24) }
	dense := func(n int, first uint64) []crl.Entry {
		var all []crl.Entry
		for i := range n {
			all = append(all, outright(1, first+uint64(i), moment))
		}
		return all
	}
	var all []list
	for _, test := range []struct {
		name, why        string
		from, to         uint64
		entries, removed []crl.Entry
	}{
		{"empty", "no section at all", 0, 1, nil, nil},
		{"one", "a width of 0 takes no bytes", 0, 1, []crl.Entry{outright(1, 0x0123456789abcdef, moment)}, nil},
		{"forms", "all four forms, several rules", 4, 9, []crl.Entry{
			outright(1, 5, moment), outright(1, 7, crl.Never), {Rule: 1, Key: 6, Before: moment - 9, Exp: moment},
			{Rule: 1, Key: 9, Before: moment, Exp: moment + 60}, outright(200, 1<<63, moment),
		}, []crl.Entry{outright(1, 6, 0), outright(1, 8, 0), {Rule: 1, Key: 5}, {Rule: 3, Key: 1}}},
		{"extremes", "the least and the greatest keys and moments", 0, 999_999_999_999, []crl.Entry{
			outright(1, 0, 0), outright(1, ^uint64(0), crl.MaxTime), {Rule: 255, Key: 0, Before: 0, Exp: 0}, {Rule: 255, Key: ^uint64(0), Before: crl.MaxTime, Exp: crl.Never},
		}, nil},
		{"plain-127", "the most keys of the plain layout", 0, 2, random(127, 1, always, hours), nil},
		{"packed-128", "the fewest keys of the packed layout", 0, 2, random(128, 1, always, hours), nil},
		{"packed-129", "just above a power of two", 0, 2, random(129, 1, always, never), nil},
		{"packed-1000", "one superblock", 0, 2, random(1000, 1, always, hours), nil},
		{"packed-1025", "two superblocks", 0, 2, random(1025, 1, always, func(i int) int64 { return moment }), nil},
		{"packed-1500-before", "befores and expiries of packed keys", 0, 2, random(1500, 7, func(i int) int64 { return moment - int64(i)*97%100_000 }, hours), nil},
		{"dense-200", "all keys in one bucket", 0, 2, dense(200, 1<<40), nil},
		{"dense-top-200", "all keys in the last bucket", 0, 2, dense(200, ^uint64(0)-199), nil},
		{"removed-packed", "a delta that removes many", 1, 3, nil, random(300, 1, always, never)},
	} {
		f, err := crl.Build(test.from, test.to, test.entries, test.removed)
		if err != nil {
			return fmt.Errorf("%s: %w", test.name, err)
		}
		v := list{
			File: s.list(test.name, f), Why: test.why, From: f.From(), To: f.To(), Entries: entriesOf(f), Removed: removedOf(f),
			Checksum: hexSum(f.Checksum()), Permanent: f.Permanent(), NextExpiry: f.NextExpiry(), Lookups: []lookup{},
		}
		v.ask(f, test.entries)
		all = append(all, v)
	}
	return s.json("lists.json", all)
}

// ask looks for some entries, and for their neighbours.
func (v *list) ask(f *crl.File, entries []crl.Entry) {
	for i := 0; i < len(entries); i += 1 + len(entries)/20 {
		for _, key := range []uint64{entries[i].Key, entries[i].Key + 1, entries[i].Key - 1, entries[i].Key ^ 1<<63} {
			answer := lookup{Rule: entries[i].Rule, Key: fmt.Sprintf("%016x", key)}
			if e, ok := f.Lookup(entries[i].Rule, key); ok {
				found := entryOf(e)
				answer.Found = &found
			}
			v.Lookups = append(v.Lookups, answer)
		}
	}
	v.Lookups = append(v.Lookups, lookup{Rule: 99, Key: "0000000000000000"})
}
