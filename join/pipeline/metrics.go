package pipeline

import (
	"fmt"
	"time"

	"github.com/statelab/statelab/join"
)

// metrics are all of them, in the order in which they are told.
var metrics = []metric{
	counter("rows_total", "Rows read by this run, of both sides.", func(s *status) int64 { return s.rows }),
	bySide("events_total", "counter", "Events that came in, late and rejected ones included.",
		func(s *status) [2]int64 { return [2]int64{s.LeftIn, s.RightIn} }),
	bySide("matched_total", "counter", "Events that are done and had a pair.",
		func(s *status) [2]int64 { return [2]int64{s.MatchedLeft, s.MatchedRight} }),
	bySide("unmatched_total", "counter", "Events that are done and had none.",
		func(s *status) [2]int64 { return [2]int64{s.UnmatchedLeft, s.UnmatchedRight} }),
	bySide("late_total", "counter", "Events below the watermark of their own side.",
		func(s *status) [2]int64 { return [2]int64{s.LateLeft, s.LateRight} }),
	bySide("waiting", "gauge", "Events in state.",
		func(s *status) [2]int64 { return [2]int64{s.WaitingLeft, s.WaitingRight} }),
	counter("rejected_total", "Events that cannot be joined: bad rows, no key, beyond what can be stored.", func(s *status) int64 { return s.Rejected }),
	counter("filtered_total", "Rows that are no events of this join.", func(s *status) int64 { return s.Filtered }),
	counter("samples_total", "Left events emitted.", func(s *status) int64 { return s.Samples }),
	counter("pairs_total", "Pairs found.", func(s *status) int64 { return s.Pairs }),
	counter("negatives_dropped_total", "Left events without a pair that were not emitted.", func(s *status) int64 { return s.NegativesDropped }),
	counter("corrections_total", "Samples emitted in place of earlier ones.", func(s *status) int64 { return s.Corrections }),
	{"statelab_join_watermark_seconds", "gauge", "Watermark of a side in seconds since 1970; absent while it is unknown and after the side has ended.", tellWatermarks},
	{"statelab_join_lag_seconds", "gauge", "Time of day less the watermark of the join.", tellLag},
	{"statelab_join_state_bytes", "gauge", "Size of the state, in memory and on disk.", func(is *monitored, tell func(string, float64)) {
		tell(`,where="memory"`, float64(is.state.Memory))
		tell(`,where="disk"`, float64(is.state.Disk))
	}},
	counter("commits_total", "Commits of this run, of the partition that has made the fewest.", func(s *status) int64 { return s.commits }),
	{"statelab_join_last_commit_seconds", "gauge", "When the last commit was made, in seconds since 1970.", func(is *monitored, tell func(string, float64)) {
		if at := is.last.committed; !at.IsZero() {
			tell("", float64(at.UnixMicro())/1e6)
		}
	}},
	{"statelab_join_alarms_total", "counter", "Runs that ended because what came in is not what became of it.", func(is *monitored, tell func(string, float64)) {
		tell("", float64(is.alarms))
	}},
	{"statelab_join_label_delay_seconds", "histogram",
		"How long after their left event the first right events of positives came, in this run: over all left events, the label coverage of a window of that length.", tellDelays},
}

func counter(name, help string, of func(*status) int64) metric {
	return metric{"statelab_join_" + name, "counter", help, func(is *monitored, tell func(string, float64)) {
		tell("", float64(of(&is.last)))
	}}
}

func bySide(name, kind, help string, of func(*status) [2]int64) metric {
	return metric{"statelab_join_" + name, kind, help, func(is *monitored, tell func(string, float64)) {
		for side, v := range of(&is.last) {
			tell(fmt.Sprintf(`,side="%v"`, join.Side(side)), float64(v))
		}
	}}
}

func tellWatermarks(is *monitored, tell func(string, float64)) {
	for side, w := range is.last.watermark {
		if v, ok := seconds(w); ok && is.run != nil {
			tell(fmt.Sprintf(`,side="%v"`, join.Side(side)), v)
		}
	}
}

func tellLag(is *monitored, tell func(string, float64)) {
	w := is.last.watermark
	if v, ok := seconds(min(w[join.Left], w[join.Right])); ok && is.run != nil {
		tell("", float64(time.Now().UnixMicro())/1e6-v)
	}
}

func tellDelays(is *monitored, tell func(string, float64)) {
	d := &is.last.delays
	if d.window == 0 {
		return
	}
	for i, n := range d.buckets {
		tell(fmt.Sprintf(`_bucket ,le="%s"`, formatValue(float64(d.bound(i))/1e6)), float64(n))
	}
	tell(`_bucket ,le="+Inf"`, float64(d.count))
	tell("_sum ", float64(d.sum)/1e6)
	tell("_count ", float64(d.count))
}
