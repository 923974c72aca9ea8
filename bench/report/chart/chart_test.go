package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const hostile = `"><script>alert('1')</script>&]]>` + "\x00\xff"

// all returns a chart of each kind, with a name and a value of the test's choice.
func all(name string, v float64) map[string]Chart {
	format := func(v float64) string { return fmt.Sprintf("%.3g", v) }
	axis := func(s Spacing) Axis { return Axis{Label: name, Spacing: s, Format: format} }
	return map[string]Chart{
		"bars": &Bars{Unit: name, Format: format, Parts: []Part{{name, 0}, {"b", 1}}, Ref: 1, RefDoc: name, Rows: []Row{
			{Group: name, Label: name, Values: []float64{v, 2}, Lo: 1, Hi: v}, {Label: "none"}}},
		"dots":   &Dots{Axis: axis(Log), Names: []string{name, "p99"}, Rows: []DotRow{{name, 0, []float64{1, v}}, {"none", 1, nil}}},
		"linear": &Lines{X: axis(Linear), Y: axis(Linear), Series: []Series{{Name: name, X: []float64{1, 2}, Y: []float64{v, 4}}}, Rings: []Ring{{name, 0, v, v}}, RingDoc: name},
		"log":    &Lines{X: axis(Log), Y: axis(Log), Series: []Series{{Name: name, X: []float64{1, v}, Y: []float64{v, 4}}}},
		"log2":   &Lines{X: axis(Log2), Y: axis(Linear), Series: []Series{{Name: name, X: []float64{1, v}, Y: []float64{v, 4}, Points: true}}},
		"tail":   &Lines{X: axis(Tail), Y: axis(Log), Series: []Series{{Name: name, X: []float64{50, 99, 100}, Y: []float64{v, 4, 5}}}},
		"timeline": &Timeline{Seconds: 2, Slot: 1, Panels: []Panel{{Axis: axis(Log), Series: []SlotSeries{{name, 0, []float64{v, 3}}, {"b", 1, nil}}}},
			Lanes: []Lane{{Name: name, Look: 1, Spans: []Span{{0, v, name}}}}},
	}
}

// wellFormed says what is wrong with a document, and returns its elements.
func wellFormed(svg []byte) (elements []string, err error) {
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements, nil
		}
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok {
			elements = append(elements, start.Name.Local)
		}
	}
}

func TestDrawingsAreWellFormedWhateverTheDataAre(t *testing.T) {
	for _, v := range []float64{3, 0, -3, 1e-300, math.MaxFloat64, -math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)} {
		for kind, c := range all(hostile, v) {
			for form, svg := range map[string][]byte{"inline": []byte(Inline(c, "id", hostile)), "standalone": Standalone(c, hostile, hostile)} {
				elements, err := wellFormed(svg)
				if err != nil || slices.Contains(elements, "script") {
					t.Errorf("%s %s of %v: error %v, elements %v", form, kind, v, err, elements)
				}
				if regexp.MustCompile(`="[^"]*(NaN|Inf)`).Match(svg) {
					t.Errorf("%s %s of %v has a coordinate that is none", form, kind, v)
				}
			}
		}
	}
}

func TestDrawingsAreFunctionsOfTheData(t *testing.T) {
	for kind, c := range all("name", 3) {
		again := all("name", 3)[kind]
		if Inline(c, "id", "title") != Inline(again, "id", "title") {
			t.Errorf("%s differs from itself", kind)
		}
	}
}

// Inline drawings follow the page's colours, and files have theirs in them.
func TestOnlyInlineDrawingsDependOnAPage(t *testing.T) {
	css := CSS()
	for kind, c := range all("name", 3) {
		inline, file := Inline(c, "id", "title"), string(Standalone(c, "title", "of"))
		if strings.Contains(inline, "#") && regexp.MustCompile(`(fill|stroke)="#`).MatchString(inline) {
			t.Errorf("inline %s has colours of its own", kind)
		}
		for _, m := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(inline, -1) {
			for _, class := range strings.Fields(m[1]) {
				if !strings.Contains(css, "."+class+"{") {
					t.Errorf("inline %s uses class %s, which CSS does not define", kind, class)
				}
			}
		}
		if strings.Contains(file, "class=") || strings.Contains(file, "var(") {
			t.Errorf("standalone %s needs a style sheet", kind)
		}
	}
}

