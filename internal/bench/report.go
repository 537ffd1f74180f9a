package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	begin = "<!-- what follows, up to the end mark, is written by make bench -->\n"
	end   = "<!-- end of what make bench writes -->\n"
)

// write puts the tables into docs/BENCHMARKS.md, between its marks, and the plots beside it.
func (b *bench) write(docs string) error {
	name := filepath.Join(docs, "BENCHMARKS.md")
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(old), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has lost its marks; restore it with git", name)
	}
	if err := os.WriteFile(name, []byte(head+begin+b.tables()+end+tail), 0o644); err != nil {
		return err
	}
	for _, p := range b.plots {
		if err := os.WriteFile(filepath.Join(docs, p.file), []byte(p.svg()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) tables() string {
	var s strings.Builder
	fmt.Fprintf(&s, "\n%.0e entries, %d cores, %s %s/%s, %s, in %.0f s.\n\n", b.scale, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, time.Now().UTC().Format("2006-01-02"), time.Since(b.start).Seconds())
	s.WriteString("| bar | what | this run | wanted | holds |\n|---|---|---|---|---|\n")
	for _, l := range b.bars {
		fmt.Fprintf(&s, "| %s | %s | %s | %s | %s |\n", l.id, l.what, l.figure, l.want, l.holds)
	}
	s.WriteString("\n| structure | bytes an entry | hit | miss | |\n|---|---|---|---|---|\n")
	for _, p := range b.peers {
		fmt.Fprintf(&s, "| %s | %s | %s | %s | %s |\n", p.what, p.bytes, p.hit, p.miss, p.note)
	}
	s.WriteString("\n| entries | bytes an entry | bits over the entropy | REF, ns | hit, × REF | miss, × REF |\n|---|---|---|---|---|---|\n")
	for _, l := range b.grown {
		s.WriteString(l + "\n")
	}
	s.WriteString("\n")
	for _, p := range b.plots {
		fmt.Fprintf(&s, "![%s](%s)\n\n", p.title, p.file)
	}
	return s.String()
}
