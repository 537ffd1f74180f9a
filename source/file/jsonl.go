package file

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/revocast/revocast/internal/rows"
)

// maxLine is the most bytes that a line of JSON Lines, or a record of CSV, may have.
const maxLine = 64 << 10

var bom = []byte("\ufeff")

// readJSONL visits the rows of the lines that in still holds.
func readJSONL(r *rows.Reading, in *input) error {
	var b rows.Builder
	line := in.newlines + 1
	start := in.n == 0
	// The last reading took the last line although it had no newline. Nothing but the newline may
	// follow in it.
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
		if err := readLine(r, &b, line, text, long, cut, glued); err != nil {
			return err
		}
		if cut {
			return nil
		}
		glued = false
	}
}

// readLine visits the row of one line. A cut line ends with the file.
func readLine(r *rows.Reading, b *rows.Builder, line int64, text []byte, long, cut, glued bool) error {
	if !long {
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return nil
		}
	}
	if cut && (long || !json.Valid(text)) {
		return r.Broken(line, "the last line is cut off; wait until its writer is done, or mend the line by hand, because its writer may rely on it")
	}
	if glued {
		return r.Broken(line, "the line went on after it was read as the file's last; end every row with a newline, and put this one on a line of its own")
	}
	if long || len(text) > maxLine {
		return r.Bad(line, rows.Faultf("", "the line is longer than %d bytes", maxLine))
	}
	b.Start(line)
	// The strings of the row share the memory of this one.
	if f := object(b, string(text)); f != nil {
		return r.Bad(line, f)
	}
	b.Row.New = r.New
	return r.Good(&b.Row)
}
