package join_test

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"time"

	"github.com/statelab/statelab/join"
)

// input is what both sides of a join show, each in its own order.
type input [2][]join.Event

// oracle joins in memory, by definition: every pair of events is looked at.
func oracle(spec join.Spec, in input) (output string, s join.Summary) {
	var onTime [2][]join.Event
	var late [2]int64
	for side, events := range in {
		side := join.Side(side)
		watermarks := newWatermarks(spec)
		for _, e := range events {
			if e.Time < *watermarks.of(side, &e) {
				late[side]++
				continue
			}
			onTime[side] = append(onTime[side], e)
			watermarks.raise(side, &e)
		}
	}
	lefts, rights := onTime[join.Left], onTime[join.Right]
	firing := func(e join.Event) int64 { return e.Time + max(int64(spec.Upper/time.Microsecond), 0) }
	sort.SliceStable(lefts, func(i, j int) bool {
		a, b := lefts[i], lefts[j]
		if firing(a) != firing(b) {
			return firing(a) < firing(b)
		}
		if string(a.Key) != string(b.Key) {
			return string(a.Key) < string(b.Key)
		}
		return a.Seq < b.Seq
	})
	sort.SliceStable(rights, func(i, j int) bool {
		return rights[i].Time < rights[j].Time || rights[i].Time == rights[j].Time && rights[i].Seq < rights[j].Seq
	})

	var out strings.Builder
	hasPair := map[uint64]bool{}
	for _, l := range lefts {
		var found []join.Event
		for _, r := range rights {
			d := time.Duration(r.Time-l.Time) * time.Microsecond
			if matches(spec, l, r) && d >= spec.Lower && d <= spec.Upper {
				found = append(found, r)
				hasPair[r.Seq] = true
			}
		}
		s.Pairs += int64(len(found))
		if len(found) > 0 {
			s.MatchedLeft++
		} else {
			s.UnmatchedLeft++
		}
		if spec.Kind == join.Inner && len(found) == 0 {
			s.NegativesDropped++
		} else {
			s.Samples++
			out.WriteString(sampleText(&join.Sample{Left: l, Rights: found}))
		}
	}
	s.LeftIn, s.RightIn = int64(len(in[join.Left])), int64(len(in[join.Right]))
	s.LateLeft, s.LateRight = late[join.Left], late[join.Right]
	s.MatchedRight = int64(len(hasPair))
	s.UnmatchedRight = int64(len(rights) - len(hasPair))
	return out.String(), s
}

// matches says whether two events have all in common but their times.
func matches(spec join.Spec, a, b join.Event) bool {
	return string(a.Key) == string(b.Key) && (spec.Match == join.ByKey || attributeOf(a.Value) == attributeOf(b.Value))
}

// attributeOf is one of three, which escape in ways that naive encodings get wrong.
func attributeOf(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	return []string{"\x00", "\x00\x01"}[value[len(value)-1]%2]
}

func sampleText(s *join.Sample) string {
	var b strings.Builder
	if s.Correction {
		b.WriteString("again ")
	}
	fmt.Fprintf(&b, "%q %d #%d %q:", s.Left.Key, s.Left.Time, s.Left.Seq, s.Left.Value)
	for _, r := range s.Rights {
		fmt.Fprintf(&b, " %d#%d %q", r.Time, r.Seq, r.Value)
	}
	return b.String() + "\n"
}

// awkwardKeys order and escape in ways that naive encodings get wrong.
var awkwardKeys = []string{"", "\x00", "\x00\x01", "\x00\xff", "a", "a\x00", "a\x00b", "a\x01", "ab", "\xff", "\xff\xff"}

// randomSpec returns a join with bounds of either sign.
func randomSpec(r *rand.Rand) join.Spec {
	a, b := time.Duration(r.IntN(61)-30), time.Duration(r.IntN(61)-30)
	spec := join.Spec{Kind: join.Kind(r.IntN(2)), Lower: min(a, b) * time.Microsecond, Upper: max(a, b) * time.Microsecond}
	for side := range spec.MaxDisorder {
		spec.MaxDisorder[side] = time.Duration(r.IntN(30)) * time.Microsecond
		if r.IntN(6) == 0 {
			spec.MaxDisorder[side] = join.Unbounded
		}
	}
	return spec
}

// randomInput returns n events, most of them roughly in order, with duplicates,
// a hot key, and stragglers that are late unless the disorder is unbounded.
func randomInput(r *rand.Rand, n int) input {
	var in input
	for range n {
		side := r.IntN(2)
		key := "hot"
		if r.IntN(4) > 0 {
			key = awkwardKeys[r.IntN(len(awkwardKeys))]
		}
		at := int64(len(in[0])+len(in[1])) - int64(r.IntN(25))
		if r.IntN(20) == 0 {
			at -= int64(r.IntN(100))
		}
		if r.IntN(200) == 0 {
			at += int64(r.IntN(200))
		}
		seq := uint64(len(in[side]))
		value := fmt.Sprintf("%v%d", join.Side(side), seq)
		if r.IntN(30) == 0 {
			value = ""
		}
		in[side] = append(in[side], join.Event{Key: []byte(key), Time: at, Seq: seq, Value: []byte(value)})
	}
	return in
}

// feed adds all events from where the operator stands, in an order of sides
// that r chooses, with flushes and commits thrown in, and finishes.
func feed(r *rand.Rand, op *join.Operator, in input) error {
	next := [2]int{int(op.Position(join.Left)), int(op.Position(join.Right))}
	bias := r.Float64()
	for next[0] < len(in[0]) || next[1] < len(in[1]) {
		side := join.Left
		if r.Float64() < bias {
			side = join.Right
		}
		if next[side] == len(in[side]) {
			op.End(side)
			side = 1 - side
		}
		if err := op.Add(side, in[side][next[side]]); err != nil {
			return err
		}
		next[side]++
		if err := flushOrCommit(op, r.IntN(40)); err != nil {
			return err
		}
	}
	return op.Finish()
}

// flushOrCommit flushes if n is 0 and commits if it is 1.
func flushOrCommit(op *join.Operator, n int) error {
	switch n {
	case 0:
		return op.Flush()
	case 1:
		return op.Commit()
	}
	return nil
}
