package storetest

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// flawSet is what a mutant does wrong inside the reference store.
type flawSet struct {
	changeRecord func(watermark int64, old, next *refRecord, op statelab.Op)
	expired      func(expireAt, watermark int64) bool

	timeFlowsBack   bool // Advance to less than the watermark sets it
	losesTime       bool // an image leaves the watermark out
	snapshotsMove   bool // records change under iterators
	iterSeesTime    bool // iterators see elements die
	iterRunsAway    bool // Next goes on past the end
	iterOutlives    bool // iterators go on after Close
	pinsForEver     bool // no iterator is ever too old
	noBudget        bool // Memory bounds nothing
	logGrows        bool // the log is never shortened
	keepsOld        bool // generations are not removed
	halfBatches     bool // what can be read of a torn frame is applied
	trustsCache     bool // a log that was read back is not synced
	overwrites      bool // Checkpoint writes into what exists
	forgetsFailures bool // a failed write makes the one call fail
	noChecksum      bool // checksums are not compared
	trips           bool // an unfinished file makes opening fail
	writesAnyhow    bool // images are in no order
}

// A mutant is a store that breaks a clause, and keeps most others.
type mutant struct {
	clause string
	name   string
	open   func(dir string, o *statelab.Options) (statelab.Store, error)
	in     string // the clause whose cases must find it, if not its own
}

// flawed is a mutant that is wrong inside.
func flawed(f flawSet) func(string, *statelab.Options) (statelab.Store, error) {
	return func(dir string, o *statelab.Options) (statelab.Store, error) { return openFlawed(dir, o, f) }
}

// records is a mutant whose operations make records other than they should.
func records(change func(watermark int64, old, next *refRecord, op statelab.Op)) func(string, *statelab.Options) (statelab.Store, error) {
	return flawed(flawSet{changeRecord: change})
}

// onFS is a mutant that does not do with files what it should.
func onFS(wrap func(vfs.FS) vfs.FS) func(string, *statelab.Options) (statelab.Store, error) {
	return func(dir string, o *statelab.Options) (statelab.Store, error) {
		wrapped := *o
		if o.FS == nil {
			wrapped.FS = vfs.OS
		}
		wrapped.FS = wrap(wrapped.FS)
		return openRef(dir, &wrapped)
	}
}

// withOptions is a mutant that does not heed its options.
func withOptions(change func(*statelab.Options)) func(string, *statelab.Options) (statelab.Store, error) {
	return func(dir string, o *statelab.Options) (statelab.Store, error) {
		changed := *o
		change(&changed)
		return openRef(dir, &changed)
	}
}

// calls is a mutant of which some methods are wrong.
func calls(change func(*wrongStore)) func(string, *statelab.Options) (statelab.Store, error) {
	return func(dir string, o *statelab.Options) (statelab.Store, error) {
		s, err := openRef(dir, o)
		if err != nil {
			return nil, err
		}
		w := &wrongStore{refStore: s.(*refStore)}
		change(w)
		return w, nil
	}
}

// A wrongStore is a reference store with some methods replaced.
type wrongStore struct {
	*refStore
	get        func(dst, key []byte) ([]byte, error)
	apply      func(*statelab.Batch) error
	advance    func(watermark int64) error
	iter       func(statelab.Range) (statelab.Iterator, error)
	checkpoint func(string) error
	stats      func() statelab.Stats
	close      func() error
}

func (w *wrongStore) Get(dst, key []byte) ([]byte, error) {
	if w.get != nil {
		return w.get(dst, key)
	}
	return w.refStore.Get(dst, key)
}

func (w *wrongStore) Apply(b *statelab.Batch) error {
	if w.apply != nil {
		return w.apply(b)
	}
	return w.refStore.Apply(b)
}

func (w *wrongStore) Advance(watermark int64) error {
	if w.advance != nil {
		return w.advance(watermark)
	}
	return w.refStore.Advance(watermark)
}

func (w *wrongStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	if w.iter != nil {
		return w.iter(r)
	}
	return w.refStore.Iter(r)
}

