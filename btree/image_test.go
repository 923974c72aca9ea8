package btree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/wal"
	"github.com/statelab/statelab/vfs"
)

func inPlace(o Options) Options {
	o.Update = UpdateInPlace
	if o.LogLimit == 0 {
		o.LogLimit = MinLogLimit
	}
	return o
}

// putAll puts so many records, with a Sync behind every hundredth.
func putAll(t *testing.T, s *Store, records int, value string) {
	t.Helper()
	for i := range records {
		mustPut(t, s, fmt.Sprintf("key %05d", i*7919%records), value, statelab.NoExpiry)
		if i%100 == 99 {
			mustDo(t, s.Sync())
		}
	}
	mustDo(t, s.Sync())
}

// expectAll compares all there is with what putAll has put.
func expectAll(t *testing.T, s *Store, records int, value string) {
	t.Helper()
	for i := range records {
		mustGet(t, s, fmt.Sprintf("key %05d", i), value)
	}
	mustDo(t, s.Check())
}

// overwritten returns the pages of which there are images.
func overwritten(t *testing.T, fs vfs.FS) map[uint32]int {
	t.Helper()
	ids := map[uint32]int{}
	numbers, err := fs.List("/s/" + imagesName)
	mustDo(t, err)
	first := uint64(0)
	if _, err := fmt.Sscanf(numbers[0], "%d.log", &first); err != nil {
		t.Fatalf("the log of images begins with %q", numbers[0])
	}
	mustDo(t, wal.Frames(fs, "/s/"+imagesName, first, func(f wal.Frame) error {
		if f.Kind == wal.KindRecord {
			id, _, err := decodeImage(f.Payload, DefaultPageSize, 1<<20)
			mustDo(t, err)
			ids[id]++
		}
		return nil
	}))
	return ids
}

// TestTornPagesArePutBack kills a process that has written pages over those of the last
// commit, and leaves half of each of them, or none, or bytes of nobody.
func TestTornPagesArePutBack(t *testing.T) {
	const records = 1500
	old := strings.Repeat("old ", 50)
	fs := vfs.NewMem()
	s := mustOpen(t, fs, inPlace(Options{LogLimit: 256 << 10}))
	putAll(t, s, records, old)
	for i := range records {
		mustPut(t, s, fmt.Sprintf("key %05d", i), fmt.Sprintf("new, which no Sync has covered %0200d", i), statelab.NoExpiry)
	}
	mustDo(t, s.Check())
	killed := fs.Kill()
	mustDo(t, s.Close())

	pages := overwritten(t, killed)
	if len(pages) < 8 {
		t.Fatalf("only %d pages were overwritten", len(pages))
	}
	for id, images := range pages {
		if images != 1 {
			t.Fatalf("page %d has %d images", id, images)
		}
		rewrite(t, killed, treeFile, int64(id)*DefaultPageSize, func(b []byte) {
			switch id % 3 {
			case 0:
				copy(b[len(b)/2:], bytes.Repeat([]byte{0xa5}, len(b)/2))
			case 1:
				clear(b)
			default:
				copy(b, bytes.Repeat([]byte("no page"), len(b)/7))
			}
		})
	}
	for range 2 { // the second finds the images again, and more written over them
		s = mustOpen(t, killed, inPlace(Options{LogLimit: 256 << 10}))
		expectAll(t, s, records, old)
		for i := range records {
			mustPut(t, s, fmt.Sprintf("key %05d", i), fmt.Sprintf("not covered either %0200d", i), statelab.NoExpiry)
		}
		killed = killed.Kill()
		mustDo(t, s.Close())
	}
}

// TestACommitInPlaceCutShortAnywhere cuts the power behind each file operation of a Sync
// that is a commit, of everything or a fuzzy one, and of the opening after it.
func TestACommitInPlaceCutShortAnywhere(t *testing.T) {
	for _, fuzzy := range []bool{false, true} {
		t.Run(fmt.Sprintf("fuzzy=%t", fuzzy), func(t *testing.T) { cutShort(t, fuzzy) })
	}
}

