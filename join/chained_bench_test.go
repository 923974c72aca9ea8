//go:build unix

package join_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
)

// BenchmarkThreeWay joins views of 500 bytes with clicks and orders of 80, with 100,000 events of all in state, by either plan. fan is how many
// views, clicks and orders of one key are in state, each; live-MB is what the store holds when all have been added.
//
//	go test ./join -run '^$' -bench ThreeWay -benchtime 1x
func BenchmarkThreeWay(b *testing.B) {
	for _, engine := range backends.List() {
		for _, fan := range []int{1, 4} {
			for _, plan := range []join.Plan{join.Shared, join.Chained} {
				b.Run(fmt.Sprintf("%s/fan=%d/plan=%v", engine.Name, fan, plan), func(b *testing.B) {
					begin := cpuTime(b)
					memory, s := tryThreeWay(b, engine.Name, plan, 100_000, fan, 300_000)
					b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/300_000, "cpu-us/event")
					if engine.MemoryResident { // others may hold as much as they are given
						b.ReportMetric(float64(memory)/1e6, "live-MB")
					}
					b.ReportMetric(float64(s.Pairs), "triples")
				})
			}
		}
	}
}

// TestTheBenchmarkedPlansJoinTheSame runs what BenchmarkThreeWay does, small.
func TestTheBenchmarkedPlansJoinTheSame(t *testing.T) {
	little, shared := tryThreeWay(t, "skiplist", join.Shared, 900, 3, 4000)
	more, chained := tryThreeWay(t, "skiplist", join.Chained, 900, 3, 4000)
	if shared != chained || shared.Pairs == 0 || more <= little {
		t.Errorf("%+v in %d bytes, chained %+v in %d", shared, little, chained, more)
	}
}

func tryThreeWay(tb testing.TB, engine string, plan join.Plan, inState, fan, events int) (memory int64, s join.Summary) {
	store, err := backends.Open(engine, tb.TempDir(), &statelab.Options{Memory: 1 << 30, Prefix: join.Prefix()})
	if err != nil {
		tb.Fatal(err)
	}
	ttl := time.Duration(inState) * time.Microsecond
	spec := join.Spec{Kind: join.ThreeWay, Plan: plan, TTL: [2]time.Duration{ttl, ttl}, Sources: [2][]time.Duration{join.Right: {0, 0}}}
	op, err := join.New(store, spec, join.Hooks{Sample: func(*join.Sample) error { return nil }})
	r := rand.New(rand.NewPCG(1, 3))
	var key [8]byte
	value := make([]byte, 500)
	for i := 0; err == nil && i < events; i++ {
		binary.BigEndian.PutUint64(key[:], r.Uint64N(uint64(inState/3/fan))*0x9e3779b97f4a7c15)
		e := join.Event{Key: key[:], Time: int64(i), Seq: uint64(i), Value: value}
		if i%3 == 0 {
			err = op.Add(join.Left, e)
			continue
		}
		e.Seq, e.Value = join.SourceSeq(i%3-1, uint64(i)), value[:80]
		err = op.Add(join.Right, e)
	}
	if err == nil {
		err = op.Flush()
	}
	memory = store.Stats().Memory
	if err == nil {
		err = op.Finish()
	}
	if err := errors.Join(err, store.Close()); err != nil {
		tb.Fatal(err)
	}
	return memory, op.Summary()
}
