//go:build unix

package join_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
)

// askedStore counts how it is asked for records.
type askedStore struct {
	statelab.Store
	gets, multiGets, applies int
}

func (s *askedStore) Get(dst, key []byte) ([]byte, error) {
	s.gets++
	return s.Store.Get(dst, key)
}

func (s *askedStore) Apply(b *statelab.Batch) error {
	s.applies++
	return s.Store.Apply(b)
}

func (s *askedStore) MultiGet(keys [][]byte, found func(int, []byte)) error {
	s.multiGets++
	return statelab.MultiGet(s.Store, keys, found)
}

// TestAMiniBatchAsksOnce: one MultiGet for so many events, and one Apply for a mini-batch.
func TestAMiniBatchAsksOnce(t *testing.T) {
	store := &askedStore{Store: newMapStore()}
	var out output
	op := mustNew(t, store, join.Spec{Kind: join.Dedup}, out.hooks())
	if err := op.MiniBatch(100); err != nil {
		t.Fatal(err)
	}
	store.gets = 0
	for i := range 1000 {
		if err := op.Add(join.Left, join.Event{Key: []byte{byte(i), byte(i / 256 % 2)}, Time: int64(i), Seq: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := op.Finish(); err != nil {
		t.Fatal(err)
	}
	if store.gets != 0 || store.multiGets != 10 || store.applies > 3 || op.Summary().Samples != 512 {
		t.Errorf("%d Gets, %d MultiGets, %d Applies, %+v", store.gets, store.multiGets, store.applies, op.Summary())
	}
}

// TestTimersThatFireTogetherAskOnce: one MultiGet for the left events of so many timers, and no Get.
func TestTimersThatFireTogetherAskOnce(t *testing.T) {
	for _, spec := range []join.Spec{
		{Kind: join.Temporal}, {Emit: join.OnMatch, Upper: 20 * time.Second}, {Match: join.ByScan}, {Match: join.ByIndex},
	} {
		store := &askedStore{Store: newMapStore()}
		var out output
		op := mustNew(t, store, spec, out.hooks())
		if err := op.MiniBatch(100); err != nil {
			t.Fatal(err)
		}
		store.gets = 0
		for i := range 1000 {
			if err := op.Add(join.Left, join.Event{Key: []byte{byte(i), byte(i / 256)}, Time: int64(i), Seq: uint64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := op.Finish(); err != nil {
			t.Fatal(err)
		}
		if store.gets != 0 || store.multiGets < 10 || store.multiGets > 12 || op.Summary().Samples != 1000 {
			t.Errorf("%+v: %d Gets, %d MultiGets, %+v", spec, store.gets, store.multiGets, op.Summary())
		}
	}
}

func TestMiniBatchesAreRefusedByKindsThatScan(t *testing.T) {
	for _, spec := range []join.Spec{{}, {Kind: join.Session, Gap: time.Second}, {Kind: join.Dedup, Keep: join.KeepLast, Window: time.Second}} {
		var out output
		if err := mustNew(t, newMapStore(), spec, out.hooks()).MiniBatch(10); err == nil {
			t.Errorf("%+v takes mini-batches", spec)
		}
	}
}

// BenchmarkTimersTogether emits impressions as negatives, a thousand keys' events later, and finds the versions in force of 300,000 rows.
//
//	go test ./join -run '^$' -bench TimersTogether -benchtime 200000x
func BenchmarkTimersTogether(b *testing.B) {
	for _, engine := range backends.List() {
		for _, spec := range []join.Spec{{Kind: join.Temporal}, {Emit: join.OnMatch, Upper: 100 * time.Millisecond}} {
			for _, together := range []int{1, 256} {
				b.Run(fmt.Sprintf("%s/%v/together=%d", engine.Name, spec.Kind, together), func(b *testing.B) {
					store, err := backends.Open(engine.Name, b.TempDir(), &statelab.Options{Memory: 512 << 20, Prefix: join.Prefix()})
					if err != nil {
						b.Fatal(err)
					}
					defer store.Close()
					op, err := join.New(store, spec, join.Hooks{Sample: func(*join.Sample) error { return nil }})
					if err == nil {
						err = op.MiniBatch(together)
					}
					var key [8]byte
					value := make([]byte, 200)
					add := func(side join.Side, id uint64, at int64, seq int) {
						binary.BigEndian.PutUint64(key[:], id*0x9e3779b97f4a7c15)
						if err == nil {
							err = op.Add(side, join.Event{Key: key[:], Time: at, Seq: uint64(seq), Value: value})
						}
					}
					const rows = 300_000
					for i := range rows {
						if spec.Kind == join.Temporal {
							add(join.Right, uint64(i), 0, i)
						}
					}
					op.End(join.Right)
					r := rand.New(rand.NewPCG(1, 1))
					b.ResetTimer()
					begin := cpuTime(b)
					for i := range b.N {
						add(join.Left, r.Uint64N(rows), int64(1+i), i)
					}
					if err == nil {
						err = op.Flush()
					}
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/float64(b.N), "cpu-us/event")
				})
			}
		}
	}
}

// BenchmarkMiniBatch finds repeats among 300,000 identifiers in the memory of each engine, and in little of it
// and on disk.
//
//	go test ./join -run '^$' -bench MiniBatch -benchtime 100000x
func BenchmarkMiniBatch(b *testing.B) {
	for _, engine := range backends.List() {
		for _, memory := range []int64{512 << 20, 2 << 20} {
			if engine.MemoryResident && memory < 512<<20 {
				continue
			}
			for _, together := range []int{1, 256} {
				b.Run(fmt.Sprintf("%s/memory=%dMiB/together=%d", engine.Name, memory>>20, together), func(b *testing.B) {
					store, err := backends.Open(engine.Name, b.TempDir(), &statelab.Options{Memory: memory, Prefix: join.Prefix()})
					if err != nil {
						b.Fatal(err)
					}
					defer store.Close()
					op, err := join.New(store, join.Spec{Kind: join.Dedup}, join.Hooks{Sample: func(*join.Sample) error { return nil }})
					if err == nil {
						err = op.MiniBatch(together)
					}
					if err != nil {
						b.Fatal(err)
					}
					const identifiers = 300_000
					var key [16]byte
					seq := uint64(0)
					add := func(id uint64) {
						binary.BigEndian.PutUint64(key[:], id*0x9e3779b97f4a7c15)
						if err := op.Add(join.Left, join.Event{Key: key[:], Time: int64(seq), Seq: seq}); err != nil {
							b.Fatal(err)
						}
						seq++
					}
					for id := range uint64(identifiers) {
						add(id)
					}
					if err := op.Commit(); err != nil {
						b.Fatal(err)
					}
					r := rand.New(rand.NewPCG(1, 1))
					b.ResetTimer()
					begin := cpuTime(b)
					for range b.N {
						add(r.Uint64N(identifiers))
					}
					if err := op.Flush(); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/float64(b.N), "cpu-us/event")
					if op.Summary().Samples != identifiers {
						b.Fatalf("%+v", op.Summary())
					}
				})
			}
		}
	}
}
