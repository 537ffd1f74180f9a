package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// goBench runs the benchmarks of a package and gives the nanoseconds by name.
func goBench(pkg, pattern string, count int, args ...string) map[string]sample {
	cmd := exec.Command("go", append([]string{"test", pkg, "-run", "^$", "-bench", pattern, "-count", strconv.Itoa(count), "-benchtime", "0.3s", "-timeout", "60m"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		panic(fmt.Sprintf("go test -bench %s %s: %v\n%s", pattern, pkg, err, out))
	}
	all := map[string]sample{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") || f[3] != "ns/op" {
			continue
		}
		name := f[0]
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		ns, err := strconv.ParseFloat(f[2], 64)
		check(err)
		all[name] = append(all[name], ns)
	}
	return all
}

// lookups are the ratios of a miss and of a hit to a dependent read, in one run.
func lookups(n float64, count int) (miss, hit sample, ref float64) {
	all := goBench("./crl", "^BenchmarkFind$", count, "-entries", fmt.Sprintf("%.0f", n))
	name := func(what string) sample { return all[fmt.Sprintf("BenchmarkFind/%s/%.0f", what, n)] }
	for i, line := range name("ref") {
		miss, hit = append(miss, name("miss")[i]/line), append(hit, name("hit")[i]/line)
	}
	return miss, hit, name("ref").median()
}

// micro takes P3 from the benchmark beside the code.
func (b *bench) micro() {
	bound := 1.5
	if b.scale > 3e7 {
		bound = 2
	}
	miss, hit, ref := lookups(b.scale, 7)
	b.ref = ref
	for _, l := range []struct {
		what string
		s    sample
	}{{"miss", miss}, {"hit", hit}} {
		b.bar("P3", "raw lookup, "+l.what+", × one dependent read", fmt.Sprintf("%.2f (%s; REF %.0f ns)", l.s.median(), l.s.spread(), ref), fmt.Sprintf("≤ %.1f", bound), l.s.median() <= bound)
	}
	parse := goBench("./client/jwx", "^BenchmarkParse$", 5)
	for _, name := range []string{"EdDSA", "ES256", "RS256"} {
		s := parse["BenchmarkParse/"+name]
		b.peers = append(b.peers, peer{"jwt.Parse of jwx/v2, " + name, "", "", fmt.Sprintf("%.0f µs", s.median()/1e3), "for scale: what goes before every check, " + s.spread()})
	}
}
