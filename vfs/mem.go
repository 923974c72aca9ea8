package vfs

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Mem is a file system in memory that knows, for every byte and every name,
// whether it would survive a power cut. [Mem.PowerCut], [Mem.PowerCutStrict]
// and [Mem.Kill] return what another process would find after a crash at that
// moment; the original goes on unaffected, and contents are shared between the
// two until one of them writes.
//
// Paths are taken from one root, which always exists: "." and "/" both name it.
//
//	M1  A file's bytes and length become durable when it is synced, a directory's names when the directory is.
//	M2  Of what is not durable, a power cut keeps what its seed says: each write whole, in part or not at all, and each operation on names or not, independently but for M3.
//	M3  An operation on names happens whole or not at all, and of the operations on one file a power cut keeps the first few. So a rename never loses the file under both names.
//	M4  A failed sync of a file, as [Faulty] makes it, leaves bytes that later syncs do not make durable (V3).
//	M5  Syncing either directory of a rename between two makes the names of both durable, as a journal does.
//	M6  Locks do not survive a crash of any kind.
//
// What is never synced is remembered write by write, so a Mem under a program
// that does not sync holds its data twice.
type Mem struct {
	mu       sync.RWMutex
	root     *inode
	unsynced []nameChange // of all directories, in order
	lastID   uint64
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	m := &Mem{}
	m.root = m.newDir()
	return m
}

// An inode is a file or, if entries is not nil, a directory.
type inode struct {
	id uint64 // in order of creation, kept by copies: what a seed decides by

	// Of a directory: the inodes by name, as they are and as they are durable.
	entries, durable map[string]*inode

	// Of a file: its bytes as they are and as they are durable, and what was
	// done to them since. diverged says that a failed sync has left bytes in
	// current that later syncs must not take into synced (M4).
	current, synced content
	unsynced        []change
	diverged        bool
	lockedBy        string // the holder, or empty
}

func (n *inode) isDir() bool { return n.entries != nil }

// A nameChange is an operation on names that is not durable yet: node got the
// name newName in to, or lost the name oldName in from, or both at once.
type nameChange struct {
	node             *inode
	from, to         *inode // nil if nothing was lost or got
	oldName, newName string
}

// apply makes the change to names, which returns the names of a directory.
func (c nameChange) apply(names func(dir *inode) map[string]*inode) {
	if c.from != nil && names(c.from)[c.oldName] == c.node {
		delete(names(c.from), c.oldName)
	}
	if c.to != nil {
		names(c.to)[c.newName] = c.node
	}
}

func (c nameChange) touches(dirs []*inode) bool {
	return c.from != nil && slices.Contains(dirs, c.from) || c.to != nil && slices.Contains(dirs, c.to)
}

func (m *Mem) newDir() *inode {
	m.lastID++
	return &inode{id: m.lastID, entries: map[string]*inode{}, durable: map[string]*inode{}}
}

func (m *Mem) newFile() *inode {
	m.lastID++
	return &inode{id: m.lastID}
}

// find returns the inode at name.
func (m *Mem) find(name string) (*inode, error) {
	n := m.root
	for _, part := range split(name) {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		next, ok := n.entries[part]
		if !ok {
			return nil, syscall.ENOENT
		}
		n = next
	}
	return n, nil
}

// parent returns the directory that holds name, and name's last part.
func (m *Mem) parent(name string) (*inode, string, error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", syscall.EINVAL
	}
	dir, err := m.find(filepath.Dir(filepath.Clean(name)))
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	return dir, parts[len(parts)-1], err
}

// split returns the parts of a path; the root has none.
func split(name string) []string {
	name = strings.Trim(filepath.Clean(name), "/")
	if name == "" || name == "." {
		return nil
	}
	return strings.Split(name, "/")
}

// change makes c now, and remembers that it is not durable.
func (m *Mem) change(c nameChange) {
	c.apply(func(dir *inode) map[string]*inode { return dir.entries })
	m.unsynced = append(m.unsynced, c)
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.create(name)
	if err != nil {
		return nil, &os.PathError{Op: "create", Path: name, Err: err}
	}
	n.truncate(0)
	return &memFile{fs: m, node: n, name: name, writable: true}, nil
}

// create returns the file at name, made if it does not exist.
func (m *Mem) create(name string) (*inode, error) {
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, err
	}
	n, ok := dir.entries[base]
	if !ok {
		n = m.newFile()
		m.change(nameChange{node: n, to: dir, newName: base})
	}
	if n.isDir() {
		return nil, syscall.EISDIR
	}
	return n, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenReadWrite implements FS.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(name)
	if err == nil && n.isDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return &memFile{fs: m, node: n, name: name, writable: writable}, nil
}

