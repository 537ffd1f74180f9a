package source

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func mkdir(path string) error { return os.Mkdir(path, 0o700) }

// lines are rows a, b, … as the two file formats write them.
func lines(format string, names ...string) string {
	var b strings.Builder
	if format == "csv" {
		b.WriteString("jti,exp\n")
	}
	for _, n := range names {
		if format == "csv" {
			fmt.Fprintf(&b, "%s,10\n", n)
		} else {
			fmt.Fprintf(&b, "{\"jti\":%q,\"exp\":10}\n", n)
		}
	}
	return b.String()
}

func TestFileCursor(t *testing.T) {
	for _, format := range []string{"jsonl", "csv"} {
		t.Run(format, func(t *testing.T) {
			path := temp(t, "rows."+format)
			s := open(t, path, Options{})
			var cursor Cursor
			step := func(content string, full bool, want ...string) []Row {
				t.Helper()
				write(t, path, content)
				rows, result, err := readAll(t, s, cursor)
				require.NoError(t, err)
				require.Equal(t, append([]string{}, want...), jtis(rows))
				require.Equal(t, full, result.Full)
				cursor = result.Cursor
				return rows
			}
			step("", true)
			step("", true) // nothing shows that it is the same file
			step(lines(format, "a", "b"), true, "a", "b")
			before := string(cursor)
			step(lines(format, "a", "b"), false)
			require.Equal(t, before, string(cursor), "nothing new, nothing changed")
			rows := step(lines(format, "a", "b", "c"), false, "c")
			require.EqualValues(t, strings.Count(lines(format, "a", "b", "c"), "\n"), rows[0].Line)
			rows = step(lines(format, "x", "b", "c", "d"), true, "x", "b", "c", "d") // rewritten
			require.EqualValues(t, 10, rows[3].Exp)
			step(lines(format, "x"), true, "x") // shrunk, to no state that was read
			step("", true)                      // rotated
			step(lines(format, "y"), true, "y") // and begun again
			step(lines(format, "y", "z"), false, "z")

			for _, older := range []string{lines(format, "y"), lines(format, "a", "b"), lines(format, "x", "b", "c", "d")} {
				write(t, path, older)
				_, _, err := readAll(t, s, cursor)
				require.ErrorIs(t, err, ErrOlderSource)
				require.ErrorContains(t, err, fmt.Sprintf("rows.%s has the %d bytes that it had before it grew to %d; put the newer file back, or publish this one under another --source-name",
					format, len(older), len(lines(format, "y", "z"))))
			}

			// Many states later the first is forgotten, and the cursor still short.
			names := []string{"y", "z"}
			for i := range 20 {
				n := fmt.Sprint("n", i)
				names = append(names, n)
				step(lines(format, names...), false, n)
			}
			require.Less(t, len(cursor), 512)
			step(lines(format, "a", "b"), true, "a", "b")
		})
	}
}

func TestForeignCursor(t *testing.T) {
	path := temp(t, "rows.jsonl")
	write(t, path, lines("jsonl", "a"))
	for _, c := range []string{`{"id":5,"row":"x"}`, `{"rows":2}`, `null`, `[]`, `{"size":-5,"sha256":""}`, `{"size":1}`, `{"size":"x"}`, `{`,
		`{"size":9223372036854775807,"sha256":"","earlier":[[1,"x"]]}`} {
		rows, result, err := readAll(t, open(t, path, Options{}), Cursor(c))
		require.NoError(t, err, c)
		require.True(t, result.Full)
		require.Len(t, rows, 1)
	}
}

func TestJSONLEdges(t *testing.T) {
	path := temp(t, "rows.jsonl")
	s := open(t, path, Options{})
	write(t, path, "\ufeff{\"jti\":\"a\"}\r\n\n \t\n{\"jti\":\"b\"}")
	rows, result, err := readAll(t, s, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, jtis(rows))
	require.EqualValues(t, 4, rows[1].Line)

	// The last line counted without its newline, which comes now.
	write(t, path, "\ufeff{\"jti\":\"a\"}\r\n\n \t\n{\"jti\":\"b\"}\n{\"jti\":\"c\"}\n")
	rows, _, err = readAll(t, s, result.Cursor)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, jtis(rows))
	require.EqualValues(t, 5, rows[0].Line)

	// It must not go on otherwise.
	write(t, path, "\ufeff{\"jti\":\"a\"}\r\n\n \t\n{\"jti\":\"b\"}{\"jti\":\"c\"}\n")
	_, _, err = readAll(t, s, result.Cursor)
	require.EqualError(t, err, path+" line 4: the line went on after it was read as the file's last; end every row with a newline, and put this one on a line of its own")

	// A cut last line is no bad row to be skipped.
	skip := open(t, path, Options{SkipBadRows: true})
	for _, cut := range []string{`{"jti":"b`, `{"jti":"b"`, `{"jti":{"a":1`, `{"jti":"` + strings.Repeat("x", 2*maxLine)} {
		write(t, path, "{\"jti\":\"a\"}\n"+cut)
		_, _, err = readAll(t, skip, nil)
		require.EqualError(t, err, path+" line 2: the last line is cut off; wait until its writer is done, or mend the line by hand: whoever wrote it may count on it")
	}
	// But a whole one may be bad.
	write(t, path, "{\"jti\":\"a\"}\n{}")
	_, result, err = readAll(t, skip, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.SkippedRows)

	long := `{"jti":"a","reason":"` + strings.Repeat("x", maxLine-len(`{"jti":"a","reason":""}`)) + `"}`
	write(t, path, long+"\r\n"+long+" \n{\"jti\":\"b\"}\n"+long+strings.Repeat(" ", 3*maxLine)+"\n"+`{"jti":"c"}`)
	rows, result, err = readAll(t, skip, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a", "b", "c"}, jtis(rows))
	require.Len(t, result.Skipped, 1)
	require.EqualError(t, result.Skipped[0], path+" line 4: the line is longer than 65536 bytes")
}

