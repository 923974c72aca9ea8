package join_test

import (
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

// intervals are the joins that emit when an event's partners are complete: in
// what order the sides arrive makes no difference to them.
var intervals = kindCase{"interval", randomSpec, func(spec join.Spec, s schedule) (string, join.Summary) {
	return oracle(spec, s.input())
}}

func TestWhatIsDoneIsDeletedWhereTheStoreKeepsIt(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 21))
		spec := intervals.spec(r)
		s := intervals.events(r, spec, 50+r.IntN(400))
		store := deadKeeper{newMapStore()}
		if err := intervals.try(r, store, spec, s); err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, spec, err)
		}
		if n := store.left(); n != 1 {
			t.Fatalf("seed %d, %+v: %d records are left, want only where the join stands", seed, spec, n)
		}
	}
}

// With deletes, too, each prefix of the history is a join to go on from (J7).
func TestEveryPrefixOfAHistoryWithDeletesResumes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 22))
	spec := intervals.spec(r)
	s := intervals.events(r, spec, 150)
	whole := newMapStore()
	if err := intervals.try(r, deadKeeper{whole}, spec, s); err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(whole.history); n++ {
		store := deadKeeper{openAt(whole.history[:n])}
		if err := intervals.try(r, store, spec, s); err != nil {
			t.Fatalf("prefix %d: %v", n, err)
		}
		if left := store.left(); left != 1 {
			t.Fatalf("prefix %d: %d records are left", n, left)
		}
	}
}
