// Command bench measures the bars of the design through the public path: the built
// publisher, a client over a directory or HTTP, a check of a token; side by
// side with what people would use instead. It prints a table, and writes
// docs/BENCHMARKS.md and its plots. Run it with make bench.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

type bench struct {
	scale     float64
	listBytes int     // of the list of that scale
	sha       sample  // seconds that SHA-256 of them takes
	ref       float64 // nanoseconds of one dependent read
	checks    sample  // nanoseconds of single checks
	bars      []bar
	peers     []peer
	plots     []plot
	grown     []string // rows of the table of growth
	start     time.Time
}

// bar is one line of the table.
type bar struct {
	id, what, figure, want, holds string
}

// peer is what something that people use instead takes.
type peer struct{ what, bytes, hit, miss, note string }

// bar notes a figure. Most bars are set at ten million entries, where fixed costs are small
// beside the list; in a smaller run their figures are told, and not judged.
func (b *bench) bar(id, what, figure, want string, holds bool) {
	verdict := "NO"
	switch {
	case holds:
		verdict = "yes"
	case b.scale < 1e7 && id != "P1" && id != "P6" && id != "P12" && id != "PG":
		verdict = "at 10 M"
	}
	b.bars = append(b.bars, bar{id, what, figure, want, verdict})
	b.log("%s  %s: %s (bar %s)", id, what, figure, want)
}

func (b *bench) log(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(b.start).Seconds(), fmt.Sprintf(format, args...))
}

func main() {
	log.SetFlags(0)
	scale := flag.Float64("scale", 1e7, "entries of the list")
	bin := flag.String("bin", "bin", "folder of the built publisher")
	docs := flag.String("docs", "docs", "where BENCHMARKS.md and its plots go; nothing is written if empty")
	only := flag.String("only", "", "measure only what this names: publish, client, check, behind, commit, micro, peers, growth")
	child := flag.String("child", "", "internal: measure one thing in a process of its own")
	flag.Parse()
	if *child != "" {
		runChild(*child, flag.Args())
		return
	}
	b := &bench{scale: *scale, start: time.Now()}
	dir, err := os.MkdirTemp("", "revocast-bench-*")
	check(err)
	defer os.RemoveAll(dir)
	site := newSite(dir+"/list", *bin+"/publisher")
	run := func(name string, measure func()) {
		if *only == "" || strings.Contains(*only, name) {
			measure()
		}
	}
	run("publish", func() { b.publishing(site) })
	run("client", func() { b.following(site) })
	run("check", func() { b.checking(site) })
	run("behind", func() { b.behind(newSite(dir+"/behind", *bin+"/publisher")) })
	if *only != "" || b.scale >= 1e7 { // a minute and a half at any scale
		run("commit", func() { b.committing(newSite(dir+"/commit", *bin+"/publisher")) })
	}
	check(os.RemoveAll(dir))
	run("micro", func() { b.micro() })
	run("peers", func() { b.alternatives() })
	run("growth", func() { b.growth() })
	b.print()
	if *docs != "" && *only == "" {
		check(b.write(*docs))
	}
}

func (b *bench) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nbar\twhat\tthis run\twanted\tholds\n")
	for _, l := range b.bars {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.id, l.what, l.figure, l.want, l.holds)
	}
	if len(b.peers) > 0 {
		fmt.Fprintf(w, "\nstructure\tbytes an entry\thit\tmiss\t\n")
	}
	for _, p := range b.peers {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.what, p.bytes, p.hit, p.miss, p.note)
	}
	w.Flush()
	fmt.Printf("\n%.0f entries, %d cores, %s %s/%s, %.0f s\n", b.scale, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, time.Since(b.start).Seconds())
}

func size(bytes float64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.2f GB", bytes/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", bytes/1e6)
	}
	return fmt.Sprintf("%.1f KB", bytes/1e3)
}

// check ends the measurement: a figure that rests on something that failed is worth nothing.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
