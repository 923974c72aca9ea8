package lsm

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/vfs"
	"golang.org/x/sys/unix"
)

// amplified is what a policy made of a workload, per logical byte, live byte and
// look-up, and what the models say.
type amplified struct {
	write, space, places float64
	getBlocks            float64 // data blocks looked at for each Get of what is there
	flushes              float64 // that the live bytes are worth
	format               float64 // bytes that a flush writes for each logical byte
	cpu                  float64 // microseconds of processor time for each Put, maintenance included
	getCPU               float64 // for each Get of what is there
}

// workload is what amplify plays.
type workload struct {
	compaction Compaction
	windowed   bool
	records    int // live ones
	valueBytes int
	blobs      int // the threshold
	memory     int64
}

// amplify plays records over a store with inline maintenance: all of them are
// updated time and again, uniformly, and never expire; or each is put once and
// lives until as many others have come.
func amplify(t *testing.T, w workload) (a amplified) {
	const turns, keyBytes = 6, 16
	records, windowed := w.records, w.windowed
	s, err := Open("/store", &Options{Compaction: w.compaction, BlobThreshold: w.blobs, Options: statelab.Options{
		FS: vfs.NewMem(), Memory: w.memory, Maintenance: statelab.MaintenanceInline,
		Compression: statelab.CompressionNone, Prefix: joinPrefix,
	}})
	if err != nil {
		t.Fatal(err)
	}
	draw := rand.New(rand.NewPCG(3, 4))
	keyOf := func(i int) []byte {
		key := binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)
		return binary.BigEndian.AppendUint64(key, uint64(i))
	}
	value := make([]byte, w.valueBytes)
	var b statelab.Batch
	play := func(from, to int, each func()) {
		t.Helper()
		for i := from; i < to; i++ {
			b.Reset()
			if windowed {
				b.Put(keyOf(i), value, int64(i+records))
			} else if i < records {
				b.Put(keyOf(i), value, statelab.NoExpiry)
			} else {
				b.Put(keyOf(draw.IntN(records)), value, statelab.NoExpiry)
			}
			if err := s.Apply(&b); err != nil {
				t.Fatal(err)
			}
			if windowed && i%20 == 0 {
				if err := s.Advance(int64(i)); err != nil {
					t.Fatal(err)
				}
			}
			each()
		}
	}
	play(0, 2*records, func() {})
	before, cpu := s.Stats(), processorTime(t)
	samples, bytes, runs := 0.0, 0.0, 0.0
	play(2*records, turns*records, func() {
		if samples++; int(samples)%50 == 0 {
			v := s.view.Load().version
			bytes += 50 * float64(totalSize(v.runs)+v.blobStats().Bytes)
			runs += 50 * float64(len(v.runs))
		}
	})
	after := s.Stats()
	a.cpu = float64((processorTime(t) - cpu).Nanoseconds()) / 1e3 / float64((turns-2)*records)
	logical := float64(after.LogicalBytes - before.LogicalBytes)
	a.write = float64(after.Written.Flush+after.Written.Compaction-before.Written.Flush-before.Written.Compaction) / logical
	live := float64(records * (keyBytes + w.valueBytes))
	a.space, a.places = bytes/samples/live, runs/samples
	a.flushes = live / (logical / float64(after.Flushes-before.Flushes))
	a.format = float64(after.Written.Flush-before.Written.Flush) / logical
	looked := func() (n int64) {
		for _, kind := range []cache.Kind{dataBlock, blobBlock} {
			c := s.Stats().Cache[kind]
			n += c.Hits + c.Misses
		}
		return n
	}
	from, found, cpu := looked(), 0, processorTime(t)
	for i := range records {
		key := keyOf(i)
		if windowed {
			key = keyOf((turns-1)*records + i)
		}
		if _, err := s.Get(nil, key); err == nil {
			found++
		}
	}
	a.getCPU = float64((processorTime(t) - cpu).Nanoseconds()) / 1e3 / float64(found)
	a.getBlocks = float64(looked()-from) / float64(found)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return a
}

