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

// BenchmarkMatch joins one view with the clicks of the same user on the same item, of which there are fifty. Of nine clicks in
// ten events so many of each user are in state: all of them are read to find the item's, or an index leads to those.
//
//	go test ./join -run '^$' -bench Match -benchtime 1x
func BenchmarkMatch(b *testing.B) {
	for _, engine := range backends.List() {
		for _, each := range []int{10, 100, 1000} {
			for _, match := range []join.Match{join.ByScan, join.ByIndex} {
				b.Run(fmt.Sprintf("%s/clicks=%d/by=%v", engine.Name, each, match), func(b *testing.B) {
					begin := cpuTime(b)
					pairs := tryMatch(b, engine.Name, match, 50_000, each, 200_000)
					b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/200_000, "cpu-us/event")
					b.ReportMetric(float64(pairs), "pairs")
				})
			}
		}
	}
}

// TestTheBenchmarkedMatchesAreTheSame runs what BenchmarkMatch does, small.
func TestTheBenchmarkedMatchesAreTheSame(t *testing.T) {
	scan, index := tryMatch(t, "skiplist", join.ByScan, 500, 100, 3000), tryMatch(t, "skiplist", join.ByIndex, 500, 100, 3000)
	if scan != index || scan == 0 {
		t.Errorf("%d pairs by scan, %d by index", scan, index)
	}
}

// tryMatch adds so many events, of which the last clicks are in state, and returns the pairs.
func tryMatch(tb testing.TB, engine string, match join.Match, clicks, each, events int) int64 {
	store, err := backends.Open(engine, tb.TempDir(), &statelab.Options{Memory: 512 << 20, Prefix: join.Prefix()})
	if err != nil {
		tb.Fatal(err)
	}
	spec := join.Spec{Kind: join.Inner, Match: match, Lower: -time.Duration(clicks) * 10 / 9 * time.Microsecond}
	op, err := join.New(store, spec, join.Hooks{
		Sample:    func(*join.Sample) error { return nil },
		Attribute: func(dst []byte, _ join.Side, e *join.Event) ([]byte, error) { return append(dst, e.Value[0]), nil },
	})
	r := rand.New(rand.NewPCG(1, 2))
	var key [8]byte
	value := make([]byte, 100)
	for i := 0; err == nil && i < events; i++ {
		binary.BigEndian.PutUint64(key[:], r.Uint64N(uint64(clicks/each))*0x9e3779b97f4a7c15)
		value[0] = byte(r.IntN(50))
		side := join.Right
		if i%10 == 0 {
			side = join.Left
		}
		err = op.Add(side, join.Event{Key: key[:], Time: int64(i), Seq: uint64(i), Value: value})
	}
	if err == nil {
		err = op.Finish()
	}
	if err := errors.Join(err, store.Close()); err != nil {
		tb.Fatal(err)
	}
	return op.Summary().Pairs
}
