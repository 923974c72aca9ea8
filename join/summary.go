package join

import "fmt"

// A Summary counts what became of the events. Each count is taken where the
// thing happens, none by subtraction, so that Reconcile can find what was lost.
type Summary struct {
	LeftIn           int64 `json:"left_in"`               // left events, late and rejected ones included
	RightIn          int64 `json:"right_in"`              // right events, likewise
	Filtered         int64 `json:"filtered"`              // rows of either side that are no events of this join
	Samples          int64 `json:"samples"`               // left events emitted, with their pairs or without
	Pairs            int64 `json:"pairs"`                 // pairs found
	MatchedLeft      int64 `json:"matched_left"`          // left events that fired with a pair
	MatchedRight     int64 `json:"matched_right"`         // right events that are done and had a pair
	UnmatchedLeft    int64 `json:"unmatched_left"`        // left events that fired without
	UnmatchedRight   int64 `json:"unmatched_right"`       // right events that are done and had none
	LateLeft         int64 `json:"late_left"`             // left events below their side's watermark
	LateRight        int64 `json:"late_right"`            // right events, likewise
	WaitingLeft      int64 `json:"waiting_left"`          // left events in state
	WaitingRight     int64 `json:"waiting_right"`         // right events in state, paired already or not
	Rejected         int64 `json:"rejected"`              // events that no store could hold, or without a key
	NegativesDropped int64 `json:"negatives_dropped"`     // left events without a pair that were not emitted: not kept, or in an inner join
	Corrections      int64 `json:"corrections,omitempty"` // samples emitted in place of earlier ones of the same left event
}

// Plus returns the sum of what two operators counted, which are partitions of one join.
func (s Summary) Plus(o Summary) Summary {
	return Summary{
		LeftIn: s.LeftIn + o.LeftIn, RightIn: s.RightIn + o.RightIn, Filtered: s.Filtered + o.Filtered,
		Samples: s.Samples + o.Samples, Pairs: s.Pairs + o.Pairs,
		MatchedLeft: s.MatchedLeft + o.MatchedLeft, MatchedRight: s.MatchedRight + o.MatchedRight,
		UnmatchedLeft: s.UnmatchedLeft + o.UnmatchedLeft, UnmatchedRight: s.UnmatchedRight + o.UnmatchedRight,
		LateLeft: s.LateLeft + o.LateLeft, LateRight: s.LateRight + o.LateRight,
		WaitingLeft: s.WaitingLeft + o.WaitingLeft, WaitingRight: s.WaitingRight + o.WaitingRight,
		Rejected: s.Rejected + o.Rejected, NegativesDropped: s.NegativesDropped + o.NegativesDropped,
		Corrections: s.Corrections + o.Corrections,
	}
}

// sideCounts are the counts that exist once per side.
type sideCounts struct {
	in, matched, unmatched, late, waiting, rejected int64
}

// counts are what the operator counts, and what it keeps in its meta record.
type counts struct {
	side                              [2]sideCounts
	filtered, samples, pairs, dropped int64
	corrections                       int64
	// moved says that the join has been divided anew: what waits here was partly counted
	// by another partition, and the other way round.
	moved bool
}

func (c *counts) summary() Summary {
	l, r := &c.side[Left], &c.side[Right]
	return Summary{
		LeftIn: l.in, RightIn: r.in, Filtered: c.filtered,
		Samples: c.samples, Pairs: c.pairs,
		MatchedLeft: l.matched, MatchedRight: r.matched,
		UnmatchedLeft: l.unmatched, UnmatchedRight: r.unmatched,
		LateLeft: l.late, LateRight: r.late,
		WaitingLeft: l.waiting, WaitingRight: r.waiting,
		Rejected: l.rejected + r.rejected, NegativesDropped: c.dropped, Corrections: c.corrections,
	}
}

// reconcile checks J5 and J6.
func (c *counts) reconcile(kind Kind, finished bool) error {
	for i := range c.side {
		s, side := &c.side[i], Side(i)
		if s.waiting < 0 && !c.moved {
			return alarm("%d %v events are done that never waited", -s.waiting, side)
		}
		if sum := s.matched + s.unmatched + s.late + s.waiting + s.rejected; sum != s.in {
			return alarm("%d %v events came in, but %d matched + %d unmatched + %d late + %d waiting + %d rejected are %d",
				s.in, side, s.matched, s.unmatched, s.late, s.waiting, s.rejected, sum)
		}
		if finished && s.waiting != 0 && !c.moved {
			return alarm("the input has ended, but %d %v events still wait", s.waiting, side)
		}
	}
	if l := &c.side[Left]; kind == Session {
		if l.unmatched != c.samples || l.matched != c.pairs {
			return alarm("%d left events begin a session and %d follow in one, but there are %d sessions and %d that follow",
				l.unmatched, l.matched, c.samples, c.pairs)
		}
	} else if l.matched+l.unmatched != c.samples+c.dropped {
		return alarm("%d left events matched and %d did not, but there are %d samples and %d dropped negatives",
			l.matched, l.unmatched, c.samples, c.dropped)
	}
	return nil
}

func alarm(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInconsistent}, args...)...)
}
