package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/join/source"
)

const explainDoc = `Says what a metric, a workload, a backend, an instrument or a generator is. Without a name it explains all
metrics.`

func runExplain(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "explain [NAME]", explainDoc)
	names, err := line.parse(args, 0, 1)
	if err == nil {
		err = explain(stdout, names)
	}
	return finish(stderr, "explain", err)
}

func explain(w io.Writer, names []string) error {
	var b strings.Builder
	if len(names) == 0 {
		for _, m := range bench.MetricDocs() {
			explainMetric(&b, m)
		}
	} else if !explainName(&b, names[0]) {
		return badInput("%q is no metric, curve, workload, backend, instrument or generator; \"statelab list\" names them", names[0])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// explainName writes what it knows under a name; false if that is nothing.
func explainName(b *strings.Builder, name string) bool {
	if m, ok := bench.FindMetric(name); ok {
		explainMetric(b, m)
		return true
	}
	for _, c := range bench.CurveDocs() {
		if c.Name == name {
			fmt.Fprintf(b, "%s: a curve, %s by %s; %s is better\n%s", c.Name, c.YUnit, c.XUnit, c.Better, paragraph("  ", c.Doc))
			return true
		}
	}
	if w, err := bench.FindWorkload(name); err == nil {
		explainWorkload(b, w)
		return true
	}
	for _, e := range catalogue().List() {
		if e.Name == name {
			explainBackend(b, e)
			return true
		}
	}
	for _, i := range bench.Instruments() {
		if i.Name == name {
			fmt.Fprintf(b, "%s: an instrument, for bench -watch\n%s", i.Name, paragraph("  ", i.Doc))
			return true
		}
	}
	if slices.Contains(source.Generators(), name) {
		explainGenerator(b, name)
		return true
	}
	return false
}

func explainGenerator(b *strings.Builder, name string) {
	fmt.Fprintf(b, "%s: a generator, for the file of a join's source\n%s", name, paragraph("  ",
		"Draws rows from a seed: impressions at a steady rate, and the actions that follow some of them up. With equal parameters the two belong together."))
	fmt.Fprintf(b, "  columns: id, at (the time), text\n  parameters, as in generate:%s?NAME=VALUE&NAME=VALUE:\n", name)
	for _, p := range source.GeneratorParams() {
		b.WriteString(paragraph("    ", fmt.Sprintf("%s=%s: %s. Allowed: %s.", p.Name, p.Default, p.Doc, p.Values)))
	}
}

func explainMetric(b *strings.Builder, m bench.MetricDoc) {
	direction := "neither direction is better"
	if m.Better != bench.Neither {
		direction = m.Better.String() + " is better"
	}
	fmt.Fprintf(b, "%s: a metric, in %s; %s\n%s\n", m.Name, m.Unit, direction, paragraph("  ", m.Doc))
}

func explainWorkload(b *strings.Builder, w bench.Workload) {
	fmt.Fprintf(b, "%s: a workload\n%s\n  knobs, for bench -set:\n", w.Name, paragraph("  ", w.Doc))
	for _, k := range w.Knobs {
		fmt.Fprintf(b, "%s", paragraph("    ", fmt.Sprintf("%s=%s: %s", k.Name, strconv.FormatFloat(k.Default, 'f', -1, 64), k.Doc)))
	}
}

func explainBackend(b *strings.Builder, e backends.Backend) {
	fmt.Fprintf(b, "%s: a backend\n%s\n  parameters, as in %s?NAME=VALUE&NAME=VALUE:\n", e.Name, paragraph("  ", e.Doc), e.Name)
	for _, p := range e.Params {
		text := fmt.Sprintf("%s: %s Allowed: %s.", p, p.Doc, strings.Join(p.Values, ", "))
		b.WriteString(paragraph("    ", text))
	}
}

// paragraph breaks text into indented lines of up to 80 columns.
func paragraph(indent, text string) string {
	var b strings.Builder
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(indent)+len(line)+1+len(word) > 80 {
			b.WriteString(indent + line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	b.WriteString(indent + line + "\n")
	return b.String()
}
