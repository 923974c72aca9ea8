package trace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text renders a summary for a terminal, in at most 120 columns.
func (s *Summary) Text() string {
	var b strings.Builder
	s.writeProvenance(&b)
	s.writeCalls(&b)
	s.writeKeys(&b)
	s.writeDistributions(&b)
	s.writeWorkingSet(&b)
	return b.String()
}

func (s *Summary) writeProvenance(b *strings.Builder) {
	h := &s.Header
	fmt.Fprintf(b, "%s records; answers %s\n", grouped(int64(s.Records)), s.Answers)
	switch {
	case h.Workload != "":
		fmt.Fprintf(b, "recorded from %s on %s, seed %d; measuring began at record %s\n", h.Workload, h.Backend, h.Seed, grouped(int64(s.Warm)))
	case h.Input != "":
		fmt.Fprintf(b, "imported from %s as %s\n", h.Input, h.Source)
	}
	if s.FirstEvent != 0 {
		span := time.Duration(s.LastEvent-s.FirstEvent) * time.Microsecond
		fmt.Fprintf(b, "event time %s to %s us, %s\n", grouped(s.FirstEvent), grouped(s.LastEvent), span)
	}
	if s.Elapsed > 0 {
		fmt.Fprintf(b, "the calls arrived within %s of wall time\n", time.Duration(s.Elapsed)*time.Microsecond)
	}
}

func (s *Summary) writeCalls(b *strings.Builder) {
	c := &s.Calls
	all := c.Get + c.Put + c.Append + c.Delete + c.Probe + c.Scan + c.Advance + c.Sync
	b.WriteString("\ncalls\n")
	for _, row := range []struct {
		name string
		n    int64
		note string
	}{
		{"get", c.Get, fmt.Sprintf("%s found something, %s bytes", percent(c.Found, c.Get), grouped(s.Bytes.Got))},
		{"put", c.Put, ""},
		{"append", c.Append, ""},
		{"delete", c.Delete, ""},
		{"probe", c.Probe, ""},
		{"scan", c.Scan, "iterators that are no probes"},
		{"advance", c.Advance, ""},
		{"sync", c.Sync, ""},
	} {
		if row.n == 0 {
			continue
		}
		line := fmt.Sprintf("  %-8s %14s %7s  %s", row.name, grouped(row.n), percent(row.n, all), row.note)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(b, "  %s bytes of keys and elements were put and appended, in %s batches; iterators read %s bytes\n",
		grouped(s.Bytes.Written), grouped(c.Batches), grouped(s.Bytes.Scanned))
}

func (s *Summary) writeKeys(b *strings.Builder) {
	k := &s.Keys
	fmt.Fprintf(b, "\nkeys\n  %s distinct, used %s times; the most used 1%% have %.1f%% of the uses; Zipf exponent %.2f\n",
		grouped(k.Distinct), grouped(k.Uses), 100*k.Top1, k.Zipf)
	fmt.Fprintf(b, "  first uses are %.1f%%", 100*s.Reuse.Cold)
	if s.Reuse.Sampled < 1 {
		fmt.Fprintf(b, "; reuse distances of %.3g%% of the keys, scaled", 100*s.Reuse.Sampled)
	}
	b.WriteString("\n")
	if s.Immortal > 0 || s.BornDead > 0 {
		fmt.Fprintf(b, "  %s elements never expire, %s were dead on arrival\n", grouped(s.Immortal), grouped(s.BornDead))
	}
}

func (s *Summary) writeDistributions(b *strings.Builder) {
	rows := []struct {
		name string
		p    Percentiles
	}{
		{"element bytes", s.Sizes},
		{"found bytes", s.Found},
		{"records per probe", s.PerProbe},
		{"records per scan", s.PerScan},
		{"TTL us", s.TTL},
		{"reuse distance keys", s.Reuse.Percentiles},
	}
	fmt.Fprintf(b, "\n%-20s %12s %12s %12s %12s %12s %12s\n", "distribution", "count", "p10", "p50", "p90", "p99", "max")
	for _, row := range rows {
		if p := row.p; p.Count > 0 {
			fmt.Fprintf(b, "  %-18s %12s %12s %12s %12s %12s %12s\n", row.name,
				grouped(p.Count), compact(p.P10), compact(p.P50), compact(p.P90), compact(p.P99), compact(p.Max))
		}
	}
}

func (s *Summary) writeWorkingSet(b *strings.Builder) {
	fmt.Fprintf(b, "\n%-20s %12s %12s %12s\n", "working set", "records", "keys used", "new keys")
	for i, w := range s.WorkingSet {
		fmt.Fprintf(b, "  %-18s %12s %12s %12s\n", fmt.Sprintf("%d/%d", i+1, len(s.WorkingSet)), grouped(w.Records), grouped(w.Keys), grouped(w.Fresh))
	}
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "none"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64) + "%"
}

// compact prints numbers that do not fit a column with a power of ten.
func compact(n int64) string {
	if text := grouped(n); len(text) <= 12 {
		return text
	}
	return strconv.FormatFloat(float64(n), 'e', 2, 64)
}

// grouped sets a comma between each three digits.
func grouped(n int64) string {
	if n == math.MinInt64 {
		return strconv.FormatInt(n, 10) // it has no magnitude
	}
	if n < 0 {
		return "-" + grouped(-n)
	}
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
