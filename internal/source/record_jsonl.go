package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// recordJSONL appends a line with one write, which O_APPEND keeps in one piece
// beside those of other processes.
func recordJSONL(path string, row *Row) (err error) {
	line, err := encodeLine(row)
	if err != nil {
		return err
	}
	f, created, err := create(path, os.O_RDWR|os.O_APPEND)
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
	if err := f.Sync(); err != nil {
		return err
	}
	if created {
		return syncDir(path)
	}
	return nil
}

func encodeLine(row *Row) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // URLs stay readable
	b.WriteByte('{')
	for i, c := range row.cells() {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.Encode(c.name); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // Encode ends with a newline
		b.WriteByte(':')
		if err := e.Encode(c.value); err != nil {
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

// endsWithNewline tells whether the next row may begin where the file ends. A
// last line that is no whole object is refused: a newline after it would make
// a bad row for good of what somebody may still be writing.
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
		return false, errors.New("the last line of the file is cut off; mend it first, for whoever wrote it may count on it")
	}
	return false, nil
}

// create opens a file, and makes it for its owner alone if it is missing.
func create(path string, flags int) (f *os.File, created bool, err error) {
	f, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		f, err = os.OpenFile(path, flags, 0)
		return f, false, err
	}
	return f, err == nil, err
}

// syncDir makes a new file's name as durable as its bytes.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
