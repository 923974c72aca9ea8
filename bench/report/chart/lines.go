package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Lines is a plot of functions.
type Lines struct {
	X, Y    Axis
	Series  []Series
	Rings   []Ring
	RingDoc string // what rings are
}

// A Ring is one value that was found by other means than the line of its look.
type Ring struct {
	Name string
	Look int
	X, Y float64
}

// A Series is one function, or, as Points, single values that no line joins.
type Series struct {
	Name   string
	Look   int
	X, Y   []float64 // as many of the one as of the other; X ascends
	Points bool
}

// len returns how many points there are, whatever the data claim.
func (s *Series) len() int { return min(len(s.X), len(s.Y)) }

// Insert adds a point where its x belongs.
func (s *Series) Insert(x, y float64) {
	at, _ := slices.BinarySearch(s.X, x)
	s.X, s.Y = slices.Insert(s.X, at, x), slices.Insert(s.Y, at, y)
}

const plotHeight = 200.0

func (c *Lines) legend() legend {
	var keys []key
	for _, s := range c.Series {
		keys = append(keys, key{s.Name, s.Look})
	}
	return newLegend(keys)
}

func (c *Lines) size() (width, height float64) {
	l := c.legend()
	h := lineHeight + 8 + plotHeight + 2*lineHeight + 10 + l.height()
	if len(c.Rings) > 0 {
		h += lineHeight
	}
	return Width, h
}

func (c *Lines) frame() frame {
	var xs, ys []float64
	for _, s := range c.Series {
		xs, ys = append(xs, s.X[:s.len()]...), append(ys, s.Y[:s.len()]...)
	}
	for _, r := range c.Rings {
		xs, ys = append(xs, r.X), append(ys, r.Y)
	}
	f := frame{top: lineHeight + 8, height: plotHeight, x: newScale(&c.X, xs), y: newScale(&c.Y, ys)}
	f.left = leftOf(&c.Y, &f.y)
	f.width = Width - f.left - 12
	return f
}

func (c *Lines) draw(p *pen) {
	f := c.frame()
	f.drawY(p, &c.Y)
	f.drawX(p, &c.X)
	for i := range c.Series {
		f.drawSeries(p, &c.Series[i], c.X.format, c.Y.format)
	}
	l := c.legend()
	l.draw(p, f.top+f.height+2*lineHeight+10, func(x, y float64, look int) {
		if i := slices.IndexFunc(c.Series, func(s Series) bool { return s.Look == look }); !c.Series[i].Points {
			p.line(x, y, x+swatch-8, y, strokeOf(look))
		}
		p.marker(x+(swatch-8)/2, y, look, "")
	})
	for _, r := range c.Rings {
		if f.x.shows(r.X) && f.y.shows(r.Y) {
			drawRing(p, f.px(r.X), f.py(r.Y), seriesRole(r.Look), fmt.Sprintf("%s: %s at %s", r.Name, c.Y.format(r.Y), c.X.format(r.X)))
		}
	}
	if len(c.Rings) > 0 {
		y := f.top + f.height + 2*lineHeight + 10 + l.height() + lineHeight/2
		drawRing(p, (swatch-8)/2, y, ink, "")
		p.text(swatch, y+4, Shorten(c.RingDoc, Width-swatch, smallSize), label{size: smallSize, title: c.RingDoc})
	}
}

// drawRing draws a ring that can be seen on lines of any colour.
func drawRing(p *pen, x, y float64, of role, title string) {
	circle := "M" + coord(x-6) + " " + coord(y) + "a6 6 0 1 0 12 0a6 6 0 1 0 -12 0Z"
	p.path(circle, paint{stroke: paper, width: 5}, "")
	p.path(circle, paint{stroke: of, width: 2.5}, title)
}

func strokeOf(look int) paint {
	return paint{stroke: seriesRole(look), width: 2, dash: dashOf(look)}
}

// markerGap is the least distance between two markers on a line.
const markerGap = 44.0

// drawSeries draws a line with markers here and there, or points.
func (f *frame) drawSeries(p *pen, s *Series, formatX, formatY func(float64) string) {
	title := func(i int) string {
		return fmt.Sprintf("%s: %s at %s", s.Name, formatY(s.Y[i]), formatX(s.X[i]))
	}
	var at []int
	for i := range s.len() {
		if f.x.shows(s.X[i]) && f.y.shows(s.Y[i]) {
			at = append(at, i)
		}
	}
	if !s.Points {
		f.drawLine(p, s, at)
	}
	last := math.Inf(-1)
	// Lines start their markers at different places, so that those that run together can be told apart.
	shift := float64(s.Look%4) * markerGap / 4
	for n, i := range at {
		x := f.px(s.X[i])
		isEnd := n == len(at)-1
		if !s.Points && !isEnd && x-last < markerGap+shift {
			continue
		}
		p.marker(x, f.py(s.Y[i]), s.Look, title(i))
		last, shift = x, 0
	}
}

func (f *frame) drawLine(p *pen, s *Series, at []int) {
	if len(at) < 2 {
		return
	}
	var d strings.Builder
	for n, i := range at {
		d.WriteByte("ML"[min(n, 1)])
		d.WriteString(coord(f.px(s.X[i])) + " " + coord(f.py(s.Y[i])))
	}
	p.path(d.String(), strokeOf(s.Look), s.Name)
}

// Words gives the ends of each line.
func (c *Lines) Words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s.", c.Y.Label, c.X.Label)
	for _, s := range c.Series {
		n := s.len()
		switch {
		case n == 0:
		case n == 1:
			fmt.Fprintf(&b, " %s: %s at %s.", s.Name, c.Y.format(s.Y[0]), c.X.format(s.X[0]))
		default:
			fmt.Fprintf(&b, " %s: from %s at %s to %s at %s.", s.Name,
				c.Y.format(s.Y[0]), c.X.format(s.X[0]), c.Y.format(s.Y[n-1]), c.X.format(s.X[n-1]))
		}
	}
	for _, r := range c.Rings {
		fmt.Fprintf(&b, " %s, %s: %s at %s.", r.Name, c.RingDoc, c.Y.format(r.Y), c.X.format(r.X))
	}
	return b.String()
}

// Table has a row for each x that any series has, and a column for each series.
func (c *Lines) Table() [][]string {
	var xs []float64
	head := []string{c.X.Label}
	for _, s := range c.Series {
		xs = append(xs, s.X[:s.len()]...)
		head = append(head, s.Name)
	}
	slices.Sort(xs)
	rows := [][]string{head}
	for _, x := range slices.Compact(xs) {
		row := []string{c.X.format(x)}
		for _, s := range c.Series {
			cell := ""
			if i := slices.Index(s.X[:s.len()], x); i >= 0 {
				cell = c.Y.format(s.Y[i])
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	for _, r := range c.Rings {
		row := make([]string, len(head))
		row[0] = c.X.format(r.X) + ", " + c.RingDoc
		if i := slices.Index(head[1:], r.Name); i >= 0 {
			row[1+i] = c.Y.format(r.Y)
		}
		rows = append(rows, row)
	}
	return rows
}
