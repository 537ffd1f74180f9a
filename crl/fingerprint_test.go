package crl

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFingerprintIsWhatTheFormatSays(t *testing.T) {
	salt := Salt{1, 2, 3}
	rule, err := NewRule("sub", "client_id")
	require.NoError(t, err)
	require.Equal(t, "client_id+sub", rule.Name())
	rule.ID = 9
	got, err := Fingerprint(salt, rule, "app", "alice")
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(string(salt[:]) + "\x09\x03app\x05alice"))
	require.Equal(t, binary.BigEndian.Uint64(sum[:]), got)

	_, err = Fingerprint(salt, rule, "app")
	require.Error(t, err)
}

func TestLongValuesAreHashedTheSame(t *testing.T) {
	rule := Rule{ID: 1, Claims: []string{"a", "b", "c"}}
	long := strings.Repeat("x", 500)
	got, err := Fingerprint(Salt{}, rule, "s", long, "t")
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(string(make([]byte, 16)) + "\x01\x01s\xf4\x03" + long + "\x01t"))
	require.Equal(t, binary.BigEndian.Uint64(sum[:]), got)
	_, err = Fingerprint(Salt{}, rule, "s", strings.Repeat("x", MaxClaimLength+1), "t")
	require.ErrorIs(t, err, ErrClaimLength)
}

func TestClaimsBecomeText(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
		err   error
	}{
		{"alice", "alice", nil}, {"", "", nil}, {"7", "7", nil},
		{7, "7", nil}, {int64(-7), "-7", nil}, {uint64(math.MaxUint64), "18446744073709551615", nil},
		{7.0, "7", nil}, {7.5, "", ErrClaimType}, {math.NaN(), "", ErrClaimType}, {math.Inf(1), "", ErrClaimType},
		{float64(1<<53 - 1), "9007199254740991", nil}, {float64(-(1<<53 - 1)), "-9007199254740991", nil},
		{float64(1<<53 + 1), "", ErrClaimType}, {float64(1 << 53), "", ErrClaimType}, {-float64(1 << 53), "", ErrClaimType},
		{json.Number("9007199254740993"), "9007199254740993", nil}, {json.Number("9007199254740993.0"), "", ErrClaimType},
		{json.Number("12345678901234567890"), "12345678901234567890", nil},
		{json.Number("1e3"), "1000", nil}, {json.Number("-0"), "0", nil}, {json.Number("0"), "0", nil},
		{json.Number("1.5"), "", ErrClaimType}, {json.Number("x"), "", ErrClaimType}, {json.Number("1e999"), "", ErrClaimType},
		{true, "", ErrClaimType}, {nil, "", ErrClaimType}, {[]any{"a"}, "", ErrClaimType}, {map[string]any{}, "", ErrClaimType},
		{strings.Repeat("x", MaxClaimLength+1), "", ErrClaimLength},
	} {
		got, err := AppendClaim(nil, c.value)
		require.ErrorIs(t, err, c.err, "%v", c.value)
		require.Equal(t, c.want, string(got), "%v", c.value)
	}
}

func TestRulesAreRefused(t *testing.T) {
	for _, claims := range [][]string{
		{""}, {"a", "a"}, {"a+b"}, {"*"}, {"a b"}, {"a,b"}, {"a\x00"}, {"\xff"}, {strings.Repeat("x", MaxClaimName+1)},
		{"1", "2", "3", "4", "5", "6", "7", "8", "9"},
	} {
		_, err := NewRule(claims...)
		var bad *RuleError
		require.ErrorAs(t, err, &bad, "%q", claims)
	}
	all, err := NewRule()
	require.NoError(t, err)
	require.Equal(t, "*", all.Name())
}

func TestPreimageAllocatesNothing(t *testing.T) {
	var values any = "0b54c1f4-5ad5-4bd8-8f8a-0c3f0ac0c1a9"
	salt := Salt{7}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var p Preimage
		p.Reset(&salt, 1)
		if p.Add(values) != nil || p.Fingerprint() == 0 {
			t.Error("no fingerprint")
		}
	}))
}
