package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Output is the flag that every command has.
type Output struct {
	JSON bool `name:"json" help:"Print JSON, an object a line, for machines."`
}

func (o Output) output() Output { return o }

// asked is the Output that a command line asks for which could not be parsed.
func asked(args []string) Output {
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "--json" || arg == "--json=true" {
			return Output{JSON: true}
		}
	}
	json, _ := strconv.ParseBool(os.Getenv("REVOCAST_JSON"))
	return Output{JSON: json}
}

// Print writes one result to standard output: as an object on a line with
// --json, else as text, with a line break behind it.
func (e *Env) Print(result any, text string) {
	if !e.JSON {
		fmt.Fprintln(e.Stdout, text)
		return
	}
	enc := json.NewEncoder(e.Stdout)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(result); err != nil {
		fmt.Fprintln(e.Stderr, err)
	}
}

// PrintError writes an error to standard output for machines, with --json. People
// are told by whoever calls it.
func (e *Env) PrintError(err error) {
	if !e.JSON {
		return
	}
	result := map[string]string{"error": err.Error()}
	if hinted, ok := errors.AsType[*Hinted](err); ok {
		result["hint"] = hinted.Hint
	}
	e.Print(result, "")
}

// WarnHint writes the hint that goes with an error, if there is one, to standard error.
func (e *Env) WarnHint(err error) {
	if hinted, ok := errors.AsType[*Hinted](err); ok {
		e.Warn("hint: %s", hinted.Hint)
	}
}

// Warn writes a line for people to standard error, with --json too.
func (e *Env) Warn(format string, args ...any) {
	fmt.Fprintf(e.Stderr, format+"\n", args...)
}
