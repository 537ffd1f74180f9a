package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mix is a bijection on 64 bits: row i has the ids that follow from mix(i), so rows
// can be made, and asked for, again.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sample is the same thing measured several times.
type sample []float64

func (s sample) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// less takes a fixed cost out of each figure.
func (s sample) less(cost float64) sample {
	for i := range s {
		s[i] -= cost
	}
	return s
}

func (s sample) median() float64 { return s.quantile(0.5) }

// spread is the range of the middle half, in percent of the median.
func (s sample) spread() string {
	if len(s) < 3 {
		return "one run"
	}
	return fmt.Sprintf("±%.0f %% of %d", 50*(s.quantile(0.75)-s.quantile(0.25))/s.median(), len(s))
}

// timed runs f so many times and gives the seconds that each took.
func timed(n int, f func()) sample {
	var s sample
	for range n {
		start := time.Now()
		f()
		s = append(s, time.Since(start).Seconds())
	}
	return s
}

// cpu is the processor time that this process has used, in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return seconds(u.Utime) + seconds(u.Stime)
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// memoryOf reads a figure of a process from the kernel, in bytes: VmRSS, or VmHWM,
// which is the highest VmRSS since resetPeak.
func memoryOf(pid int, name string) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return 1024 * kb
		}
	}
	return 0
}

func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
