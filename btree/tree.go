package btree

import (
	"log/slog"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/latch"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/pool"
	"github.com/statelab/statelab/vfs"
)

// A position of the tree: what a root slot names, and what an iterator reads.
type position struct {
	root      ref
	height    int // levels; 1 is a leaf alone
	watermark int64
}

// What readers are shown of a tree, which its writer may be about to change.
type shown struct {
	position
	dropped int64 // elements that were dead when they came, or died in the write buffer
}

// show shows readers the tree as it is. The gate is closed.
func (t *tree) show() { t.shown = shown{t.position, t.deadOps + t.died} }

// A tree is the pages of a pager as a B+tree, with its one writer's state.
// Readers need only the pager and a position.
type tree struct {
	*pager
	position
	shown   shown
	logger  *slog.Logger
	snaps   snapshots
	failed  *latch.Latch   // of writes
	pages   int            // of a tree of lent pages: those it leads to
	maps    []ref          // map pages, by stretch; the zero ref where there is none yet
	found   progressRecord // of the last commit, when it was recovered
	durable root           // of the last commit
	txn     txn

	inOrder    bool   // the next page is to stand at behindLeaf, if it can
	mayGrow    bool   // the file, for that
	behindLeaf uint32 // the page behind the last leaf of a merge; 0 if that is not known

	path    [maxHeight]step // of the last descent, by level
	scratch page            // for putting cells together and for splits
	cells   []byte          // the cell being made
	bodies  []byte          // the body being made
	runs    runs            // leaves that grow at their ends
	kids    [2]kid          // what a change has made of a page, on its way up
	sep     []byte          // separator field of the second kid
	keys    [2][]byte       // whole keys on both sides of a split
	beneath int             // bytes of live elements under those that the write buffer has of a key
	deadOps int64           // elements dead when they came
	died    int64           // elements that died in the write buffer

	liveBody, liveCell []byte // the record being squeezed
}

// open opens or creates the file and makes the pool, within o.Memory.
func (t *tree) open(o Options, name string, m *meter.Meter, pages, roots meter.Purpose, create bool) error {
	var file vfs.File
	var err error
	if create {
		file, err = o.FS.Create(name)
	} else {
		file, err = o.FS.OpenReadWrite(name)
	}
	if err != nil {
		return err
	}
	t.logger, t.failed = o.Logger, new(latch.Latch)
	size := o.PageSize
	leaves, err := newLeafCodec(&o)
	if err != nil {
		file.Close()
		return err
	}
	images := imageCount(int(o.Memory / int64(size)))
	t.txn.undo.setLimit(images*size, images)
	t.scratch = make(page, size)
	t.pager = &pager{file: m.File(file, pages), roots: m.File(file, roots), name: name, pageSize: size, unit: size, perPage: 1, leaves: leaves, space: newSpace(size)}
	if leaves != nil {
		t.unit, t.perPage = size/pageUnits, pageUnits
	}
	t.pool, err = pool.New(t.pager, size, o.Memory-int64((images+1)*size+t.stagedMemory()), o.Pool)
	if err != nil {
		t.close()
		return err
	}
	t.pool.Kept[countInner] = true
	t.pool.Step = t.perPage
	t.pool.Cleaned = func(start time.Time, bytes int64) {
		o.ReportMaintenance(statelab.EventWriteBack, start, bytes)
	}
	if told := o.OnBlockAccess; told != nil {
		t.pool.Told = tellOf(told, t.pool.Charge())
	}
	return nil
}

// tellOf returns a listener of the pool that tells of its pages as blocks of
// one file, each of so many bytes.
func tellOf(told func(statelab.BlockAccess), bytes int) func(uint32, uint8, statelab.BlockEvent) {
	return func(id uint32, kind uint8, event statelab.BlockEvent) {
		a := statelab.BlockAccess{Block: uint64(id), Event: event}
		if event != statelab.BlockGone {
			a.Kind, a.Bytes = countNames[kind], bytes
		}
		told(a)
	}
}

// ownMemory returns the bytes that a tree takes beside its pages.
func (t *tree) ownMemory() int64 { return int64(t.txn.undo.limit + len(t.scratch) + t.stagedMemory()) }

// stagedMemory returns the bytes in which compressed leaves wait to be written. A single leaf
// is taken beside the memory, as the codec's own tables are.
func (t *tree) stagedMemory() int {
	if t.pager == nil || t.leaves == nil || t.leaves.limit < t.pageSize {
		return 0
	}
	return t.leaves.limit
}

// close gives up what open took; of a tree that was not opened that is nothing.
func (t *tree) close() error {
	if t.pager == nil {
		return nil
	}
	if t.pool != nil {
		t.pool.Close()
	}
	if t.leaves != nil {
		t.leaves.Close()
	}
	err := t.file.Close()
	t.pager = nil
	return err
}

// A step is a page of a path and the cell chosen in it.
type step struct {
	ref  ref
	at   int
	last bool // at is the last cell
}

// maxHeight bounds the levels of a tree: pages but the root have two cells at
// least, so that 2^32 pages are not higher.
const maxHeight = 33
