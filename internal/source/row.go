package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/revocast/revocast/crl"
)

// A value is a column's value as its format gives it.
type value struct {
	kind kind
	text string // of text and numbers; "true" or "false" of a boolean; what it is of other
}

type kind uint8

const (
	null kind = iota
	text
	number // in JSON's notation
	boolean
	other // nothing that a row may hold
)

// A column is a column's name, judged once however many rows have it.
type column struct {
	name string
	role role
	bad  string // why the name cannot be used, or empty
	seen uint64 // the last row that had it, to find names given twice
}

type role uint8

const (
	claim role = iota
	roleExp
	roleBefore
	roleRevokedAt
	roleReason
	roleReinstate
	roleIss
)

var reserved = map[string]role{
	"exp": roleExp, "before": roleBefore, "revoked_at": roleRevokedAt,
	"reason": roleReason, "reinstate": roleReinstate, "iss": roleIss,
}

// A builder makes rows of named values. It is where all formats, and Record,
// get their rules from. Not safe for concurrent use.
type builder struct {
	// wordy takes words and digits for reinstate, as formats without booleans do.
	wordy bool
	// oneLine refuses claims that hold a line break.
	oneLine bool

	row     Row
	count   uint64
	columns map[string]*column
	digits  []byte
}

// maxColumns bounds the memory of columns when every row names others.
const maxColumns = 4096

// start begins a new row.
func (b *builder) start(line int64) {
	if b.columns == nil || len(b.columns) > maxColumns {
		b.columns = make(map[string]*column)
	}
	b.count++
	b.row = Row{
		Names: b.row.Names[:0], Values: b.row.Values[:0],
		Before: None, Exp: None, RevokedAt: None, Line: line,
	}
}

// column judges a name.
func (b *builder) column(name string) *column {
	if c, ok := b.columns[name]; ok {
		return c
	}
	// The caller's string may be a part of a long line.
	c := &column{name: strings.Clone(name)}
	lower := strings.ToLower(name)
	if r, ok := reserved[name]; ok {
		c.role = r
	} else if _, ok := reserved[lower]; ok {
		c.bad = fmt.Sprintf("the reserved column is written in lower case: %q", lower)
	} else if c.bad = notAClaim(name); c.bad != "" {
		// It could be a rule of a list, and hardly be meant.
	} else if _, err := crl.NewRule(c.name); err != nil {
		c.bad = err.Error()
		if e, ok := errors.AsType[*crl.RuleError](err); ok {
			c.bad = e.Reason
		}
	}
	if b.columns != nil {
		b.columns[c.name] = c
	}
	return c
}

// notAClaim says of what accident a name is made that could be a claim's: a rule of it
// would be published for ever, and match no token.
func notAClaim(name string) string {
	switch {
	case strings.Contains(name, ";"):
		return "a semicolon is in the name; the columns of a CSV file are divided by commas, as in jti,exp"
	case strings.Contains(name, "\t"):
		return "a tab is in the name; the columns of a CSV file are divided by commas, as in jti,exp"
	case name == "?column?":
		return "the query gives its column no name; write SELECT … AS sub, or whatever claim it is"
	}
	return ""
}

// set gives the current row a column's value.
func (b *builder) set(c *column, v value) *fault {
	if c.seen == b.count {
		return faultf(c.name, "the row has this field twice")
	}
	c.seen = b.count
	if c.bad != "" {
		return &fault{c.name, c.bad}
	}
	if v.kind == null {
		return nil
	}
	switch c.role {
	case claim:
		return b.setClaim(c, v)
	case roleExp, roleBefore, roleRevokedAt:
		return setMoment(b.moment(c), c, v)
	case roleReinstate:
		return b.setReinstate(c, v)
	case roleReason:
		return setWords(&b.row.Reason, c, v)
	default:
		if len(v.text) > crl.MaxClaimLength {
			return faultf(c.name, "it is longer than %d bytes", crl.MaxClaimLength)
		}
		return setWords(&b.row.Issuer, c, v)
	}
}

