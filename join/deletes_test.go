package join_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab/join"
)

// deadKeeper is a store that leaves what has died to its user.
type deadKeeper struct{ *mapStore }

func (deadKeeper) KeepsDead() bool { return true }

// left returns how many records were not deleted, dead or not.
func (s deadKeeper) left() (n int) {
	for _, elements := range s.records {
		if len(elements) > 0 {
			n++
		}
	}
	return n
}

func TestWhatIsDoneIsDeletedWhereTheStoreKeepsIt(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 21))
		spec, in := randomSpec(r), randomInput(r, 50+r.IntN(400))
		want, wantSummary := oracle(spec, in)
		var out output
		store := deadKeeper{newMapStore()}
		op := mustNew(t, store, spec, out.hooks())
		if err := feed(r, op, in); err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, spec, err)
		}
		if got := op.Summary(); out.String() != want || got != wantSummary {
			t.Fatalf("seed %d, %+v: %+v\n%s\nthe oracle says %+v\n%s", seed, spec, got, out.String(), wantSummary, want)
		}
		if n := store.left(); n != 1 {
			t.Fatalf("seed %d, %+v: %d records are left, want only where the join stands", seed, spec, n)
		}
	}
}

// With deletes, too, each prefix of the history is a join to go on from (J7).
func TestEveryPrefixOfAHistoryWithDeletesResumes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 22))
	spec, in := randomSpec(r), randomInput(r, 150)
	store := newMapStore()
	var out output
	op := mustNew(t, deadKeeper{store}, spec, out.hooks())
	if err := feed(r, op, in); err != nil {
		t.Fatal(err)
	}
	want, wantSummary := out.String(), op.Summary()
	for n := 0; n <= len(store.history); n++ {
		if err := resumeAt(r, deadKeeper{openAt(store.history[:n])}, spec, in, want, wantSummary); err != nil {
			t.Fatalf("prefix %d: %v", n, err)
		}
	}
}

func resumeAt(r *rand.Rand, store deadKeeper, spec join.Spec, in input, want string, wantSummary join.Summary) error {
	var out output
	op, err := join.New(store, spec, out.hooks())
	if err != nil {
		return err
	}
	if note := op.Note(); note != nil {
		out.WriteString(want[:noted(note)])
	}
	if err := feed(r, op, in); err != nil {
		return err
	}
	if out.String() != want || op.Summary() != wantSummary {
		return fmt.Errorf("output\n%s%+v\nwant\n%s%+v", out.String(), op.Summary(), want, wantSummary)
	}
	if n := store.left(); n != 1 {
		return fmt.Errorf("%d records are left", n)
	}
	return nil
}
