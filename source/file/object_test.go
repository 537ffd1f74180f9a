package file

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

func TestRowsAccepted(t *testing.T) {
	long := strings.Repeat("x", 1024)
	for line, want := range map[string]source.Row{
		`{"jti":"a","exp":1793278936}`:             {Names: []string{"jti"}, Values: []string{"a"}, Exp: 1793278936},
		`{"sub":"é","client_id":"app"}`:            {Names: []string{"client_id", "sub"}, Values: []string{"app", "é"}},
		` { "jti" : "a" , "exp" : 1793278936.5 } `: {Names: []string{"jti"}, Values: []string{"a"}, Exp: 1793278937},
		`{"before":"2026-10-29T13:02:16.7Z"}`:      {Before: 1793278937},
		`{"before":946684800}`:                     {Before: 946684800},
		`{"reinstate":true}`:                       {Reinstate: true},
		`{"sub":"","before":null,"kid":null}`:      {Names: []string{"sub"}, Values: []string{""}},
		`{"tenant":12,"jti":"a"}`:                  {Names: []string{"jti", "tenant"}, Values: []string{"a", "12"}},
		`{"tenant":-0}`:                            {Names: []string{"tenant"}, Values: []string{"0"}},
		`{"tenant":1e3}`:                           {Names: []string{"tenant"}, Values: []string{"1000"}},
		`{"tenant":123456789012345678901}`:         {Names: []string{"tenant"}, Values: []string{"123456789012345678901"}},
		`{"sub":"\u00e9\ud83d\ude00\n\"\/"}`:       {Names: []string{"sub"}, Values: []string{"é😀\n\"/"}},
		`{"s\u0075b":"x"}`:                         {Names: []string{"sub"}, Values: []string{"x"}},
		`{"sub":"` + long + `"}`:                   {Names: []string{"sub"}, Values: []string{long}},
		`{"jti":"a","revoked_at":"1793278936.5","reason":"stolen","iss":"https://i","reinstate":false}`: {
			Names: []string{"jti"}, Values: []string{"a"}, Moment: 1793278936_500, Reason: "stolen", Issuer: "https://i"},
		`{"h":"8","g":"7","f":"6","e":"5","d":"4","c":"3","b":"2","a":"1"}`: {
			Names: strings.Split("a b c d e f g h", " "), Values: strings.Split("1 2 3 4 5 6 7 8", " ")},
	} {
		var b rows.Builder
		b.Start(7)
		require.Nil(t, object(&b, line), line)
		got := sourcetest.Clone(&b.Row)
		want.Line = 7
		for _, m := range []struct {
			name string
			at   *int64
		}{{"before", &want.Before}, {"exp", &want.Exp}, {"revoked_at", &want.Moment}} {
			if !strings.Contains(line, m.name) || strings.Contains(line, m.name+`":null`) {
				*m.at = source.None
			}
		}
		require.Equal(t, want, got, line)
	}
}

