//go:build !race

// Under the race detector a sync.Pool forgets some of what it is given, on
// purpose, so that allocations cannot be counted there.

package lsm

import (
	"encoding/binary"
	"testing"

	"github.com/statelab/statelab"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	const joinKeys = 5000
	told := 0
	s := filled(t, Options{Options: statelab.Options{
		Memory: 2 << 20, OnBlockAccess: func(a statelab.BlockAccess) { told += a.Bytes },
	}}, joinKeys)
	if n := len(s.view.Load().version.runs); n < 2 {
		t.Fatalf("only %d runs: the test would show little", n)
	}
	var buf []byte
	key, i := make([]byte, 0, 16), 0
	next := func(joinKey int) []byte {
		key = binary.BigEndian.AppendUint64(key[:0], uint64(joinKey)*0x9e3779b97f4a7c15)
		i++
		return key
	}
	var some [][]byte // whose blocks stay in the cache
	for i := range 40 {
		some = append(some, recordKey(i*joinKeys/40, 0))
	}
	found := 0
	count := func(int, []byte) { found++ }
	var b statelab.Batch
	for _, c := range []struct {
		name string
		most float64
		do   func()
	}{
		{"Get", 0, func() {
			var err error
			if buf, err = s.Get(buf[:0], append(next(i%joinKeys), 1)); err != nil {
				t.Fatal(err)
			}
		}},
		{"Get of what is not there", 0, func() { s.Get(buf[:0], append(next(i), 9)) }},
		{"MultiGet", 0, func() {
			found = 0
			if err := s.MultiGet(some, count); err != nil || found != len(some) {
				t.Fatalf("%d of %d keys, %v", found, len(some), err)
			}
		}},
		{"probe", 0, func() {
			r := statelab.Range{Lower: next(i % joinKeys)}
			r.Upper = statelab.AppendSuccessor(key[len(key):], r.Lower)
			it, err := s.Iter(r)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for it.Next() {
				n++
			}
			if n != 4 {
				t.Fatalf("probe finds %d records", n)
			}
			it.Close()
		}},
		{"Apply", 0, func() {
			b.Reset()
			b.Append(append(next(i%joinKeys), 2), []byte("x"), 1)
			if err := s.Apply(&b); err != nil {
				t.Fatal(err)
			}
		}},
		{"Advance", 0, func() { s.Advance(int64(i)) }},
	} {
		for range 200 {
			c.do()
		}
		if got := testing.AllocsPerRun(500, c.do); got > c.most {
			t.Errorf("%s allocates %v times, want at most %v", c.name, got, c.most)
		}
	}
	if told == 0 {
		t.Error("nothing was told of blocks")
	}
}
