package join_test

import (
	"fmt"
	"os"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/skiplist"
)

// An impression waits ten minutes for the clicks that label it.
func Example() {
	dir, err := os.MkdirTemp("", "join")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	// Any store will do; lsm.Open and btree.Open keep the state on disk.
	store, err := skiplist.Open(dir, &skiplist.Options{Options: statelab.Options{Prefix: join.Prefix()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	spec := join.Spec{
		Kind:        join.LeftOuter,
		Upper:       10 * time.Minute,
		MaxDisorder: [2]time.Duration{time.Second, time.Second},
	}
	op, err := join.New(store, spec, join.Hooks{
		Sample: func(s *join.Sample) error {
			fmt.Printf("%s: %d clicks\n", s.Left.Key, len(s.Rights))
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	minutes := func(m int64) int64 { return m * 60e6 }
	for seq, e := range []struct {
		side join.Side
		key  string
		at   int64
	}{
		{join.Left, "impression 1", minutes(0)},
		{join.Left, "impression 2", minutes(1)},
		{join.Right, "impression 1", minutes(2)},
		{join.Right, "impression 1", minutes(9)},
		{join.Right, "impression 2", minutes(12)}, // a minute too late to count
	} {
		event := join.Event{Key: []byte(e.key), Time: e.at, Seq: uint64(seq)}
		if err := op.Add(e.side, event); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := op.Finish(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d samples, %d of them positive\n", op.Summary().Samples, op.Summary().MatchedLeft)
	// Output:
	// impression 1: 2 clicks
	// impression 2: 0 clicks
	// 2 samples, 1 of them positive
}
