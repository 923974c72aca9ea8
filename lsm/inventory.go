package lsm

import (
	"path/filepath"
	"sync"

	"github.com/statelab/statelab"
)

// inventory knows the files that a store has made and not removed, so that
// Check can tell what should not be there.
type inventory struct {
	mu     sync.Mutex
	bytes  map[string]int64 // length by name; 0 while it is not known
	refuse []string         // obsolete, but the file system would not remove them
}

func (v *inventory) add(name string) { v.resize(name, 0) }

func (v *inventory) resize(name string, bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bytes == nil {
		v.bytes = map[string]int64{}
	}
	v.bytes[name] = bytes
}

func (v *inventory) has(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.bytes[name]
	return ok
}

func (v *inventory) total() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	total := int64(0)
	for _, n := range v.bytes {
		total += n
	}
	return total
}

// hide lets go of what is in memory of a table that nobody will read any more. Its
// file may still be needed: the durable version may be an old one.
func (t *table) hide() {
	t.blockFile.hide()
	t.env.directory.drop(t)
	t.dropResidents()
}

// hide lets go of the blocks that are in memory.
func (bf *blockFile) hide() {
	bf.env.cache.Drop(bf.number)
	if told := bf.env.told; told != nil {
		told(statelab.BlockAccess{File: bf.number, Block: statelab.AllBlocks, Event: statelab.BlockGone})
	}
}

// discard removes a file that no version holds any more: neither the current one,
// nor the durable one, nor a reader's.
func (s *Store) discard(bf *blockFile) {
	bf.closeUnsynced() // nothing of it is needed any more
	s.env.files.forget(bf.number)
	s.remove(bf.name())
}

// remove removes a file that the store does not need any more. After a failed
// commit it keeps it, since it is not known which state a reopening will find.
// What cannot be removed is tried again with the next one.
func (s *Store) remove(name string) {
	if s.failed.Err() != nil || s.keepFiles.Load() {
		return
	}
	v := &s.files
	v.mu.Lock()
	defer v.mu.Unlock()
	names := append(v.refuse, name)
	v.refuse = nil
	for _, name := range names {
		if err := s.fs.Remove(filepath.Join(s.path, name)); err != nil {
			s.options.Logger.Warn("lsm: an obsolete file stays for now", "file", name, "error", err)
			v.refuse = append(v.refuse, name)
			continue
		}
		delete(v.bytes, name)
	}
}
