package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Timeline is series over one span of time, in panels one above the other,
// and below them a lane for each kind of thing that happened.
type Timeline struct {
	Seconds float64 // how long it is
	Slot    float64 // length of a slot, in seconds
	Panels  []Panel
	Lanes   []Lane
}

// A Panel shows series of one unit.
type Panel struct {
	Axis   Axis
	Reach  []float64 // values that the axis must reach, so that several charts share one
	IsMean bool      // slots that have no room are drawn as their mean, not as their greatest
	Series []SlotSeries
}

// A SlotSeries is one value a slot.
type SlotSeries struct {
	Name   string
	Look   int
	Values []float64
}

// A Lane shows when things of one kind happened.
type Lane struct {
	Name  string
	Look  int
	Spans []Span

	IsQuiet bool // it is not to be seen behind the panels
}

// A Span is from when to when, in seconds; equal if it took no time, or one
// that is not known.
type Span struct {
	From, To float64
	Note     string
}

const (
	panelHeight = 90.0
	panelGap    = 34.0
	laneHeight  = 16.0
)

func (c *Timeline) legend() legend {
	var keys []key
	for _, p := range c.Panels {
		if len(p.Series) > 1 {
			for _, s := range p.Series {
				keys = append(keys, key{s.Name, s.Look})
			}
		}
	}
	return newLegend(keys)
}

func (c *Timeline) size() (width, height float64) {
	l := c.legend()
	h := float64(len(c.Panels))*(panelHeight+panelGap) + float64(len(c.Lanes))*laneHeight + 2*lineHeight + 8
	if len(l.keys) > 0 {
		h += 6 + l.height()
	}
	return Width, h
}

// left returns the room that labels of panels and lanes need.
func (c *Timeline) left() float64 {
	left := 0.0
	for i := range c.Panels {
		s := c.Panels[i].scale()
		left = max(left, leftOf(&c.Panels[i].Axis, &s))
	}
	var names []string
	for _, l := range c.Lanes {
		names = append(names, l.Name)
	}
	return max(left, min(widest(names, smallSize), 110)+tickGap)
}

func (p *Panel) scale() scale {
	all := slices.Clone(p.Reach)
	for _, s := range p.Series {
		all = append(all, s.Values...)
	}
	return newScale(&p.Axis, all)
}

func (c *Timeline) draw(p *pen) {
	f := frame{left: c.left(), height: panelHeight}
	f.width = Width - f.left - 12
	time := Axis{Label: "seconds since measuring began", FromZero: true}
	f.x = newScale(&time, []float64{0, c.Seconds})
	f.x.hi = max(c.Seconds, c.Slot) // the end of time is no round number
	f.x.ticks = slices.DeleteFunc(f.x.ticks, func(t float64) bool { return t > f.x.hi })
	lanesTop := float64(len(c.Panels)) * (panelHeight + panelGap)
	c.drawBands(p, &f, lanesTop)
	for i := range c.Panels {
		panel := &c.Panels[i]
		f.top = float64(i)*(panelHeight+panelGap) + panelGap - 8
		f.y = panel.scale()
		f.drawY(p, &panel.Axis)
		for n := range panel.Series {
			c.drawSlots(p, &f, &panel.Series[n], panel.IsMean)
		}
	}
	for i := range c.Lanes {
		c.drawLane(p, &f, &c.Lanes[i], lanesTop+float64(i)*laneHeight)
	}
	f.top, f.height = lanesTop, float64(len(c.Lanes))*laneHeight
	f.drawX(p, &time)
	l := c.legend()
	l.draw(p, lanesTop+f.height+2*lineHeight+14, func(x, y float64, look int) { p.line(x, y, x+swatch-8, y, strokeOf(look)) })
}

// drawBands lets what took time be seen behind the panels.
func (c *Timeline) drawBands(p *pen, f *frame, bottom float64) {
	for _, lane := range c.Lanes {
		if lane.IsQuiet {
			continue
		}
		for _, s := range lane.Spans {
			from, to := f.px(s.From), f.px(s.To)
			if to-from >= 1 {
				p.rect(from, panelGap-8, to-from, bottom-panelGap+8, paint{fill: seriesRole(lane.Look), faint: 0.09}, "")
			}
		}
	}
}