func (b *builder) setClaim(c *column, v value) *fault {
	switch v.kind {
	case text:
		switch {
		case len(v.text) > crl.MaxClaimLength:
			return faultf(c.name, "it is longer than %d bytes", crl.MaxClaimLength)
		case !utf8.ValidString(v.text):
			return faultf(c.name, "it is not UTF-8")
		case v.text == "" && c.name == crl.KeyIDClaim:
			return faultf(c.name, "it is empty, and no key has an empty id")
		case b.oneLine && strings.ContainsAny(v.text, "\r\n"):
			return faultf(c.name, "a line break is in it; was a quote lost?")
		}
	case number:
		var err error
		if b.digits, err = crl.AppendClaim(b.digits[:0], json.Number(v.text)); err != nil {
			return faultf(c.name, "%s is not an integer that stands for itself; a claim is a string or an integer", shorten(v.text))
		}
		if string(b.digits) != v.text {
			v.text = string(b.digits)
		}
	default:
		return faultf(c.name, "it is %s; a claim is a string or an integer", v.what())
	}
	if len(b.row.Names) == crl.MaxRuleClaims {
		return &fault{reason: fmt.Sprintf("the row has more than %d claims", crl.MaxRuleClaims)}
	}
	// Insertion keeps the few names sorted.
	i := len(b.row.Names)
	b.row.Names = append(b.row.Names, c.name)
	b.row.Values = append(b.row.Values, v.text)
	for ; i > 0 && b.row.Names[i-1] > c.name; i-- {
		b.row.Names[i], b.row.Values[i] = b.row.Names[i-1], b.row.Values[i-1]
	}
	b.row.Names[i], b.row.Values[i] = c.name, v.text
	return nil
}

// moment is where the current row has a column's moment; nil if it is none.
func (b *builder) moment(c *column) *int64 {
	switch c.role {
	case roleExp:
		return &b.row.Exp
	case roleBefore:
		return &b.row.Before
	case roleRevokedAt:
		return &b.row.RevokedAt
	}
	return nil
}

func setMoment(dst *int64, c *column, v value) *fault {
	if v.kind != text && v.kind != number {
		return faultf(c.name, "it is %s; a time is Unix seconds or RFC 3339", v.what())
	}
	unix, reason := parseMoment(v.text)
	if reason != "" {
		return &fault{c.name, reason}
	}
	*dst = unix
	return nil
}

func (b *builder) setReinstate(c *column, v value) *fault {
	words := b.wordy && (v.kind == text || v.kind == number)
	switch {
	case v.kind == boolean:
		b.row.Reinstate = v.text == "true"
		return nil
	case words && (strings.EqualFold(v.text, "true") || strings.EqualFold(v.text, "t") || v.text == "1"):
		b.row.Reinstate = true
		return nil
	case words && (strings.EqualFold(v.text, "false") || strings.EqualFold(v.text, "f") || v.text == "0" || v.text == ""):
		return nil
	}
	return faultf(c.name, "it is %s; it must be true or false", v.what())
}

func setWords(dst *string, c *column, v value) *fault {
	if v.kind != text {
		return faultf(c.name, "it is %s; it must be a string", v.what())
	}
	if !utf8.ValidString(v.text) {
		return faultf(c.name, "it is not UTF-8")
	}
	*dst = v.text
	return nil
}

// finish says what is wrong with the row as a whole, if anything.
func (b *builder) finish() *fault {
	if len(b.row.Names) == 0 && b.row.Before == None && !b.row.Reinstate {
		return &fault{reason: `a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`}
	}
	return nil
}

// what says what a value is, for messages.
func (v value) what() string {
	switch v.kind {
	case text:
		return fmt.Sprintf("the string %q", shorten(v.text))
	case number:
		return "the number " + shorten(v.text)
	}
	return v.text
}
