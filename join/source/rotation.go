package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/vfs"
)

// A file that is followed may be rotated: renamed, with a new one in its place, or copied and emptied. The rows of its
// generations, one after the other, are those of one source. Which generation a file is shows in what it begins with,
// which a file that is only added to keeps. So it can be found again, under whatever name it has by then.

// A Generation is one of the files that a followed source has read. Two of a source are told apart by their first bytes.
type Generation struct {
	Rows uint64 // of the source that lie before its first one
	Size int64  // how many of its first bytes Sum is of, up to headBytes
	Sum  uint64 // xxh64
}

// headBytes is how much of what a file begins with is looked at: it has a time of its first rows in it, at the least.
const headBytes = 4 << 10

// generations are those of the rows that a source has read. It is safe for concurrent use.
type generations struct {
	mu   sync.Mutex
	all  []generation
	head []byte // of the last one that is told apart from the one before
}

type generation struct {
	Generation
	// told says that it begins otherwise than the one before: that may have a header, the same, and no more.
	told bool
}

// begin takes note of another generation.
func (g *generations) begin(rows uint64, head []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, generation{Generation: Generation{Rows: rows}})
	g.know(head)
}

// grow takes note of how the last one begins, if more of that is known.
func (g *generations) grow(head []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if int64(len(head)) > g.all[len(g.all)-1].Size {
		g.know(head)
	}
}

func (g *generations) know(head []byte) {
	last := &g.all[len(g.all)-1]
	last.Size, last.Sum = int64(len(head)), xxhash.Sum64(head)
	if last.told = last.told || len(g.all) == 1 || !bytes.HasPrefix(g.head, head); last.told {
		g.head = append(g.head[:0], head...)
	}
}

// Generation returns the one that the row at a position is of, or, at the end of one, is to be of, if that can be
// told apart yet. The source must be followed. It may be called while other goroutines read and call it.
func (s *Source) Generation(position uint64) Generation {
	g := &s.past
	g.mu.Lock()
	defer g.mu.Unlock()
	i := len(g.all) - 1
	for i > 0 && (g.all[i].Rows > position || !g.all[i].told) {
		i--
	}
	return g.all[i].Generation
}

// Resume has a followed source that has not been read go on in a generation that was read before. That is found
// under the name of the source or beside it, under a name that begins so, and then those that were rotated
// after it are read too. Skip comes next.
func (s *Source) Resume(g Generation) error {
	name := s.files[len(s.files)-1]
	begins := func(file string) (bool, error) {
		head, err := readHead(s.fsys, file, g.Size)
		return int64(len(head)) == g.Size && xxhash.Sum64(head) == g.Sum, err
	}
	if g.Size < 0 || g.Size > headBytes {
		return &Error{File: name, Err: fmt.Errorf("%d bytes cannot tell it apart", g.Size)}
	}
	if err := awaitRotation(s.fsys, name); err != nil {
		return err
	}
	same, err := begins(name)
	if err != nil {
		return err
	}
	if !same {
		if same, err = s.readRotated(name, begins); err != nil {
			return err
		}
	}
	if !same {
		return &Error{File: name, Err: fmt.Errorf("is not the file of which rows up to %d and more were read before, and no file %s* is: put that back, uncompressed, or join anew", g.Rows, filepath.Base(name))}
	}
	s.seq = g.Rows
	s.past.all[0].Rows = g.Rows
	return nil
}