func TestRowsRefused(t *testing.T) {
	const everyone = `a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`
	const early = ` is before the year 2000, when no token had been issued; a time is a moment in Unix seconds or RFC 3339, not a duration or a day`
	for line, want := range map[string]string{
		`{}`:                                      everyone,
		`{"exp":1793278936}`:                      everyone,
		`{"sub":null}`:                            everyone,
		`[]`:                                      `it is not a JSON object like {"jti":"…","exp":1793278936}`,
		`12`:                                      `it is not a JSON object like {"jti":"…","exp":1793278936}`,
		`{"sub":"a"} {"sub":"b"}`:                 `after the JSON object comes "{\"sub\":\"b\"}"; each row has a line of its own`,
		`{"sub":"a",}`:                            `it is not JSON: "}" is where a field name in quotes should be`,
		`{"sub":"a"`:                              `it is not JSON: it ends where a comma or a closing brace should be`,
		`{"sub" "a"}`:                             `it is not JSON: "\"a\"}" is where a colon should be`,
		`{"sub":nil}`:                             `field "sub": it is not JSON: "nil}" is where a value should be`,
		`{"sub":"a}`:                              `field "sub": it is not JSON: a string has no closing quote`,
		`{"sub":"a\x"}`:                           `field "sub": it is not JSON: "\\x\"}" in a string is no escape of a Unicode character`,
		`{"sub":"\ud83dabcdef"}`:                  `field "sub": it is not JSON: "\\ud83d" in a string is no escape of a Unicode character`,
		"{\"sub\":\"a\tb\"}":                      `field "sub": it is not JSON: a string holds the control character '\t' as it is`,
		"{\"sub\":\"\xff\"}":                      `it is not UTF-8`,
		`{"tenant":01}`:                           `it is not JSON: "1}" is where a comma or a closing brace should be`,
		`{"sub":"a","sub":"a"}`:                   `field "sub": the row has this field twice`,
		`{"sub":null,"sub":"a"}`:                  `field "sub": the row has this field twice`,
		`{"s\u0075b":"x","sub":"x"}`:              `field "sub": the row has this field twice`,
		`{"sub":"a","exp":1793278936,"exp":2}`:    `field "exp": the row has this field twice`,
		`{"sub":true}`:                            `field "sub": it is true; a claim is a string or an integer`,
		`{"sub":{"a":1}}`:                         `field "sub": it is an object; a claim is a string or an integer`,
		`{"sub":["a"]}`:                           `field "sub": it is an array; a claim is a string or an integer`,
		`{"sub":1.5}`:                             `field "sub": 1.5 is not an integer that stands for itself; a claim is a string or an integer`,
		`{"sub":1e17}`:                            `field "sub": 1e17 is not an integer that stands for itself; a claim is a string or an integer`,
		`{"kid":""}`:                              `field "kid": it is empty, and no key has an empty id`,
		`{"jti":"a","exp":"tomorrow"}`:            `field "exp": "tomorrow" is neither Unix seconds nor RFC 3339`,
		`{"jti":"a","exp":""}`:                    `field "exp": "" is neither Unix seconds nor RFC 3339`,
		`{"jti":"a","exp":-5}`:                    `field "exp": -5` + early,
		`{"jti":"a","exp":0}`:                     `field "exp": 0` + early,
		`{"jti":"a","before":3600}`:               `field "before": 3600` + early,
		`{"jti":"a","revoked_at":20261029}`:       `field "revoked_at": 20261029` + early,
		`{"jti":"a","exp":true}`:                  `field "exp": it is true; a time is Unix seconds or RFC 3339`,
		`{"jti":"a","exp":1793278936250}`:         `field "exp": 1793278936250 is after the year 9999; are these milliseconds? Times are Unix seconds or RFC 3339`,
		`{"jti":"a","reinstate":"true"}`:          `field "reinstate": it is the string "true"; it must be true or false`,
		`{"jti":"a","reinstate":1}`:               `field "reinstate": it is the number 1; it must be true or false`,
		`{"jti":"a","iss":5}`:                     `field "iss": it is the number 5; it must be a string`,
		`{"jti":"a","reason":[]}`:                 `field "reason": it is an array; it must be a string`,
		`{"jti":"a","Exp":1}`:                     `field "Exp": the reserved column is written in lower case: "exp"`,
		`{"jti":"a","REINSTATE":null}`:            `field "REINSTATE": the reserved column is written in lower case: "reinstate"`,
		`{"a+b":"x"}`:                             `field "a+b": the claim name "a+b" has one of the characters + * , in it`,
		`{"*":"x"}`:                               `field "*": the claim name "*" has one of the characters + * , in it`,
		`{"a;b":"x"}`:                             `field "a;b": a semicolon is in the name; the columns of a CSV file are divided by commas, as in jti,exp`,
		`{"a\tb":"x"}`:                            `field "a\tb": a tab is in the name; the columns of a CSV file are divided by commas, as in jti,exp`,
		`{"?column?":"x"}`:                        `field "?column?": the query gives its column no name; write SELECT … AS sub, or whatever claim it is`,
		`{"":"x"}`:                                `a claim has no name`,
		`{"a\u0000":"x"}`:                         "field \"a\\x00\": the claim name \"a\\x00\" has white space or a control character in it",
		`{"` + strings.Repeat("n", 65) + `":"x"}`: `field "` + strings.Repeat("n", 40) + `…": the claim name "nnnnnnnnnnnnnnnnnnnn"… is longer than 64 bytes`,
		`{"sub":"` + strings.Repeat("x", 1025) + `"}`:                               `field "sub": it is longer than 1024 bytes`,
		`{"sub":"a","iss":"` + strings.Repeat("x", 1025) + `"}`:                     `field "iss": it is longer than 1024 bytes`,
		`{"a":"1","b":"2","c":"3","d":"4","e":"5","f":"6","g":"7","h":"8","i":"9"}`: `the row has more than 8 claims`,
	} {
		var b rows.Builder
		b.Start(12)
		f := object(&b, line)
		require.NotNil(t, f, line)
		err := &source.BadRowError{Source: "rows.jsonl", Unit: "line", Line: 12, Field: f.Field, Reason: f.Reason}
		sep := ": "
		if strings.HasPrefix(want, "field ") {
			sep = ", "
		}
		require.EqualError(t, err, "rows.jsonl line 12"+sep+want, line)
	}
}
