package lsm

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/vfs"
)

// tableEnv is what the tables of a store share.
type tableEnv struct {
	files      *filePool
	cache      *cache.Cache
	cacheLimit int // blocks that are longer are not cached, in bytes
	compressor *compressor
	prefix     statelab.Prefix
	told       func(statelab.BlockAccess) // may be nil
	memory     readerMemory

	buffers sync.Pool // memory for blocks as stored, *[]byte

	filterProbes, filterNegatives, filterFalse atomic.Int64
}

func (e *tableEnv) buffer() *[]byte {
	if b, ok := e.buffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (e *tableEnv) putBuffer(b *[]byte) {
	*b = keepSmall(*b)
	e.buffers.Put(b)
}

// table is an open table. It is immutable; files are opened and blocks read
// when they are asked for. References are counted by the versions that hold it.
type table struct {
	tableMeta
	number uint64
	size   int64 // of the file in bytes
	env    *tableEnv

	extents *extents // nil if there are none

	footer atomic.Pointer[footer] // once read
	refs   atomic.Int32
	shown  atomic.Int32 // references of versions that readers may have

	// unsynced is the file as it was written, until it is synced: a failure to
	// write it back is told to this handle. Guarded by Store.versionMu.
	unsynced vfs.File
}

// What a block is for; the cache counts by it.
const (
	dataBlock cache.Kind = iota
	indexBlock
	filterBlock
	propertiesBlock
)

var blockKinds = []string{"data", "index", "filter", "properties"}

// blockRef holds a block for its reader: pinned in the cache, or in memory of
// its own that is used again. The zero value holds none.
type blockRef struct {
	data   []byte
	pinned cache.Handle
	own    []byte
}

// release gives up the block and keeps the memory.
func (r *blockRef) release() {
	r.pinned.Release()
	r.data, r.own = nil, keepSmall(r.own)
}

// access is how a reader goes about the cache.
type access uint8

const (
	cached   access = iota // blocks are cached: what was read may be read again
	fromFile               // the cache is passed by: a compaction reads once, and Check wants to see the file
)

// getBlock gets a block into ref: through f, if it is not nil, else by readBlock.
func (t *table) getBlock(h blockHandle, kind cache.Kind, how access, f *fetch, ref *blockRef) error {
	if f != nil {
		return f.get(t, h, kind, ref)
	}
	return t.readBlock(h, kind, how, ref)
}

// readBlock gets a block into ref.
func (t *table) readBlock(h blockHandle, kind cache.Kind, how access, ref *blockRef) error {
	ref.release()
	if how != fromFile && t.fromCache(h, kind, ref) {
		return nil
	}
	buf := t.env.buffer()
	defer t.env.putBuffer(buf)
	b, err := t.readStored(h, buf)
	if err != nil {
		return err
	}
	return t.restore(b, h, kind, how, ref)
}

// fromCache gets a block into ref, which holds none, if the cache has it.
func (t *table) fromCache(h blockHandle, kind cache.Kind, ref *blockRef) bool {
	b, ok := t.env.cache.Get(cache.Key{File: t.number, Offset: h.offset}, kind)
	if ok {
		ref.data, ref.pinned = b.Bytes(), b
		t.tell(h, kind, len(ref.data), statelab.BlockHit)
	}
	return ok
}

// readStored reads a block from the file into *buf, which the result aliases.
func (t *table) readStored(h blockHandle, buf *[]byte) (b storedBlock, err error) {
	if !h.within(t.size - footerSize) {
		return b, t.corrupt(int64(h.offset), "block outside the file")
	}
	stored := resize(buf, int(h.length)+blockTrailerSize)
	if err := t.readAt(stored, int64(h.offset)); err != nil {
		return b, err
	}
	b, damage := splitBlock(stored, h.offset)
	if damage != "" {
		return b, t.corrupt(int64(h.offset), damage)
	}
	return b, nil
}

// tell tells whoever wants to know of a look-up of a block of n bytes.
func (t *table) tell(h blockHandle, kind cache.Kind, n int, event statelab.BlockEvent) {
	if t.env.told == nil {
		return
	}
	t.env.told(statelab.BlockAccess{
		Kind: blockKinds[kind], File: t.number, Block: h.offset, Bytes: t.env.cache.Charge(n), Event: event,
	})
}

// restore decompresses a block into memory of the cache or of ref, and tells of it
// as a miss.
func (t *table) restore(b storedBlock, h blockHandle, kind cache.Kind, how access, ref *blockRef) (err error) {
	keep := how == cached && b.length <= t.env.cacheLimit
	if keep {
		ref.pinned, err = t.env.cache.Alloc(cache.Key{File: t.number, Offset: h.offset}, b.length)
		if err != nil {
			return fmt.Errorf("read table %06d: %w", t.number, err)
		}
		ref.data = ref.pinned.Bytes()
	} else {
		ref.data = resize(&ref.own, b.length)
	}
	damage := t.env.compressor.restore(ref.data, b)
	if damage == "" && kind == filterBlock {
		damage = filterDamage(ref.data)
	}
	if damage != "" {
		ref.release()
		return t.corrupt(int64(h.offset), damage)
	}
	if keep {
		ref.pinned = t.env.cache.Insert(ref.pinned)
		ref.data = ref.pinned.Bytes()
	}
	if how == cached {
		t.tell(h, kind, len(ref.data), statelab.BlockMiss)
	}
	return nil
}

// resize returns *buf with length n, replaced if it is too small.
func resize(buf *[]byte, n int) []byte {
	if cap(*buf) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	return *buf
}

func (t *table) readAt(b []byte, offset int64) error {
	f, err := t.env.files.acquire(t.number)
	if err != nil {
		return err
	}
	defer t.env.files.release(f)
	n, err := f.file.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) || err == nil {
		return t.corrupt(offset, "file is cut short")
	}
	return fmt.Errorf("read table %06d at %d: %w", t.number, offset, err)
}

