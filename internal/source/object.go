package source

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// object takes a JSON object of one level into the current row. It does what
// encoding/json does not: it finds names given twice, keeps numbers as they are
// written, and refuses text that is no Unicode instead of replacing it.
func (b *builder) object(line string) *fault {
	if !utf8.ValidString(line) {
		return &fault{reason: "it is not UTF-8"}
	}
	s := &scanner{rest: line}
	s.space()
	if !s.take('{') {
		return &fault{reason: "it is not a JSON object like {\"jti\":\"…\",\"exp\":1793278936}"}
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
			c := b.column(name)
			v, ok := s.value()
			if !ok {
				f := s.fault("a value")
				f.field = c.name
				return f
			}
			if f := b.set(c, v); f != nil {
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
		return &fault{reason: fmt.Sprintf("after the JSON object comes %q; each row has a line of its own", shorten(s.rest))}
	}
	return b.finish()
}

// A scanner takes JSON apart. rest is what it has not taken yet.
type scanner struct {
	rest string
	why  string // what is wrong with a string, when it is not just its end that lacks
}

func (s *scanner) fault(wanted string) *fault {
	switch {
	case s.why != "":
		return &fault{reason: "it is not JSON: " + s.why}
	case s.rest == "":
		return &fault{reason: fmt.Sprintf("it is not JSON: it ends where %s should be", wanted)}
	}
	return &fault{reason: fmt.Sprintf("it is not JSON: %q stands where %s should be", shorten(s.rest), wanted)}
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

func (s *scanner) value() (v value, ok bool) {
	if s.rest == "" {
		return v, false
	}
	switch c := s.rest[0]; {
	case c == '"':
		v.kind = text
		v.text, ok = s.str()
		return v, ok
	case c == '-' || c >= '0' && c <= '9':
		v.kind = number
		v.text, ok = s.num()
		return v, ok
	case c == '{':
		return value{other, "an object"}, true // the row is bad, whatever follows
	case c == '[':
		return value{other, "an array"}, true
	}
	for _, word := range []value{{null, "null"}, {boolean, "true"}, {boolean, "false"}} {
		if strings.HasPrefix(s.rest, word.text) {
			s.rest = s.rest[len(word.text):]
			return word, true
		}
	}
	return v, false
}

// num takes a number of RFC 8259, section 6.
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

// str takes a string of RFC 8259, section 7.
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
			s.why = fmt.Sprintf("%q in a string is no escape of a Unicode character", shorten(s.rest[i:min(i+6, len(s.rest))]))
			return "", false
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	s.why = "a string has no closing quote"
	return "", false
}

// unescape decodes the escape that s begins with; n is 0 if it is none.
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
