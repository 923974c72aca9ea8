package lsm

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/vfs"
)

// blockFile is a file of blocks (table_format.go), written once and never changed:
// what tables and blob files have in common. References are counted by the
// versions that hold it.
type blockFile struct {
	number uint64
	kind   fileKind
	size   int64 // of the file in bytes
	env    *tableEnv

	refs  atomic.Int32
	shown atomic.Int32 // references of versions that readers may have

	// unsynced is the file as it was written, until it is synced: a failure to
	// write it back is told to this handle. Guarded by Store.versionMu.
	unsynced vfs.File
}

// fileKind is what a file of blocks is.
type fileKind uint8

const (
	tableFile fileKind = iota
	blobFile
)

var (
	fileSuffixes = [...]string{tableFile: tableSuffix, blobFile: blobSuffix}
	fileTitles   = [...]string{tableFile: "table", blobFile: "blob file"}
)

func fileName(kind fileKind, number uint64) string {
	return fmt.Sprintf("%06d%s", number, fileSuffixes[kind])
}

func tableName(number uint64) string { return fileName(tableFile, number) }

func (bf *blockFile) name() string { return fileName(bf.kind, bf.number) }

func (bf *blockFile) path() string { return filepath.Join(bf.env.files.dir, bf.name()) }

// title names the file in an error.
func (bf *blockFile) title() string { return fmt.Sprintf("%s %06d", fileTitles[bf.kind], bf.number) }

// closeUnsynced closes the handle that the file was written through, and says whether
// that failed.
func (bf *blockFile) closeUnsynced() error {
	if bf.unsynced == nil {
		return nil
	}
	err := bf.unsynced.Close()
	bf.unsynced = nil
	return err
}

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
func (bf *blockFile) getBlock(h blockHandle, kind cache.Kind, how access, f *fetch, ref *blockRef) error {
	if f != nil {
		return f.get(bf, h, kind, ref)
	}
	return bf.readBlock(h, kind, how, ref)
}

// readBlock gets a block into ref.
func (bf *blockFile) readBlock(h blockHandle, kind cache.Kind, how access, ref *blockRef) error {
	ref.release()
	if how != fromFile && bf.fromCache(h, kind, ref) {
		return nil
	}
	buf := bf.env.buffer()
	defer bf.env.putBuffer(buf)
	b, err := bf.readStored(h, buf)
	if err != nil {
		return err
	}
	return bf.restore(b, h, kind, how, ref)
}

// fromCache gets a block into ref, which holds none, if the cache has it.
func (bf *blockFile) fromCache(h blockHandle, kind cache.Kind, ref *blockRef) bool {
	found, ok := bf.env.cache.Get(cache.Key{File: bf.number, Offset: h.offset}, kind)
	if ok {
		ref.data, ref.pinned = found.Bytes(), found
		bf.tell(h, kind, len(ref.data), statelab.BlockHit)
	}
	return ok
}

// readStored reads a block from the file into *buf, which the result aliases.
func (bf *blockFile) readStored(h blockHandle, buf *[]byte) (b storedBlock, err error) {
	if !h.within(bf.size) {
		return b, bf.corrupt(int64(h.offset), "block outside the file")
	}
	stored := resize(buf, int(h.length)+blockTrailerSize)
	if err := bf.readAt(stored, int64(h.offset)); err != nil {
		return b, err
	}
	b, damage := splitBlock(stored, h.offset)
	if damage != "" {
		return b, bf.corrupt(int64(h.offset), damage)
	}
	return b, nil
}

// tell tells whoever wants to know of a look-up of a block of n bytes.
func (bf *blockFile) tell(h blockHandle, kind cache.Kind, n int, event statelab.BlockEvent) {
	if bf.env.told == nil {
		return
	}
	bf.env.told(statelab.BlockAccess{
		Kind: blockKinds[kind], File: bf.number, Block: h.offset, Bytes: bf.env.cache.Charge(n), Event: event,
	})
}

// restore decompresses a block into memory of the cache or of ref, and tells of it
// as a miss.
func (bf *blockFile) restore(b storedBlock, h blockHandle, kind cache.Kind, how access, ref *blockRef) (err error) {
	keep := how == cached && b.length <= bf.env.cacheLimit
	if keep {
		ref.pinned, err = bf.env.cache.Alloc(cache.Key{File: bf.number, Offset: h.offset}, b.length)
		if err != nil {
			return fmt.Errorf("read %s: %w", bf.title(), err)
		}
		ref.data = ref.pinned.Bytes()
	} else {
		ref.data = resize(&ref.own, b.length)
	}
	damage := bf.env.codec.Decode(ref.data, b.how, b.payload)
	if damage == "" && kind == filterBlock {
		damage = filterDamage(ref.data)
	}
	if damage != "" {
		ref.release()
		return bf.corrupt(int64(h.offset), damage)
	}
	if keep {
		ref.pinned = bf.env.cache.Insert(ref.pinned)
		ref.data = ref.pinned.Bytes()
	}
	if how == cached {
		bf.tell(h, kind, len(ref.data), statelab.BlockMiss)
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

func (bf *blockFile) readAt(b []byte, offset int64) error {
	f, err := bf.env.files.acquire(bf)
	if err != nil {
		return err
	}
	defer bf.env.files.release(f)
	n, err := f.file.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) || err == nil {
		return bf.corrupt(offset, "file is cut short")
	}
	return fmt.Errorf("read %s at %d: %w", bf.title(), offset, err)
}

func (bf *blockFile) corrupt(offset int64, reason string) error {
	return &statelab.CorruptError{File: bf.path(), Offset: offset, Reason: reason}
}
