package lsm

import "sync"

// readerMemory shares out what readers have: what memtables take that are held back
// (hold.go), or flushed and still read, and extents, the cache does not have.
//
//	| held memtables | pinned memtables | extents | resident blocks | cached blocks |
//	                                                <--- give way to the others --->
//
// Mostly no flushed memtable is read any more, and the cache has its place too.
type readerMemory struct {
	mu      sync.Mutex
	budget  int64 // bytes
	extents int64 // what they take, in bytes
	pinned  int64 // what those memtables take, in bytes
	held    int64 // what memtables take beyond their third of the memory, in bytes

	resident int64 // what resident blocks take of the cache's memory, in bytes
}

// charge takes so many bytes for extents, if they may have them.
func (e *tableEnv) charge(size int64) bool {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	m := &e.memory
	if size > 0 && m.extents+size > min(int64(float64(m.budget)*extentsShare), m.budget-m.held-m.resident) {
		return false
	}
	e.memory.extents += size
	e.fitCache()
	return true
}

// reside takes so many bytes of the cache for a block that stays, if it may have them.
func (m *readerMemory) reside(size int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size > 0 && m.crowded(size) {
		return false
	}
	m.resident += size
	return true
}

func (m *readerMemory) crowded(size int64) bool {
	return m.extents+m.resident+size > min(int64(float64(m.budget)*residentShare), m.budget-m.held)
}

// full says whether there is no room for a resident block of so many bytes.
func (m *readerMemory) full(size int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crowded(size)
}

// pin counts so many bytes more of flushed memtables that are still read. Most are
// released at once, so that the cache does not make room before makeRoom.
func (e *tableEnv) pin(bytes int64) {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	e.memory.pinned += bytes
	if bytes < 0 {
		e.fitCache()
	}
}

// hold gives memtables so many bytes of readers' memory.
func (e *tableEnv) hold(bytes int64) {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	if e.memory.held != bytes {
		e.memory.held = bytes
		e.fitCache()
	}
}

// fixed is what of readers' memory does not give way to memtables, in bytes.
func (e *tableEnv) fixed() int64 {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	return e.memory.extents + e.memory.resident + e.memory.pinned
}

// makeRoom makes the cache give way to what is pinned.
func (e *tableEnv) makeRoom() {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	e.fitCache()
}

// fitCache leaves to the cache what the others do not take. The caller holds the lock.
func (e *tableEnv) fitCache() { e.cache.Resize(e.memory.cache()) }

// cache returns the bytes that blocks may take.
func (m *readerMemory) cache() int64 { return max(0, m.budget-m.extents-m.pinned-m.held) }

// memoryUse is what readers' memory is used for, in bytes.
type memoryUse struct {
	pinned, total int64
	resident      int64 // extents, and resident blocks
	cache         int64 // what other blocks may take
}

func (e *tableEnv) memoryUse() memoryUse {
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	m := &e.memory
	return memoryUse{
		pinned:   m.pinned,
		total:    m.pinned + m.extents + e.cache.Used(),
		resident: m.extents + m.resident,
		cache:    max(0, m.cache()-m.resident),
	}
}
