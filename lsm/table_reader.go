package lsm

import (
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/internal/codec"
)

// tableEnv is what the tables of a store share.
type tableEnv struct {
	files      *filePool
	cache      *cache.Cache
	cacheLimit int // blocks that are longer are not cached, in bytes
	codec      *codec.Codec
	prefix     statelab.Prefix
	told       func(statelab.BlockAccess) // may be nil
	memory     readerMemory
	directory  *directory
	index      Index

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
	blockFile

	listing     listing  // guarded by the directory
	blockStarts []uint32 // if it is listed: where the data blocks begin, and where the last one ends

	footer    atomic.Pointer[footer] // once read
	residents residents
	gap       atomic.Pointer[gap] // the last one found, or nil
}

// What a block is for; the cache counts by it.
const (
	dataBlock cache.Kind = iota
	indexBlock
	filterBlock
	propertiesBlock
	blobBlock
)

var blockKinds = []string{"data", "index", "filter", "properties", "blob"}

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
	return t.askFilter(keyFilterPart, at.keyFilter, hash, f)
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
	return t.askFilter(prefixFilterPart, f.prefixFilter, hash, nil)
}

func (t *table) askFilter(p part, h blockHandle, hash uint64, f *fetch) (bool, error) {
	var ref blockRef
	if err := t.getPart(p, h, cached, f, &ref); err != nil {
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
