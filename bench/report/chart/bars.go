package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Bars is horizontal bars from zero, each of one part or of several.
type Bars struct {
	Unit   string // as in "us an event"
	Format func(float64) string
	Parts  []Part // what parts mean; a single one needs no legend
	Rows   []Row
	Ref    float64 // a value to be seen against, such as 1; 0 is none
	RefDoc string  // what it is
}

// A Part is what a part of every bar means.
type Part struct {
	Name string
	Look int
}

// A Row is one bar.
type Row struct {
	Group  string // a heading over this row and those that follow
	Label  string
	Values []float64 // one for each of Bars.Parts; nil if nothing is known
	Lo, Hi float64   // an interval for their sum; equal if there is none
	Look   int       // of a bar that has one part
	Text   string    // what stands behind the bar; the sum if empty
}

func (r *Row) sum() float64 {
	sum := 0.0
	for _, v := range r.Values {
		sum += max(0, v)
	}
	return sum
}

const (
	barHeight   = 15.0
	barDistance = 21.0
	mostLabel   = 200.0 // room for labels beside bars
)

func (c *Bars) legend() legend {
	var keys []key
	if len(c.Parts) > 1 {
		for _, p := range c.Parts {
			keys = append(keys, key{p.Name, p.Look})
		}
	}
	return newLegend(keys)
}

func (c *Bars) size() (width, height float64) {
	h := 4.0
	for i := range c.Rows {
		if c.Rows[i].Group != "" {
			h += lineHeight + 4
		}
		h += barDistance
	}
	if c.Ref > 0 {
		h += lineHeight
	}
	l := c.legend()
	if len(l.keys) > 0 {
		h += 6 + l.height()
	}
	return Width, h
}

func (c *Bars) text(r *Row) string {
	switch {
	case r.Text != "":
		return r.Text
	case r.Values == nil:
		return "not measured"
	}
	return c.Format(r.sum())
}

// A barLayout is where the bars begin, and how long one of the greatest value is.
type barLayout struct {
	left, length, most float64
	labels             []string
}

func (c *Bars) layout() barLayout {
	var l barLayout
	var labels, texts []string
	for i := range c.Rows {
		r := &c.Rows[i]
		labels = append(labels, r.Label)
		texts = append(texts, c.text(r))
		if s := max(r.sum(), r.Hi); s < math.MaxFloat64 {
			l.most = max(l.most, s)
		}
	}
	l.most = max(l.most, c.Ref)
	l.labels = shortenAll(labels, mostLabel, textSize)
	l.left = widest(l.labels, textSize) + tickGap
	right := min(widest(texts, textSize), Width-l.left-60) + tickGap + 2
	l.length = Width - l.left - right
	return l
}

func (l *barLayout) at(v float64) float64 {
	if !(l.most > 0) {
		return 0
	}
	return l.length * min(1, max(0, v/l.most))
}

func (c *Bars) draw(p *pen) {
	l := c.layout()
	y := 4.0
	if c.Ref > 0 {
		half := textWidth(c.RefDoc, smallSize) / 2
		p.text(min(max(l.left+l.at(c.Ref), half), Width-half), smallSize, c.RefDoc, label{anchor: "middle", role: quiet, size: smallSize})
		y += lineHeight
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Group != "" {
			y += lineHeight + 4
			p.text(0, y-6, Shorten(r.Group, Width, textSize), label{bold: true, title: r.Group})
		}
		c.drawRow(p, &l, i, y)
		y += barDistance
	}
	key := c.legend()
	key.draw(p, y+6, func(x, y float64, look int) { p.area(x, y-6, swatch-10, 12, look, "") })
}

func (c *Bars) drawRow(p *pen, l *barLayout, i int, y float64) {
	r := &c.Rows[i]
	p.text(l.left-tickGap, y+barHeight-3, l.labels[i], label{anchor: "end", title: r.Label})
	sum := 0.0
	for n, v := range r.Values {
		if !(v > 0) || n >= len(c.Parts) {
			continue
		}
		look, title := c.Parts[n].Look, fmt.Sprintf("%s, %s: %s", r.Label, c.Parts[n].Name, c.Format(v))
		x, end := l.left+l.at(sum), l.left+l.at(sum+v)
		if len(c.Parts) == 1 {
			p.rect(x, y, end-x, barHeight, paint{fill: seriesRole(r.Look)}, title)
		} else {
			p.area(x, y, end-x, barHeight, look, title)
		}
		sum += v
	}
	if c.Ref > 0 {
		x := l.left + l.at(c.Ref)
		p.line(x, y-3, x, y+barDistance-3, paint{stroke: quiet, dash: "3 3"})
	}
	if r.Hi > r.Lo {
		middle, lo, hi := y+barHeight/2, l.left+l.at(r.Lo), l.left+l.at(r.Hi)
		d := fmt.Sprintf("M%[1]s %[3]sV%[4]sM%[1]s %[5]sH%[2]sM%[2]s %[3]sV%[4]s", coord(lo), coord(hi), coord(y+4), coord(y+barHeight-4), coord(middle))
		p.path(d, paint{stroke: paper, width: 3.5}, "")
		p.path(d, paint{stroke: ink, width: 1.5}, fmt.Sprintf("interval: %s to %s", c.Format(r.Lo), c.Format(r.Hi)))
	}
	text := c.text(r)
	x := l.left + max(l.at(sum), l.at(r.Hi)) + tickGap
	p.text(x, y+barHeight-3, Shorten(text, Width-x, textSize), label{title: text, halo: c.Ref > 0})
}

// Words gives each bar, with its parts where there are several.
func (c *Bars) Words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "In %s.", c.Unit)
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Group != "" {
			fmt.Fprintf(&b, " %s:", r.Group)
		}
		fmt.Fprintf(&b, " %s %s%s.", r.Label, c.text(r), c.partWords(r))
	}
	return b.String()
}

func (c *Bars) partWords(r *Row) string {
	var parts []string
	for n, v := range r.Values {
		if n < len(c.Parts) && v > 0 {
			parts = append(parts, c.Parts[n].Name+" "+c.Format(v))
		}
	}
	if len(parts) < 2 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// Table has a row for each bar.
func (c *Bars) Table() [][]string {
	head := []string{""}
	isGrouped := slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Group != "" })
	if isGrouped {
		head = append(head, "")
	}
	if len(c.Parts) > 1 {
		for _, p := range c.Parts {
			head = append(head, p.Name)
		}
	}
	hasInterval := slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Hi > r.Lo })
	head = append(head, c.Unit)
	if hasInterval {
		head = append(head, "from", "to")
	}
	rows := [][]string{head}
	group := ""
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Group != "" {
			group = r.Group
		}
		rows = append(rows, c.tableRow(r, group, isGrouped, hasInterval))
	}
	return rows
}

func (c *Bars) tableRow(r *Row, group string, isGrouped, hasInterval bool) []string {
	row := []string{r.Label}
	if isGrouped {
		row = []string{group, r.Label}
	}
	if len(c.Parts) > 1 {
		for n := range c.Parts {
			cell := ""
			if n < len(r.Values) && r.Values[n] > 0 {
				cell = c.Format(r.Values[n])
			}
			row = append(row, cell)
		}
	}
	row = append(row, c.text(r))
	switch {
	case hasInterval && r.Hi > r.Lo:
		row = append(row, c.Format(r.Lo), c.Format(r.Hi))
	case hasInterval:
		row = append(row, "", "")
	}
	return row
}