// drawSlots draws a series as steps, a slot each. A slot without a value is a gap.
func (c *Timeline) drawSlots(p *pen, f *frame, s *SlotSeries, isMean bool) {
	var d strings.Builder
	open := false
	values, slot := merge(s.Values, c.Slot, isMean)
	for i, v := range values {
		if !f.y.shows(v) {
			open = false
			continue
		}
		from, to, y := f.px(float64(i)*slot), f.px(float64(i+1)*slot), f.py(v)
		if open {
			d.WriteString("V" + coord(y))
		} else {
			d.WriteString("M" + coord(from) + " " + coord(y))
		}
		d.WriteString("H" + coord(to))
		open = true
	}
	if d.Len() > 0 {
		p.path(d.String(), paint{stroke: seriesRole(s.Look), width: 1.6, dash: dashOf(s.Look)}, s.Name)
	}
}

// mostSteps is how many steps a line has room for.
const mostSteps = 90

// merge puts neighbouring slots together until there are few enough to be
// drawn, and returns how long those are.
func merge(values []float64, slot float64, isMean bool) (merged []float64, length float64) {
	each := (len(values)-1)/mostSteps + 1
	if each <= 1 {
		return values, slot
	}
	for part := range slices.Chunk(values, each) {
		v := slices.Max(part)
		if isMean {
			v = 0
			for _, x := range part {
				v += x / float64(len(part))
			}
		}
		merged = append(merged, v)
	}
	return merged, slot * float64(each)
}

const leastSpan = 2.0 // what is shorter can still be seen

func (c *Timeline) drawLane(p *pen, f *frame, lane *Lane, top float64) {
	p.text(f.left-tickGap, top+laneHeight-4, Shorten(lane.Name, f.left-tickGap, smallSize), label{anchor: "end", size: smallSize, title: lane.Name})
	p.line(f.left, top+laneHeight/2, f.left+f.width, top+laneHeight/2, paint{stroke: rule})
	for _, s := range lane.Spans {
		from, to := f.px(s.From), f.px(s.To)
		p.rect(from, top+3, max(leastSpan, to-from), laneHeight-6, paint{fill: seriesRole(lane.Look)}, spanWords(lane.Name, s))
	}
}

func spanWords(name string, s Span) string {
	text := fmt.Sprintf("%s at %s s", name, seconds(s.From))
	if s.To > s.From {
		text += fmt.Sprintf(" for %s s", seconds(s.To-s.From))
	}
	if s.Note != "" {
		text += ", " + s.Note
	}
	return text
}

func seconds(v float64) string {
	a := Axis{}
	return a.format(math.Round(v*1e4) / 1e4)
}

// Words gives the range of each series, and how often each kind of thing
// happened and how long it took in all.
func (c *Timeline) Words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s seconds in slots of %s.", seconds(c.Seconds), seconds(c.Slot))
	for _, p := range c.Panels {
		for _, s := range p.Series {
			if len(s.Values) > 0 {
				fmt.Fprintf(&b, " %s: from %s to %s.", s.Name, p.Axis.format(slices.Min(s.Values)), p.Axis.format(slices.Max(s.Values)))
			}
		}
	}
	for _, l := range c.Lanes {
		sum := 0.0
		for _, s := range l.Spans {
			sum += max(0, s.To-s.From)
		}
		fmt.Fprintf(&b, " %s: %d", l.Name, len(l.Spans))
		if sum > 0 {
			fmt.Fprintf(&b, ", %s s in all", seconds(sum))
		}
		b.WriteString(".")
	}
	return b.String()
}

// Table has a row for each slot, and what happened in it.
func (c *Timeline) Table() [][]string {
	head := []string{"from s"}
	slots := 0
	for _, p := range c.Panels {
		for _, s := range p.Series {
			head = append(head, s.Name)
			slots = max(slots, len(s.Values))
		}
	}
	rows := [][]string{append(head, "what began")}
	for i := range slots {
		row := []string{seconds(float64(i) * c.Slot)}
		for _, p := range c.Panels {
			for _, s := range p.Series {
				cell := ""
				if i < len(s.Values) {
					cell = p.Axis.format(s.Values[i])
				}
				row = append(row, cell)
			}
		}
		rows = append(rows, append(row, c.began(i)))
	}
	return rows
}

func (c *Timeline) began(slot int) string {
	var all []string
	for _, l := range c.Lanes {
		n := 0
		for _, s := range l.Spans {
			if s.From >= float64(slot)*c.Slot && s.From < float64(slot+1)*c.Slot {
				n++
			}
		}
		switch {
		case n == 1:
			all = append(all, l.Name)
		case n > 1:
			all = append(all, fmt.Sprintf("%d %s", n, l.Name))
		}
	}
	return strings.Join(all, ", ")
}