func TestWordsAndTableHoldTheFigures(t *testing.T) {
	for kind, c := range all("name", 3) {
		table := c.Table()
		for i, row := range table {
			if len(row) != len(table[0]) {
				t.Errorf("%s: row %d of the table has %d cells, the head %d", kind, i, len(row), len(table[0]))
			}
		}
		if text := fmt.Sprint(table); len(table) < 2 || !strings.Contains(text, "name") || !strings.Contains(text, "3") {
			t.Errorf("%s: table %s", kind, text)
		}
		if words := c.Words(); !strings.Contains(words, "name") || !strings.Contains(words, "3") {
			t.Errorf("%s: words %s", kind, words)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		spacing Spacing
		values  []float64
		want    string
	}{
		{Linear, []float64{0, 10}, "[0 2 4 6 8 10]"},
		{Linear, []float64{0, 201365}, "[0 50000 100000 150000 200000 250000]"},
		{Linear, []float64{3, 3}, "[0 1 2 3]"},
		{Linear, nil, "[0 0.2 0.4 0.6000000000000001 0.8 1]"},
		{Log, []float64{3, 40}, "[2 5 10 20 50]"},
		{Log, []float64{0, 3, 4e6}, "[1 10 100 1000 10000 100000 1e+06 1e+07]"},
		{Log, []float64{1, 1e18}, "[1 1000 1e+06 1e+09 1e+12 1e+15 1e+18]"},
		{Log, []float64{7}, "[5 10]"},
		{Log2, []float64{1 << 20, 1 << 28}, "[1.048576e+06 4.194304e+06 1.6777216e+07 6.7108864e+07 2.68435456e+08]"},
		{Tail, []float64{50, 99, 100}, "[50 90 99 100]"},
		{Tail, []float64{50, 99}, "[50 90 99]"},
	} {
		s := newScale(&Axis{Spacing: c.spacing, FromZero: true}, c.values)
		if got := fmt.Sprint(s.ticks); got != c.want {
			t.Errorf("spacing %d of %v: ticks %s, want %s", c.spacing, c.values, got, c.want)
		}
		for _, v := range c.values {
			if at := s.at(v); at < 0 || at > 1 {
				t.Errorf("spacing %d: %v is at %v", c.spacing, v, at)
			}
		}
	}
}

func TestNinesAreEquallyFarApart(t *testing.T) {
	s := newScale(&Axis{Spacing: Tail}, []float64{0, 99.99, 100})
	one, two := s.at(99)-s.at(90), s.at(99.9)-s.at(99)
	if math.Abs(one-two) > 1e-9 || one <= 0 || s.at(100) != 1 {
		t.Errorf("from 90 to 99 it is %v, from 99 to 99.9 %v, and the maximum is at %v", one, two, s.at(100))
	}
}

func TestShortLabelsDifferAsLongOnesDo(t *testing.T) {
	labels := []string{"short", strings.Repeat("a", 60) + "1" + strings.Repeat("b", 60), strings.Repeat("a", 60) + "2" + strings.Repeat("b", 60), "short"}
	short := shortenAll(labels, 100, textSize)
	if short[0] != "short" || short[3] != "short" || short[1] == short[2] {
		t.Errorf("%q", short)
	}
	if w := widest(short, textSize); w > 100 {
		t.Errorf("%q is %v wide", short, w)
	}
	if s := Shorten("ÄÖÜ€漢字"+strings.Repeat("漢", 50), 60, textSize); textWidth(s, textSize) > 60 || !strings.HasPrefix(s, "Ä") {
		t.Errorf("%q", s)
	}
}

func TestSlotsThatHaveNoRoomAreMerged(t *testing.T) {
	values := make([]float64, 2*mostSteps)
	values[2], values[3] = 4, 2
	for _, c := range []struct {
		isMean bool
		want   float64
	}{{true, 3}, {false, 4}} {
		merged, slot := merge(values, 0.5, c.isMean)
		if len(merged) != mostSteps || slot != 1 || merged[1] != c.want || merged[0] != 0 {
			t.Errorf("%d slots of %v, the second is %v", len(merged), slot, merged[1])
		}
	}
	if merged, slot := merge(nil, 0.5, true); len(merged) != 0 || slot != 0.5 {
		t.Errorf("no slots become %v of %v", merged, slot)
	}
}

func TestPointsAreInsertedInOrder(t *testing.T) {
	var s Series
	for _, x := range []float64{3, 1, 2} {
		s.Insert(x, 10*x)
	}
	if fmt.Sprint(s.X, s.Y) != "[1 2 3] [10 20 30]" {
		t.Errorf("%v %v", s.X, s.Y)
	}
}