func cutShort(t *testing.T, fuzzy bool) {
	const records = 200
	o := inPlace(Options{LogLimit: 256 << 10})
	o.Memory = 512 << 10
	mem := vfs.NewMem()
	cut := func() {}
	traced := vfs.NewTrace(mem, func(op vfs.TraceOp) {
		if op.Op != vfs.OpRead {
			cut()
		}
	})
	s := mustOpen(t, traced, o)
	defer s.Close()
	putAll(t, s, records, "old")
	s.redo.unlogged = !fuzzy // so that the next Sync is a commit
	for i := range records {
		mustPut(t, s, fmt.Sprintf("key %05d", i), "new", statelab.NoExpiry)
	}
	if fuzzy {
		mustDo(t, s.mergeNext()) // so that keys are merged differently far
		s.redo.bytesSinceCommit = o.LogLimit
	}
	points, commits := 0, s.Stats().Flushes
	cut = func() {
		points++
		for _, left := range []*vfs.Mem{mem.Kill(), mem.PowerCutStrict(), mem.PowerCut(int64(points))} {
			for range 2 {
				r := mustOpen(t, left, o)
				v, err := r.Get(nil, []byte("key 00000"))
				mustDo(t, err)
				expectAll(t, r, records, string(v))
				left = left.PowerCut(int64(points))
				mustDo(t, r.Close())
			}
		}
	}
	mustDo(t, s.Sync())
	cut = func() {}
	if now := s.Stats().Flushes; now != commits+1 || points < 8 || s.tree.durable.fuzzy != fuzzy {
		t.Fatalf("%d commits in %d operations", now-commits, points)
	}
}

// TestAFailedReadOfWhatIsOverwrittenFailsTheSyncAlone fails each read of a Sync that is a
// commit in turn: nothing was lost, and the next one is as if nothing had been.
func TestAFailedReadOfWhatIsOverwrittenFailsTheSyncAlone(t *testing.T) {
	const records = 600
	faulty := vfs.NewFaulty(vfs.NewMem())
	s := mustOpen(t, faulty, inPlace(Options{}))
	defer s.Close()
	putAll(t, s, records, "old")
	failed := 0
	for n := int64(1); n < 200; n++ {
		s.redo.unlogged = true
		value := fmt.Sprint("new ", n)
		for i := range records {
			mustPut(t, s, fmt.Sprintf("key %05d", i), value, statelab.NoExpiry)
		}
		faulty.Fail(vfs.Fault{Op: vfs.OpRead, N: n})
		err := s.Sync()
		faulty.Heal()
		if err == nil {
			break // there were not so many
		}
		failed++
		if !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		mustDo(t, s.Check())
		mustDo(t, s.Sync())
		expectAll(t, s, records, value)
	}
	if failed < 3 {
		t.Errorf("%d Syncs failed", failed)
	}
}

// TestRecoveryInPlaceReadsTheLogs opens a store of some size that was killed: what it reads
// is bounded by what the logs may hold, not by the state.
func TestRecoveryInPlaceReadsTheLogs(t *testing.T) {
	const records = 4000
	fs := vfs.NewMem()
	s := mustOpen(t, fs, inPlace(Options{}))
	putAll(t, s, records, string(make([]byte, 400)))
	size := s.Stats().Disk
	if logged := s.logged(); logged > 2*MinLogLimit {
		t.Errorf("the logs have %d bytes", logged)
	}
	killed := fs.Kill()
	mustDo(t, s.Close())
	s = mustOpen(t, killed, inPlace(Options{}))
	defer s.Close()
	if read := s.Stats().ReadBytes; read > 3*MinLogLimit || size < 8*read {
		t.Errorf("%d bytes were read to open a store of %d", read, size)
	}
}

