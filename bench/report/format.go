package report

import (
	"strconv"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// formatUnit returns how values of a unit are written: times and bytes with
// the unit that makes them short.
func formatUnit(unit string) func(float64) string {
	switch unit {
	case "ns":
		return func(v float64) string { return formatMicros(v / 1e3) }
	case "us":
		return formatMicros
	case "percentile", "percent":
		return func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	case "s":
		return func(v float64) string { return bench.FormatMetric("", v) + " s" }
	}
	return func(v float64) string { return bench.FormatMetric(unit, v) }
}

func formatMicros(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 999.5e3:
		return bench.FormatMetric("", v/1e6) + " s"
	case v >= 999.5:
		return bench.FormatMetric("", v/1e3) + " ms"
	case v < 0.9995:
		return bench.FormatMetric("", v*1e3) + " ns"
	}
	return bench.FormatMetric("", v) + " µs"
}

// trimmed writes the values of ticks, which are round, without the digits that
// measured values have.
func trimmed(format func(float64) string) func(float64) string {
	return func(v float64) string {
		number, unit, _ := strings.Cut(format(v), " ")
		if strings.Contains(number, ".") && !strings.Contains(number, "e") {
			number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
		}
		return strings.TrimSpace(number + " " + unit)
	}
}

// spacingOf says how an axis of a unit is best spaced.
func spacingOf(unit string) chart.Spacing {
	switch {
	case unit == "us", unit == "ns":
		return chart.Log
	case unit == "bytes":
		return chart.Log2
	case strings.HasPrefix(unit, "percent"):
		return chart.Tail
	}
	return chart.Linear
}

// axisOf makes an axis for values of a unit.
func axisOf(name, unit string) chart.Axis {
	a := chart.Axis{Label: name, Spacing: spacingOf(unit), FromZero: true, Format: trimmed(formatUnit(unit))}
	switch a.Spacing {
	case chart.Log, chart.Log2:
		a.Label += ", logarithmic"
	case chart.Tail:
		a.Label += "; each further 9 is one step"
	}
	return a
}

// plain says a metric's name in words: "get_max_us" is "get max".
func plain(name string) string {
	return strings.ReplaceAll(strings.TrimSuffix(name, "_us"), "_", " ")
}

// unitWords says a unit as it is read.
func unitWords(unit string) string {
	switch unit {
	case "us":
		return "µs"
	case "ratio":
		return "ratio"
	}
	return unit
}
