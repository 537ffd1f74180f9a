// Package rows holds what the sources of package source have in common: the rules for a row, and
// the account of a reading. docs/SOURCES.md describes the rules for users.
package rows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/source"
)

// A Value is the value of a column, as it is in its format. The zero Value is null.
type Value struct {
	Kind Kind
	Text string // of text and numbers; "true" or "false" of a boolean; what it is of Other
}

// A Kind is a kind of value.
type Kind uint8

const (
	Null Kind = iota
	Text
	Number // in the notation of JSON
	Boolean
	Other // nothing that a row may hold
)

// A Fault is what is wrong with a row, before its place is known.
type Fault struct{ Field, Reason string }

// Faultf returns a fault of a field.
func Faultf(field, format string, args ...any) *Fault {
	return &Fault{field, fmt.Sprintf(format, args...)}
}

// A Column is the name of a column, judged once however many rows have it.
type Column struct {
	Name string
	role role
	bad  string // why the name cannot be used, or empty
	seen uint64 // the last row that had it, to find names given twice
}

type role uint8

const (
	claim role = iota
	roleExp
	roleBefore
	roleMoment
	roleReason
	roleReinstate
	roleIss
)

var reserved = map[string]role{
	"exp": roleExp, "before": roleBefore, "revoked_at": roleMoment,
	"reason": roleReason, "reinstate": roleReinstate, "iss": roleIss,
}

// A Builder makes rows of named values. The zero Builder is ready. It is not safe for concurrent
// use.
type Builder struct {
	// Wordy takes words and digits for reinstate, as formats without booleans do.
	Wordy bool
	// OneLine refuses claims that hold a line break.
	OneLine bool

	// Row is the row under way.
	Row     source.Row
	count   uint64
	columns map[string]*Column
	digits  []byte
}

// maxColumns bounds the memory of columns when every row names others.
const maxColumns = 4096

// Start begins a new row.
func (b *Builder) Start(line int64) {
	if b.columns == nil || len(b.columns) > maxColumns {
		b.columns = make(map[string]*Column)
	}
	b.count++
	b.Row = source.Row{
		Names: b.Row.Names[:0], Values: b.Row.Values[:0],
		Before: source.None, Exp: source.None, Moment: source.None, Line: line,
	}
}

// Column judges a name. It must be called between Start and the next Start.
func (b *Builder) Column(name string) *Column {
	if c, ok := b.columns[name]; ok {
		return c
	}
	// The caller's string may be a part of a long line.
	c := &Column{Name: strings.Clone(name)}
	lower := strings.ToLower(name)
	if r, ok := reserved[name]; ok {
		c.role = r
	} else if _, ok := reserved[lower]; ok {
		c.bad = fmt.Sprintf("the reserved column is written in lower case: %q", lower)
	} else if c.bad = notAClaim(name); c.bad != "" {
		// A rule of this name would match no token.
	} else if _, err := crl.NewRule(c.Name); err != nil {
		c.bad = err.Error()
		if e, ok := errors.AsType[*crl.RuleError](err); ok {
			c.bad = e.Reason
		}
	}
	if b.columns != nil {
		b.columns[c.Name] = c
	}
	return c
}

// notAClaim says why a name is an accident rather than the name of a claim.
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

// IsClaim reports whether the column is a claim to match, and not reserved.
func (c *Column) IsClaim() bool { return c.role == claim }

// Set sets a column of the current row.
func (b *Builder) Set(c *Column, v Value) *Fault {
	if c.seen == b.count {
		return Faultf(c.Name, "the row has this field twice")
	}
	c.seen = b.count
	if c.bad != "" {
		return &Fault{c.Name, c.bad}
	}
	if v.Kind == Null {
		return nil
	}
	switch c.role {
	case claim:
		return b.setClaim(c, v)
	case roleExp, roleBefore, roleMoment:
		return b.setTime(c, v)
	case roleReinstate:
		return b.setReinstate(c, v)
	case roleReason:
		return setWords(&b.Row.Reason, c, v)
	default:
		if len(v.Text) > crl.MaxClaimLength {
			return Faultf(c.Name, "it is longer than %d bytes", crl.MaxClaimLength)
		}
		return setWords(&b.Row.Issuer, c, v)
	}
}

