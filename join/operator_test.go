package join_test

import (
	"encoding/binary"
	"errors"
	"fmt"
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

// forgetfulStore loses the snapshots of iterators, each at one in so many moves,
// once something has been applied.
type forgetfulStore struct {
	*mapStore
	r     *rand.Rand
	every int
}

func (s *forgetfulStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	it, err := s.mapStore.Iter(r)
	return &forgetfulIterator{Iterator: it, s: s}, err
}

type forgetfulIterator struct {
	statelab.Iterator
	s   *forgetfulStore
	err error
}

func (it *forgetfulIterator) move(ok bool) bool {
	if it.err == nil && len(it.s.history) > 0 && it.s.r.IntN(it.s.every) == 0 {
		it.err = fmt.Errorf("move: %w", statelab.ErrSnapshotTooOld)
	}
	return ok && it.err == nil
}

func (it *forgetfulIterator) First() bool            { return it.move(it.Iterator.First()) }
func (it *forgetfulIterator) Next() bool             { return it.move(it.Iterator.Next()) }
func (it *forgetfulIterator) SeekGE(key []byte) bool { return it.move(it.Iterator.SeekGE(key)) }
func (it *forgetfulIterator) Err() error             { return it.err }
func (it *forgetfulIterator) Close() error           { return it.err }

// A store may give up a snapshot at any move (I8); its user has to take another.
func TestLostSnapshotsDoNotShowInTheOutput(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 9))
		spec, in := randomSpec(r), randomInput(r, 50+r.IntN(200))
		want, wantSummary := oracle(spec, in)
		var out output
		store := &forgetfulStore{newMapStore(), r, 1 << 30}
		op := mustNew(t, store, spec, out.hooks())
		store.every = 4 + r.IntN(20)
		if err := feed(r, op, in); err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, spec, err)
		}
		if got := op.Summary(); out.String() != want || got != wantSummary {
			t.Fatalf("seed %d, %+v: %+v\n%s\nthe oracle says %+v\n%s", seed, spec, got, out.String(), wantSummary, want)
		}
	}
}

// But a store that cannot keep one for a single move must not hang the join.
func TestAStoreThatLosesEverySnapshotEndsTheJoin(t *testing.T) {
	store := &forgetfulStore{newMapStore(), rand.New(rand.NewPCG(1, 1)), 1 << 30}
	var out output
	op := mustNew(t, store, join.Spec{}, out.hooks())
	store.every = 1
	if err := op.Add(join.Left, join.Event{Key: []byte("k")}); err != nil {
		t.Fatal(err)
	}
	if err := op.Finish(); !errors.Is(err, statelab.ErrSnapshotTooOld) {
		t.Fatalf("error %v", err)
	}
}

// TestEveryPrefixOfTheHistoryResumes proves J7 and J8: a store opened at any
// point of its history, with the output cut to what the note says, goes on to
// the same output.
func TestEveryPrefixOfTheHistoryResumes(t *testing.T) {
	seeds := uint64(5)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 2))
		spec, in := randomSpec(r), randomInput(r, 150)
		if seed == 0 {
			// All fires at the end, and marks more than a mini-batch holds.
			spec.MaxDisorder = [2]time.Duration{join.Unbounded, join.Unbounded}
			spec.Lower, spec.Upper = -60*time.Microsecond, 60*time.Microsecond
			in = randomInput(r, 1600)
		}
		store := newMapStore()
		var out output
		op := mustNew(t, store, spec, out.hooks())
		if err := feed(r, op, in); err != nil {
			t.Fatal(err)
		}
		want, wantSummary := out.String(), op.Summary()
		stride := 1
		if seed == 0 {
			stride = 5
		}
		for n := 0; n <= len(store.history); n += stride {
			var out output
			op := mustNew(t, openAt(store.history[:n]), spec, out.hooks())
			if note := op.Note(); note != nil {
				out.WriteString(want[:binary.LittleEndian.Uint32(note)])
			}
			if err := feed(r, op, in); err != nil {
				t.Fatalf("seed %d, prefix %d: %v", seed, n, err)
			}
			if out.String() != want || op.Summary() != wantSummary {
				t.Fatalf("seed %d, prefix %d:\n%s%+v\nwant\n%s%+v", seed, n, out.String(), op.Summary(), want, wantSummary)
			}
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

func TestAnotherSpecIsRefused(t *testing.T) {
	store := newMapStore()
	op := mustNew(t, store, join.Spec{Upper: time.Minute}, (&output{}).hooks())
	if err := op.Commit(); err != nil {
		t.Fatal(err)
	}
	_, err := join.New(store, join.Spec{Upper: time.Hour}, (&output{}).hooks())
	if !errors.Is(err, join.ErrSpecChanged) || !strings.Contains(err.Error(), "upper was 1m0s and is 1h0m0s now") {
		t.Errorf("got %v", err)
	}
}

func TestAStoreOfSomethingElseIsRefused(t *testing.T) {
	store := newMapStore()
	var b statelab.Batch
	b.Put([]byte("x"), nil, statelab.NoExpiry)
	if err := store.Apply(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := join.New(store, join.Spec{}, (&output{}).hooks()); !errors.Is(err, statelab.ErrMismatch) {
		t.Errorf("got %v, want ErrMismatch", err)
	}
}

func TestSpecNamesEveryFault(t *testing.T) {
	spec := join.Spec{Lower: time.Second, Upper: time.Nanosecond, MaxDisorder: [2]time.Duration{-1, 0}, Negatives: join.Negatives{Keep: 2}}
	err := spec.Validate()
	for _, part := range []string{"lower 1s is above", "upper 1ns is not a whole", "left side -1ns is negative", "keep is 2"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

// forgetful loses timers, which is what an operator must notice.
type forgetful struct{ *mapStore }

func (s forgetful) Apply(b *statelab.Batch) error {
	var kept statelab.Batch
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		if op.Key[0] != 1 {
			kept.Put(op.Key, op.Value, op.ExpireAt)
		}
	}
	return s.mapStore.Apply(&kept)
}

func TestALostTimerIsAnAlarm(t *testing.T) {
	op := mustNew(t, forgetful{newMapStore()}, join.Spec{}, (&output{}).hooks())
	if err := op.Add(join.Left, join.Event{Time: 1}); err != nil {
		t.Fatal(err)
	}
	if err := op.Finish(); !errors.Is(err, join.ErrInconsistent) {
		t.Errorf("got %v, want ErrInconsistent", err)
	}
}

func TestAnErrorOfAHookIsLatched(t *testing.T) {
	broken := errors.New("broken")
	hooks := join.Hooks{Sample: func(*join.Sample) error { return broken }}
	op := mustNew(t, newMapStore(), join.Spec{}, hooks)
	if err := op.Add(join.Left, join.Event{Time: 1}); err != nil {
		t.Fatal(err)
	}
	op.End(join.Left)
	op.End(join.Right)
	if err := op.Flush(); !errors.Is(err, broken) {
		t.Fatalf("Flush: %v", err)
	}
	if err := op.Add(join.Left, join.Event{Time: 2, Seq: 1}); !errors.Is(err, broken) {
		t.Errorf("Add: %v", err)
	}
	if err := op.Finish(); !errors.Is(err, broken) {
		t.Errorf("Finish: %v", err)
	}
}