func (w *wrongStore) Checkpoint(dir string) error {
	if w.checkpoint != nil {
		return w.checkpoint(dir)
	}
	return w.refStore.Checkpoint(dir)
}

func (w *wrongStore) Stats() statelab.Stats {
	if w.stats != nil {
		return w.stats()
	}
	return w.refStore.Stats()
}

func (w *wrongStore) Close() error {
	if w.close != nil {
		return w.close()
	}
	return w.refStore.Close()
}

// A manyStore is a reference store that can get several keys at a time.
type manyStore struct {
	*refStore
	multiGet func(s *refStore, keys [][]byte, found func(int, []byte)) error
}

func (m *manyStore) MultiGet(keys [][]byte, found func(i int, value []byte)) error {
	m.mu.RLock()
	closed := m.closed
	m.mu.RUnlock()
	if closed {
		return statelab.ErrClosed
	}
	return m.multiGet(m.refStore, keys, found)
}

// getsMany is a mutant whose MultiGet is wrong.
func getsMany(multiGet func(*refStore, [][]byte, func(int, []byte)) error) func(string, *statelab.Options) (statelab.Store, error) {
	return func(dir string, o *statelab.Options) (statelab.Store, error) {
		s, err := openRef(dir, o)
		if err != nil {
			return nil, err
		}
		return &manyStore{s.(*refStore), multiGet}, nil
	}
}

func mutants() []mutant {
	return slices.Concat(recordMutants(), iteratorMutants(), durabilityMutants(), failureMutants(), settingMutants())
}

