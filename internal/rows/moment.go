package rows

import (
	"strconv"
	"strings"
	"time"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/source"
)

// Units of a time: how many of them make a second.
const (
	Seconds      = 1
	Milliseconds = 1000
)

// firstTokens is a time before the first draft of JSON Web Tokens, in Unix seconds: the year 2000.
// An earlier time is a mistake: a duration, a day as a number, or a zero.
const firstTokens = 946_684_800

// ParseTime takes Unix seconds or RFC 3339, both with an optional fraction, and returns Unix time
// in the unit, rounded up. The reason says what is wrong, or is empty.
//
// It works on the text: a float64 has no exact 1793278936.1, and Go's time drops the digits behind
// the nanoseconds, which then would not be rounded up.
func ParseTime(s string, unit int64) (at int64, reason string) {
	digits := 0
	if unit == Milliseconds {
		digits = 3
	}
	var ok bool
	if len(s) > 10 && (s[10] == 'T' || s[10] == 't') {
		at, ok = ceilRFC3339(strings.ToUpper(s), digits)
	} else {
		at, ok = ceilDecimal(s, digits)
	}
	if !ok {
		return source.None, strconv.Quote(source.Shorten(s)) + " is neither Unix seconds nor RFC 3339"
	}
	return CheckTime(at, unit, s)
}

// CheckTime says what is wrong with a time in the unit, if anything. text is how the row writes it.
func CheckTime(at, unit int64, text string) (same int64, reason string) {
	switch {
	case at < firstTokens*unit:
		return source.None, source.Shorten(text) + " is before the year 2000, when no token had been issued; a time is a moment in Unix seconds or RFC 3339, not a duration or a day"
	case at > crl.MaxTime*unit:
		return source.None, source.Shorten(text) + " is after the year 9999; are these milliseconds? Times are Unix seconds or RFC 3339"
	}
	return at, ""
}

// tooLate is past every time that a row may name, in any unit.
const tooLate = (crl.MaxTime + 1) * Milliseconds

// ceilDecimal shifts a number in the notation of JSON by some decimal digits, and rounds it up. It
// returns -1 for all negative ones, and tooLate for all that are too large.
func ceilDecimal(s string, shift int) (at int64, ok bool) {
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	mantissa, exponent := s, 0
	i := strings.IndexByte(s, 'e')
	if i < 0 {
		i = strings.IndexByte(s, 'E')
	}
	if i >= 0 {
		mantissa = s[:i]
		digits := strings.TrimLeft(s[i+1:], "+-")
		if len(s[i+1:])-len(digits) > 1 || !allDigits(digits) {
			return 0, false
		}
		// An exponent of more than 6 digits is as good as one of 6: no line
		// is long enough to make up for it.
		if digits = strings.TrimLeft(digits, "0"); len(digits) > 6 {
			digits = "999999"
		}
		exponent, _ = strconv.Atoi("0" + digits)
		if s[i+1] == '-' {
			exponent = -exponent
		}
	}
	whole, fraction, dotted := strings.Cut(mantissa, ".")
	if !allDigits(whole) || dotted && !allDigits(fraction) {
		return 0, false
	}
	if negative {
		return -1, true
	}
	point := len(whole) + exponent + shift // where the decimal point is in the digits
	up := false
	for i, c := range []byte(whole) {
		at, up = addDigit(at, up, c, i < point)
	}
	for i, c := range []byte(fraction) {
		at, up = addDigit(at, up, c, len(whole)+i < point)
	}
	for i := len(whole) + len(fraction); i < point && at > 0 && at < tooLate; i++ {
		at = min(at*10, tooLate)
	}
	if up && at < tooLate {
		at++
	}
	return at, true
}

// addDigit appends a digit in front of the decimal point, or notes that one behind it is not zero.
func addDigit(at int64, up bool, digit byte, whole bool) (int64, bool) {
	if whole {
		return min(at*10+int64(digit-'0'), tooLate), up
	}
	return at, up || digit != '0'
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// ceilRFC3339 takes upper-case RFC 3339, and returns Unix time with that many decimal digits behind
// the seconds, rounded up.
func ceilRFC3339(s string, digits int) (at int64, ok bool) {
	const seconds = len("2006-01-02T15:04:05")
	fraction := "0"
	if len(s) > seconds && s[seconds] == '.' {
		rest := strings.TrimLeft(s[seconds+1:], "0123456789")
		if fraction = s[seconds+1 : len(s)-len(rest)]; fraction == "" {
			return 0, false
		}
		s = s[:seconds] + rest
	}
	// time.Parse is laxer: it takes 9:00, a comma before the fraction, +99:99.
	if !shaped(s, "0000-00-00T00:00:00Z") && (!shaped(s, "0000-00-00T00:00:00+00:00") || s[20:22] > "23" || s[23:] > "59") {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, false
	}
	if t.Unix() < 0 {
		return -1, true
	}
	return ceilDecimal(strconv.FormatInt(t.Unix(), 10)+"."+fraction, digits)
}

// shaped reports whether s has the shape of the example: other digits and signs, the same rest.
func shaped(s, example string) bool {
	if len(s) != len(example) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; example[i] {
		case '0':
			if c < '0' || c > '9' {
				return false
			}
		case '+':
			if c != '+' && c != '-' {
				return false
			}
		default:
			if c != example[i] {
				return false
			}
		}
	}
	return true
}
