package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/source"
)

// Record appends a decision to a file of JSON Lines, whose name ends with .jsonl. A missing file is
// made, readable by its owner alone. When Record returns nil, the decision is on the disk. A
// decision that reading would refuse is a *[source.BadRowError]. After any other error the file may
// hold the decision, in whole or in part.
//
// Record is safe for concurrent use, by any number of processes and beside any number of readings.
func Record(path string, d source.Decision) error {
	if strings.ToLower(filepath.Ext(path)) != ".jsonl" {
		return fmt.Errorf("cannot record a decision in %s: it is not a .jsonl file", path)
	}
	if d.Moment.IsZero() {
		d.Moment = time.Now()
	}
	row, err := rows.Of(d, path)
	if err != nil {
		return err
	}
	if err := appendLine(path, row); err != nil {
		return fmt.Errorf("recording in %s failed: %w", path, err)
	}
	return nil
}

// appendLine appends a line with one write. O_APPEND keeps it apart from those of other processes.
func appendLine(path string, row *source.Row) (err error) {
	line, err := encodeLine(row)
	if err != nil {
		return err
	}
	f, err := rows.Create(path, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	ended, err := endsWithNewline(f)
	if err != nil {
		return err
	}
	if !ended {
		// Two processes may both do so: that makes a blank line, which is fine.
		line = append([]byte{'\n'}, line...)
	}
	if _, err := f.Write(line); err != nil {
		return fmt.Errorf("%w; see whether the last line of the file is cut off before trying again", err)
	}
	return f.Sync()
}

func encodeLine(row *source.Row) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // URLs stay readable
	b.WriteByte('{')
	for i, c := range rows.Cells(row) {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.Encode(c.Name); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // Encode ends with a newline
		b.WriteByte(':')
		if err := e.Encode(c.Value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteString("}\n")
	if b.Len() > maxLine {
		return nil, fmt.Errorf("the row takes more than the %d bytes of a line", maxLine)
	}
	return b.Bytes(), nil
}

// endsWithNewline reports whether the next row may begin at the end of the file. It refuses a last
// line that is not a whole value: another process may still be writing it, and a newline would make
// it a bad row for good.
func endsWithNewline(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, errors.New("it is not a regular file")
	}
	tail := make([]byte, min(info.Size(), maxLine+1))
	if n, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil && !(err == io.EOF && n == len(tail)) {
		return false, err
	}
	if len(tail) == 0 || tail[len(tail)-1] == '\n' {
		return true, nil
	}
	last := bytes.TrimPrefix(tail[bytes.LastIndexByte(tail, '\n')+1:], bom)
	if last = bytes.TrimSpace(last); len(last) > 0 && !json.Valid(last) {
		return false, errors.New("the last line of the file is cut off; mend it first, because its writer may rely on it")
	}
	return false, nil
}