func recordMutants() []mutant {
	return []mutant{
		{clause: "K1", name: "Get overwrites dst", open: calls(func(w *wrongStore) {
			w.get = func(dst, key []byte) ([]byte, error) {
				v, err := w.refStore.Get(nil, key)
				if err != nil {
					return dst, err
				}
				return append(dst[:0], v...), nil
			}
		})},
		{clause: "K2", name: "Get drops dst with ErrNotFound", open: calls(func(w *wrongStore) {
			w.get = func(dst, key []byte) ([]byte, error) {
				v, err := w.refStore.Get(dst, key)
				if err != nil {
					v = nil
				}
				return v, err
			}
		})},
		{clause: "K2", name: "Get has an error of its own", open: calls(func(w *wrongStore) {
			w.get = func(dst, key []byte) ([]byte, error) {
				v, err := w.refStore.Get(dst, key)
				if errors.Is(err, statelab.ErrNotFound) {
					err = errors.New("no such key")
				}
				return v, err
			}
		})},
		{clause: "K3", name: "an empty element is no element", open: records(func(_ int64, _, next *refRecord, op statelab.Op) {
			if op.Kind == statelab.OpPut && len(op.Value) == 0 {
				next.elements = nil
			}
		})},
		{clause: "K4", name: "a batch is applied as far as it is within limits", open: calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				if err := b.Err(); err != nil {
					var front statelab.Batch
					ops := b.Ops()
					for op, ok := ops.Next(); ok; op, ok = ops.Next() {
						addOp(&front, op)
					}
					return errors.Join(w.refStore.Apply(&front), err)
				}
				return w.refStore.Apply(b)
			}
		})},
		{clause: "K5", name: "Put keeps what lives for ever", open: records(func(_ int64, old, next *refRecord, op statelab.Op) {
			if op.Kind == statelab.OpPut && len(old.elements) > 1 && old.elements[0].expireAt == never {
				next.elements = append(old.elements[:1:1], next.elements...)
			}
		})},
		{clause: "K6", name: "Append adds at the front", open: records(func(_ int64, old, next *refRecord, op statelab.Op) {
			if n := len(next.elements); op.Kind == statelab.OpAppend && n > len(old.elements) {
				next.elements = append(next.elements[n-1:n:n], old.elements...)
			}
		})},
		{clause: "K7", name: "Delete takes the last element only", open: records(func(_ int64, old, next *refRecord, op statelab.Op) {
			if n := len(old.elements); op.Kind == statelab.OpDelete && n > 1 {
				next.elements = old.elements[:n-1]
			}
		})},
		{clause: "K8", name: "elements live one moment longer", open: flawed(flawSet{expired: func(expireAt, watermark int64) bool {
			return watermark > expireAt && expireAt != never
		}})},
		{clause: "K8", name: "never is reached", open: flawed(flawSet{expired: func(expireAt, watermark int64) bool {
			return watermark >= expireAt
		}})},
		{clause: "K8", name: "elements die all at once", open: flawed(flawSet{expired: func(expireAt, watermark int64) bool {
			return statelab.Expired(expireAt, watermark&^1) // time passes in steps of two
		}})},
		{clause: "K9", name: "a dead Put does not shadow", open: records(func(watermark int64, old, next *refRecord, op statelab.Op) {
			if op.Kind == statelab.OpPut && statelab.Expired(op.ExpireAt, watermark) {
				next.elements = old.elements
			}
		})},
		{clause: "K10", name: "operations become visible one by one", open: calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				ops := b.Ops()
				for op, ok := ops.Next(); ok; op, ok = ops.Next() {
					var one statelab.Batch
					addOp(&one, op)
					if err := w.refStore.Apply(&one); err != nil {
						return err
					}
					runtime.Gosched()
				}
				return nil
			}
		})},
		{clause: "K10", name: "of the operations on a key the first wins", open: calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				var once statelab.Batch
				seen := map[string]bool{}
				ops := b.Ops()
				for op, ok := ops.Next(); ok; op, ok = ops.Next() {
					if !seen[string(op.Key)] {
						addOp(&once, op)
					}
					seen[string(op.Key)] = true
				}
				return w.refStore.Apply(&once)
			}
		})},
		{clause: "K11", name: "Apply keeps the batch's memory", open: records(func(_ int64, _, next *refRecord, op statelab.Op) {
			if n := len(next.elements); op.Kind != statelab.OpDelete && n > 0 && len(op.Value) > 0 {
				next.elements[n-1].value = unsafe.String(unsafe.SliceData(op.Value), len(op.Value))
			}
		})},
		{clause: "K12", name: "a batch is visible with the next one", open: calls(func(w *wrongStore) {
			var held []statelab.Op
			w.apply = func(b *statelab.Batch) error {
				var late statelab.Batch
				for _, op := range held {
					addOp(&late, op)
				}
				held = nil
				ops := statelab.ReadOps(slices.Clone(b.Bytes()))
				for op, ok := ops.Next(); ok; op, ok = ops.Next() {
					held = append(held, op)
				}
				return w.refStore.Apply(&late)
			}
		})},
		{clause: "K13", name: "MultiGet has the order of the records", open: getsMany(func(s *refStore, keys [][]byte, found func(int, []byte)) error {
			order := make([]int, len(keys))
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(i, j int) int { return bytes.Compare(keys[i], keys[j]) })
			for _, i := range order {
				if value, err := s.Get(nil, keys[i]); err == nil {
					found(i, value)
				}
			}
			return nil
		})},
		{clause: "K13", name: "MultiGet finds a key once", open: getsMany(func(s *refStore, keys [][]byte, found func(int, []byte)) error {
			seen := map[string]bool{}
			for i, key := range keys {
				if value, err := s.Get(nil, key); err == nil && !seen[string(key)] {
					found(i, value)
					seen[string(key)] = true
				}
			}
			return nil
		})},
		{clause: "T1", name: "time flows back", open: flawed(flawSet{timeFlowsBack: true})},
		{clause: "T2", name: "the watermark is forgotten", open: flawed(flawSet{losesTime: true})},
	}
}

// wrongIters is a mutant whose iterators are replaced.
func wrongIters(wrong func(*wrongStore, statelab.Range, statelab.Iterator) statelab.Iterator) func(string, *statelab.Options) (statelab.Store, error) {
	return calls(func(w *wrongStore) {
		w.iter = func(r statelab.Range) (statelab.Iterator, error) {
			it, err := w.refStore.Iter(r)
			if err != nil {
				return nil, err
			}
			return wrong(w, r, it), nil
		}
	})
}