// handles returns the footer, which is read once unless it is asked for fromFile.
func (t *table) handles(how access) (*footer, error) {
	if f := t.footer.Load(); f != nil && how != fromFile {
		return f, nil
	}
	offset := t.size - footerSize
	if offset < 0 {
		return nil, t.corrupt(0, "file is cut short")
	}
	var data [footerSize]byte
	if err := t.readAt(data[:], offset); err != nil {
		return nil, err
	}
	f, damage := decodeFooter(data[:], t.size)
	if damage != "" {
		return nil, t.corrupt(offset, damage)
	}
	t.footer.Store(&f)
	return &f, nil
}

// mayHoldKey asks the whole-key filter, which f fetches if it is not nil, about the
// key with this hash.
func (t *table) mayHoldKey(hash uint64, f *fetch) (bool, error) {
	at, err := t.handles(cached)
	if err != nil {
		return false, err
	}
	return t.askFilter(at.keyFilter, hash, f)
}

// mayHoldPrefix asks the prefix filter, if the table has one.
func (t *table) mayHoldPrefix(hash uint64) (bool, error) {
	f, err := t.handles(cached)
	if err != nil {
		return false, err
	}
	if f.prefixFilter == (blockHandle{}) {
		return true, nil
	}
	return t.askFilter(f.prefixFilter, hash, nil)
}

func (t *table) askFilter(h blockHandle, hash uint64, f *fetch) (bool, error) {
	var ref blockRef
	if err := t.getBlock(h, filterBlock, cached, f, &ref); err != nil {
		return false, err
	}
	may := filterMayHold(ref.data, hash)
	ref.release()
	t.env.filterProbes.Add(1)
	if !may {
		t.env.filterNegatives.Add(1)
	}
	return may, nil
}

func (t *table) corrupt(offset int64, reason string) error {
	return &statelab.CorruptError{File: t.path(), Offset: offset, Reason: reason}
}

func (t *table) path() string { return t.env.files.path(t.number) }
