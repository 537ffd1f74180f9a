package main

import (
	"fmt"
	"math"
	"strings"
)

// plot is a line chart.
type plot struct {
	file, title, x, y string
	logX              bool
	names             []string
	points            [][]float64 // x, and a y for each of names
}

func (p *plot) add(values ...float64) { p.points = append(p.points, values) }

const (
	wide, high          = 640.0, 360.0
	left, right         = 60.0, 20.0
	top, bottom         = 36.0, 46.0
	plotWide, plotsHigh = wide - left - right, high - top - bottom
)

var colors = []string{"#1f6feb", "#d1242f", "#57606a"}

// svg draws it: light enough to be read as text in a diff.
func (p *plot) svg() string {
	scale := func(x float64) float64 {
		if p.logX {
			return math.Log10(x)
		}
		return x
	}
	first, last := scale(p.points[0][0]), scale(p.points[len(p.points)-1][0])
	highest := 0.0
	for _, point := range p.points {
		for _, y := range point[1:] {
			highest = max(highest, y)
		}
	}
	step := math.Pow(10, math.Floor(math.Log10(highest)))
	for highest/step < 4 {
		step /= 2
	}
	highest = step * math.Ceil(highest/step)
	atX := func(x float64) float64 { return left + plotWide*(scale(x)-first)/max(last-first, 1e-9) }
	atY := func(y float64) float64 { return top + plotsHigh*(1-y/highest) }

	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n", wide, high)
	fmt.Fprintf(&s, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	text := func(x, y float64, anchor, format string, args ...any) {
		fmt.Fprintf(&s, `<text x="%.0f" y="%.0f" text-anchor="%s" fill="#24292f">%s</text>`+"\n", x, y, anchor, fmt.Sprintf(format, args...))
	}
	text(left, 20, "start", "%s", p.title)
	text(left+plotWide/2, high-8, "middle", "%s", p.x)
	for y := 0.0; y <= highest*1.001; y += step {
		fmt.Fprintf(&s, `<path d="M%.0f %.1fH%.0f" stroke="#d0d7de"/>`+"\n", left, atY(y), left+plotWide)
		text(left-6, atY(y)+4, "end", "%g", y)
	}
	text(left-6, top-10, "end", "%s", p.y)
	for i, point := range p.points {
		if p.logX {
			text(atX(point[0]), high-bottom+18, "middle", "10^%.0f", math.Log10(point[0]))
		} else if i%14 == 0 {
			text(atX(point[0]), high-bottom+18, "middle", "%g", point[0])
		}
	}
	for line, name := range p.names {
		var path []string
		for _, point := range p.points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", atX(point[0]), atY(point[line+1])))
		}
		fmt.Fprintf(&s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), colors[line])
		fmt.Fprintf(&s, `<path d="M%.0f %.0fh24" stroke="%s" stroke-width="2"/>`+"\n", left+plotWide-170, top+14+18*float64(line), colors[line])
		text(left+plotWide-140, top+18+18*float64(line), "start", "%s", name)
	}
	s.WriteString("</svg>\n")
	return s.String()
}
