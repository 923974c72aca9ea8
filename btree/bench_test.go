package btree

import (
	"encoding/binary"
	"io"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// benchKeys is small enough that `go test -bench . -benchtime 1x` is quick.
const benchKeys = 20_000

// benchKey spreads keys over the whole range.
func benchKey(dst []byte, i int) []byte {
	return binary.BigEndian.AppendUint64(dst[:0], uint64(i)*0x9e3779b97f4a7c15)
}

func benchStore(b *testing.B, memory int64) *Store {
	s := mustOpen(b, vfs.NewMem(), Options{Options: statelab.Options{Memory: memory}})
	b.Cleanup(func() {
		if err := s.Check(); err != nil {
			b.Error(err)
		}
		s.Close()
	})
	var batch statelab.Batch
	var key []byte
	for i := range benchKeys {
		batch.Reset()
		key = benchKey(key, i)
		batch.Put(key, key, statelab.NoExpiry)
		mustDo(b, s.Apply(&batch))
	}
	mustDo(b, s.Sync())
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

// The pool of a benchmark holds the whole tree, or an eighth of it.
var benchPools = []struct {
	name   string
	memory int64
}{{"cached", 8 << 20}, {"eighth", 160 << 10}}

func BenchmarkGet(b *testing.B) {
	for _, p := range benchPools {
		b.Run(p.name, func(b *testing.B) {
			s := benchStore(b, p.memory)
			var key, value []byte
			for i := 0; b.Loop(); i++ {
				key = benchKey(key, i%benchKeys)
				var err error
				if value, err = s.Get(value[:0], key); err != nil || string(value) != string(key) {
					b.Fatalf("Get(%x) = %x, %v", key, value, err)
				}
			}
		})
	}
}

func BenchmarkProbe(b *testing.B) {
	s := benchStore(b, 8<<20)
	var key []byte
	for i := 0; b.Loop(); i++ {
		key = benchKey(key, i%benchKeys)
		it, err := s.Iter(statelab.PrefixRange(key))
		mustDo(b, err)
		if !it.Next() || string(it.Value()) != string(key) || it.Next() {
			b.Fatalf("probe of %x ends on %x, %v", key, it.Key(), it.Err())
		}
		it.Close()
	}
}

func BenchmarkPut(b *testing.B) {
	for _, p := range benchPools {
		b.Run(p.name, func(b *testing.B) {
			s := benchStore(b, p.memory)
			var batch statelab.Batch
			var key []byte
			for i := 0; b.Loop(); i++ {
				batch.Reset()
				key = benchKey(key, i*7%(2*benchKeys))
				batch.Put(key, key, int64(i+benchKeys))
				mustDo(b, s.Apply(&batch))
				if i%1000 == 0 {
					mustDo(b, s.Advance(int64(i)))
				}
			}
		})
	}
}

// BenchmarkLoad makes a store of records in the order of their keys, by Load and
// by Apply, and counts the bytes of pages written for each byte of keys and elements.
func BenchmarkLoad(b *testing.B) {
	const records = 20_000
	key, value := []byte(nil), make([]byte, 100)
	ordered := func(i int) []byte { return binary.BigEndian.AppendUint64(key[:0], uint64(i)) }
	report := func(b *testing.B, written int64) {
		b.SetBytes(records * 108)
		b.ReportMetric(float64(written)/(records*108), "written/byte")
	}
	b.Run("Load", func(b *testing.B) {
		var fs countingFS
		for b.Loop() {
			fs = countingFS{FS: vfs.NewMem()}
			i := -1
			o := Options{Options: statelab.Options{FS: &fs, Memory: 1 << 20}}
			mustDo(b, Load("/s", &o, 0, func() (statelab.Op, error) {
				if i++; i == records {
					return statelab.Op{}, io.EOF
				}
				return statelab.Op{Kind: statelab.OpPut, Key: ordered(i), Value: value, ExpireAt: statelab.NoExpiry}, nil
			}))
		}
		report(b, fs.written)
	})
	b.Run("Apply", func(b *testing.B) {
		var batch statelab.Batch
		written := int64(0)
		for b.Loop() {
			s := mustOpen(b, vfs.NewMem(), Options{Options: statelab.Options{Memory: 1 << 20}})
			for i := range records {
				if batch.Put(ordered(i), value, statelab.NoExpiry); i%100 == 99 {
					mustDo(b, s.Apply(&batch))
					batch.Reset()
				}
			}
			mustDo(b, s.Sync())
			written = s.Stats().Written.Page
			mustDo(b, s.Close())
		}
		report(b, written)
	})
}