// unclamped seeks in the whole store.
type unclamped struct {
	statelab.Iterator
	whole *refStore
	r     statelab.Range
}

func (u *unclamped) SeekGE(key []byte) bool {
	if u.r.Lower == nil || string(key) >= string(u.r.Lower) {
		return u.Iterator.SeekGE(key)
	}
	u.Iterator.Close()
	it, err := u.whole.Iter(statelab.Range{Upper: u.r.Upper})
	u.Iterator = it
	return err == nil && it.SeekGE(key)
}

// firstElement shows the record's first element only.
type firstElement struct {
	statelab.Iterator
	s *refStore
}

func (f *firstElement) Value() []byte {
	value := f.Iterator.Value()
	_ = f.s.Elements(f.Key(), func(e []byte, _ int64) bool { value = e; return false })
	return value
}

// lending shows values in a buffer that all its store's iterators share.
type lending struct {
	statelab.Iterator
	buffer *[]byte
}

func (b *lending) Value() []byte {
	if b.Key() == nil {
		return nil
	}
	*b.buffer = append((*b.buffer)[:0], b.Iterator.Value()...)
	return *b.buffer
}

func iteratorMutants() []mutant {
	return []mutant{
		{clause: "I1", name: "iterators see later writes", open: flawed(flawSet{snapshotsMove: true})},
		{clause: "I1", name: "iterators see later time", open: flawed(flawSet{iterSeesTime: true})},
		{clause: "I2", name: "Prev after the end of Next is wrong", open: flawed(flawSet{iterRunsAway: true})},
		{clause: "I3", name: "seeks do not clamp", open: wrongIters(func(w *wrongStore, r statelab.Range, it statelab.Iterator) statelab.Iterator {
			return &unclamped{it, w.refStore, r}
		})},
		{clause: "I4", name: "Upper is in the range", open: calls(func(w *wrongStore) {
			w.iter = func(r statelab.Range) (statelab.Iterator, error) {
				if len(r.Upper) > 0 {
					r.Upper = append(slices.Clone(r.Upper), 0)
				}
				return w.refStore.Iter(r)
			}
		})},
		{clause: "I4", name: "an empty Upper is open", open: calls(func(w *wrongStore) {
			w.iter = func(r statelab.Range) (statelab.Iterator, error) {
				if len(r.Upper) == 0 {
					r.Upper = nil
				}
				return w.refStore.Iter(r)
			}
		})},
		{clause: "I5", name: "iterators show one element", open: wrongIters(func(w *wrongStore, _ statelab.Range, it statelab.Iterator) statelab.Iterator {
			return &firstElement{it, w.refStore}
		})},
		{clause: "I6", name: "iterators share a buffer", open: calls(func(w *wrongStore) {
			buffer := new([]byte)
			w.iter = func(r statelab.Range) (statelab.Iterator, error) {
				it, err := w.refStore.Iter(r)
				if err != nil {
					return nil, err
				}
				return &lending{it, buffer}, nil
			}
		})},
		{clause: "I7", name: "iterators outlive the store", open: flawed(flawSet{iterOutlives: true})},
		{clause: "I8", name: "iterators pin for ever", open: flawed(flawSet{pinsForEver: true})},
		{clause: "I8", name: "iterators are too old at once", open: calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				w.mu.Lock()
				for len(w.iters) > 0 {
					w.iters[0].fail(statelab.ErrSnapshotTooOld)
				}
				w.mu.Unlock()
				return w.refStore.Apply(b)
			}
		})},
	}
}

// lazyFS leaves out some syncs.
type lazyFS struct {
	vfs.FS
	skipDir  bool
	skipFile func(name string) bool
}

func (l lazyFS) SyncDir(dir string) error {
	if l.skipDir {
		return nil
	}
	return l.FS.SyncDir(dir)
}

func (l lazyFS) Create(name string) (vfs.File, error) { return l.file(name, l.FS.Create) }

func (l lazyFS) OpenReadWrite(name string) (vfs.File, error) { return l.file(name, l.FS.OpenReadWrite) }

func (l lazyFS) file(name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	f, err := open(name)
	if err == nil && l.skipFile != nil && l.skipFile(name) {
		f = lazyFile{f}
	}
	return f, err
}