// Remove implements FS. Open files go on without their name.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return &os.PathError{Op: "remove", Path: name, Err: err}
	}
	n, ok := dir.entries[base]
	switch {
	case !ok:
		err = syscall.ENOENT
	case len(n.entries) > 0:
		err = syscall.ENOTEMPTY
	default:
		m.change(nameChange{node: n, from: dir, oldName: base})
		return nil
	}
	return &os.PathError{Op: "remove", Path: name, Err: err}
}

// Rename implements FS. It refuses to replace a directory, as package os does.
func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.rename(oldname, newname); err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return nil
}

func (m *Mem) rename(oldname, newname string) error {
	from, oldBase, err := m.parent(oldname)
	if err != nil {
		return err
	}
	to, newBase, err := m.parent(newname)
	if err != nil {
		return err
	}
	n, ok := from.entries[oldBase]
	if !ok {
		return syscall.ENOENT
	}
	if target, ok := to.entries[newBase]; ok {
		switch {
		case target == n: // two names of one file: POSIX leaves both
			return nil
		case target.isDir():
			return syscall.EEXIST
		case n.isDir():
			return syscall.ENOTDIR
		}
	}
	if n.isDir() && within(newname, oldname) {
		return syscall.EINVAL
	}
	m.change(nameChange{node: n, from: from, oldName: oldBase, to: to, newName: newBase})
	return nil
}

// within says whether name lies in the directory dir.
func within(name, dir string) bool {
	a, b := split(name), split(dir)
	return len(a) > len(b) && slices.Equal(a[:len(b)], b)
}

// Link implements FS.
func (m *Mem) Link(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(oldname)
	if err == nil && n.isDir() {
		err = syscall.EPERM
	}
	var dir *inode
	var base string
	if err == nil {
		dir, base, err = m.parent(newname)
	}
	if err == nil && dir.entries[base] != nil {
		err = syscall.EEXIST
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: oldname, New: newname, Err: err}
	}
	m.change(nameChange{node: n, to: dir, newName: base})
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for _, part := range split(dir) {
		next, ok := n.entries[part]
		if !ok {
			next = m.newDir()
			m.change(nameChange{node: next, to: n, newName: part})
		}
		if !next.isDir() {
			return &os.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		n = next
	}
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.findDir(dir)
	if err != nil {
		return nil, &os.PathError{Op: "list", Path: dir, Err: err}
	}
	names := make([]string, 0, len(n.entries))
	for name := range n.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (m *Mem) findDir(dir string) (*inode, error) {
	n, err := m.find(dir)
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	return n, err
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(name)
	if err != nil {
		return Info{}, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	return Info{Size: n.current.size, IsDir: n.isDir()}, nil
}

// SyncDir implements FS. (M1, M5)
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.findDir(dir)
	if err != nil {
		return &os.PathError{Op: "syncdir", Path: dir, Err: err}
	}
	dirs := m.joined(n)
	var rest []nameChange
	for _, c := range m.unsynced {
		if c.touches(dirs) {
			c.apply(func(dir *inode) map[string]*inode { return dir.durable })
		} else {
			rest = append(rest, c)
		}
	}
	m.unsynced = rest
	return nil
}

// joined returns dir and the directories that unsynced renames tie it to.
func (m *Mem) joined(dir *inode) []*inode {
	dirs := []*inode{dir}
	for grown := true; grown; {
		grown = false
		for _, c := range m.unsynced {
			if c.from == nil || c.to == nil || slices.Contains(dirs, c.from) == slices.Contains(dirs, c.to) {
				continue
			}
			if slices.Contains(dirs, c.from) {
				dirs = append(dirs, c.to)
			} else {
				dirs = append(dirs, c.from)
			}
			grown = true
		}
	}
	return dirs
}

// Lock implements FS. The holder is this process, since no other sees m.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.create(name)
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	if n.lockedBy != "" {
		return nil, &LockedError{Path: name, Holder: n.lockedBy}
	}
	n.lockedBy = thisProcess()
	return &memLock{fs: m, node: n, name: name}, nil
}

type memLock struct {
	fs   *Mem
	node *inode // nil once closed
	name string
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.node == nil {
		return &os.PathError{Op: "unlock", Path: l.name, Err: os.ErrClosed}
	}
	l.node.lockedBy = ""
	l.node = nil
	return nil
}
