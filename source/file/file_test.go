package file

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
)

// lines are rows a, b, … as the two file formats write them.
func lines(format string, names ...string) string {
	var b strings.Builder
	if format == "csv" {
		b.WriteString("jti,exp\n")
	}
	for _, n := range names {
		if format == "csv" {
			fmt.Fprintf(&b, "%s,1793278936\n", n)
		} else {
			fmt.Fprintf(&b, "{\"jti\":%q,\"exp\":1793278936}\n", n)
		}
	}
	return b.String()
}

const replaced = "was read, because it was replaced or rewritten since the last reading; any rows that were appended to the old file in between were never read"

// A follower reads a file again and again, from its last cursor.
type follower struct {
	t      *testing.T
	path   string
	cursor source.Cursor
}

// appended reads the file with this content. Only the given rows are visited, all of them new.
func (f *follower) appended(content string, want ...string) []source.Row {
	f.t.Helper()
	rows := f.step(content, false, false, want)
	for _, row := range rows {
		require.True(f.t, row.New, row.Values)
	}
	return rows
}

// grown reads rows that were appended to a file that was replaced, so that they may not be new.
func (f *follower) grown(content string, want ...string) {
	f.t.Helper()
	for _, row := range f.step(content, false, false, want) {
		require.False(f.t, row.New, row.Values)
	}
}

// first reads all of the file. There was nothing before it that could have been lost.
func (f *follower) first(content string, want ...string) {
	f.t.Helper()
	f.step(content, true, false, want)
}

// replaced reads all of the file, and warns that rows of the old one may be lost.
func (f *follower) replaced(content string, want ...string) {
	f.t.Helper()
	f.step(content, true, true, want)
}

func (f *follower) step(content string, full, warned bool, want []string) []source.Row {
	f.t.Helper()
	write(f.t, f.path, content)
	rows, result, err := sourcetest.Read(f.t, open(f.t, f.path, Options{}), f.cursor)
	require.NoError(f.t, err)
	require.Equal(f.t, append([]string{}, want...), sourcetest.FirstClaims(rows))
	require.Equal(f.t, full, result.Full)
	for _, row := range rows {
		require.False(f.t, full && row.New, row.Values)
	}
	require.Len(f.t, result.Warnings, map[bool]int{true: 1}[warned])
	if warned {
		require.Equal(f.t, "all of "+f.path+" "+replaced, result.Warnings[0])
	}
	f.cursor = result.Cursor
	return rows
}

// Only appended rows are read, and they are new. A file that was rewritten, rotated, cut or copied
// back is read from its start with a warning: rows may be gone that were never read.
func TestFollowFile(t *testing.T) {
	for _, format := range []string{"jsonl", "csv"} {
		t.Run(format, func(t *testing.T) {
			f := &follower{t: t, path: temp(t, "rows."+format)}
			content := func(names ...string) string { return lines(format, names...) }
			f.first("")
			f.first("") // an empty file says nothing about the next one
			f.first(content("a", "b"), "a", "b")
			before := string(f.cursor)
			f.appended(content("a", "b"))
			require.Equal(t, before, string(f.cursor))
			row := f.appended(content("a", "b", "c"), "c")[0]
			require.EqualValues(t, strings.Count(content("a", "b", "c"), "\n"), row.Line)
			require.EqualValues(t, 1793278936, row.Exp)

			f.replaced(content("x", "b", "c", "d"), "x", "b", "c", "d") // rewritten
			f.replaced(content("x", "b"), "x", "b")                     // an older copy
			f.replaced("")                                              // rotated
			f.first(content("y"), "y")
			f.grown(content("y", "z"), "z")
			f.replaced(content("w"), "w") // rotated, and written to since
			require.LessOrEqual(t, len(f.cursor), 128)
		})
	}
}

// A reinstatement without a moment is not a bad row of a file. The publisher decides by Row.New
// whether it counts.
func TestReinstatementWithoutMoment(t *testing.T) {
	f := &follower{t: t, path: temp(t, "rows.jsonl")}
	f.first(`{"jti":"a","reinstate":true}`+"\n", "a")
	f.appended(`{"jti":"a","reinstate":true}`+"\n"+`{"jti":"b","reinstate":true}`+"\n", "b")
}

