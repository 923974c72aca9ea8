package lsm

import (
	"fmt"
	"sync"

	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// Names of the files of a store, beside those of package storedir. File
// numbers come from one counter and are not used twice in the life of a store.
const (
	currentName     = "CURRENT"
	currentTempName = "CURRENT.NEW"
	manifestPrefix  = "MANIFEST-"
	tableSuffix     = ".tbl"
	blobSuffix      = ".blob"
)

func manifestName(number uint64) string { return fmt.Sprintf("%s%06d", manifestPrefix, number) }

// maxOpenFiles is how many of them are kept open. It leaves room below the
// 1024 that many systems allow a process.
const maxOpenFiles = 512

// filePool keeps tables and blob files open for reading, the most recently used ones if
// there are many. It is safe for concurrent use.
type filePool struct {
	fs    vfs.FS
	dir   string
	meter *meter.Meter

	mu    sync.Mutex
	open  map[uint64]*pooledFile
	clock uint64
}

// pooledFile is an open file. Its fields but file are guarded by the pool.
type pooledFile struct {
	file  vfs.File
	users int
	used  uint64 // the pool's clock at the last acquire
}

func newFilePool(fs vfs.FS, dir string, m *meter.Meter) *filePool {
	return &filePool{fs: fs, dir: dir, meter: m, open: map[uint64]*pooledFile{}}
}

// acquire returns the open file that bf describes, to be released after use.
func (p *filePool) acquire(bf *blockFile) (*pooledFile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.open[bf.number]
	if !ok {
		raw, err := p.fs.Open(bf.path())
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", bf.title(), err)
		}
		p.makeRoom()
		f = &pooledFile{file: p.meter.File(raw, meter.Flush)}
		p.open[bf.number] = f
	}
	p.clock++
	f.used = p.clock
	f.users++
	return f, nil
}

func (p *filePool) release(f *pooledFile) {
	p.mu.Lock()
	f.users--
	p.mu.Unlock()
}

// makeRoom closes the least recently used file that nobody reads, if the pool
// is full. A failure to close a file that was only read loses nothing.
func (p *filePool) makeRoom() {
	if len(p.open) < maxOpenFiles {
		return
	}
	oldest, found := uint64(0), false
	for number, f := range p.open {
		if f.users == 0 && (!found || f.used < p.open[oldest].used) {
			oldest, found = number, true
		}
	}
	if found {
		p.open[oldest].file.Close()
		delete(p.open, oldest)
	}
}

// forget closes a file that nobody uses any more.
func (p *filePool) forget(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f, ok := p.open[number]; ok {
		f.file.Close()
		delete(p.open, number)
	}
}

// closeAll closes all files. Nobody may use them any more.
func (p *filePool) closeAll() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var first error
	for number, f := range p.open {
		if err := f.file.Close(); err != nil && first == nil {
			first = fmt.Errorf("close file %06d: %w", number, err)
		}
		delete(p.open, number)
	}
	return first
}
