package btree

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
	"golang.org/x/sys/unix"
)

// BenchmarkScan goes over all records of a tree ten times its pool, whose leaves are scattered
// over the file, and in order: warm, with the file in the kernel's page cache, and
// cold. It reports the time of a record, which tells something on a machine
// that does nothing else, and how many leaves were read and in how many runs of neighbours
// they stand, which are the same on all.
func BenchmarkScan(b *testing.B) {
	const records = 30_000
	dir := filepath.Join(b.TempDir(), "s")
	s := scatter(b, dir, vfs.OS, Options{Options: statelab.Options{Memory: 1 << 20}}, records, 30, records/30)
	defer s.Close()
	file, err := os.Open(filepath.Join(dir, treeName))
	mustDo(b, err)
	defer file.Close()
	for _, order := range []string{"scattered", "adjacent"} {
		if order == "adjacent" {
			mustDo(b, s.Defragment())
			mustDo(b, s.Sync())
		}
		st := s.Stats()
		for _, state := range []string{"warm", "cold"} {
			b.Run(order+"/"+state, func(b *testing.B) {
				before := leafMisses(s)
				for b.Loop() {
					if state == "cold" {
						b.StopTimer()
						mustDo(b, unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED))
						b.StartTimer()
					}
					if n := scanAll(b, s); n != records {
						b.Fatalf("%d records", n)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*records), "ns/record")
				b.ReportMetric(float64(leafMisses(s)-before)/float64(b.N), "leaves/op")
				b.ReportMetric(float64(st.Leaves-st.AdjacentLeaves), "runs")
			})
		}
	}
}

// leafMisses returns how many leaves were read from the file.
func leafMisses(s *Store) int64 { return s.Stats().Cache[countLeaf].Misses }

func scanAll(b *testing.B, s *Store) (n int) {
	it, err := s.Iter(statelab.Range{})
	mustDo(b, err)
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	mustDo(b, it.Err())
	return n
}
