package ftl

import (
	"path/filepath"
	"strings"

	"github.com/statelab/statelab/vfs"
)

// names follows the names of files through a trace, to know when a file dies:
// with its last name. Files are called by their ids in the trace.
type names struct {
	file  map[string]uint64 // by clean path
	links map[uint64]int    // names of each file; a file that has died has none
}

func newNames() names {
	return names{file: map[string]uint64{}, links: map[uint64]int{}}
}

// alive says whether a file has a name.
func (n *names) alive(file uint64) bool { return n.links[file] > 0 }

// apply moves the names as op did. It returns the file that died of it, or 0.
func (n *names) apply(op *vfs.TraceOp) (died uint64) {
	switch op.Op {
	case vfs.OpCreate, vfs.OpOpen, vfs.OpLock:
		n.set(op.Path, op.File)
	case vfs.OpLink:
		n.set(op.Path, op.File)
		n.set(op.NewPath, op.File)
	case vfs.OpRemove:
		if op.File != 0 {
			n.set(op.Path, op.File)
			return n.drop(op.Path)
		}
	case vfs.OpRename:
		if op.File == 0 {
			n.moveDir(filepath.Clean(op.Path), filepath.Clean(op.NewPath))
			return 0
		}
		n.set(op.Path, op.File)
		if filepath.Clean(op.Path) == filepath.Clean(op.NewPath) {
			return 0
		}
		died = n.drop(op.NewPath)
		n.set(op.NewPath, op.File)
		n.drop(op.Path)
	}
	return died
}

// set makes path a name of file. It does nothing if that is known: a
// trace may begin in the middle of a file's life.
func (n *names) set(path string, file uint64) {
	path = filepath.Clean(path)
	if n.file[path] == file {
		return
	}
	n.file[path] = file
	n.links[file]++
}

// drop takes a name away, and returns the file if that was its last.
func (n *names) drop(path string) (died uint64) {
	path = filepath.Clean(path)
	file, ok := n.file[path]
	if !ok {
		return 0
	}
	delete(n.file, path)
	if n.links[file]--; n.links[file] > 0 {
		return 0
	}
	delete(n.links, file)
	return file
}

// moveDir moves the names below a directory.
func (n *names) moveDir(from, to string) {
	from += string(filepath.Separator)
	moved := map[string]uint64{}
	for path, file := range n.file {
		if rest, ok := strings.CutPrefix(path, from); ok {
			delete(n.file, path)
			moved[filepath.Join(to, rest)] = file
		}
	}
	for path, file := range moved {
		n.file[path] = file
	}
}
