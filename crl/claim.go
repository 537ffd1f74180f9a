package crl

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrClaimType is what [AppendClaim] gives for a value that is no string and no
// integer: nobody can say which text would stand for it, so nobody may guess.
var ErrClaimType = errors.New("the claim is neither a string nor an integer")

// ErrClaimLength is what [AppendClaim] gives for a value of more than
// [MaxClaimLength] bytes.
var ErrClaimLength = fmt.Errorf("the claim is longer than %d bytes", MaxClaimLength)

// inexact is the first integer that a float64 may hold for another one: 2^53+1 becomes
// it. Below, every float64 without a fraction is the integer that was written.
const inexact = 1 << 53

// AppendClaim appends the text that stands for a claim's value in a
// fingerprint: a string as it is, an integer as its decimal digits. Numbers
// come as Go's JSON decoders give them (float64, json.Number) or as any integer
// type; one with a fraction of zero counts as the integer, unless a float64 may have
// made it of another. It is the one place where values become text, for rows and
// for tokens alike. The error is [ErrClaimType] or [ErrClaimLength]; with
// strings and integers it does not allocate.
func AppendClaim(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		if len(v) > MaxClaimLength {
			return dst, ErrClaimLength
		}
		return append(dst, v...), nil
	case json.Number:
		return appendNumber(dst, string(v))
	case float64:
		return appendFloat(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	}
	return dst, ErrClaimType
}

func appendFloat(dst []byte, f float64) ([]byte, error) {
	if f != math.Trunc(f) || math.Abs(f) >= inexact {
		return dst, ErrClaimType
	}
	return strconv.AppendInt(dst, int64(f), 10), nil
}

func appendNumber(dst []byte, s string) ([]byte, error) {
	if len(s) > MaxClaimLength {
		return dst, ErrClaimLength
	}
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return dst, ErrClaimType
		}
		return appendFloat(dst, f)
	}
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return dst, ErrClaimType
	}
	if digits == "0" {
		return append(dst, '0'), nil // -0 is 0 to whoever decodes it to an integer
	}
	return append(dst, s...), nil
}
