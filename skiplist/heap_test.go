package skiplist

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestRecordsAreNoHeapObjects counts what the collector sees of many records
// with expiries, most of them changed since the last Sync.
func TestRecordsAreNoHeapObjects(t *testing.T) {
	const records, inBatch = 300_000, 1000
	before := heapObjects()
	s, err := Open("/s", &Options{Options: statelab.Options{FS: vfs.NewMem()}})
	if err != nil {
		t.Fatal(err)
	}
	var (
		b   statelab.Batch
		key [8]byte
	)
	for i := 0; i < records; {
		b.Reset()
		for range inBatch {
			binary.BigEndian.PutUint64(key[:], uint64(i)*0x9e3779b97f4a7c15)
			b.Put(key[:], []byte("some value"), int64(i))
			b.Append(key[:], []byte("and more"), int64(2*i))
			i++
		}
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
	}
	if n := heapObjects() - before; n > 2000 {
		t.Errorf("%d records are %d objects on the Go heap", records, n)
	}
	if n := s.Stats().Records; n != records {
		t.Errorf("%d records, want %d", n, records)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func heapObjects() int64 {
	runtime.GC()
	runtime.GC() // so that what finalizers held is gone too
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapObjects)
}