// readRotated has the source read the rotated file that begins as it should, from the beginning, if there is one. What
// was opened is looked at, since names may become those of other files meanwhile.
func (s *Source) readRotated(name string, begins func(file string) (bool, error)) (found bool, err error) {
	for range rotationLooks {
		file, err := findRotated(s.fsys, name, begins)
		if err == nil && file == "" {
			return false, nil
		}
		if err == nil {
			err = s.readFirst([]string{file, name})
		}
		if err == nil {
			if found, err = begins(file); found {
				s.file.rotated = true
				return true, nil
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		time.Sleep(rotationPause)
	}
	return false, errRestless(name)
}

// errRenamed says that what was listed has other names by now.
var errRenamed = fmt.Errorf("renamed meanwhile: %w", fs.ErrNotExist)

// findRotated returns the first of the rotated files that begins as it should, or "". The error is errRenamed if
// others were rotated while it looked, and the one that it looks for may have a name that it has not seen.
func findRotated(fsys vfs.FS, name string, begins func(file string) (bool, error)) (string, error) {
	rotated, err := rotatedFiles(fsys, name)
	if err != nil {
		return "", err
	}
	for _, file := range rotated {
		if same, err := begins(file); same || err != nil {
			return file, err
		}
	}
	again, err := rotatedFiles(fsys, name)
	if err == nil && len(again) != len(rotated) {
		err = errRenamed
	}
	return "", err
}

// readFirst has the source read other files, from the beginning.
func (s *Source) readFirst(files []string) error {
	var err error
	if s.file != nil {
		err = s.file.close()
	}
	s.file, s.files, s.at, s.past.all = nil, files, 0, nil
	if err != nil {
		return err
	}
	return s.openFirst()
}

// openSuccessor opens the file that came in place of a rotated one of this head: the one that was rotated next, or the one that has
// the name now. If files are rotated while it looks, names become those of others; then more files than before come after
// that one, and it looks again.
func (s *Source) openSuccessor(head []byte) (*file, error) {
	name := s.files[len(s.files)-1]
	for range rotationLooks {
		next, err := s.trySuccessor(name, head)
		if next != nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return next, err
		}
		time.Sleep(rotationPause)
	}
	return nil, errRestless(name)
}

// trySuccessor returns no file and no error if files were rotated meanwhile.
func (s *Source) trySuccessor(name string, head []byte) (*file, error) {
	if err := awaitRotation(s.fsys, name); err != nil {
		return nil, err
	}
	before, err := afterRotation(s.fsys, name, head)
	if err != nil {
		return nil, err
	}
	next, failed := s.openFile(before[0])
	after, err := afterRotation(s.fsys, name, head)
	if err == nil && len(after) == len(before) {
		if next != nil {
			next.rotated = before[0] != name
		}
		return next, failed
	}
	if next != nil {
		err = errors.Join(err, next.close())
	}
	return nil, err
}

func errRestless(name string) error {
	return &Error{File: name, Err: errors.New("is rotated faster than its files can be found")}
}

const (
	rotationLooks = 100
	rotationPause = 10 * time.Millisecond
)

// awaitRotation waits, a second at most, for a file that is just being rotated: there are others with names that begin so, and
// the one that is to come in its place is not there yet, or holds no line.
func awaitRotation(fsys vfs.FS, name string) error {
	for range rotationLooks {
		head, err := readHead(fsys, name, headBytes)
		if err == nil && bytes.IndexByte(head, '\n') >= 0 {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if rotated, err := rotatedFiles(fsys, name); err != nil || len(rotated) == 0 {
			return err
		}
		time.Sleep(rotationPause)
	}
	return nil
}

// afterRotation returns what is to be read after a file of this head, which is no longer the one of that name: the
// files that were rotated after it, and that one.
func afterRotation(fsys vfs.FS, name string, head []byte) ([]string, error) {
	rotated, err := rotatedFiles(fsys, name)
	if err != nil {
		return nil, err
	}
	for i, file := range rotated {
		same, err := readHead(fsys, file, int64(len(head)))
		if err != nil {
			return nil, err
		}
		if bytes.Equal(same, head) {
			return append(rotated[i+1:], name), nil
		}
	}
	return []string{name}, nil
}

// rotatedFiles returns the files beside one whose names begin with its name and a dot or a hyphen, the oldest first: numbers count
// backwards, such as log.2, log.1, and come before all else, such as dates.
func rotatedFiles(fsys vfs.FS, name string) ([]string, error) {
	names, err := fsys.List(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	base := filepath.Base(name)
	names = slices.DeleteFunc(names, func(other string) bool {
		rest, ok := strings.CutPrefix(other, base)
		return !ok || rest == "" || rest[0] != '.' && rest[0] != '-'
	})
	number := func(file string) int {
		n, err := strconv.Atoi(file[len(base)+1:])
		if err != nil {
			return -1
		}
		return n
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(number(b), number(a)), strings.Compare(a, b))
	})
	var files []string
	for _, file := range names {
		file = filepath.Join(filepath.Dir(name), file)
		info, err := fsys.Stat(file)
		if err != nil {
			return nil, err
		}
		if !info.IsDir {
			files = append(files, file)
		}
	}
	return files, nil
}

// readHead returns the first bytes of a file, as many as there are up to size.
func readHead(fsys vfs.FS, name string, size int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	head, err := appendHead(nil, f, size)
	return head, errors.Join(err, f.Close())
}

func appendHead(dst []byte, r io.ReaderAt, size int64) ([]byte, error) {
	dst = slices.Grow(dst[:0], int(size))[:size]
	n, err := r.ReadAt(dst, 0)
	if err == io.EOF {
		err = nil
	}
	return dst[:n], err
}
