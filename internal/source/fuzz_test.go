package source

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/revocast/revocast/crl"
)

// readBytes reads content as a file of the given format.
func readBytes(t *testing.T, content []byte, since *fileCursor, skip bool, read func(*reading, *input) error) (rows []Row, result Result, err error) {
	r := &reading{ctx: t.Context(), source: "rows", skip: skip, visit: func(row *Row) error {
		if len(row.Names) != len(row.Values) || len(row.Names) > crl.MaxRuleClaims {
			t.Fatalf("%d names, %d values", len(row.Names), len(row.Values))
		}
		if len(row.Names) == 0 && row.Before == None && !row.Reinstate {
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
		for _, at := range []int64{row.Before, row.Exp, row.RevokedAt} {
			if at < None || at > crl.MaxTime {
				t.Fatal(at)
			}
		}
		rows = append(rows, clone(row))
		return nil
	}}
	err = r.file(bytes.NewReader(content), int64(len(content)), since, read)
	return rows, r.result, err
}

// inTwo reads content up to a newline, then the rest, and compares with all at once.
func inTwo(t *testing.T, content []byte, at int, read func(*reading, *input) error) {
	whole, total, err := readBytes(t, content, nil, true, read)
	if err != nil {
		return
	}
	if int(total.Rows) != len(whole) {
		t.Fatal("miscounted")
	}
	at = bytes.LastIndexByte(content[:min(max(at, 0), len(content))], '\n') + 1
	first, result, err := readBytes(t, content[:at], nil, true, read)
	if err != nil {
		return // cut within a quoted field
	}
	cursor, ok := decodeCursor[fileCursor](result.Cursor)
	if !ok {
		t.Fatal("no cursor")
	}
	second, rest, err := readBytes(t, content, cursor, true, read)
	if err != nil {
		t.Fatal(err)
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

// compareJSON holds the scanner against encoding/json.
func compareJSON(t *testing.T, line []byte) {
	var b builder
	b.start(1)
	fault := b.object(string(line))
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	err := d.Decode(&m)
	if _, more := d.Token(); err == nil && more != io.EOF {
		err = more
	}
	if fault != nil {
		if strings.Contains(fault.reason, "not JSON:") && err == nil && json.Valid(line) && !strings.Contains(fault.reason, "no escape of a Unicode character") {
			t.Fatalf("%q is JSON, but: %s", line, fault.reason)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q is taken, but: %v", line, err)
	}
	claims := 0
	for name, v := range m {
		if _, ok := reserved[name]; ok || v == nil {
			continue
		}
		claims++
		want, err := crl.AppendClaim(nil, v)
		if err != nil {
			t.Fatalf("%q is taken, but %q: %v", line, name, err)
		}
		for i, n := range b.row.Names {
			if n == name && b.row.Values[i] != string(want) {
				t.Fatalf("%q: %q is %q, not %q", line, name, b.row.Values[i], want)
			}
		}
	}
	if claims != len(b.row.Names) {
		t.Fatalf("%q has %d claims, not %d", line, claims, len(b.row.Names))
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("\ufeffjti,exp,reason\r\na,1793278936.25,\"two\nlines\"\nb,,\nc\"d,1,\n,1,\nshort\n"), 30)
	f.Add([]byte("sub,before,reinstate,iss\n\"a\"\"b\",2026-10-29T13:02:16.7Z,T,i\n"), 26)
	f.Fuzz(func(t *testing.T, content []byte, at int) { inTwo(t, content, at, readCSV) })
}
