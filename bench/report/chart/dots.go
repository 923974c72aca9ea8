package chart

import (
	"fmt"
	"math"
	"strings"
)

// Dots is rows of values on one axis, such as the percentiles of a latency:
// in each row a marker for each value, joined by a line.
type Dots struct {
	Axis  Axis
	Names []string // of the values, one marker each
	Rows  []DotRow
}

// A DotRow is one row.
type DotRow struct {
	Label  string
	Look   int       // of the line
	Values []float64 // one for each name; NaN if not known
}

const dotDistance = 22.0

func (c *Dots) legend() legend {
	var keys []key
	for i, name := range c.Names {
		keys = append(keys, key{name, i})
	}
	return newLegend(keys)
}

func (c *Dots) size() (width, height float64) {
	l := c.legend()
	return Width, float64(len(c.Rows))*dotDistance + 2*lineHeight + 14 + l.height()
}

func (c *Dots) draw(p *pen) {
	var all []float64
	var labels []string
	for _, r := range c.Rows {
		all = append(all, r.Values...)
		labels = append(labels, r.Label)
	}
	labels = shortenAll(labels, mostLabel, textSize)
	f := frame{top: 4, height: float64(len(c.Rows)) * dotDistance, x: newScale(&c.Axis, all)}
	f.left = widest(labels, textSize) + 2*tickGap
	f.width = Width - f.left - 16
	for _, v := range f.x.ticks {
		p.line(f.px(v), f.top, f.px(v), f.top+f.height, paint{stroke: rule})
	}
	f.drawX(p, &c.Axis)
	for i := range c.Rows {
		y := f.top + (float64(i)+0.5)*dotDistance
		p.text(f.left-2*tickGap, y+4, labels[i], label{anchor: "end", title: c.Rows[i].Label})
		c.drawRow(p, &f, &c.Rows[i], y)
	}
	l := c.legend()
	l.draw(p, f.top+f.height+2*lineHeight+10, func(x, y float64, look int) { p.marker(x+(swatch-8)/2, y, look, "") })
}

func (c *Dots) drawRow(p *pen, f *frame, r *DotRow, y float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range r.Values {
		if f.x.shows(v) {
			lo, hi = min(lo, f.px(v)), max(hi, f.px(v))
		}
	}
	if hi > lo {
		p.line(lo, y, hi, y, paint{stroke: quiet, width: 1.5})
	}
	for n, v := range r.Values {
		if n < len(c.Names) && f.x.shows(v) {
			p.marker(f.px(v), y, n, fmt.Sprintf("%s, %s: %s", r.Label, c.Names[n], c.Axis.format(v)))
		}
	}
}

// Words gives every value.
func (c *Dots) Words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.", c.Axis.Label)
	for _, r := range c.Rows {
		var values []string
		for n, v := range r.Values {
			if n < len(c.Names) && !math.IsNaN(v) {
				values = append(values, c.Names[n]+" "+c.Axis.format(v))
			}
		}
		fmt.Fprintf(&b, " %s: %s.", r.Label, strings.Join(values, ", "))
	}
	return b.String()
}

// Table has a row for each row.
func (c *Dots) Table() [][]string {
	rows := [][]string{append([]string{""}, c.Names...)}
	for _, r := range c.Rows {
		row := []string{r.Label}
		for n := range c.Names {
			cell := ""
			if n < len(r.Values) && !math.IsNaN(r.Values[n]) {
				cell = c.Axis.format(r.Values[n])
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}
