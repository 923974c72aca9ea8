package join_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/vfs"
)

// joinBacklog joins a schedule at once, with memory for so many bytes.
func joinBacklog(spec join.Spec, s schedule, memory int64) (string, join.Summary, error) {
	var out output
	fsys := vfs.NewMem()
	b, err := join.NewBacklog(spec, join.BacklogHooks{
		Append: func(dst []byte, s *join.Sample) ([]byte, error) { return append(dst, sampleText(s)...), nil },
		Emit: func(text []byte) error {
			out.Write(text)
			return nil
		},
	}, join.BacklogOptions{FS: fsys, Dir: ".", Memory: memory})
	if err != nil {
		return "", join.Summary{}, err
	}
	for _, a := range s {
		if !a.end && err == nil {
			err = b.Add(a.side, a.Event)
		}
	}
	if err == nil {
		err = b.Finish()
	}
	err = errors.Join(err, b.Close())
	if left, lerr := fsys.List("."); lerr != nil || len(left) > 0 {
		err = errors.Join(err, lerr, errors.New("runs are left"))
	}
	return out.String(), b.Summary(), err
}

// TestABacklogEqualsTheOracleOfItsKind: with memory for everything, and with so little
// that it is sorted in many runs.
func TestABacklogEqualsTheOracleOfItsKind(t *testing.T) {
	seeds := uint64(120)
	if testing.Short() {
		seeds = 40
	}
	for _, c := range allKinds {
		t.Run(c.name, func(t *testing.T) {
			refused := 0
			for seed := range seeds {
				r := rand.New(rand.NewPCG(seed, 41))
				spec := merged(r, c.spec(r))
				s := c.events(r, spec, 20+r.IntN(300))
				got, summary, err := joinBacklog(spec, s, []int64{0, 3000}[seed%2])
				if needs := spec.Correct || spec.Kind == join.ThreeWay || spec.Match != join.ByKey || spec.Kind == join.LeftOuter && spec.Emit == join.OnMatch; needs || errors.Is(err, join.ErrNeedsStream) {
					if !needs || spec.Match == join.ByKey && !errors.Is(err, join.ErrNeedsStream) || err == nil {
						t.Fatalf("seed %d, %+v: %v", seed, spec, err)
					}
					refused++
					continue
				}
				if err != nil {
					t.Fatalf("seed %d, %+v: %v", seed, spec, err)
				}
				want, wantSummary := c.oracle(spec, s)
				if got != want {
					t.Fatalf("seed %d, %+v: %v", seed, spec, differ(got, want))
				}
				if summary != wantSummary {
					t.Fatalf("seed %d, %+v: %+v, the oracle says\n%+v", seed, spec, summary, wantSummary)
				}
			}
			if refused == int(seeds) && c.name != "corrections" && c.name != "on match with corrections" && !strings.HasPrefix(c.name, "three-way") && !strings.Contains(c.name, "matched") {
				t.Error("nothing was joined")
			}
		})
	}
}

// TestABacklogCountsWhatIsNotJoined: filtered, rejected and late rows.
func TestABacklogCountsWhatIsNotJoined(t *testing.T) {
	var late int
	b, err := join.NewBacklog(join.Spec{Upper: time.Second}, join.BacklogHooks{
		Append: func(dst []byte, _ *join.Sample) ([]byte, error) { return dst, nil },
		Emit:   func([]byte) error { return nil },
		Late:   func(join.Side, *join.Event) error { late++; return nil },
	}, join.BacklogOptions{FS: vfs.NewMem(), Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, err := range []error{
		b.Add(join.Left, join.Event{Key: []byte("a"), Time: 10}),
		b.Add(join.Left, join.Event{Key: []byte("a"), Time: 9, Seq: 1}),
		b.Add(join.Right, join.Event{Key: []byte("a"), Time: join.MaxTime + 1}),
		b.Reject(join.Left), b.Filter(join.Right), b.Finish(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := join.Summary{LeftIn: 3, RightIn: 1, Filtered: 1, Samples: 1, UnmatchedLeft: 1, LateLeft: 1, Rejected: 2}
	if got := b.Summary(); got != want || late != 1 {
		t.Errorf("%+v and %d late, want\n%+v", got, late, want)
	}
	if err := b.Add(join.Left, join.Event{}); !errors.Is(err, join.ErrFinished) {
		t.Errorf("added after the end: %v", err)
	}
}

// TestABacklogOfOneHotKey: values of right events are kept for one window, however
// many come.
func TestABacklogOfOneHotKey(t *testing.T) {
	spec := join.Spec{Upper: micros(20), MaxDisorder: [2]time.Duration{join.Unbounded, join.Unbounded}}
	var s schedule
	for i := range 4000 {
		value := make([]byte, 100)
		value[i%100] = byte(i)
		e := join.Event{Key: []byte("hot"), Time: int64(i), Seq: uint64(i), Value: value}
		s = append(s, arrival{side: join.Right, Event: e})
		if i%50 == 0 {
			s = append(s, arrival{side: join.Left, Event: e})
		}
	}
	got, _, err := joinBacklog(spec, s, 100_000)
	if want, _ := oracle(spec, s.input()); err != nil || got != want {
		t.Fatal(err, differ(got, want))
	}
}
