package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/statelab/statelab/vfs"
)

// IsPattern says whether a name stands for the files that it matches, as filepath.Match
// has it, and not for one.
func IsPattern(name string) bool { return !IsGenerated(name) && strings.ContainsAny(name, `*?[`) }

// Expand returns the names of the files that a source reads, in their order: those of
// Files, where a pattern in the last element of a name stands for what it matches, in the order of
// names; or File. A pattern that matches nothing is an *Error, and so is a name that occurs twice.
func (c *Config) Expand(fsys vfs.FS) ([]string, error) {
	if len(c.Files) == 0 {
		return []string{c.File}, nil
	}
	var names []string
	for _, name := range c.Files {
		if name == "-" && len(c.Files) > 1 {
			return nil, &Error{File: name, Err: errors.New("standard input cannot be one of several files")}
		}
		matches, err := expand(fsys, name)
		if err != nil {
			return nil, &Error{File: name, Err: err}
		}
		for _, m := range matches {
			if slices.Contains(names, m) {
				return nil, &Error{File: m, Err: errors.New("is named twice")}
			}
			names = append(names, m)
		}
	}
	return names, nil
}

func expand(fsys vfs.FS, name string) ([]string, error) {
	if !IsPattern(name) {
		return []string{name}, nil
	}
	dir, pattern := filepath.Split(name)
	if IsPattern(dir) {
		return nil, errors.New("a directory cannot be a pattern")
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("is no pattern: %w", err)
	}
	list, err := fsys.List(filepath.Clean(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var matches []string
	for _, file := range list {
		ok, err := filepath.Match(pattern, file)
		if err != nil {
			return nil, fmt.Errorf("is no pattern: %w", err)
		}
		if !ok {
			continue
		}
		info, err := fsys.Stat(dir + file)
		if err != nil {
			return nil, err
		}
		if !info.IsDir {
			matches = append(matches, dir+file)
		}
	}
	if len(matches) == 0 {
		return nil, errors.New("matches no file")
	}
	return matches, nil
}

// A file is one of those of a source, open.
type file struct {
	name       string
	r          reader
	input      *input
	where, key []int // columns
	time       int
	timeFormat TimeFormat

	rotated bool   // it had the name of a source that is followed, and has another now
	head    []byte // what it begins with, if it is not followed itself, but its source is
}

// openFile opens a file and finds its columns.
func (s *Source) openFile(name string) (*file, error) {
	// Of the files of a source that is followed, the last one is: those before it were rotated.
	in, err := openInput(s.fsys, s.stdin, name, s.config.Follow && name == s.files[len(s.files)-1])
	if err != nil {
		return nil, err
	}
	f := &file{name: name, input: in}
	if err := f.open(&s.config); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// openFirst opens the first file, and the others to see whether they have the same columns: a mistake
// in the last one is found before anything is joined.
func (s *Source) openFirst() (err error) {
	first, err := s.openFile(s.files[0])
	if err != nil {
		return err
	}
	if err := s.use(first); err != nil {
		return err
	}
	for _, name := range s.files[1:] {
		next, err := s.openFile(name)
		if err != nil {
			return err
		}
		same := next.r.schema().Same(s.r.schema())
		if err := next.close(); err != nil {
			return err
		}
		if !same {
			return &Error{File: name, Err: fmt.Errorf("its columns are not those of %s, which is of the same source", s.name)}
		}
	}
	return nil
}

// use makes a file the current one.
func (s *Source) use(f *file) (err error) {
	s.file = f
	if !s.config.Follow {
		return nil
	}
	t := f.input.tail
	if t == nil {
		f.head, err = appendHead(nil, f.input, headBytes)
		s.past.begin(s.seq, f.head)
		return err
	}
	s.past.begin(s.seq, t.head)
	t.grow, t.onWait = s.past.grow, s.onWait
	return nil
}

// nextFile goes on with the next file, or returns io.EOF.
func (s *Source) nextFile() error {
	next, err := s.openNext()
	if err != nil {
		return err
	}
	if s.config.Follow && !next.r.schema().Same(s.r.schema()) {
		err := &Error{File: next.name, Err: errors.New("its columns are not those of the file that it came in place of")}
		return errors.Join(err, next.close())
	}
	if err := s.file.close(); err != nil {
		return errors.Join(err, next.close())
	}
	return s.use(next)
}

// openNext opens the file that comes after the current one, or returns io.EOF.
func (s *Source) openNext() (*file, error) {
	switch t := s.input.tail; {
	case t != nil && t.emptied:
		return s.openFile(t.name)
	case t != nil && t.rotated:
		return s.openSuccessor(t.head)
	case s.rotated:
		return s.openSuccessor(s.head)
	}
	if s.at++; s.at >= len(s.files) {
		return nil, io.EOF
	}
	return s.openFile(s.files[s.at])
}

func (f *file) close() error {
	var err error
	if f.r != nil {
		err = f.r.close()
	}
	if cerr := f.input.close(); err == nil {
		err = cerr
	}
	return err
}

// fail says where reading failed. A failure of the file system itself is
// returned as such, since the file is not at fault.
func (f *file) fail(err error) error {
	where := ""
	if f.r != nil {
		where = f.r.where()
	}
	return f.failWhole(where, err)
}

func (f *file) failWhole(where string, err error) error {
	if f.input.failed != nil {
		return fmt.Errorf("read %s: %w", f.name, f.input.failed)
	}
	return &Error{File: f.name, Where: where, Err: err}
}
