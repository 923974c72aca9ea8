package join_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// A schedule is the events of both sides in the order in which they arrive. What
// is emitted on arrival depends on it.
type schedule []arrival

// arrival is an event, or the end of a side.
type arrival struct {
	side join.Side
	join.Event
	end bool
}

// randomSchedule interleaves the sides, one now and then far ahead of the other.
func randomSchedule(r *rand.Rand, in input) schedule {
	var s schedule
	var next [2]int
	bias := r.Float64()
	for next[0] < len(in[0]) || next[1] < len(in[1]) {
		side := join.Left
		if r.Float64() < bias {
			side = join.Right
		}
		if next[side] == len(in[side]) {
			if r.IntN(3) == 0 {
				s = append(s, arrival{side: side, end: true})
			}
			side = 1 - side
		}
		s = append(s, arrival{side: side, Event: in[side][next[side]]})
		next[side]++
	}
	return s
}

// input returns the events of each side.
func (s schedule) input() (in input) {
	for _, a := range s {
		if !a.end {
			in[a.side] = append(in[a.side], a.Event)
		}
	}
	return in
}

// feedInOrder adds all events of a schedule, with flushes and commits thrown in.
func feedInOrder(r *rand.Rand, op *join.Operator, s schedule) error {
	often := 2 + r.IntN(80)
	for _, a := range s {
		if a.end {
			if !op.Finished() {
				op.End(a.side)
			}
		} else if err := op.Add(a.side, a.Event); err != nil {
			return err
		}
		if err := flushOrCommit(op, r.IntN(often)); err != nil {
			return err
		}
	}
	return op.Finish()
}

// A kindCase is a kind of join with what its tests need.
type kindCase struct {
	name   string
	spec   func(r *rand.Rand) join.Spec
	oracle func(join.Spec, schedule) (string, join.Summary)
}

// try runs a schedule over a store, which may hold a join that was interrupted,
// and compares it with what the oracle says.
func (c kindCase) try(r *rand.Rand, store statelab.Store, spec join.Spec, s schedule) error {
	want, wantSummary := c.oracle(spec, s)
	var out output
	op, err := join.New(store, spec, out.hooks())
	if err != nil {
		return err
	}
	if note := op.Note(); note != nil {
		out.WriteString(want[:noted(note)])
	}
	if spec.ForMiniBatch() == nil {
		if err := op.MiniBatch(1 + r.IntN(40)); err != nil {
			return err
		}
	}
	if err := feedInOrder(r, op, s); err != nil {
		return err
	}
	if out.String() != want {
		return differ(out.String(), want)
	}
	if got := op.Summary(); got != wantSummary {
		return fmt.Errorf("%+v, the oracle says\n%+v", got, wantSummary)
	}
	return nil
}

// differ names the first line that is not the oracle's.
func differ(got, want string) error {
	a, b := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return fmt.Errorf("line %d is %q; the oracle says %q", i+1, strings.Join(a[i:min(i+1, len(a))], ""), strings.Join(b[i:min(i+1, len(b))], ""))
}

// events returns a random input; kinds of one input have no right events.
func (c kindCase) events(r *rand.Rand, spec join.Spec, n int) schedule {
	in := randomInput(r, n)
	if spec.Kind.Inputs() == 1 {
		in[join.Right] = nil
	}
	return randomSchedule(r, dealt(r, spec, in))
}

func forEachKind(t *testing.T, test func(t *testing.T, c kindCase)) {
	for _, c := range kindCases {
		t.Run(c.name, func(t *testing.T) { test(t, c) })
	}
}

func TestEveryKindEqualsItsOracle(t *testing.T) {
	forEachKind(t, func(t *testing.T, c kindCase) {
		for seed := range uint64(150) {
			r := rand.New(rand.NewPCG(seed, 31))
			spec := merged(r, c.spec(r))
			s := c.events(r, spec, 20+r.IntN(300))
			if err := c.try(r, newMapStore(), spec, s); err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, spec, err)
			}
		}
	})
}

func TestNoKindShowsLostSnapshots(t *testing.T) {
	forEachKind(t, func(t *testing.T, c kindCase) {
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 32))
			spec := merged(r, c.spec(r))
			s := c.events(r, spec, 20+r.IntN(200))
			store := &forgetfulStore{newMapStore(), r, 30 + r.IntN(100)}
			if err := c.try(r, store, spec, s); err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, spec, err)
			}
		}
	})
}

func TestEveryKindDeletesWhatIsDone(t *testing.T) {
	forEachKind(t, func(t *testing.T, c kindCase) {
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 33))
			spec := merged(r, c.spec(r))
			if spec.Correct {
				continue // refused: TestCorrectionsNeedAStoreThatExpires
			}
			s := c.events(r, spec, 20+r.IntN(200))
			store := deadKeeper{newMapStore()}
			if err := c.try(r, store, spec, s); err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, spec, err)
			}
			if spec.Kind == join.Dedup && spec.Window == 0 {
				continue // keeps its marks for ever
			}
			if n := store.left(); n != 1 {
				t.Fatalf("seed %d, %+v: %d records are left, want only where the join stands", seed, spec, n)
			}
		}
	})
}

// TestEveryKindResumes proves J7 for every kind: each prefix of the store's
// history is a join to go on from.
func TestEveryKindResumes(t *testing.T) {
	forEachKind(t, func(t *testing.T, c kindCase) {
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 34))
			spec := merged(r, c.spec(r))
			s := c.events(r, spec, 120)
			store := newMapStore()
			if err := c.try(r, store, spec, s); err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, spec, err)
			}
			stride := 1 + len(store.history)/50
			for n := 0; n <= len(store.history); n += stride {
				if err := c.try(r, openAt(store.history[:n]), spec, s); err != nil {
					t.Fatalf("seed %d, %+v, prefix %d: %v", seed, spec, n, err)
				}
			}
		}
	})
}

// noted is the length of output that a note of output.hooks speaks of.
func noted(note []byte) uint32 { return binary.LittleEndian.Uint32(note) }
