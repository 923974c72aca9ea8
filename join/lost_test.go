package join_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

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
