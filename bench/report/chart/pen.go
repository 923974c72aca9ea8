package chart

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Sizes of text, in the drawing's units.
const (
	textSize  = 13.0
	smallSize = 12.0
)

// A Chart is a figure.
type Chart interface {
	// Words says what the figure shows, figures included, in whole sentences.
	Words() string
	// Table returns the figures; its first row is the head.
	Table() [][]string

	size() (width, height float64)
	draw(p *pen)
}

// Inline draws a chart for a page that has CSS and Defs. id must be unique in
// the page. The drawing can be reached by keyboard, and is an image to those
// who have it read out: its title, then its words.
func Inline(c Chart, id, title string) string {
	p := &pen{}
	w, h := c.size()
	p.raw(fmt.Sprintf(`<svg viewBox="0 0 %s %s" role="img" tabindex="0" aria-labelledby="%[3]s-t %[3]s-d">`, coord(w), coord(h), escape(id)))
	p.raw(fmt.Sprintf(`<title id="%[1]s-t">%[2]s</title><desc id="%[1]s-d">%[3]s</desc>`, escape(id), escape(title), escape(c.Words())))
	c.draw(p)
	p.raw("</svg>")
	return p.String()
}

// Margins of a file, and the height of its title.
const (
	fileMargin = 12.0
	fileTitle  = 44.0
)

// Standalone draws a chart as a file of its own, with its title over it, and below
// that what it is of.
func Standalone(c Chart, title, of string) []byte {
	p := &pen{standalone: true}
	w, h := c.size()
	width, height := w+2*fileMargin, h+2*fileMargin+fileTitle
	p.raw(fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]s" height="%[2]s" viewBox="0 0 %[1]s %[2]s" font-family="Helvetica, Arial, sans-serif">`,
		coord(width), coord(height)))
	p.raw(fmt.Sprintf("<title>%s</title><desc>%s</desc>\n", escape(of+": "+title), escape(c.Words())))
	p.defs()
	p.rect(0, 0, width, height, paint{fill: paper}, "")
	p.text(fileMargin, fileMargin+textSize, Shorten(title, w, textSize), label{bold: true, title: title})
	p.text(fileMargin, fileMargin+textSize+lineHeight, Shorten(of, w, smallSize), label{role: quiet, size: smallSize, title: of})
	p.raw(fmt.Sprintf(`<g transform="translate(%s %s)">`, coord(fileMargin), coord(fileMargin+fileTitle)))
	c.draw(p)
	p.raw("</g></svg>\n")
	return []byte(p.String())
}

// A pen writes SVG. Inline, colours are classes; standalone, they are there
// themselves, since few programs that read SVG know variables.
type pen struct {
	strings.Builder
	standalone bool
}

// A paint is how a shape is filled and stroked; an empty role is none.
type paint struct {
	fill, stroke role
	width        float64 // of the stroke; 0 is 1
	dash         string
	faint        float64 // opacity; 0 is opaque
}

func (p *pen) raw(s string) { p.WriteString(s) }

func (p *pen) paint(c paint) {
	if p.standalone {
		fill := "none"
		if c.fill != "" {
			fill = light.colour(c.fill)
		}
		fmt.Fprintf(p, ` fill="%s"`, fill)
		if c.stroke != "" {
			fmt.Fprintf(p, ` stroke="%s"`, light.colour(c.stroke))
		}
	} else {
		var classes []string
		if c.fill != "" {
			classes = append(classes, "f-"+string(c.fill))
		} else {
			p.raw(` fill="none"`)
		}
		if c.stroke != "" {
			classes = append(classes, "k-"+string(c.stroke))
		}
		if len(classes) > 0 {
			fmt.Fprintf(p, ` class="%s"`, strings.Join(classes, " "))
		}
	}
	if c.stroke != "" && c.width > 0 {
		fmt.Fprintf(p, ` stroke-width="%s"`, coord(c.width))
	}
	if c.dash != "" {
		fmt.Fprintf(p, ` stroke-dasharray="%s"`, c.dash)
	}
	if c.faint > 0 {
		fmt.Fprintf(p, ` opacity="%s"`, strconv.FormatFloat(c.faint, 'g', -1, 64))
	}
}

// close ends an element; title is shown to a mouse, never only there.
func (p *pen) close(name, title string) {
	if title == "" {
		p.raw("/>")
		return
	}
	fmt.Fprintf(p, "><title>%s</title></%s>", escape(title), name)
}

func (p *pen) rect(x, y, w, h float64, c paint, title string) {
	fmt.Fprintf(p, `<rect x="%s" y="%s" width="%s" height="%s"`, coord(x), coord(y), coord(max(0, w)), coord(h))
	p.paint(c)
	p.close("rect", title)
}