func TestCSVEdges(t *testing.T) {
	path := temp(t, "rows.csv")
	for content, want := range map[string]string{
		"jti,exp\na,1\nb,17932":    `line 3: the last line has no newline, so nobody can tell whether it is whole; wait until its writer is done, or add the newline`,
		"jti,exp":                  `line 1: the last line has no newline, so nobody can tell whether it is whole; wait until its writer is done, or add the newline`,
		"jti,jti\n":                `line 1, field "jti": the row has this field twice`,
		"jti,\n":                   `line 1: column 2 has no name; the first line names the columns, as in jti,exp`,
		"jti,Exp\n":                `line 1, field "Exp": the reserved column is written in lower case: "exp"`,
		"jti, exp\n":               `line 1, field " exp": the claim name " exp" has white space or a control character in it`,
		"\"jti,exp\na,1\n":         `line 1: the first line, which names the columns, is not CSV: extraneous or missing " in quoted-field`,
		"jti,exp\n\"a,1\nb,2\n":    `line 2: a quoted field does not end where a comma or a newline follows, so it is unknown where the next row begins; a quote within quotes is written twice`,
		"jti,exp\n\"a\"b,1\nb,2\n": `line 2: a quoted field does not end where a comma or a newline follows, so it is unknown where the next row begins; a quote within quotes is written twice`,
		"jti,exp\nz,1\n\"a,1\n" + strings.Repeat("b,2\n", maxLine): `line 2: the row after this one is longer than 65536 bytes; is its closing quote missing?`,
		strings.Repeat("x", 2*maxLine) + "\n":                      `line 1: the first line, which names the columns, is longer than 65536 bytes`,
	} {
		write(t, path, content)
		_, _, err := readAll(t, open(t, path, Options{SkipBadRows: true}), nil)
		require.EqualError(t, err, path+" "+want, content[:min(len(content), 40)])
	}

	write(t, path, "\ufeffjti,exp,reason\r\na,1,\"two\nlines\"\r\n\r\nb,1\nc\"d,1,\n\"e\nf\",1,\n,1,\ng,,\n")
	rows, result, err := readAll(t, open(t, path, Options{SkipBadRows: true}), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "g"}, jtis(rows))
	require.Equal(t, "two\nlines", rows[0].Reason)
	require.EqualValues(t, 2, rows[0].Line)
	require.EqualValues(t, 10, rows[1].Line)
	require.Equal(t, None, rows[1].Exp)
	var got []string
	for _, e := range result.Skipped {
		got = append(got, strings.TrimPrefix(e.Error(), path+" "))
	}
	require.Equal(t, []string{
		`line 5: it has 2 fields, and the first line names 3 columns`,
		`line 6: it is not CSV: a quote stands in a field that does not begin with one; write "a ""b"" c"`,
		`line 7, field "jti": a line break is in it; was a quote lost?`,
		`line 9: a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`,
	}, got)
}

// shrinking is a file that ends before its size.
type shrinking struct{ *strings.Reader }

func TestFileShrinksWhileRead(t *testing.T) {
	r := &reading{ctx: t.Context(), source: "rows.jsonl", visit: func(*Row) error { return nil }}
	err := r.file(shrinking{strings.NewReader(lines("jsonl", "a"))}, 1000, nil, readJSONL)
	require.EqualError(t, err, "the source rows.jsonl shrank from 1000 to 21 bytes while it was read; run again when nothing rewrites it")

	// What is appended meanwhile is for the next reading.
	content := lines("jsonl", "a", "b")
	half := int64(len(lines("jsonl", "a")))
	r = &reading{ctx: t.Context(), source: "rows.jsonl", visit: func(*Row) error { return nil }}
	require.NoError(t, r.file(strings.NewReader(content), half, nil, readJSONL))
	require.EqualValues(t, 1, r.result.Rows)
	cursor, ok := decodeCursor[fileCursor](r.result.Cursor)
	require.True(t, ok)
	require.Equal(t, half, cursor.Size)
}
