// Package command is what the two programs share: how they are run and what
// they exit with, how addresses and key files become stores and keys, and how
// results, warnings and progress reach people and machines.
//
// # Exit codes
//
// 0 is fine, 1 is for findings ("revoked", or what verify found), and 2 means that the
// program could not tell or could not run. An error chooses 1 by being a
// *[Finding]; every other error is 2.
package command

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFinding = 1
	ExitError   = 2
)

// An Env is the world that a command acts in.
type Env struct {
	Context context.Context // ends on SIGINT and SIGTERM
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Now     func() time.Time
	Rand    io.Reader
	Output
}

// A Finding ends a program with exit code 1: it ran, and what it was asked for is
// bad. An Err of nil prints nothing more.
type Finding struct{ Err error }

func (f *Finding) Error() string {
	if f.Err == nil {
		return "there are findings"
	}
	return f.Err.Error()
}

func (f *Finding) Unwrap() error { return f.Err }

// Hinted is an error, and what the user can do about it.
type Hinted struct {
	Err  error
	Hint string
}

func (h *Hinted) Error() string { return h.Err.Error() }

func (h *Hinted) Unwrap() error { return h.Err }

// ErrTold ends a program with exit code 2 when the reason has been printed already.
var ErrTold = errors.New("the reason was told")

// Main parses the command line into cli, a pointer to a struct with kong's tags that
// embeds Output, and runs the chosen command, whose Run method may take
// an *Env. It returns the exit code. Flags also come from REVOCAST_* variables, of which
// those that are empty count as not set.
func Main(name, description string, cli interface{ output() Output }) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for a clean end; a second one is not caught any more.
	context.AfterFunc(ctx, stop)
	parser, err := kong.New(cli, kong.Name(name), kong.Description(description),
		kong.DefaultEnvars("REVOCAST"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Vars{"algorithms": algorithms()})
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return ExitError
	}
	env := &Env{
		Context: ctx, Stdin: &interruptible{ctx: ctx, in: os.Stdin}, Stdout: os.Stdout, Stderr: os.Stderr,
		Now: time.Now, Rand: rand.Reader,
	}
	dropEmptyVariables()
	chosen, err := parser.Parse(os.Args[1:])
	if err == nil {
		err = emptyFlag(chosen.Flags())
	}
	if err != nil {
		env.Output = asked(os.Args[1:])
		return env.exit(name, fmt.Errorf("%w; %s --help lists what there is", err, name))
	}
	env.Output = cli.output()
	return env.exit(name, chosen.Run(env))
}

// exit tells an error and gives its exit code.
func (e *Env) exit(name string, err error) int {
	code := ExitError
	var finding *Finding
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &finding):
		code, err = ExitFinding, finding.Err
	}
	if err == nil || errors.Is(err, ErrTold) {
		return code
	}
	if e.Context.Err() != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("stopped by a signal before it was done: %w", err)
	}
	e.Warn("%s: %v", name, err)
	e.WarnHint(err)
	e.PrintError(err)
	return code
}
