package mrc

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/vfs"
)

// A stream is accesses as a store tells of them; the first warm of them come
// before what counts.
type stream struct {
	name     string
	accesses []statelab.BlockAccess
	warm     int
}

const (
	testBlock  = 4 << 10
	valueBytes = 1000 // of the engines' records
)

func (s *stream) lookUp(block int) {
	s.accesses = append(s.accesses, statelab.BlockAccess{Kind: "data", Block: uint64(block), Bytes: testBlock, Event: statelab.BlockMiss})
}

// zipfStream looks blocks up by a Zipf law, of which the popular ones lie
// anywhere.
func zipfStream(seed uint64, n int) stream {
	s := stream{name: "zipf"}
	r := rand.New(rand.NewPCG(seed, 1))
	z := rand.NewZipf(r, 1.05, 8, 1_000_000-1)
	for range n {
		s.lookUp(int(mix(z.Uint64()) >> 20))
	}
	return s
}

func uniformStream(seed uint64, n int) stream {
	s := stream{name: "uniform"}
	r := rand.New(rand.NewPCG(seed, 2))
	for range n {
		s.lookUp(r.IntN(100_000))
	}
	return s
}

// mixedStream has scans of blocks that are not used again, two loops, and
// popular blocks.
func mixedStream(seed uint64, n int) stream {
	s := stream{name: "scans and loops"}
	r := rand.New(rand.NewPCG(seed, 3))
	z := rand.NewZipf(r, 1.2, 4, 40_000)
	scan, short, long := 1_000_000, 0, 0
	for len(s.accesses) < n {
		switch r.IntN(4) {
		case 0:
			for range 64 {
				s.lookUp(scan)
				scan++
			}
		case 1:
			for range 64 {
				s.lookUp(100_000 + short%18_000)
				short++
			}
		case 2:
			for range 64 {
				s.lookUp(200_000 + long%60_000)
				long++
			}
		default:
			for range 64 {
				s.lookUp(int(z.Uint64()))
			}
		}
	}
	return s
}

// engineStream is what a real engine tells while its records die and come, and
// are looked up, some far more often than others.
func engineStream(t testing.TB, spec string, seed uint64, records, lookUps int) stream {
	t.Helper()
	s := stream{name: spec}
	store, err := backends.Open(spec, "/store", &statelab.Options{
		FS: vfs.NewMem(), Maintenance: statelab.MaintenanceInline,
		OnBlockAccess: func(a statelab.BlockAccess) { s.accesses = append(s.accesses, a) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := rand.New(rand.NewPCG(seed, 4))
	popular := rand.NewZipf(r, 1.1, 100, uint64(records-1))
	e := engine{t: t, store: store, value: make([]byte, valueBytes)}
	for i := range records {
		e.put(i, i+records)
	}
	for i := range lookUps {
		if i == lookUps/2 {
			s.warm = len(s.accesses)
		}
		if i%8 == 0 {
			e.put(records+i/8, 2*records+i/8)
			e.do(store.Advance(int64(records + i/8)))
		}
		e.get(i/8 + int(mix(popular.Uint64())%uint64(records)))
	}
	n := len(s.accesses)
	s.accesses = s.accesses[:n:n] // not those of Close
	return s
}

type engine struct {
	t     testing.TB
	store statelab.Store
	batch statelab.Batch
	value []byte
	key   []byte
}

func (e *engine) do(err error) {
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) keyOf(i int) []byte {
	e.key = binary.BigEndian.AppendUint64(e.key[:0], mix(uint64(i)))
	return e.key
}

func (e *engine) put(i, expire int) {
	e.batch.Reset()
	e.batch.Put(e.keyOf(i), e.value, int64(expire))
	e.do(e.store.Apply(&e.batch))
}

func (e *engine) get(i int) {
	var err error
	e.value, err = e.store.Get(e.value[:0], e.keyOf(i))
	if err == statelab.ErrNotFound {
		e.value, err = e.value[:valueBytes], nil
	}
	e.do(err)
}

// traceOf returns the trace that a sampler within these limits makes of a stream.
func traceOf(t testing.TB, s stream, l Limits, seed uint64) *Trace {
	t.Helper()
	sampler, err := NewSampler(l, seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sampler.Close)
	for i, a := range s.accesses {
		if i == s.warm {
			sampler.Begin()
		}
		sampler.Record(a)
	}
	return sampler.Trace()
}

// everything is limits that no test reaches: the trace is exact.
var everything = Limits{Blocks: 1 << 22, Events: 1 << 24}

func (s stream) String() string { return fmt.Sprintf("%s, %d accesses", s.name, len(s.accesses)) }
