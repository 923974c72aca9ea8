package join_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// output collects samples as text, and notes its length.
type output struct{ strings.Builder }

func (o *output) hooks() join.Hooks {
	return join.Hooks{
		Sample: func(s *join.Sample) error {
			o.WriteString(sampleText(s))
			return nil
		},
		Attribute: func(dst []byte, _ join.Side, e *join.Event) ([]byte, error) {
			return append(dst, attributeOf(e.Value)...), nil
		},
		Note: func(dst []byte, _ bool) ([]byte, error) {
			return binary.LittleEndian.AppendUint32(dst, uint32(o.Len())), nil
		},
	}
}

func mustNew(t *testing.T, store statelab.Store, spec join.Spec, hooks join.Hooks) *join.Operator {
	t.Helper()
	op, err := join.New(store, spec, hooks)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestOutputEqualsOracle(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		spec := merged(r, randomSpec(r))
		in := dealt(r, spec, randomInput(r, 50+r.IntN(400)))
		want, wantSummary := oracle(spec, in)
		var out output
		op := mustNew(t, newMapStore(), spec, out.hooks())
		if err := feed(r, op, in); err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, spec, err)
		}
		if out.String() != want {
			t.Fatalf("seed %d, %+v:\n%s\nthe oracle says\n%s", seed, spec, out.String(), want)
		}
		if got := op.Summary(); got != wantSummary {
			t.Fatalf("seed %d, %+v:\n%+v, the oracle says\n%+v", seed, spec, got, wantSummary)
		}
	}
}

func TestSeenEventsArePassedOver(t *testing.T) {
	var out output
	op := mustNew(t, newMapStore(), join.Spec{}, out.hooks())
	for range 3 {
		for seq := range uint64(4) {
			if err := op.Add(join.Left, join.Event{Key: []byte("k"), Time: int64(seq), Seq: seq}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := op.Finish(); err != nil {
		t.Fatal(err)
	}
	if s := op.Summary(); s.LeftIn != 4 || s.Samples != 4 {
		t.Errorf("%d events in, %d samples, want 4 and 4", s.LeftIn, s.Samples)
	}
}

func TestBoundsAreInclusive(t *testing.T) {
	spec := join.Spec{Lower: -2 * time.Microsecond, Upper: 3 * time.Microsecond, MaxDisorder: [2]time.Duration{join.Unbounded, join.Unbounded}}
	var out output
	op := mustNew(t, newMapStore(), spec, out.hooks())
	add := func(side join.Side, at int64, seq uint64) {
		t.Helper()
		if err := op.Add(side, join.Event{Key: []byte("k"), Time: at, Seq: seq}); err != nil {
			t.Fatal(err)
		}
	}
	for i, at := range []int64{7, 8, 13, 14} {
		add(join.Right, at, uint64(i))
	}
	add(join.Left, 10, 0)
	if err := op.Finish(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "\"k\" 10 #0 \"\": 8#1 \"\" 13#2 \"\"\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if s := op.Summary(); s.MatchedRight != 2 || s.UnmatchedRight != 2 {
		t.Errorf("%+v", s)
	}
}

// TestLateIsBelowTheOwnWatermark: an event at its side's watermark is not late,
// one below it is, and the other side's watermark has no say.
func TestLateIsBelowTheOwnWatermark(t *testing.T) {
	spec := join.Spec{MaxDisorder: [2]time.Duration{5 * time.Microsecond, 5 * time.Microsecond}}
	var late []uint64
	hooks := (&output{}).hooks()
	hooks.Late = func(side join.Side, e *join.Event) error {
		late = append(late, e.Seq)
		return nil
	}
	op := mustNew(t, newMapStore(), spec, hooks)
	if err := op.Add(join.Right, join.Event{Time: 1000}); err != nil {
		t.Fatal(err)
	}
	for seq, at := range []int64{100, 95, 94, 96} {
		if err := op.Add(join.Left, join.Event{Time: at, Seq: uint64(seq)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(late) != 1 || late[0] != 2 {
		t.Errorf("late are %v, want only the third", late)
	}
}

func TestWhatNoStoreCouldHoldIsRejected(t *testing.T) {
	var out output
	op := mustNew(t, newMapStore(), join.Spec{}, out.hooks())
	events := []join.Event{
		{Key: make([]byte, statelab.MaxKeySize/2), Time: 5}, // zeros double when escaped
		{Time: join.MaxTime + 1},
		{Time: 6, Key: []byte("k")},
	}
	for seq, e := range events {
		e.Seq = uint64(seq)
		if err := op.Add(join.Left, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := op.Reject(join.Right, 0); err != nil {
		t.Fatal(err)
	}
	if err := op.Filter(join.Right, 1); err != nil {
		t.Fatal(err)
	}
	if err := op.Finish(); err != nil {
		t.Fatal(err)
	}
	want := join.Summary{LeftIn: 3, RightIn: 1, Rejected: 3, Filtered: 1, Samples: 1, UnmatchedLeft: 1}
	if got := op.Summary(); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestNegativesAreKeptAtTheirRate(t *testing.T) {
	run := func(keep float64, seed uint64) (string, join.Summary) {
		spec := join.Spec{Negatives: join.Negatives{Keep: keep, Seed: seed}}
		var out output
		op := mustNew(t, newMapStore(), spec, out.hooks())
		for i := range 5000 {
			if err := op.Add(join.Left, join.Event{Key: []byte{byte(i)}, Time: 1, Seq: uint64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := op.Add(join.Right, join.Event{Key: []byte{7}, Time: 1}); err != nil {
			t.Fatal(err)
		}
		if err := op.Finish(); err != nil {
			t.Fatal(err)
		}
		return out.String(), op.Summary()
	}
	first, s := run(0.1, 1)
	negatives := s.Samples - s.MatchedLeft
	// 4980 draws at 0.1: five standard deviations are 106.
	if negatives < 498-106 || negatives > 498+106 {
		t.Errorf("%d of 4980 negatives kept at rate 0.1", negatives)
	}
	if s.MatchedLeft != 20 || s.NegativesDropped != 4980-negatives {
		t.Errorf("%+v", s)
	}
	if again, _ := run(0.1, 1); again != first {
		t.Error("the same seed keeps other negatives")
	}
	if other, _ := run(0.1, 2); other == first {
		t.Error("another seed keeps the same negatives")
	}
	if got, want := (join.Negatives{Keep: 0.1}).LogOddsCorrection(), math.Log(0.1); got != want {
		t.Errorf("correction %v, want %v", got, want)
	}
}
