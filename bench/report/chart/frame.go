package chart

// Width is how wide every chart is drawn, in units that are pixels unless the page
// scales it: at the width of a telephone letters are still ten pixels high.
const Width = 440.0

const (
	tickGap    = 6.0  // between an axis and the labels of its ticks
	lineHeight = 18.0 // of text
)

// A frame is the area of a plot with its two axes.
type frame struct {
	left, top, width, height float64
	x, y                     scale
}

// leftOf returns how much room the labels of a vertical axis need.
func leftOf(a *Axis, s *scale) float64 {
	var texts []string
	for _, v := range s.ticks {
		texts = append(texts, a.format(v))
	}
	return widest(texts, smallSize) + tickGap
}

func (f *frame) px(v float64) float64 { return f.left + f.width*f.x.at(v) }
func (f *frame) py(v float64) float64 { return f.top + f.height*(1-f.y.at(v)) }

// drawY draws the vertical axis: lines across the plot, their values, and the
// axis' label over it.
func (f *frame) drawY(p *pen, a *Axis) {
	below := f.top + 2*f.height
	for _, v := range f.y.ticks {
		y := f.py(v)
		p.line(f.left, y, f.left+f.width, y, paint{stroke: rule})
		if below-y >= smallSize+1 {
			p.text(f.left-tickGap, y+4, a.format(v), label{anchor: "end", role: quiet, size: smallSize})
			below = y
		}
	}
	p.text(0, f.top-11, Shorten(a.Label, f.left+f.width, smallSize), label{role: quiet, size: smallSize, title: a.Label})
}

// drawX draws the horizontal axis. Labels that would touch are left out.
func (f *frame) drawX(p *pen, a *Axis) {
	bottom := f.top + f.height
	p.line(f.left, bottom, f.left+f.width, bottom, paint{stroke: quiet})
	end := -tickGap
	for _, v := range f.x.ticks {
		x := f.px(v)
		p.line(x, bottom, x, bottom+4, paint{stroke: quiet})
		text := a.format(v)
		half := textWidth(text, smallSize) / 2
		middle := min(x, Width-half)
		if middle-half < end+tickGap {
			continue
		}
		p.text(middle, bottom+lineHeight, text, label{anchor: "middle", role: quiet, size: smallSize})
		end = middle + half
	}
	p.text(f.left+f.width, bottom+2*lineHeight, Shorten(a.Label, f.width, smallSize), label{anchor: "end", role: quiet, size: smallSize, title: a.Label})
}

// A key is an entry of a legend.
type key struct {
	name string
	look int
}

// A legend lists keys in as many columns as their names leave room for.
type legend struct {
	keys    []key
	short   []string
	columns int
}

const swatch = 34.0 // room for the sample before a name

func newLegend(keys []key) legend {
	l := legend{keys: keys, columns: 1}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	l.short = shortenAll(names, Width-swatch, smallSize)
	if w := widest(l.short, smallSize) + swatch + 10; len(keys) > 0 {
		l.columns = max(1, min(len(keys), int(Width/w)))
	}
	return l
}

func (l *legend) height() float64 {
	rows := (len(l.keys) + l.columns - 1) / l.columns
	return float64(rows) * lineHeight
}

// draw draws the legend from y downwards; sample draws what stands before a
// name, around a point.
func (l *legend) draw(p *pen, y float64, sample func(x, y float64, look int)) {
	for i, k := range l.keys {
		x := float64(i%l.columns) * Width / float64(l.columns)
		at := y + float64(i/l.columns)*lineHeight
		sample(x, at+lineHeight/2, k.look)
		p.text(x+swatch, at+lineHeight/2+4, l.short[i], label{size: smallSize, title: k.name})
	}
}
