package file

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

// readBytes reads content as a file of the given format.
func readBytes(t *testing.T, content []byte, since *cursor, skip bool, format format) (all []source.Row, result source.Result, err error) {
	r := &rows.Reading{Context: t.Context(), Source: "rows", Unit: "line", Skip: skip, Undated: true, Visit: func(row *source.Row) error {
		if len(row.Names) != len(row.Values) || len(row.Names) > crl.MaxRuleClaims {
			t.Fatalf("%d names, %d values", len(row.Names), len(row.Values))
		}
		if len(row.Names) == 0 && row.Before == source.None && !row.Reinstate {
			t.Fatal("a row that revokes everything for ever")
		}
		if _, err := crl.NewRule(row.Names...); err != nil {
			t.Fatal(err)
		}
		for i, v := range row.Values {
			if len(v) > crl.MaxClaimLength || !utf8.ValidString(v) || i > 0 && row.Names[i-1] >= row.Names[i] {
				t.Fatalf("%q", row.Names)
			}
		}
		for _, at := range [][2]int64{{row.Before, rows.Seconds}, {row.Exp, rows.Seconds}, {row.Moment, rows.Milliseconds}} {
			if at[0] != source.None && (at[0] < 946_684_800*at[1] || at[0] > crl.MaxTime*at[1]) {
				t.Fatal(at)
			}
		}
		all = append(all, sourcetest.Clone(row))
		return nil
	}}
	err = read(r, bytes.NewReader(content), int64(len(content)), since, format)
	return all, r.Result, err
}

// inTwo reads content up to a newline, then the rest, and compares with all at once.
func inTwo(t *testing.T, content []byte, at int, format format) {
	whole, total, err := readBytes(t, content, nil, true, format)
	if err != nil {
		return
	}
	if int(total.Rows) != len(whole) {
		t.Fatal("miscounted")
	}
	at = bytes.LastIndexByte(content[:min(max(at, 0), len(content))], '\n') + 1
	first, result, err := readBytes(t, content[:at], nil, true, format)
	if err != nil {
		return // cut within a quoted field
	}
	second, rest, err := readBytes(t, content, rows.DecodeCursor[cursor](result.Cursor), true, format)
	if err != nil {
		t.Fatal(err)
	}
	for i := range second {
		if second[i].New == rest.Full {
			t.Fatal("only what was appended is new")
		}
		second[i].New = false
	}
	if both := append(first, second...); !reflect.DeepEqual(both, whole) {
		t.Fatalf("in two: %v\nat once: %v", both, whole)
	}
	if result.SkippedRows+rest.SkippedRows != total.SkippedRows || at > 0 && rest.Full {
		t.Fatal("skipped other rows")
	}
}

func FuzzJSONL(f *testing.F) {
	f.Add([]byte("\ufeff{\"jti\":\"a\",\"exp\":1793278936.25}\r\n\n{}\n{\"sub\":\"\\ud83d\\ude00\",\"before\":\"2026-10-29T13:02:16.7Z\"}"), 20)
	f.Add([]byte(`{"reinstate":true,"client_id":1e3,"x":null,"reason":"r","iss":"i"}`+"\n{\"a\":1}"), 70)
	f.Fuzz(func(t *testing.T, content []byte, at int) {
		inTwo(t, content, at, readJSONL)
		for line := range bytes.SplitSeq(content, []byte{'\n'}) {
			compareJSON(t, line)
		}
	})
}

// compareJSON compares the scanner with encoding/json.
func compareJSON(t *testing.T, line []byte) {
	var b rows.Builder
	b.Start(1)
	fault := object(&b, string(line))
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	err := d.Decode(&m)
	if _, more := d.Token(); err == nil && more != io.EOF {
		err = more
	}
	if fault != nil {
		if strings.Contains(fault.Reason, "not JSON:") && err == nil && json.Valid(line) && !strings.Contains(fault.Reason, "no escape of a Unicode character") {
			t.Fatalf("%q is JSON, but: %s", line, fault.Reason)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q is taken, but: %v", line, err)
	}
	claims := 0
	for name, v := range m {
		if !b.Column(name).IsClaim() || v == nil {
			continue
		}
		claims++
		want, err := crl.AppendClaim(nil, v)
		if err != nil {
			t.Fatalf("%q is taken, but %q: %v", line, name, err)
		}
		for i, n := range b.Row.Names {
			if n == name && b.Row.Values[i] != string(want) {
				t.Fatalf("%q: %q is %q, not %q", line, name, b.Row.Values[i], want)
			}
		}
	}
	if claims != len(b.Row.Names) {
		t.Fatalf("%q has %d claims, not %d", line, claims, len(b.Row.Names))
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("\ufeffjti,exp,reason\r\na,1793278936.25,\"two\nlines\"\nb,,\nc\"d,1,\n,1,\nshort\n"), 30)
	f.Add([]byte("sub,before,reinstate,iss\n\"a\"\"b\",2026-10-29T13:02:16.7Z,T,i\n"), 26)
	f.Fuzz(func(t *testing.T, content []byte, at int) { inTwo(t, content, at, readCSV) })
}
