package file

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// object fills the current row of b with the members of a JSON object, and finishes the row. Unlike
// encoding/json it finds names that are given twice, keeps numbers as they are written, and refuses
// text that is not Unicode instead of replacing it.
func object(b *rows.Builder, line string) *rows.Fault {
	if !utf8.ValidString(line) {
		return &rows.Fault{Reason: "it is not UTF-8"}
	}
	s := &scanner{rest: line}
	s.space()
	if !s.take('{') {
		return &rows.Fault{Reason: "it is not a JSON object like {\"jti\":\"…\",\"exp\":1793278936}"}
	}
	if s.space(); !s.take('}') {
		for {
			s.space()
			name, ok := s.str()
			if !ok {
				return s.fault("a field name in quotes")
			}
			if s.space(); !s.take(':') {
				return s.fault("a colon")
			}
			s.space()
			c := b.Column(name)
			v, ok := s.value()
			if !ok {
				f := s.fault("a value")
				f.Field = c.Name
				return f
			}
			if f := b.Set(c, v); f != nil {
				return f
			}
			if s.space(); s.take('}') {
				break
			}
			if !s.take(',') {
				return s.fault("a comma or a closing brace")
			}
		}
	}
	if s.space(); s.rest != "" {
		return &rows.Fault{Reason: fmt.Sprintf("after the JSON object comes %q; each row has a line of its own", source.Shorten(s.rest))}
	}
	return b.Finish()
}

// A scanner takes tokens of JSON off the beginning of rest.
type scanner struct {
	rest string
	why  string // the error in a string, if there is one
}

func (s *scanner) fault(wanted string) *rows.Fault {
	switch {
	case s.why != "":
		return &rows.Fault{Reason: "it is not JSON: " + s.why}
	case s.rest == "":
		return &rows.Fault{Reason: fmt.Sprintf("it is not JSON: it ends where %s should be", wanted)}
	}
	return &rows.Fault{Reason: fmt.Sprintf("it is not JSON: %q is where %s should be", source.Shorten(s.rest), wanted)}
}

func (s *scanner) space() {
	i := 0
	for i < len(s.rest) && (s.rest[i] == ' ' || s.rest[i] == '\t' || s.rest[i] == '\r' || s.rest[i] == '\n') {
		i++
	}
	s.rest = s.rest[i:]
}

func (s *scanner) take(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) value() (v rows.Value, ok bool) {
	if s.rest == "" {
		return v, false
	}
	switch c := s.rest[0]; {
	case c == '"':
		v.Kind = rows.Text
		v.Text, ok = s.str()
		return v, ok
	case c == '-' || c >= '0' && c <= '9':
		v.Kind = rows.Number
		v.Text, ok = s.num()
		return v, ok
	case c == '{':
		return rows.Value{Kind: rows.Other, Text: "an object"}, true // the row is bad, whatever follows
	case c == '[':
		return rows.Value{Kind: rows.Other, Text: "an array"}, true
	}
	for _, word := range []rows.Value{{Kind: rows.Null, Text: "null"}, {Kind: rows.Boolean, Text: "true"}, {Kind: rows.Boolean, Text: "false"}} {
		if strings.HasPrefix(s.rest, word.Text) {
			s.rest = s.rest[len(word.Text):]
			return word, true
		}
	}
	return v, false
}

// num takes a number as RFC 8259, section 6, defines it.
func (s *scanner) num() (string, bool) {
	all := s.rest
	digits := func() bool {
		n := len(s.rest)
		for s.rest != "" && s.rest[0] >= '0' && s.rest[0] <= '9' {
			s.rest = s.rest[1:]
		}
		return len(s.rest) < n
	}
	s.take('-')
	if !s.take('0') && !digits() {
		return "", false
	}
	if s.take('.') && !digits() {
		return "", false
	}
	if s.take('e') || s.take('E') {
		if !s.take('-') {
			s.take('+')
		}
		if !digits() {
			return "", false
		}
	}
	return all[:len(all)-len(s.rest)], true
}

// str takes a string as RFC 8259, section 7, defines it.
func (s *scanner) str() (string, bool) {
	if s.rest == "" || s.rest[0] != '"' {
		return "", false
	}
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			plain := s.rest[1:i]
			s.rest = s.rest[i+1:]
			return plain, true
		case c == '\\':
			return s.escaped(i)
		case c < ' ':
			s.why = fmt.Sprintf("a string holds the control character %q as it is", c)
			return "", false
		}
	}
	s.why = "a string has no closing quote"
	return "", false
}

// escaped takes the string that rest begins with, whose first escape is at i.
func (s *scanner) escaped(i int) (string, bool) {
	out := []byte(s.rest[1:i])
	for i < len(s.rest) {
		c := s.rest[i]
		switch {
		case c == '"':
			s.rest = s.rest[i+1:]
			return string(out), true
		case c < ' ':
			s.why = fmt.Sprintf("a string holds the control character %q as it is", c)
			return "", false
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		r, n := unescape(s.rest[i:])
		if n == 0 {
			s.why = fmt.Sprintf("%q in a string is no escape of a Unicode character", source.Shorten(s.rest[i:min(i+6, len(s.rest))]))
			return "", false
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	s.why = "a string has no closing quote"
	return "", false
}

// unescape decodes the escape that s begins with, of n bytes. It returns 0 if s begins with none.
func unescape(s string) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	r, ok := hexEscape(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hexEscape(s[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0 // half a pair is no character
	}
	return r, 12
}

func hexEscape(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(u), err == nil
}
