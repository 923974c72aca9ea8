package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/join/source"
)

const listDoc = `Lists the backends with their parameters, the workloads with their knobs, the
instruments, the generators and the metrics. "statelab explain NAME" says what each means.`

func runList(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "list", listDoc)
	_, err := line.parse(args, 0, 0)
	if err == nil {
		_, err = io.WriteString(stdout, listing())
	}
	return finish(stderr, "list", err)
}

func listing() string {
	var b strings.Builder
	b.WriteString("backends\n")
	for _, e := range catalogue().List() {
		fmt.Fprintf(&b, "  %-9s %s\n", e.Name, e.Doc)
		for _, p := range e.Params {
			fmt.Fprintf(&b, "            %s\n", p)
		}
	}
	b.WriteString("\nworkloads\n")
	for _, w := range bench.Workloads() {
		fmt.Fprintf(&b, "  %-9s %s\n", w.Name, w.Defaults())
	}
	b.WriteString("\nworkloads that run only where they are named\n")
	for _, w := range bench.NamedWorkloads() {
		fmt.Fprintf(&b, "  %-11s %s\n", w.Name, w.Defaults())
	}
	b.WriteString("\ninstruments, for bench -watch\n")
	for _, i := range bench.Instruments() {
		fmt.Fprintf(&b, "  %s\n", i.Name)
	}
	b.WriteString("\ngenerators, for a join's file: generate:NAME\n")
	for _, name := range source.Generators() {
		fmt.Fprintf(&b, "  %s\n", name)
	}
	b.WriteString("\nmetrics\n")
	for _, m := range bench.MetricDocs() {
		fmt.Fprintf(&b, "  %-24s %s\n", m.Name, m.Unit)
	}
	return b.String()
}