type lazyFile struct{ vfs.File }

func (lazyFile) Sync() error { return nil }

func durabilityMutants() []mutant {
	noDir := onFS(func(fsys vfs.FS) vfs.FS { return lazyFS{FS: fsys, skipDir: true} })
	noFile := onFS(func(fsys vfs.FS) vfs.FS { return lazyFS{FS: fsys, skipFile: func(string) bool { return true }} })
	return []mutant{
		{clause: "D1", name: "Sync does not sync the directory", open: noDir},
		{clause: "D1", name: "Sync forgets the file", open: noFile},
		{clause: "D1", name: "a Checkpoint is a Sync too", open: calls(func(w *wrongStore) {
			w.checkpoint = func(dir string) error { return errors.Join(w.Sync(), w.refStore.Checkpoint(dir)) }
		})},
		{clause: "D2", name: "Sync forgets the file", open: noFile},
		{clause: "D3", name: "always is interval", open: withOptions(func(o *statelab.Options) {
			if o.Durability == statelab.DurabilityAlways {
				o.Durability = statelab.DurabilityInterval
			}
		})},
		{clause: "D4", name: "half a batch is replayed", open: flawed(flawSet{halfBatches: true}), in: "D2"},
		{clause: "D5", name: "Close is a Sync", open: calls(func(w *wrongStore) {
			w.close = func() error {
				if err := w.Sync(); errors.Is(err, statelab.ErrClosed) {
					return err
				}
				return w.refStore.Close()
			}
		})},
		{clause: "D6", name: "a copy is not synced", open: onFS(func(fsys vfs.FS) vfs.FS {
			return lazyFS{FS: fsys, skipFile: func(name string) bool { return strings.Contains(name, "copy") }}
		})},
		{clause: "D6", name: "a copy is of the last Sync", open: calls(func(w *wrongStore) {
			w.checkpoint = func(dir string) error { return copyFiles(w.o.FS, w.dir.Path, dir) }
		})},
		{clause: "D7", name: "Checkpoint overwrites", open: flawed(flawSet{overwrites: true})},
		{clause: "D8", name: "what recovery read is not synced", open: flawed(flawSet{trustsCache: true})},
	}
}

// copyFiles copies what is in a directory, durably.
func copyFiles(fsys vfs.FS, from, to string) error {
	if fsys == nil {
		fsys = vfs.OS
	}
	if ok, err := vfs.Exists(fsys, to); ok || err != nil {
		return errors.Join(errors.New("it exists"), err)
	}
	names, err := fsys.List(from)
	if err == nil {
		err = fsys.MkdirAll(to)
	}
	for _, name := range names {
		if err != nil || name == "LOCK" {
			continue
		}
		var data []byte
		if data, err = vfs.ReadFile(fsys, filepath.Join(from, name)); err != nil {
			break
		}
		var f vfs.File
		if f, err = fsys.Create(filepath.Join(to, name)); err != nil {
			break
		}
		_, werr := f.WriteAt(data, 0)
		err = errors.Join(werr, f.Sync(), f.Close())
	}
	return errors.Join(err, fsys.SyncDir(to), fsys.SyncDir(filepath.Dir(to)))
}

// freeForAll takes no locks.
type freeForAll struct{ vfs.FS }

func (freeForAll) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func failureMutants() []mutant {
	return []mutant{
		{clause: "F1", name: "it tries again after a failed sync", open: flawed(flawSet{forgetsFailures: true})},
		{clause: "F2", name: "Get fails after a failed write", open: calls(func(w *wrongStore) {
			w.get = func(dst, key []byte) ([]byte, error) {
				if err := w.latch.Err(); err != nil {
					return dst, err
				}
				return w.refStore.Get(dst, key)
			}
		})},
		{clause: "F3", name: "a failed Checkpoint poisons", open: calls(func(w *wrongStore) {
			w.checkpoint = func(dir string) error { return w.latch.Set(w.refStore.Checkpoint(dir)) }
		})},
		{clause: "F4", name: "checksums are not compared", open: flawed(flawSet{noChecksum: true})},
		{clause: "F5", name: "no lock is taken", open: onFS(func(fsys vfs.FS) vfs.FS { return freeForAll{fsys} })},
		{clause: "F6", name: "the prefix is not compared", open: withOptions(func(o *statelab.Options) { o.Prefix = statelab.Prefix{} })},
		{clause: "F7", name: "an unfinished file ends it all", open: flawed(flawSet{trips: true})},
	}
}