// area is a rect in a look: its colour, and its hatching over it.
func (p *pen) area(x, y, w, h float64, look int, title string) {
	p.rect(x, y, w, h, paint{fill: seriesRole(look)}, title)
	if n := hatchOf(look); n > 0 {
		fmt.Fprintf(p, `<rect x="%s" y="%s" width="%s" height="%s" fill="url(#hatch%d)" pointer-events="none"/>`,
			coord(x), coord(y), coord(max(0, w)), coord(h), n)
	}
}

func (p *pen) line(x1, y1, x2, y2 float64, c paint) {
	fmt.Fprintf(p, `<path d="M%s %sL%s %s"`, coord(x1), coord(y1), coord(x2), coord(y2))
	p.paint(c)
	p.close("path", "")
}

func (p *pen) path(d string, c paint, title string) {
	fmt.Fprintf(p, `<path d="%s"`, d)
	p.paint(c)
	p.close("path", title)
}

// A label is how a text is set. The zero value begins at its point, in ink.
type label struct {
	anchor string // "middle", "end"
	role   role
	size   float64 // 0 is textSize
	bold   bool
	halo   bool   // it may lie on a line, which is then cleared around it
	title  string // the whole text, if what is shown is not
}

func (p *pen) text(x, y float64, s string, l label) {
	if l.role == "" {
		l.role = ink
	}
	if l.size == 0 {
		l.size = textSize
	}
	fmt.Fprintf(p, `<text x="%s" y="%s" font-size="%s"`, coord(x), coord(y), coord(l.size))
	if l.anchor != "" {
		fmt.Fprintf(p, ` text-anchor="%s"`, l.anchor)
	}
	if l.bold {
		p.raw(` font-weight="600"`)
	}
	if l.halo {
		p.paint(paint{fill: l.role, stroke: paper, width: 4})
		p.raw(` stroke-linejoin="round" paint-order="stroke"`)
	} else {
		p.paint(paint{fill: l.role})
	}
	p.raw(">")
	if l.title != "" && l.title != s {
		fmt.Fprintf(p, "<title>%s</title>", escape(l.title))
	}
	p.raw(escape(s) + "</text>")
}

func (p *pen) defs() {
	p.raw("<defs>")
	for i, d := range hatchings {
		if i == 0 {
			continue
		}
		fmt.Fprintf(p, `<pattern id="hatch%d" width="8" height="8" patternUnits="userSpaceOnUse">`, i)
		p.path(d, paint{stroke: paper, width: 1.6, faint: 0.75}, "")
		p.raw("</pattern>")
	}
	p.raw("</defs>")
}

// marker draws the marker of a look around a point.
func (p *pen) marker(x, y float64, look int, title string) {
	c := paint{fill: seriesRole(look), stroke: paper, width: 0.8}
	if look/markerKinds%2 == 1 { // the second round is hollow
		c = paint{fill: paper, stroke: seriesRole(look), width: 1.6}
	}
	p.path(markerPath(look%markerKinds, x, y), c, title)
}

const markerKinds = 7

// markerPath returns the outline of a marker: disc, square, triangle, diamond,
// triangle that points down, cross, bar.
func markerPath(kind int, x, y float64) string {
	at := func(dx, dy float64) string { return coord(x+dx) + " " + coord(y+dy) }
	polygon := func(d ...float64) string {
		s := "M" + at(d[0], d[1])
		for i := 2; i < len(d); i += 2 {
			s += "L" + at(d[i], d[i+1])
		}
		return s + "Z"
	}
	switch kind {
	case 0:
		return "M" + at(-4, 0) + "a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z"
	case 1:
		return polygon(-3.5, -3.5, 3.5, -3.5, 3.5, 3.5, -3.5, 3.5)
	case 2:
		return polygon(-4.5, 3.5, 4.5, 3.5, 0, -4.5)
	case 3:
		return polygon(-5, 0, 0, -5, 5, 0, 0, 5)
	case 4:
		return polygon(-4.5, -3.5, 4.5, -3.5, 0, 4.5)
	case 5:
		return polygon(-1.6, -4.5, 1.6, -4.5, 1.6, -1.6, 4.5, -1.6, 4.5, 1.6, 1.6, 1.6, 1.6, 4.5, -1.6, 4.5, -1.6, 1.6, -4.5, 1.6, -4.5, -1.6, -1.6, -1.6)
	}
	return polygon(-1.8, -5, 1.8, -5, 1.8, 5, -1.8, 5)
}

// coord prints a coordinate with a tenth of a unit. What is not finite, which
// only absurd data lead to, is drawn at the edge.
func coord(v float64) string {
	if math.IsNaN(v) || math.Abs(v) > 1e6 {
		return "0"
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	s = strings.TrimSuffix(s, ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

// escape makes text of anything: markup is quoted, and what XML cannot hold
// becomes the replacement character.
func escape(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, s)
	return html.EscapeString(clean)
}
