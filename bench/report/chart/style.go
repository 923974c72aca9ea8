package chart

import (
	"fmt"
	"strings"
)

// A scheme is the colours of a drawing, by what they are for.
type scheme struct {
	ink, quiet, rule, paper string
	series                  [seriesColours]string
}

const seriesColours = 8

// The colours of series were searched for on a computer: of fifty that look
// well, the eight whose least distance (in Oklab, under normal sight and three
// simulated deficiencies) is greatest. A test holds the distance.
var (
	light = scheme{
		ink: "#1b1f24", quiet: "#59636e", rule: "#d9dee3", paper: "#ffffff",
		series: [...]string{"#2a6fdb", "#d9621e", "#b4308c", "#12307a", "#94909a", "#7a4a1f", "#14213d", "#5b2a0f"},
	}
	dark = scheme{
		ink: "#e6e9ec", quiet: "#a0a9b3", rule: "#343b43", paper: "#15181c",
		series: [...]string{"#5b95f5", "#e2703a", "#fde047", "#bcd5ff", "#8b929c", "#34d399", "#c2410c", "#ffffff"},
	}
)

// A role names a colour of a scheme.
type role string

const (
	ink   role = "ink"
	quiet role = "quiet"
	rule  role = "rule"
	paper role = "paper"
)

// seriesRole returns the colour of a look.
func seriesRole(look int) role { return role(fmt.Sprintf("s%d", look%seriesColours)) }

// roles lists what a scheme has, in order.
func (s *scheme) roles() []struct {
	role  role
	value string
} {
	list := []struct {
		role  role
		value string
	}{{ink, s.ink}, {quiet, s.quiet}, {rule, s.rule}, {paper, s.paper}}
	for i, c := range s.series {
		list = append(list, struct {
			role  role
			value string
		}{seriesRole(i), c})
	}
	return list
}

func (s *scheme) colour(of role) string {
	for _, r := range s.roles() {
		if r.role == of {
			return r.value
		}
	}
	return s.ink
}

// variables renders a scheme as CSS variables.
func (s *scheme) variables() string {
	var b strings.Builder
	for _, r := range s.roles() {
		fmt.Fprintf(&b, "--%s:%s;", r.role, r.value)
	}
	return b.String()
}

// CSS returns the style sheet that inline drawings need: the variables --ink,
// --quiet, --rule, --paper and one for each colour of series, dark where the
// reader's screen is, and the classes that use them. Paper is always light.
func CSS() string {
	var b strings.Builder
	fmt.Fprintf(&b, ":root{color-scheme:light;%s}\n", light.variables())
	fmt.Fprintf(&b, "@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;%s}}\n", dark.variables())
	for _, r := range light.roles() {
		fmt.Fprintf(&b, ".f-%[1]s{fill:var(--%[1]s)}.k-%[1]s{stroke:var(--%[1]s)}", r.role)
	}
	b.WriteString("\n")
	return b.String()
}

// dashes tell lines apart that have one colour, or no colour that the reader
// sees. The first is solid.
var dashes = [...]string{"", "7 3", "2 3", "9 3 2 3", "4 2", "12 4", "7 2 2 2 2 2"}

func dashOf(look int) string { return dashes[look%len(dashes)] }

// hatchings lie over areas; the first is none. Each is the path of one tile of 8 by 8.
var hatchings = [...]string{
	"",
	"M-2 2L2 -2M0 8L8 0M6 10L10 6",
	"M4 0V8",
	"M-2 6L2 10M0 0L8 8M6 -2L10 2",
	"M0 4H8",
	"M0 0L8 8M8 0L0 8",
	"M1 2H3M5 6H7",
}

func hatchOf(look int) int { return look % len(hatchings) }

// Defs returns the hatchings, which a page that holds inline drawings must have
// once, as an svg that takes no room.
func Defs() string {
	p := &pen{}
	p.raw(`<svg width="0" height="0" style="position:absolute" aria-hidden="true">`)
	p.defs()
	p.raw(`</svg>`)
	return p.String()
}
