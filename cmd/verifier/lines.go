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

// eachLine hands the lines of r over, without the white space around them and in bounded
// memory, and gives their number. An empty line counts: where a token should be, a
// command that had none may have written it, and the answers stay beside the questions.
func eachLine(r io.Reader, visit func(line string)) (lines int, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part[:min(len(part), maxLine-len(line))]...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == nil || err == io.EOF && len(line) > 0 {
			lines++
			visit(strings.TrimSpace(string(line)))
		}
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		line = line[:0]
	}
}
