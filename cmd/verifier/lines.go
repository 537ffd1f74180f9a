package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// maxLine is more than any token may have; of a longer line the rest is dropped,
// and what is left is no token.
const maxLine = 1<<20 + 2

// eachLine hands the lines of r over that are not empty, in bounded memory.
func eachLine(r io.Reader, visit func(line string)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part[:min(len(part), maxLine-len(line))]...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if text := strings.TrimSpace(string(line)); text != "" && (err == nil || err == io.EOF) {
			visit(text)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		line = line[:0]
	}
}