func settingMutants() []mutant {
	return []mutant{
		{clause: "O1", name: "Memory must be given", open: func(dir string, o *statelab.Options) (statelab.Store, error) {
			if o.Memory == 0 {
				return nil, errors.New("how much memory?")
			}
			return openRef(dir, o)
		}},
		{clause: "O2", name: "the budget is ignored", open: flawed(flawSet{noBudget: true})},
		{clause: "O2", name: "a full store refuses to delete", open: calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				if s := w.refStore.Stats(); w.o.Memory > 0 && s.Memory > w.o.Memory*9/10 {
					return statelab.ErrBudget
				}
				return w.refStore.Apply(b)
			}
		})},
		{clause: "O3", name: "images are in no order", open: flawed(flawSet{writesAnyhow: true})},
		{clause: "O4", name: "images are not counted", open: calls(func(w *wrongStore) {
			w.stats = func() statelab.Stats {
				s := w.refStore.Stats()
				s.Written.Snapshot = 0
				return s
			}
		})},
		{clause: "O5", name: "the log grows for ever", open: flawed(flawSet{logGrows: true})},
		{clause: "O5", name: "old images are kept", open: flawed(flawSet{keepsOld: true})},
		{clause: "O5", name: "memory outside the heap is kept", open: func(dir string, o *statelab.Options) (statelab.Store, error) {
			leak, err := offheap.Alloc(1 << 12)
			leaked = append(leaked, leak)
			if err != nil {
				return nil, err
			}
			return openRef(dir, o)
		}},
		{clause: "C1", name: "a busy store refuses", open: calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				if !w.mu.TryLock() {
					return errors.New("busy")
				}
				w.mu.Unlock()
				return w.refStore.Apply(b)
			}
		})},
		{clause: "C2", name: "a closed store answers", open: calls(func(w *wrongStore) {
			w.get = func(dst, key []byte) ([]byte, error) {
				v, err := w.refStore.Get(dst, key)
				if errors.Is(err, statelab.ErrClosed) {
					err = statelab.ErrNotFound
				}
				return v, err
			}
		})},
		{clause: "C2", name: "Close does not wait", open: calls(func(w *wrongStore) {
			w.close = func() error {
				if w.mu.TryLock() {
					w.mu.Unlock()
					return w.refStore.Close()
				}
				go w.refStore.Close()
				return nil
			}
		})},
	}
}

// leaked is what one mutant does not give back; the test does.
var leaked [][]byte

// TestTheKitBites runs the cases of a clause over a store that breaks it: the
// kit must fail, and name the clause.
func TestTheKitBites(t *testing.T) {
	t.Cleanup(func() {
		for _, b := range leaked {
			offheap.Free(b)
		}
	})
	covered := map[string]bool{}
	for _, m := range mutants() {
		covered[m.clause] = true
		t.Run(m.clause+"/"+m.name, func(t *testing.T) {
			in := m.clause
			if m.in != "" {
				in = m.in
			}
			r := &recorder{t: t, name: "Mutant"}
			cfg := Config{Open: m.open, MemoryResident: true, Effort: Effort{Seeds: 4, Steps: 200, Points: 40}}
			run(r, &cfg, in)
			if len(r.failures) == 0 {
				t.Fatalf("the kit passes it")
			}
			if !r.names()[m.clause] {
				t.Fatalf("the kit fails it, and does not name %s:\n%s", m.clause, strings.Join(r.failures, "\n"))
			}
		})
	}
	for _, c := range Clauses() {
		if !covered[c.ID] {
			t.Errorf("no mutant breaks %s", c.ID)
		}
	}
}
