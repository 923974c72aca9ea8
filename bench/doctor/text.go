package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Text renders a report for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	m := &r.Machine
	fmt.Fprintf(&b, "%s, %d cores, %.1f GiB; %s %s on %s; %s\n", m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.OS, m.Kernel, m.FS, m.Go)
	if m.Virtual != "" {
		fmt.Fprintf(&b, "virtual machine: %s\n", m.Virtual)
	}
	if m.Governor != "" {
		fmt.Fprintf(&b, "clock governor: %s\n", m.Governor)
	}
	b.WriteString("\nlimits\n")
	writeFigures(&b, r.Limits)
	b.WriteString("\nnoise now\n")
	writeFigures(&b, r.Noise)
	b.WriteString("\nwhat can be measured\n")
	w := newWriter(&b)
	for _, a := range r.Abilities {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", a.Name, map[bool]string{true: "yes", false: "no"}[a.Can], a.Note)
	}
	w.Flush() // a strings.Builder takes everything
	if len(r.Missing) > 0 {
		b.WriteString("\nnot measured\n")
		w := newWriter(&b)
		for _, g := range r.Missing {
			fmt.Fprintf(w, "  %s\t%s\n", g.Name, g.Why)
		}
		w.Flush()
	}
	b.WriteString("\n")
	for _, v := range r.Verdicts {
		b.WriteString(v + "\n")
	}
	return b.String()
}

func newWriter(b *strings.Builder) *tabwriter.Writer { return tabwriter.NewWriter(b, 0, 0, 2, ' ', 0) }

func writeFigures(b *strings.Builder, figures []Figure) {
	w := newWriter(b)
	for _, f := range figures {
		fmt.Fprintf(w, "  %s\t%s %s\t%s\n", f.Name, number(f.Value), f.Unit, f.How)
	}
	w.Flush() // a strings.Builder takes everything
}

// number prints three digits of a value, and all that stand before its point.
func number(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
