package main

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/revocast/revocast/crl"
)

// growth measures size and lookups from a thousand entries up to the scale, and in a
// run at full scale up to a hundred million.
func (b *bench) growth() {
	largest := b.scale
	if largest >= 1e7 {
		largest = 1e8
	}
	size := plot{file: "bytes.svg", title: "Bytes an entry, on the wire and in memory", x: "entries", y: "bytes", logX: true, names: []string{"Revocast", "entropy"}}
	speed := plot{file: "lookup.svg", title: "Raw lookup beside one dependent read of memory", x: "entries", y: "ns", logX: true, names: []string{"hit", "miss", "one read"}}
	for n := 1000.0; n <= largest; n *= 10 {
		entries := make([]crl.Entry, int(n))
		for i := range entries {
			entries[i] = crl.Entry{Rule: 1, Key: mix(uint64(i)), Before: crl.Always, Exp: 3600 * int64(480_000+i%24)}
		}
		f, err := crl.Build(0, 1, entries, nil)
		check(err)
		keys, _ := math.Lgamma(n + 1)
		least := (64 - keys/math.Ln2/n + math.Log2(24)) / 8
		have := float64(len(f.Bytes())) / n
		size.add(n, have, least)
		entries, f = nil, nil
		debug.FreeOSMemory()
		miss, hit, ref := lookups(n, 3)
		speed.add(n, hit.median()*ref, miss.median()*ref, ref)
		b.log("%.0f entries: %.3f bytes an entry, %.3f bits over the entropy; hit %.2f, miss %.2f × REF (%.0f ns)", n, have, 8*(have-least), hit.median(), miss.median(), ref)
		b.grown = append(b.grown, fmt.Sprintf("| %.0e | %.3f | +%.2f | %.0f | %.2f | %.2f |", n, have, 8*(have-least), ref, hit.median(), miss.median()))
	}
	b.plots = append(b.plots, size, speed)
}

// latencyPlot shows the distribution of single checks.
func latencyPlot(quiet, busy sample) plot {
	p := plot{file: "latency.svg", title: "Check, one by one, with and without refreshes on the other core", x: "percentile", y: "ns", names: []string{"no refresh", "refreshing"}}
	for q := 1; q <= 99; q++ {
		p.add(float64(q), quiet.quantile(float64(q)/100), busy.quantile(float64(q)/100))
	}
	return p
}