// processorTime returns what the process has spent so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestBlobFilesAreWorthItForLargeValues prints the crossover of docs/LSM.md: what
// writes and space cost with and without blob files, by the size of values. If
// nobody is there to see it, it is content with what it holds them to.
func TestBlobFilesAreWorthItForLargeValues(t *testing.T) {
	const live = 6 << 20 // bytes, three halves of the memory
	for _, windowed := range []bool{false, true} {
		for _, valueBytes := range []int{64, 128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10} {
			if !testing.Verbose() && (valueBytes != 4<<10 || testing.Short() && windowed) {
				continue
			}
			var with [2]amplified
			for i, blobs := range []int{BlobsOff, 1} {
				with[i] = amplify(t, workload{
					compaction: CompactionLeveled, windowed: windowed, records: live / (valueBytes + 16), valueBytes: valueBytes, blobs: blobs, memory: 4 << 20,
				})
			}
			off, on := with[0], with[1]
			t.Logf("windowed %t | %d | %.2f | %.2f | %.2f | %.2f | %.1f | %.1f | %.2f | %.2f | %.1f | %.1f", windowed, valueBytes,
				off.write, on.write, off.space, on.space, off.cpu, on.cpu, off.getBlocks, on.getBlocks, off.getCPU, on.getCPU)
			if valueBytes >= 1<<10 && on.write > off.write*2/3 || on.space > 2.2 {
				t.Errorf("values of %d bytes: with blob files %+v, without %+v", valueBytes, on, off)
			}
		}
	}
}

// predicted is what the models say, where the live bytes are worth n flushes and a
// flush writes so many bytes for each logical byte; docs/LSM.md derives it.
func predicted(c Compaction, windowed bool, n, format float64) (a amplified) {
	tiers := math.Log(n) / math.Log(fanIn)
	switch {
	case c == CompactionWindow && windowed: // of fewer runs than are merged
		a = amplified{write: 1, space: 1 + 1/(2*n), places: n}
	case c == CompactionLeveled: // of two levels, while the data are worth less than 44 flushes
		last := n - levelBase
		a = amplified{write: 1 + 2 + 1 + last/levelBase, space: 1 + (levelBase+float64(fanIn-1)/2)/n, places: 2 + float64(fanIn-1)/2}
	case c == CompactionLazyLeveled:
		a = amplified{write: 1 + (tiers - 1) + 1 + fanIn, space: 1 + 1/(2.0*fanIn), places: 1 + (tiers-1)*(fanIn-1)/2}
	default:
		a = amplified{write: 1 + tiers, space: 1.5, places: 1 + tiers*(fanIn-1)/2}
	}
	a.write, a.space = a.write*format, a.space*format
	return a
}

// TestAmplificationsOfPolicies prints the tables of docs/LSM.md, and holds them to
// the models.
func TestAmplificationsOfPolicies(t *testing.T) {
	for what, windowed := range map[string]bool{"updates": false, "window": true} {
		for _, c := range everyCompaction() {
			if testing.Short() && windowed != (c == CompactionWindow) {
				continue
			}
			a := amplify(t, workload{compaction: c, windowed: windowed, records: 12_000, valueBytes: 100, memory: 1 << 20})
			p := predicted(c, windowed, a.flushes, a.format)
			t.Logf("%s | `%v` | %.2f | %.2f | %.2f | %.2f | %.1f | %.1f | %.2f | (n %.1f, f %.2f)",
				what, c, a.write, p.write, a.space, p.space, a.places, p.places, a.getBlocks, a.flushes, a.format)
			if a.write > 1.15*p.write || a.write < 0.55*p.write || math.Abs(a.space-p.space) > 0.35 || math.Abs(a.places-p.places) > 1 || a.getBlocks > 1.1 {
				t.Errorf("%s: %v is far from its model: %+v, predicted %+v", what, c, a, p)
			}
		}
	}
}