// After a file was replaced, none of its rows is known to be new: they may be the rest of a file that
// is being rewritten, or come back with a newer copy.
func TestRowsOfAFileThatWasReplaced(t *testing.T) {
	path := temp(t, "rows.jsonl")
	var cursor source.Cursor
	read := func(names ...string) (isNew []bool) {
		write(t, path, lines("jsonl", names...))
		rows, result, err := sourcetest.Read(t, open(t, path, Options{}), cursor)
		require.NoError(t, err)
		cursor = result.Cursor
		for _, row := range rows {
			isNew = append(isNew, row.New)
		}
		return isNew
	}
	require.Equal(t, []bool{false, false, false}, read("a", "b", "c"))
	require.Equal(t, []bool{true}, read("a", "b", "c", "x"), "appended")
	require.Equal(t, []bool{false}, read("a"), "an older copy")
	require.Equal(t, []bool{false, false}, read("a", "b", "c"), "the newer file again")
	require.Equal(t, []bool{false}, read("a", "b", "c", "d"), "longer than ever")
}

// A cursor of another source, or of none, is no cursor.
func TestForeignCursor(t *testing.T) {
	path := temp(t, "rows.jsonl")
	write(t, path, lines("jsonl", "a"))
	for _, c := range []string{`{"id":5,"marks":[]}`, `{}`, `null`, `[]`, `{"size":-5,"sha256":""}`, `{"size":0,"sha256":"x"}`, `{"size":"x"}`, `{`} {
		rows, result, err := sourcetest.Read(t, open(t, path, Options{}), source.Cursor(c))
		require.NoError(t, err, c)
		require.True(t, result.Full)
		require.Empty(t, result.Warnings, c)
		require.Len(t, rows, 1)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	_, err := Open("rows.txt", Options{})
	require.EqualError(t, err, "rows.txt has no known extension")
	_, _, err = sourcetest.Read(t, open(t, temp(t, "no.jsonl"), Options{}), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	pipe := temp(t, "pipe.jsonl")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, _, err = sourcetest.Read(t, open(t, pipe, Options{}), nil)
	require.EqualError(t, err, "the source "+pipe+" is not a regular file")
}

func TestJSONLEdges(t *testing.T) {
	path := temp(t, "rows.jsonl")
	s := open(t, path, Options{})
	write(t, path, "\ufeff{\"jti\":\"a\"}\r\n\n \t\n{\"jti\":\"b\"}")
	rows, result, err := sourcetest.Read(t, s, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, sourcetest.FirstClaims(rows))
	require.EqualValues(t, 4, rows[1].Line)

	// The last line counted without its newline, which comes now.
	write(t, path, "\ufeff{\"jti\":\"a\"}\r\n\n \t\n{\"jti\":\"b\"}\n{\"jti\":\"c\"}\n")
	rows, _, err = sourcetest.Read(t, s, result.Cursor)
	require.NoError(t, err)
	require.Equal(t, []string{"c"}, sourcetest.FirstClaims(rows))
	require.EqualValues(t, 5, rows[0].Line)

	// It must not go on otherwise.
	write(t, path, "\ufeff{\"jti\":\"a\"}\r\n\n \t\n{\"jti\":\"b\"}{\"jti\":\"c\"}\n")
	_, _, err = sourcetest.Read(t, s, result.Cursor)
	require.EqualError(t, err, path+" line 4: the line went on after it was read as the file's last; end every row with a newline, and put this one on a line of its own")

	// A cut last line is no bad row to be skipped.
	skip := open(t, path, Options{SkipBadRows: true})
	for _, cut := range []string{`{"jti":"b`, `{"jti":"b"`, `{"jti":{"a":1`, `{"jti":"` + strings.Repeat("x", 2*maxLine)} {
		write(t, path, "{\"jti\":\"a\"}\n"+cut)
		_, _, err = sourcetest.Read(t, skip, nil)
		require.EqualError(t, err, path+" line 2: the last line is cut off; wait until its writer is done, or mend the line by hand, because its writer may rely on it")
	}
	// But a whole one may be bad.
	write(t, path, "{\"jti\":\"a\"}\n{}")
	_, result, err = sourcetest.Read(t, skip, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.SkippedRows)

	long := `{"jti":"a","reason":"` + strings.Repeat("x", maxLine-len(`{"jti":"a","reason":""}`)) + `"}`
	write(t, path, long+"\r\n"+long+" \n{\"jti\":\"b\"}\n"+long+strings.Repeat(" ", 3*maxLine)+"\n"+`{"jti":"c"}`)
	rows, result, err = sourcetest.Read(t, skip, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a", "b", "c"}, sourcetest.FirstClaims(rows))
	require.Len(t, result.Skipped, 1)
	require.EqualError(t, result.Skipped[0], path+" line 4: the line is longer than 65536 bytes")
}

func TestCSVEdges(t *testing.T) {
	path := temp(t, "rows.csv")
	for content, want := range map[string]string{
		"jti,exp\na,1\nb,17932":    `line 3: the last line has no newline, so it may be cut off; wait until its writer is done, or add the newline`,
		"jti,exp":                  `line 1: the last line has no newline, so it may be cut off; wait until its writer is done, or add the newline`,
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
		_, _, err := sourcetest.Read(t, open(t, path, Options{SkipBadRows: true}), nil)
		require.EqualError(t, err, path+" "+want, content[:min(len(content), 40)])
	}

	write(t, path, "\ufeffjti,exp,reason\r\na,1793278936,\"two\nlines\"\r\n\r\nb,1\nc\"d,1,\n\"e\nf\",1,\n,1793278936,\ng,,\n")
	rows, result, err := sourcetest.Read(t, open(t, path, Options{SkipBadRows: true}), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "g"}, sourcetest.FirstClaims(rows))
	require.Equal(t, "two\nlines", rows[0].Reason)
	require.EqualValues(t, 2, rows[0].Line)
	require.EqualValues(t, 10, rows[1].Line)
	require.Equal(t, source.None, rows[1].Exp)
	var got []string
	for _, e := range result.Skipped {
		got = append(got, strings.TrimPrefix(e.Error(), path+" "))
	}
	require.Equal(t, []string{
		`line 5: it has 2 fields, and the first line names 3 columns`,
		`line 6: it is not CSV: a field has a quote inside but does not begin with one; write "a ""b"" c"`,
		`line 7, field "jti": a line break is in it; was a quote lost?`,
		`line 9: a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever`,
	}, got)
}

// shrinking is a file that ends before its size.
type shrinking struct{ *strings.Reader }

// A file that is cut while it is read is an error. Rows that are appended meanwhile are left for
// the next reading.
func TestFileChangesWhileRead(t *testing.T) {
	r := &rows.Reading{Context: t.Context(), Source: "rows.jsonl", Visit: func(*source.Row) error { return nil }}
	err := read(r, shrinking{strings.NewReader(lines("jsonl", "a"))}, 1000, nil, readJSONL)
	require.EqualError(t, err, "the source rows.jsonl shrank from 1000 to 29 bytes while it was read; read it again when nothing rewrites it")

	content := lines("jsonl", "a", "b")
	half := int64(len(lines("jsonl", "a")))
	r = &rows.Reading{Context: t.Context(), Source: "rows.jsonl", Visit: func(*source.Row) error { return nil }}
	require.NoError(t, read(r, strings.NewReader(content), half, nil, readJSONL))
	require.EqualValues(t, 1, r.Result.Rows)
	require.Equal(t, half, rows.DecodeCursor[cursor](r.Result.Cursor).Size)
}

// The heading of a second file that was joined to the first is not a row. If it names the columns in
// another order, the rows behind it mean something else.
func TestCSVHeadingsOfJoinedFiles(t *testing.T) {
	path := temp(t, "rows.csv")
	write(t, path, "sub,sid\nalice,\nsub,sid\n,s1\n")
	_, _, err := sourcetest.Read(t, open(t, path, Options{}), nil)
	require.EqualError(t, err, path+" line 3: it names the columns, as the first line does")
	rows, _, err := sourcetest.Read(t, open(t, path, Options{SkipBadRows: true}), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"alice", "s1"}, sourcetest.FirstClaims(rows))
	write(t, path, "sub,sid\nalice,\nsid,sub\ns1,\n")
	_, _, err = sourcetest.Read(t, open(t, path, Options{SkipBadRows: true}), nil)
	require.ErrorContains(t, err, "line 3: it names the columns in another order than the first line")
}