func (b *Builder) setClaim(c *Column, v Value) *Fault {
	switch v.Kind {
	case Text:
		if reason := badValue(c.Name, v.Text); reason != "" {
			return &Fault{c.Name, reason}
		}
		if b.OneLine && strings.ContainsAny(v.Text, "\r\n") {
			return Faultf(c.Name, "a line break is in it; was a quote lost?")
		}
	case Number:
		var err error
		if b.digits, err = crl.AppendClaim(b.digits[:0], json.Number(v.Text)); err != nil {
			return Faultf(c.Name, "%s is not an integer that stands for itself; a claim is a string or an integer", source.Shorten(v.Text))
		}
		if string(b.digits) != v.Text {
			v.Text = string(b.digits)
		}
	default:
		return Faultf(c.Name, "it is %s; a claim is a string or an integer", v.what())
	}
	if len(b.Row.Names) == crl.MaxRuleClaims {
		return &Fault{Reason: fmt.Sprintf("the row has more than %d claims", crl.MaxRuleClaims)}
	}
	// Insertion keeps the few names sorted.
	i := len(b.Row.Names)
	b.Row.Names = append(b.Row.Names, c.Name)
	b.Row.Values = append(b.Row.Values, v.Text)
	for ; i > 0 && b.Row.Names[i-1] > c.Name; i-- {
		b.Row.Names[i], b.Row.Values[i] = b.Row.Names[i-1], b.Row.Values[i-1]
	}
	b.Row.Names[i], b.Row.Values[i] = c.Name, v.Text
	return nil
}

// Time returns where the current row holds the time of a column, and how many units of it make a
// second. It returns nil if the column is not a time.
func (b *Builder) Time(c *Column) (dst *int64, unit int64) {
	switch c.role {
	case roleExp:
		return &b.Row.Exp, Seconds
	case roleBefore:
		return &b.Row.Before, Seconds
	case roleMoment:
		return &b.Row.Moment, Milliseconds
	}
	return nil, 0
}

func (b *Builder) setTime(c *Column, v Value) *Fault {
	dst, unit := b.Time(c)
	if v.Kind != Text && v.Kind != Number {
		return Faultf(c.Name, "it is %s; a time is Unix seconds or RFC 3339", v.what())
	}
	at, reason := ParseTime(v.Text, unit)
	if reason != "" {
		return &Fault{c.Name, reason}
	}
	*dst = at
	return nil
}

func (b *Builder) setReinstate(c *Column, v Value) *Fault {
	words := b.Wordy && (v.Kind == Text || v.Kind == Number)
	switch {
	case v.Kind == Boolean:
		b.Row.Reinstate = v.Text == "true"
		return nil
	case words && (strings.EqualFold(v.Text, "true") || strings.EqualFold(v.Text, "t") || v.Text == "1"):
		b.Row.Reinstate = true
		return nil
	case words && (strings.EqualFold(v.Text, "false") || strings.EqualFold(v.Text, "f") || v.Text == "0" || v.Text == ""):
		return nil
	}
	return Faultf(c.Name, "it is %s; it must be true or false", v.what())
}

func setWords(dst *string, c *Column, v Value) *Fault {
	if v.Kind != Text {
		return Faultf(c.Name, "it is %s; it must be a string", v.what())
	}
	if !utf8.ValidString(v.Text) {
		return Faultf(c.Name, "it is not UTF-8")
	}
	*dst = v.Text
	return nil
}

// Finish says what is wrong with the current row as a whole, if anything.
func (b *Builder) Finish() *Fault { return wholeRow(&b.Row) }

// what says what a value is, for messages.
func (v Value) what() string {
	switch v.Kind {
	case Text:
		return fmt.Sprintf("the string %q", source.Shorten(v.Text))
	case Number:
		return "the number " + source.Shorten(v.Text)
	}
	return v.Text
}
