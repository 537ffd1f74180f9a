package source

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/revocast/revocast/crl"
)

// parseMoment takes Unix seconds or RFC 3339, both with an optional fraction,
// and gives Unix seconds, rounded up. The reason says what is wrong, or is empty.
//
// It works on the text: a float64 has no exact 1793278936.1, and Go's time
// drops what comes after the nanoseconds, which then would not be rounded up.
func parseMoment(s string) (unix int64, reason string) {
	var ok bool
	if len(s) > 10 && (s[10] == 'T' || s[10] == 't') {
		unix, ok = ceilRFC3339(strings.ToUpper(s))
	} else {
		unix, ok = ceilDecimal(s)
	}
	switch {
	case !ok:
		return None, strconv.Quote(shorten(s)) + " is neither Unix seconds nor RFC 3339"
	case unix < 0:
		return None, shorten(s) + " is before 1970"
	case unix > crl.MaxTime:
		return None, shorten(s) + " is after the year 9999; are these milliseconds? Times are Unix seconds or RFC 3339"
	}
	return unix, ""
}

// tooLate is past every moment that a row may name.
const tooLate = crl.MaxTime + 1

// ceilDecimal rounds up a number in JSON's notation. It gives -1 for all
// negative ones, and tooLate for all that are too large.
func ceilDecimal(s string) (unix int64, ok bool) {
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
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
	point := len(whole) + exponent // where the decimal point is in the digits
	up := false
	for i, c := range []byte(whole) {
		unix, up = addDigit(unix, up, c, i < point)
	}
	for i, c := range []byte(fraction) {
		unix, up = addDigit(unix, up, c, len(whole)+i < point)
	}
	for i := len(whole) + len(fraction); i < point && unix > 0 && unix < tooLate; i++ {
		unix = min(unix*10, tooLate)
	}
	if up && unix < tooLate {
		unix++
	}
	return unix, true
}

// addDigit appends a digit to the whole seconds, or notes that what is behind
// the decimal point is not zero.
func addDigit(unix int64, up bool, digit byte, whole bool) (int64, bool) {
	if whole {
		return min(unix*10+int64(digit-'0'), tooLate), up
	}
	return unix, up || digit != '0'
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// ceilRFC3339 takes upper-case RFC 3339.
func ceilRFC3339(s string) (unix int64, ok bool) {
	const seconds = len("2006-01-02T15:04:05")
	up := false
	if len(s) > seconds && s[seconds] == '.' {
		rest := strings.TrimLeft(s[seconds+1:], "0123456789")
		fraction := s[seconds+1 : len(s)-len(rest)]
		if fraction == "" {
			return 0, false
		}
		up = strings.Trim(fraction, "0") != ""
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
	if unix = t.Unix(); unix < 0 {
		return -1, true
	}
	if up {
		unix++
	}
	return unix, true
}

// shaped tells whether s is like the example but for its digits and signs.
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

// ceilTime gives the text of a moment that came as a Go time.
func ceilTime(t time.Time) string {
	if t.Nanosecond() > 0 {
		return fmt.Sprint(t.Unix() + 1)
	}
	return fmt.Sprint(t.Unix())
}
