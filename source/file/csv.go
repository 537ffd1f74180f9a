package file

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// readCSV visits the rows of the records that in still holds.
func readCSV(r *rows.Reading, in *input) error {
	b := rows.Builder{Wordy: true, OneLine: true}
	if in.inLine() {
		return r.Broken(in.newlines+1, "an earlier reading ended within this line; end every row with a newline")
	}
	before := in.newlines                             // lines that the CSV reader below does not see
	past, _ := newCSV(bytes.NewReader(in.head), true) // of earlier readings
	columns, err := readHeader(r, &b, past)
	records, limit := newCSV(in, in.n == 0)
	if err == io.EOF {
		columns, err = readHeader(r, &b, records)
	}
	// A file without any line has no columns, and the loop ends at once.
	if err != nil && err != io.EOF {
		return err
	}
	records.FieldsPerRecord = len(columns)
	for line := before; ; {
		limit.left = maxLine
		fields, err := records.Read()
		if err == io.EOF {
			break
		}
		bad, isBad := errors.AsType[*csv.ParseError](err)
		switch {
		case errors.Is(err, errLongRecord):
			return r.Broken(line, "the row after this one is longer than %d bytes; is its closing quote missing?", maxLine)
		case isBad:
			line = before + int64(bad.StartLine)
			err = unparsed(r, line, len(columns), len(fields), bad)
		case err == nil:
			at, _ := records.FieldPos(0)
			line = before + int64(at)
			err = readRecord(r, &b, columns, fields, line)
		}
		if err != nil {
			return err
		}
	}
	if in.inLine() {
		return r.Broken(in.newlines+1, "the last line has no newline, so it may be cut off; wait until its writer is done, or add the newline")
	}
	return nil
}

// readHeader reads the names of the columns. A bad name is never skipped, because every row would
// then mean something else.
func readHeader(r *rows.Reading, b *rows.Builder, records *csv.Reader) ([]*rows.Column, error) {
	names, err := records.Read()
	if err == io.EOF {
		return nil, err
	}
	if errors.Is(err, errLongRecord) {
		return nil, r.Broken(1, "the first line, which names the columns, is longer than %d bytes", maxLine)
	}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, r.Broken(1, "the first line, which names the columns, is not CSV: %v", bad.Err)
	}
	if err != nil {
		return nil, err
	}
	b.Start(1)
	columns := make([]*rows.Column, len(names))
	for i, name := range names {
		columns[i] = b.Column(name)
		if f := b.Set(columns[i], rows.Value{}); f != nil {
			if name == "" {
				f = rows.Faultf("", "column %d has no name; the first line names the columns, as in jti,exp", i+1)
			}
			return nil, &source.BrokenError{Source: r.Source, Line: 1, Field: f.Field, Reason: f.Reason}
		}
	}
	return columns, nil
}

// namesColumns reports whether a record names the columns, as the heading of a file that was joined
// to another one does. same reports whether it names them in the same order.
func namesColumns(columns []*rows.Column, fields []string) (ok, same bool) {
	same = true
	for i, field := range fields {
		if !slices.ContainsFunc(columns, func(c *rows.Column) bool { return c.Name == field }) {
			return false, false
		}
		same = same && columns[i].Name == field
	}
	return true, same
}

// readRecord visits the row of one record.
func readRecord(r *rows.Reading, b *rows.Builder, columns []*rows.Column, fields []string, line int64) error {
	if ok, same := namesColumns(columns, fields); ok && same {
		return r.Bad(line, rows.Faultf("", "it names the columns, as the first line does"))
	} else if ok {
		return r.Broken(line, "it names the columns in another order than the first line, so the meaning of the rows behind it is unknown")
	}
	b.Start(line)
	for i, field := range fields {
		v := rows.Value{Kind: rows.Text, Text: field}
		if field == "" {
			v = rows.Value{}
		}
		if f := b.Set(columns[i], v); f != nil {
			return r.Bad(line, f)
		}
	}
	if f := b.Finish(); f != nil {
		return r.Bad(line, f)
	}
	b.Row.New = r.New
	return r.Good(&b.Row)
}

// unparsed handles a record that is not CSV of so many columns.
func unparsed(r *rows.Reading, line int64, want, got int, err *csv.ParseError) error {
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return r.Bad(line, rows.Faultf("", "it has %d fields, and the first line names %d columns", got, want))
	case errors.Is(err, csv.ErrBareQuote):
		return r.Bad(line, rows.Faultf("", `it is not CSV: a field has a quote inside but does not begin with one; write "a ""b"" c"`))
	}
	return r.Broken(line, `a quoted field does not end where a comma or a newline follows, so it is unknown where the next row begins; a quote within quotes is written twice`)
}

// newCSV returns a reader of the records of r. At the start of a file it drops a byte order mark.
func newCSV(r io.Reader, start bool) (*csv.Reader, *limiter) {
	l := &limiter{r: r, left: maxLine}
	buffer := bufio.NewReader(l)
	if start {
		if mark, _ := buffer.Peek(len(bom)); bytes.Equal(mark, bom) {
			buffer.Discard(len(bom)) // does not fail: they are there
		}
	}
	records := csv.NewReader(buffer)
	records.ReuseRecord = true
	return records, l
}

var errLongRecord = fmt.Errorf("a CSV record is longer than %d bytes", maxLine)

// A limiter ends a record that is too long. Without it a quote that is never closed would bring the
// rest of the file into memory.
type limiter struct {
	r    io.Reader
	left int
}

func (l *limiter) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongRecord
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
