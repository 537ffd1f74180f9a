package rows

import (
	"encoding/json"
	"math/big"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMoment(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "0.0": 0, "0.0000000000000000001": 1, "1793278936": 1793278936,
		"1793278936.25": 1793278937, "1793278936.000": 1793278936,
		"1793278936.00000000000000000000000001": 1793278937,
		"1e9":                                   1e9, "1.5E+9": 1500000000, "17932789365e-1": 1793278937, "1e-999999999": 1, "0e99999999999": 0,
		"253402300799": 253402300799, "253402300798.5": 253402300799,
		"1970-01-01T00:00:00Z": 0, "2026-10-29T13:02:16Z": 1793278936, "2026-10-29t13:02:16z": 1793278936,
		"2026-10-29T13:02:16.7Z": 1793278937, "2026-10-29T13:02:16.000Z": 1793278936,
		"2026-10-29T13:02:16.0000000000001Z": 1793278937, "2026-10-29T15:02:16.25+02:00": 1793278937,
		"9999-12-31T23:59:59Z": 253402300799,
	} {
		got, reason := parseMoment(in)
		require.Empty(t, reason, in)
		require.Equal(t, want, got, in)
	}
	const neither = " is neither Unix seconds nor RFC 3339"
	const late = " is after the year 9999; are these milliseconds? Times are Unix seconds or RFC 3339"
	for in, want := range map[string]string{
		"": `""` + neither, "tomorrow": `"tomorrow"` + neither, " 1": `" 1"` + neither, "+1": `"+1"` + neither,
		"1.": `"1."` + neither, ".5": `".5"` + neither, "1e": `"1e"` + neither, "1e+-1": `"1e+-1"` + neither, "0x10": `"0x10"` + neither, "NaN": `"NaN"` + neither,
		"-": `"-"` + neither, "1_000": `"1_000"` + neither,
		"-1": "-1 is before 1970", "-0.5": "-0.5 is before 1970", "1969-12-31T23:59:59.5Z": "1969-12-31T23:59:59.5Z is before 1970",
		"253402300799.1": "253402300799.1" + late, "1793278936250": "1793278936250" + late, "1e99999999999": "1e99999999999" + late,
		"9999-12-31T23:59:59.1Z": "9999-12-31T23:59:59.1Z" + late,
		"2026-10-29 13:02:16":    `"2026-10-29 13:02:16"` + neither, "2026-10-29T13:02:16": `"2026-10-29T13:02:16"` + neither,
		"2026-10-29T13:02:16,5Z": `"2026-10-29T13:02:16,5Z"` + neither, "2026-10-29T13:02:16.Z": `"2026-10-29T13:02:16.Z"` + neither,
		"2026-02-29T13:02:16Z": `"2026-02-29T13:02:16Z"` + neither, "2026-10-29T3:02:16Z": `"2026-10-29T3:02:16Z"` + neither,
	} {
		got, reason := parseMoment(in)
		require.Equal(t, want, reason)
		require.Equal(t, None, got)
	}
}

var smallExponent = regexp.MustCompile(`^[^eE]*([eE][+-]?0*[0-9]{1,3})?$`)

// FuzzTime compares with math/big on whatever JSON and Go call a number, and
// with package time on RFC 3339.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"1793278936.25", "1e9", "15e-1", "0.0000000001", "253402300799.0", "253402300799.01", "-0", "2026-10-29T13:02:16.7Z", "2026-10-29T13:02:16-07:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, reason := parseMoment(s)
		if (got == None) != (reason != "") || got < None || got > tooLate-1 {
			t.Fatalf("%q gives %d and %q", s, got, reason)
		}
		if len(s) < 100 && json.Valid([]byte(s)) && smallExponent.MatchString(s) {
			if x, ok := new(big.Rat).SetString(s); ok {
				checkAgainst(t, s, x, got)
			}
			return
		}
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil && got != None {
			x := new(big.Rat).SetInt64(at.Unix())
			x.Add(x, big.NewRat(int64(at.Nanosecond()), 1e9))
			if len(s) <= len("2026-10-29T13:02:16.123456789+00:00") {
				checkAgainst(t, s, x, got)
			}
		}
	})
}

func checkAgainst(t *testing.T, s string, x *big.Rat, got int64) {
	want := new(big.Int).Add(x.Num(), new(big.Int).Sub(x.Denom(), big.NewInt(1)))
	want.Div(want, x.Denom()) // Euclidean: rounds up, now that denominator-1 is added
	bad := x.Sign() < 0 || s[0] == '-' || want.Cmp(big.NewInt(tooLate)) >= 0
	if bad && got != None || !bad && want.Cmp(big.NewInt(got)) != 0 {
		t.Fatalf("%q gives %d, not %v", s, got, want)
	}
}
