package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// A comparisonLine is a change as JSON and CSV have it. What is not known, as an
// interval of too few repetitions, is absent.
type comparisonLine struct {
	Workload  string   `json:"workload"`
	Backend   string   `json:"backend"`
	Baseline  string   `json:"baseline,omitempty"`
	Metric    string   `json:"metric"`
	Unit      string   `json:"unit"`
	Better    string   `json:"better"`
	A         sideLine `json:"a"`
	B         sideLine `json:"b"`
	Ratio     *float64 `json:"ratio,omitempty"`
	RatioLow  *float64 `json:"ratio_low,omitempty"`
	RatioHigh *float64 `json:"ratio_high,omitempty"`
	P         float64  `json:"p"`
	Exact     bool     `json:"exact"`
	Worse     *float64 `json:"worse_percent,omitempty"`
	Threshold *float64 `json:"threshold_percent,omitempty"`
	Verdict   string   `json:"verdict"`
}

type sideLine struct {
	N      int      `json:"n"`
	Median float64  `json:"median"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
}

// finite returns a number as JSON can hold it, nil if it is infinite.
func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}

func (s *Side) line() sideLine {
	return sideLine{N: len(s.Values), Median: s.Median, Low: finite(s.Low), High: finite(s.High)}
}

func (ch *Change) line() comparisonLine {
	l := comparisonLine{
		Workload: ch.Workload, Backend: ch.Backend, Baseline: ch.Baseline,
		Metric: ch.Metric.Name, Unit: ch.Metric.Unit, Better: ch.Metric.Better.String(),
		A: ch.A.line(), B: ch.B.line(),
		P: ch.Test.P, Exact: ch.Test.Exact, Worse: finite(ch.Worse), Verdict: ch.Verdict(),
	}
	if r, ok := ch.Ratio(); ok {
		l.Ratio = &r
	}
	if low, high, ok := ratioInterval(&ch.A, &ch.B); ok {
		l.RatioLow, l.RatioHigh = &low, &high
	}
	if ch.Judged {
		l.Threshold = &ch.Threshold
	}
	return l
}

// JSON renders the comparison as one object.
func (c *Comparison) JSON() ([]byte, error) {
	object := struct {
		Baseline   string           `json:"baseline,omitempty"`
		Regressed  bool             `json:"regressed"`
		Confidence float64          `json:"interval_confidence"`
		Alpha      float64          `json:"alpha"`
		Warnings   []string         `json:"warnings"`
		Changes    []comparisonLine `json:"changes"`
	}{c.Baseline, c.Regressed(), leastConfidence, alpha, append([]string{}, c.Warnings...), []comparisonLine{}}
	for i := range c.Changes {
		object.Changes = append(object.Changes, c.Changes[i].line())
	}
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode comparison: %w", err)
	}
	return append(text, '\n'), nil
}

// CSV renders the changes as comma-separated values with a header; it has no
// place for the warnings.
func (c *Comparison) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"workload", "backend", "baseline", "metric", "unit", "better",
		"a_n", "a_median", "a_low", "a_high", "b_n", "b_median", "b_low", "b_high",
		"ratio", "ratio_low", "ratio_high", "p", "exact", "worse_percent", "threshold_percent", "verdict"}}
	for i := range c.Changes {
		l := c.Changes[i].line()
		rows = append(rows, []string{l.Workload, l.Backend, l.Baseline, l.Metric, l.Unit, l.Better,
			strconv.Itoa(l.A.N), number(l.A.Median), cell(l.A.Low), cell(l.A.High),
			strconv.Itoa(l.B.N), number(l.B.Median), cell(l.B.Low), cell(l.B.High),
			cell(l.Ratio), cell(l.RatioLow), cell(l.RatioHigh), number(l.P), strconv.FormatBool(l.Exact),
			cell(l.Worse), cell(l.Threshold), l.Verdict})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("encode comparison: %w", err)
	}
	return b.Bytes(), nil
}

// cell renders a number, empty if there is none.
func cell(v *float64) string {
	if v == nil {
		return ""
	}
	return number(*v)
}
