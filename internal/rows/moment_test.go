package rows

import (
	"encoding/json"
	"math/big"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/source"
)

// A time is rounded up, exactly: to a whole second, or as a moment to a millisecond.
func TestParseTime(t *testing.T) {
	for in, want := range map[string][2]int64{
		"946684800":                          {946684800, 946684800_000},
		"1793278936":                         {1793278936, 1793278936_000},
		"1793278936.25":                      {1793278937, 1793278936_250},
		"1793278936.000":                     {1793278936, 1793278936_000},
		"1793278936.0001":                    {1793278937, 1793278936_001},
		"1793278936.123":                     {1793278937, 1793278936_123},
		"1.793278936123e+09":                 {1793278937, 1793278936_123},
		"1793278936.1230000000001":           {1793278937, 1793278936_124},
		"1e9":                                {1e9, 1e12},
		"1.5E+9":                             {1500000000, 1500000000_000},
		"17932789365e-1":                     {1793278937, 1793278936_500},
		"946684799.9999":                     {946684800, 946684800_000},
		"253402300799":                       {253402300799, 253402300799_000},
		"253402300798.5":                     {253402300799, 253402300798_500},
		"2000-01-01T00:00:00Z":               {946684800, 946684800_000},
		"2026-10-29T13:02:16Z":               {1793278936, 1793278936_000},
		"2026-10-29t13:02:16z":               {1793278936, 1793278936_000},
		"2026-10-29T13:02:16.7Z":             {1793278937, 1793278936_700},
		"2026-10-29T13:02:16.000Z":           {1793278936, 1793278936_000},
		"2026-10-29T13:02:16.1231Z":          {1793278937, 1793278936_124},
		"2026-10-29T13:02:16.0000000000001Z": {1793278937, 1793278936_001},
		"2026-10-29T15:02:16.25+02:00":       {1793278937, 1793278936_250},
		"9999-12-31T23:59:59Z":               {253402300799, 253402300799_000},
	} {
		for i, unit := range []int64{Seconds, Milliseconds} {
			got, reason := ParseTime(in, unit)
			require.Empty(t, reason, in)
			require.Equal(t, want[i], got, "%s in 1/%d s", in, unit)
		}
	}
	const neither = " is neither Unix seconds nor RFC 3339"
	const early = " is before the year 2000, when no token had been issued; a time is a moment in Unix seconds or RFC 3339, not a duration or a day"
	const late = " is after the year 9999; are these milliseconds? Times are Unix seconds or RFC 3339"
	for in, want := range map[string]string{
		"": `""` + neither, "tomorrow": `"tomorrow"` + neither, " 1": `" 1"` + neither, "+1": `"+1"` + neither,
		"1.": `"1."` + neither, ".5": `".5"` + neither, "1e": `"1e"` + neither, "1e+-1": `"1e+-1"` + neither, "0x10": `"0x10"` + neither, "NaN": `"NaN"` + neither,
		"-": `"-"` + neither, "1_000": `"1_000"` + neither,
		"-1": "-1" + early, "-0.5": "-0.5" + early, "0": "0" + early, "3600": "3600" + early, "20261029": "20261029" + early,
		"1e-999999999": "1e-999999999" + early, "0e99999999999": "0e99999999999" + early, "946684798.9": "946684798.9" + early,
		"1969-12-31T23:59:59.5Z": "1969-12-31T23:59:59.5Z" + early, "1999-12-31T23:59:59Z": "1999-12-31T23:59:59Z" + early,
		"253402300799.1": "253402300799.1" + late, "1793278936250": "1793278936250" + late, "1e99999999999": "1e99999999999" + late,
		"9999-12-31T23:59:59.1Z": "9999-12-31T23:59:59.1Z" + late,
		"2026-10-29 13:02:16":    `"2026-10-29 13:02:16"` + neither, "2026-10-29T13:02:16": `"2026-10-29T13:02:16"` + neither,
		"2026-10-29T13:02:16,5Z": `"2026-10-29T13:02:16,5Z"` + neither, "2026-10-29T13:02:16.Z": `"2026-10-29T13:02:16.Z"` + neither,
		"2026-02-29T13:02:16Z": `"2026-02-29T13:02:16Z"` + neither, "2026-10-29T3:02:16Z": `"2026-10-29T3:02:16Z"` + neither,
	} {
		for _, unit := range []int64{Seconds, Milliseconds} {
			got, reason := ParseTime(in, unit)
			require.Equal(t, want, reason)
			require.Equal(t, source.None, got)
		}
	}
}

// A moment is written in seconds with the digits that it needs, and read back as it was.
func TestMoment(t *testing.T) {
	for _, want := range []string{"1793278936", "1793278936.1", "1793278936.007"} {
		at, _ := ParseTime(want, Milliseconds)
		got, reason := ParseTime(Moment(at).String(), Milliseconds)
		require.Empty(t, reason)
		require.Equal(t, at, got)
	}
	require.Equal(t, "1793278936.007", Moment(1793278936_007).String())
	require.Equal(t, "1793278936", Moment(1793278936_000).String())
}

var smallExponent = regexp.MustCompile(`^[^eE]*([eE][+-]?0*[0-9]{1,3})?$`)

// FuzzTime compares ParseTime with math/big for the numbers of JSON and Go, and with package time
// for RFC 3339.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"1793278936.25", "1e9", "15e-1", "0.0000000001", "253402300799.0", "253402300799.01", "-0", "2026-10-29T13:02:16.7Z", "2026-10-29T13:02:16-07:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, unit := range []int64{Seconds, Milliseconds} {
			got, reason := ParseTime(s, unit)
			if (got == source.None) != (reason != "") || got != source.None && (got < firstTokens*unit || got > crl.MaxTime*unit) {
				t.Fatalf("%q gives %d and %q", s, got, reason)
			}
			if len(s) < 100 && json.Valid([]byte(s)) && smallExponent.MatchString(s) {
				if x, ok := new(big.Rat).SetString(s); ok {
					checkAgainst(t, s, x, unit, got)
				}
				continue
			}
			if at, err := time.Parse(time.RFC3339Nano, s); err == nil && got != source.None && len(s) <= len("2026-10-29T13:02:16.123456789+00:00") {
				x := new(big.Rat).SetInt64(at.Unix())
				checkAgainst(t, s, x.Add(x, big.NewRat(int64(at.Nanosecond()), 1e9)), unit, got)
			}
		}
	})
}

func checkAgainst(t *testing.T, s string, x *big.Rat, unit, got int64) {
	x = new(big.Rat).Mul(x, new(big.Rat).SetInt64(unit))
	want := new(big.Int).Add(x.Num(), new(big.Int).Sub(x.Denom(), big.NewInt(1)))
	want.Div(want, x.Denom()) // Euclidean: rounds up, now that denominator-1 is added
	bad := want.Cmp(big.NewInt(firstTokens*unit)) < 0 || want.Cmp(big.NewInt(crl.MaxTime*unit)) > 0
	if bad && got != source.None || !bad && want.Cmp(big.NewInt(got)) != 0 {
		t.Fatalf("%q gives %d, not %v", s, got, want)
	}
}
