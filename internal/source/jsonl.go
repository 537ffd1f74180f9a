package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// maxLine is the most bytes that a line of JSON Lines, or a record of CSV, has.
const maxLine = 64 << 10

var bom = []byte("\ufeff")

// readJSONL visits the rows of the lines that in still holds.
func readJSONL(r *reading, in *input) error {
	var b builder
	line := in.newlines + 1
	start := in.n == 0
	// The line that was last at the last reading had no newline yet, and was taken
	// as it stood. All that may follow in it is the newline.
	glued := in.inLine()
	lines := bufio.NewReaderSize(in, maxLine+2)
	for ; ; line++ {
		text, err := lines.ReadSlice('\n')
		long := false
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			_, err = lines.ReadSlice('\n')
		}
		cut := errors.Is(err, io.EOF)
		if err != nil && !cut {
			return err
		}
		if start {
			text = bytes.TrimPrefix(text, bom)
			start = false
		}
		if err := r.line(&b, line, text, long, cut, glued); err != nil {
			return err
		}
		if cut {
			return nil
		}
		glued = false
	}
}

// line visits the row of one line. A cut line ends with the file.
func (r *reading) line(b *builder, line int64, text []byte, long, cut, glued bool) error {
	if !long {
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return nil
		}
	}
	if cut && (long || !json.Valid(text)) {
		return r.broken(line, "the last line is cut off; wait until its writer is done, or mend the line by hand: whoever wrote it may count on it")
	}
	if glued {
		return r.broken(line, "the line went on after it was read as the file's last; end every row with a newline, and put this one on a line of its own")
	}
	if long || len(text) > maxLine {
		return r.bad(line, faultf("", "the line is longer than %d bytes", maxLine))
	}
	b.start(line)
	// One string a row: the row's own strings are parts of it.
	if f := b.object(string(text)); f != nil {
		return r.bad(line, f)
	}
	return r.good(&b.row)
}
