package join_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/vfs"
)

// handOver joins the first n arrivals of a schedule as a backlog and the others as a stream, and returns
// what both have emitted.
func handOver(r *rand.Rand, store statelab.Store, spec join.Spec, s schedule, n int) (string, join.Summary, error) {
	var out output
	b, err := join.NewBacklog(spec, join.BacklogHooks{
		Append: func(dst []byte, s *join.Sample) ([]byte, error) { return append(dst, sampleText(s)...), nil },
		Emit:   func(text []byte) error { out.Write(text); return nil },
	}, join.BacklogOptions{FS: vfs.NewMem(), Dir: ".", Memory: []int64{0, 3000}[r.IntN(2)]})
	if err != nil {
		return "", join.Summary{}, err
	}
	defer b.Close()
	for _, a := range s[:n] {
		if a.end {
			for i := range max(1, len(spec.Sources[a.side])) {
				b.AdvanceSource(a.side, i, 1<<63-1)
			}
			continue
		}
		if err := b.Add(a.side, a.Event); err != nil {
			return "", join.Summary{}, err
		}
	}
	op, err := b.HandOver(store, out.hooks())
	if err != nil {
		return out.String(), join.Summary{}, err
	}
	if r.IntN(2) == 0 { // what a restart finds
		if op, err = join.New(store, spec, out.hooks()); err != nil {
			return out.String(), join.Summary{}, err
		}
		if got := noted(op.Note()); got != uint32(out.Len()) {
			return out.String(), join.Summary{}, fmt.Errorf("the note speaks of %d bytes, and there are %d", got, out.Len())
		}
		n = 0 // seen events are passed over
	}
	if err := feedInOrder(r, op, s[n:]); err != nil {
		return out.String(), join.Summary{}, err
	}
	return out.String(), op.Summary(), nil
}

// TestABacklogHandsOverToAStream: for every kind, wherever the backlog ends, the output is the stream's.
func TestABacklogHandsOverToAStream(t *testing.T) {
	seeds := uint64(120)
	if testing.Short() {
		seeds = 12
	}
	for _, c := range allKinds {
		t.Run(c.name, func(t *testing.T) {
			for seed := range seeds {
				r := rand.New(rand.NewPCG(seed, 51))
				spec := merged(r, c.spec(r))
				s := c.events(r, spec, 20+r.IntN(300))
				if spec.ForBacklog() != nil {
					continue
				}
				var store statelab.Store = newMapStore()
				if seed%3 == 0 {
					store = deadKeeper{newMapStore()}
				}
				if err := tryHandOver(r, c, store, spec, s); err != nil {
					t.Fatalf("seed %d, %+v: %v", seed, spec, err)
				}
			}
		})
	}
}

func tryHandOver(r *rand.Rand, c kindCase, store statelab.Store, spec join.Spec, s schedule) error {
	n := r.IntN(len(s) + 1)
	got, summary, err := handOver(r, store, spec, s, n)
	if err != nil {
		return err
	}
	want, wantSummary := c.oracle(spec, s)
	if got != want {
		return fmt.Errorf("handed over after %d of %d: %w", n, len(s), differ(got, want))
	}
	if summary != wantSummary {
		return fmt.Errorf("handed over after %d of %d: %+v, the oracle says\n%+v", n, len(s), summary, wantSummary)
	}
	return nil
}

func TestABacklogHandsOverToEveryEngine(t *testing.T) {
	for _, b := range backends.List() {
		t.Run(b.Name, func(t *testing.T) {
			for _, c := range allKinds {
				r := rand.New(rand.NewPCG(2, 52))
				spec := merged(r, c.spec(r))
				s := c.events(r, spec, 600)
				if spec.ForBacklog() != nil {
					continue
				}
				store, err := backends.Open(b.Name, "state", &statelab.Options{
					FS: vfs.NewMem(), Prefix: join.Prefix(), Memory: 1 << 20, Maintenance: statelab.MaintenanceInline,
				})
				if err != nil {
					t.Fatal(err)
				}
				err = tryHandOver(r, c, store, spec, s)
				if err := errors.Join(err, store.Close()); err != nil {
					t.Errorf("%+v: %v", spec, err)
				}
			}
		})
	}
}

// TestAHandOverNeedsAnEmptyStore, and leaves none to go on from if it fails.
func TestAHandOverNeedsAnEmptyStore(t *testing.T) {
	broken := errors.New("broken")
	for _, emits := range []error{nil, broken} {
		store := newMapStore()
		b, err := join.NewBacklog(join.Spec{}, join.BacklogHooks{
			Append: func(dst []byte, s *join.Sample) ([]byte, error) { return append(dst, 1), nil },
			Emit:   func([]byte) error { return emits },
		}, join.BacklogOptions{FS: vfs.NewMem(), Dir: "."})
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range []int64{1, 100} {
			if err := b.Add(join.Left, join.Event{Time: at, Seq: uint64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		b.AdvanceSource(join.Right, 0, 50)
		_, err = b.HandOver(store, (&output{}).hooks())
		if !errors.Is(err, emits) {
			t.Fatalf("%v, want %v", err, emits)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		op, err := join.New(store, join.Spec{}, (&output{}).hooks())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := op.Summary().WaitingLeft, int64(1); emits == nil && got != want {
			t.Errorf("%d left events wait, want %d", got, want)
		} else if emits != nil && got != 0 {
			t.Errorf("%d left events wait after a failure", got)
		}
	}
}