// TestImagesAreBounded changes all of a state many times as long as the logs may be
// between two Syncs, with a write buffer and without, and kills the process: the opening reads
// no more than both logs may hold, and finds what the first of the Syncs has covered.
func TestImagesAreBounded(t *testing.T) {
	const records, beside = 3000, 64 << 10 // bytes of roots, maps and headers
	for _, buffer := range []int64{0, WriteBufferOff} {
		fs := vfs.NewMem()
		o := inPlace(Options{WriteBuffer: buffer})
		o.Memory = 256 << 10
		s := mustOpen(t, fs, o)
		old := strings.Repeat("old ", 100)
		putAll(t, s, records, old)
		size := s.tree.size.Load()
		for i := range records {
			mustPut(t, s, fmt.Sprintf("key %05d", i*7919%records), strings.Repeat("new ", 100), statelab.NoExpiry)
		}
		mustDo(t, s.Check())
		if images := s.tree.images.size(); images > MinLogLimit || images < MinLogLimit/2 {
			t.Errorf("write_buffer=%d: the log of images has %d bytes", buffer, images)
		}
		killed := fs.Kill()
		mustDo(t, s.Close())
		s = mustOpen(t, killed, o)
		if read := s.Stats().ReadBytes; read > 2*MinLogLimit+beside || size < 5*read {
			t.Errorf("write_buffer=%d: %d bytes were read to open a store of %d", buffer, read, size)
		}
		expectAll(t, s, records, old)
		mustDo(t, s.Close())
	}
}

// TestASyncInPlaceWritesTheLogAlone has a Sync between two commits, and one with nothing new.
func TestASyncInPlaceWritesTheLogAlone(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), inPlace(Options{}))
	defer s.Close()
	mustDo(t, s.Sync())
	before := s.Stats().Written
	mustPut(t, s, "k", "v", statelab.NoExpiry)
	mustDo(t, s.Sync())
	after := s.Stats().Written
	if grown := after.Log - before.Log; grown == 0 || grown > 200 || after.Total()-before.Total() != grown {
		t.Errorf("a Sync of one record wrote %+v, then %+v", before, after)
	}
	mustDo(t, s.Sync())
	if again := s.Stats().Written; again != after {
		t.Errorf("a Sync of nothing wrote %+v, then %+v", after, again)
	}
}

// TestWhatNoSyncCoversIsNeverSeenInPlace kills a process whose log has more in its file
// than the last Sync covered.
func TestWhatNoSyncCoversIsNeverSeenInPlace(t *testing.T) {
	fs := vfs.NewMem()
	o := inPlace(Options{LogLimit: 1 << 20})
	s := mustOpen(t, fs, o)
	putAll(t, s, 100, "old")
	for i := range 600 {
		mustPut(t, s, fmt.Sprintf("key %05d", i%100), strings.Repeat("new ", 250), statelab.NoExpiry)
	}
	if s.redo.unlogged || s.Stats().Written.Log < 300<<10 {
		t.Fatalf("%d bytes of log were written", s.Stats().Written.Log)
	}
	killed := fs.Kill()
	mustDo(t, s.Close())
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityAlways, statelab.DurabilityCheckpoint} {
		o.Durability = d
		s = mustOpen(t, killed, o)
		expectAll(t, s, 100, "old")
		mustPut(t, s, "another", d.String(), statelab.NoExpiry)
		mustDo(t, s.Sync())
		mustDo(t, s.Close())
	}
}

// TestNothingIsLoggedBetweenSyncsThatAreFar puts more than the log may hold before each
// Sync, which is a commit then: a log would be in vain.
func TestNothingIsLoggedBetweenSyncsThatAreFar(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs, inPlace(Options{}))
	log := func(puts int) int64 {
		before := s.Stats().Written.Log
		for i := range puts {
			mustPut(t, s, fmt.Sprint("key", i), string(make([]byte, 1000)), statelab.NoExpiry)
		}
		mustDo(t, s.Sync())
		return s.Stats().Written.Log - before
	}
	if first := log(100); first > MinLogLimit+4096 {
		t.Errorf("%d bytes of a log that is given up", first)
	}
	if second := log(100); second > 200 { // the headers of segments
		t.Errorf("%d bytes of log in vain", second)
	}
	if log(10); s.redo.unlogged {
		t.Error("Syncs that are near each other are not logged")
	}
	if near := log(10); near < 10_000 {
		t.Errorf("%d bytes of log for 10 records of 1,000", near)
	}
	killed := fs.Kill()
	mustDo(t, s.Close())
	s = mustOpen(t, killed, inPlace(Options{}))
	mustGet(t, s, "key99", string(make([]byte, 1000)))
	mustDo(t, s.Check())
	mustDo(t, s.Close())
}

