package memstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/vfs"
)

// TestCheckNamesWhatIsBroken breaks each invariant in memory.
func TestCheckNamesWhatIsBroken(t *testing.T) {
	newest := func(r *records, ref arena.Ref) *element { return r.elem(r.rec(ref).newest()) }
	second := func(r *records, ref arena.Ref) *element { return r.elem(arena.Ref(newest(r, ref).older.Load())) }
	for name, c := range map[string]struct {
		want string
		harm func(r *records, ref arena.Ref) // of the record k, which has three elements
	}{
		"record without elements": {"R1", func(r *records, ref arena.Ref) {
			empty, err := r.keys().NewRecord([]byte("empty"), 0)
			must(t, err)
			must(t, r.index.Insert(empty))
		}},
		"link to the newer":          {"R2", func(r *records, ref arena.Ref) { r.appended(arena.Ref(newest(r, ref).older.Load())).newer = ref }},
		"order of births":            {"R2", func(r *records, ref arena.Ref) { second(r, ref).setBorn(99) }},
		"element that is lost":       {"R2", func(r *records, ref arena.Ref) { newest(r, ref).form = withFirst }},
		"element that leads nowhere": {"R2", func(r *records, ref arena.Ref) { newest(r, ref).older.Store(0) }},
		"replaced, in the index":     {"R3", func(r *records, ref arena.Ref) { r.unmarkDirty(ref, r.rec(ref)); r.rec(ref).state = recordReplaced }},
		"replaced, and leads astray": {"R3", func(r *records, ref arena.Ref) {
			var v openView
			r.open(&v, false)
			put := statelab.Op{Kind: statelab.OpPut, Key: []byte("k"), ExpireAt: never}
			must(t, r.prepareStep(put, nextSeq(r.seq.Load())))
			r.commit()
			r.rec(ref).prev = ref
		}},
		"ended, no garbage":  {"R5", func(r *records, ref arena.Ref) { r.rec(ref).extra.Store(99) }},
		"garbage in no list": {"R4", func(r *records, ref arena.Ref) { newest(r, ref).flags |= elementGarbage }},
		"holder of garbage": {"R4", func(r *records, ref arena.Ref) {
			var older, newer openView
			r.open(&older, false)
			r.open(&newer, false)
			r.bury(ref, nextSeq(r.seq.Load()))
			newer.held, older.held = older.held, newer.held
			newer.bytes, older.bytes = older.bytes, newer.bytes
		}},
		"bytes that are pinned":  {"R4", func(r *records, ref arena.Ref) { r.views.pinned++ }},
		"dirty, not listed":      {"R6", func(r *records, ref arena.Ref) { r.dirty = grainSet{} }},
		"slot of an expiry":      {"R7", func(r *records, ref arena.Ref) { *second(r, ref).expiry() = -5 }},
		"bit of a slot":          {"R7", func(r *records, ref arena.Ref) { r.wheel.used[3][0] |= 1 }},
		"bytes that are live":    {"R8", func(r *records, ref arena.Ref) { r.size++ }},
		"bound of a record":      {"R8", func(r *records, ref arena.Ref) { newest(r, ref).extra.Store(2) }},
		"bytes of elements":      {"R8", func(r *records, ref arena.Ref) { newest(r, ref).size += 64 }},
		"memory that was leaked": {"R8", func(r *records, ref arena.Ref) { r.mem.Alloc(10) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, vfs.NewMem(), nil)
			defer s.Close()
			put(t, s, "k", "one", never)
			add(t, s, "k", "two", 500)
			add(t, s, "k", "three", never)
			must(t, s.Check())
			c.harm(&s.records, s.records.index.Find([]byte("k")))
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %s", err, c.want)
			}
		})
	}
}

func TestCheckReadsTheFiles(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs, func(o *Options) { o.LogLimit = 1 })
	for range 2 {
		put(t, s, "k", strings.Repeat("v", 100), never)
		must(t, s.Sync()) // the second time the log is too long
	}
	put(t, s, "j", "w", never)
	must(t, s.Sync()) // not long enough again
	must(t, s.Check())
	for _, name := range []string{"/store/000002.snap", "/store/LOG/000002.log"} {
		flip(t, fs, name, 40)
		var corrupt *statelab.CorruptError
		if err := s.Check(); !errors.As(err, &corrupt) || corrupt.File != name {
			t.Errorf("with a damaged %s: %v", name, err)
		}
		flip(t, fs, name, 40)
	}
}

// flip flips a bit of a file.
func flip(t *testing.T, fs vfs.FS, name string, off int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	must(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], off)
	must(t, err)
	b[0] ^= 4
	_, err = f.WriteAt(b[:], off)
	must(t, err)
	must(t, f.Close())
}
