package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
)

// readCSV visits the rows of the records that in still holds.
func readCSV(r *reading, in *input) error {
	b := builder{wordy: true, oneLine: true}
	if in.inLine() {
		return r.broken(in.newlines+1, "an earlier reading ended within this line; end every row with a newline, and publish the mended file under another --source-name")
	}
	before := in.newlines                             // lines that the CSV reader below does not see
	past, _ := newCSV(bytes.NewReader(in.head), true) // of earlier readings
	columns, err := r.header(&b, past)
	records, limit := newCSV(in, in.n == 0)
	if err == io.EOF {
		columns, err = r.header(&b, records)
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
			return r.broken(line, "the row after this one is longer than %d bytes; is its closing quote missing?", maxLine)
		case isBad:
			line = before + int64(bad.StartLine)
			err = r.unparsed(line, len(columns), len(fields), bad)
		case err == nil:
			at, _ := records.FieldPos(0)
			line = before + int64(at)
			err = r.record(&b, columns, fields, line)
		}
		if err != nil {
			return err
		}
	}
	if in.inLine() {
		return r.broken(in.newlines+1, "the last line has no newline, so nobody can tell whether it is whole; wait until its writer is done, or add the newline")
	}
	return nil
}

// header takes the names of the columns. A bad one is never skipped: it would
// make every row another row than it is.
func (r *reading) header(b *builder, records *csv.Reader) ([]*column, error) {
	names, err := records.Read()
	if err == io.EOF {
		return nil, err
	}
	if errors.Is(err, errLongRecord) {
		return nil, r.broken(1, "the first line, which names the columns, is longer than %d bytes", maxLine)
	}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, r.broken(1, "the first line, which names the columns, is not CSV: %v", bad.Err)
	}
	if err != nil {
		return nil, err
	}
	b.start(1)
	columns := make([]*column, len(names))
	for i, name := range names {
		columns[i] = b.column(name)
		if f := b.set(columns[i], value{}); f != nil {
			if name == "" {
				f = faultf("", "column %d has no name; the first line names the columns, as in jti,exp", i+1)
			}
			return nil, &BadRowError{Source: r.source, Line: 1, Field: f.field, Reason: f.reason}
		}
	}
	return columns, nil
}

// record visits the row of one record.
func (r *reading) record(b *builder, columns []*column, fields []string, line int64) error {
	b.start(line)
	for i, field := range fields {
		v := value{text, field}
		if field == "" {
			v = value{}
		}
		if f := b.set(columns[i], v); f != nil {
			return r.bad(line, f)
		}
	}
	if f := b.finish(); f != nil {
		return r.bad(line, f)
	}
	return r.good(&b.row)
}

// unparsed is the error of a record that is not CSV as it should be.
func (r *reading) unparsed(line int64, want, got int, err *csv.ParseError) error {
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return r.bad(line, faultf("", "it has %d fields, and the first line names %d columns", got, want))
	case errors.Is(err, csv.ErrBareQuote):
		return r.bad(line, faultf("", `it is not CSV: a quote stands in a field that does not begin with one; write "a ""b"" c"`))
	}
	return r.broken(line, `a quoted field does not end where a comma or a newline follows, so it is unknown where the next row begins; a quote within quotes is written twice`)
}

// newCSV reads the records of r. At the start of a file there may be a byte order mark.
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

// A limiter ends a record that goes on and on: a quote that is never closed
// would else bring the rest of the file into memory.
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