func TestUpdateIsFixed(t *testing.T) {
	for _, made := range []Update{UpdateCOW, UpdateInPlace} {
		fs := vfs.NewMem()
		s := mustOpen(t, fs, Options{Update: made})
		putAll(t, s, 200, "v")
		mustDo(t, s.Checkpoint("/copy"))
		mustDo(t, s.Close())
		for _, dir := range []string{"/s", "/copy"} {
			if _, err := openIn(dir, fs, Options{Update: 1 - made}); !errors.Is(err, statelab.ErrMismatch) {
				t.Errorf("%s, made with %s, is opened with the other: %v", dir, made, err)
			}
			s, err := openIn(dir, fs, Options{Update: made})
			mustDo(t, err)
			expectAll(t, s, 200, "v")
			putAll(t, s, 300, "w")
			mustDo(t, s.Close())
		}
	}
}

// TestALoadedStoreIsUpdatedInPlace overwrites what Load has written, under every durability.
func TestALoadedStoreIsUpdatedInPlace(t *testing.T) {
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways} {
		fs := vfs.NewMem()
		o := inPlace(withDurability(d))
		o.FS = fs
		n := 0
		mustDo(t, Load("/s", &o, 0, func() (statelab.Op, error) {
			if n == 500 {
				return statelab.Op{}, io.EOF
			}
			n++
			return statelab.Op{Kind: statelab.OpPut, Key: fmt.Appendf(nil, "key %05d", n-1), Value: []byte("v"), ExpireAt: statelab.NoExpiry}, nil
		}))
		for _, value := range []string{"v", "w", "x"} {
			s := mustOpen(t, fs, o)
			expectAll(t, s, 500, value)
			putAll(t, s, 500, string(value[0]+1))
			fs = fs.Kill()
			mustDo(t, s.Close())
		}
	}
}

// TestAMissingImageIsFoundOut changes a page of the last commit behind the tree's back.
func TestAMissingImageIsFoundOut(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), inPlace(Options{}))
	defer s.Close()
	putAll(t, s, 500, "v")
	for id := uint32(firstPage); id < s.tree.space.end.Load(); id++ {
		if s.tree.isBare(id) {
			clearBit(s.tree.space.bare, id)
			if err := s.Check(); err == nil {
				t.Errorf("page %d of the last commit is nowhere, and Check is content", id)
			}
			setBit(s.tree.space.bare, id)
		}
	}
	mustDo(t, s.Check())
}

func TestAnImageIsAsDocumented(t *testing.T) {
	record := make([]byte, imageHeader+DefaultPageSize)
	encodeImageID(record, 5)
	p := page(record[imageHeader:])
	p.setRef(ref{id: 5})
	p.seal()
	if want := []byte{5, 0, 0, 0}; !bytes.Equal(record[:4], want) || !bytes.Equal(record[8:12], want) || p.u32(0) == 0 {
		t.Errorf("an image begins with % x", record[:20])
	}
	id, got, err := decodeImage(record, DefaultPageSize, 6)
	if err != nil || id != 5 || !got.sealed() {
		t.Errorf("page %d, %v", id, err)
	}
}

// FuzzImage reads any bytes as a record of the log of images.
func FuzzImage(f *testing.F) {
	f.Add([]byte{5, 0, 0, 0, 1, 2, 3, 4})
	f.Add([]byte{1, 0, 0, 0, 1, 2, 3, 4})
	f.Add([]byte{5, 0, 0})
	f.Fuzz(func(t *testing.T, record []byte) {
		id, p, err := decodeImage(record, 4, 100)
		if err == nil && (id < firstPage || id >= 100 || len(p) != 4) {
			t.Fatalf("% x is an image of page %d, of %d bytes", record, id, len(p))
		}
	})
}
