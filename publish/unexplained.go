package publish

import (
	"fmt"
	"strings"

	"github.com/revocast/revocast/crl"
)

// maxNamed is how many entries an [UnexplainedError] names.
const maxNamed = 10

// An UnexplainedError means that the list that was about to go out is not the last
// one with what the rows, the reinstatements among them and expiry make of it.
// Nothing was published. It is a defect of the program, or of the machine's memory.
type UnexplainedError struct {
	Version           uint64        // that was not published
	Entries, Expected int           // how many it has, and should have
	Missing           []Unexplained // the first of those that should be there
	Other             []Unexplained // the first that should not, or not with this before and exp
	MissingCount      int
	OtherCount        int
}

// Unexplained is an entry of an [UnexplainedError]. What its claims are nobody can
// tell from a list; whoever guesses them can
// take the fingerprint as docs/FORMAT.md says.
type Unexplained struct {
	Rule        string // claim names, joined by "+"
	Fingerprint uint64
	Before, Exp int64 // Unix seconds; crl.Always and crl.Never
}

func (u Unexplained) String() string {
	s := fmt.Sprintf("%s %016x", u.Rule, u.Fingerprint)
	if u.Before != crl.Always {
		s += " before " + stamp(u.Before)
	}
	if u.Exp != crl.Never {
		s += " until " + stamp(u.Exp)
	}
	return s
}

func (e *UnexplainedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version %d would have %d entries, and the last version, the rows and expiry make %d; nothing was published.", e.Version, e.Entries, e.Expected)
	list(&b, "Missing", e.Missing, e.MissingCount)
	list(&b, "Not as the rows say", e.Other, e.OtherCount)
	b.WriteString(" This is a defect of the program or of this machine: please report it. Run again without --cache, or on another machine; nothing is lost, the rows are read again")
	return b.String()
}

func list(b *strings.Builder, what string, entries []Unexplained, count int) {
	for i, u := range entries {
		if i == 0 {
			fmt.Fprintf(b, " %s (%d): ", what, count)
		} else {
			b.WriteString("; ")
		}
		b.WriteString(u.String())
	}
	if len(entries) > 0 {
		if count > len(entries) {
			b.WriteString("; …")
		}
		b.WriteByte('.')
	}
}
