package command

import (
	"context"
	"io"
	"sync"
)

// interruptible reads from in until ctx is done. A read of a terminal or a pipe
// cannot be called off, so without it a program that waits for its standard input would
// take no notice of SIGINT.
//
// It reads nothing before it is asked to: standard input may be what a loop in
// the caller's shell reads from, which a program that has no use for it must leave alone.
type interruptible struct {
	ctx   context.Context
	in    io.Reader
	start sync.Once
	out   *io.PipeReader
}

func (i *interruptible) Read(p []byte) (int, error) {
	i.start.Do(func() {
		out, in := io.Pipe()
		i.out = out
		context.AfterFunc(i.ctx, func() { in.CloseWithError(i.ctx.Err()) })
		// If ctx is done first, this waits for a last read, at most until the program ends.
		go func() {
			_, err := io.Copy(in, i.in)
			in.CloseWithError(err) // nil is the end of the input
		}()
	})
	return i.out.Read(p)
}
