package rows

import (
	"fmt"
	"unicode/utf8"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/source"
)

// Check says what is wrong with a row that a source made by other means than a [Builder], if
// anything. It leaves the names of the claims to [CheckClaim].
func Check(row *source.Row) *Fault {
	if len(row.Names) != len(row.Values) {
		return &Fault{Reason: fmt.Sprintf("it has %d names and %d values", len(row.Names), len(row.Values))}
	}
	for _, t := range []struct {
		name     string
		at, unit int64
	}{{"before", row.Before, Seconds}, {"exp", row.Exp, Seconds}, {"revoked_at", row.Moment, Milliseconds}} {
		if t.at != source.None && (t.at < firstTokens*t.unit || t.at > crl.MaxTime*t.unit) {
			return Faultf(t.name, "%d is not a time from the year 2000 to 9999; a row that gives none has %d", t.at, source.None)
		}
	}
	for i, value := range row.Values {
		if reason := badValue(row.Names[i], value); reason != "" {
			return &Fault{row.Names[i], reason}
		}
	}
	return wholeRow(row)
}

// CheckClaim says why a name cannot be that of a claim to match, if it cannot.
func CheckClaim(name string) *Fault {
	var b Builder
	b.Start(0)
	c := b.Column(name)
	if !c.IsClaim() {
		return Faultf(name, "that is a reserved column, and no claim to match")
	}
	return b.Set(c, Value{})
}

// badValue says why a text cannot be the value of a claim, or is empty.
func badValue(name, value string) string {
	switch {
	case len(value) > crl.MaxClaimLength:
		return fmt.Sprintf("it is longer than %d bytes", crl.MaxClaimLength)
	case !utf8.ValidString(value):
		return "it is not UTF-8"
	case value == "" && name == crl.KeyIDClaim:
		return "it is empty, and no key has an empty id"
	}
	return ""
}

// wholeRow says what is wrong with a row as a whole, if anything.
func wholeRow(row *source.Row) *Fault {
	if len(row.Names) == 0 && row.Before == source.None && !row.Reinstate {
		return &Fault{Reason: `a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`}
	}
	return nil
}
