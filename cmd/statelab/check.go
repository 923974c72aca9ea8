package main

import (
	"fmt"
	"io"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
)

const checkDoc = `Verifies the files of the store in DIR, whichever engine made it: every page,
block and log record and the invariants between them, as far as the engine can
tell; then all live records are read in both directions. Prints what was
verified and "ok". Damage is named with file and offset, and the exit code is 1.

Nothing in DIR is changed: what a store does to its files when it is opened
after a crash is done in memory only.`

func runCheck(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "check DIR", checkDoc)
	dirs, err := line.parse(args, 1, 1)
	if err == nil {
		err = check(stdout, dirs[0])
	}
	return finish(stderr, "check", err)
}

func check(w io.Writer, dir string) error {
	return inspect(dir, func(s statelab.Store, found backends.Existing) error {
		if _, err := fmt.Fprintf(w, "%s: %s\n", dir, found); err != nil {
			return err
		}
		if err := verify(w, s); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "ok")
		return err
	})
}

func verify(w io.Writer, s statelab.Store) error {
	structure := "no structural check in this engine"
	if c, ok := s.(statelab.CheckStore); ok {
		if err := c.Check(); err != nil {
			return err
		}
		structure = "structure verified"
	}
	n, size, err := readAll(s)
	if err != nil {
		return err
	}
	stats := s.Stats()
	_, err = fmt.Fprintf(w, "%s: files %d, bytes %d\nread in both directions: live records %d, bytes %d, watermark %s\n",
		structure, stats.Files, stats.Disk, n, size, watermark(stats.Watermark))
	return err
}

// readAll reads all live records in both directions, which must agree, and
// returns how many there are and how many bytes.
func readAll(s statelab.Store) (n, size int64, err error) {
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		return 0, 0, err
	}
	var backN, backSize int64
	var last []byte
	for ok := it.First(); ok; ok = it.Next() {
		if n > 0 && string(it.Key()) <= string(last) {
			it.Close()
			return 0, 0, fmt.Errorf("keys out of order: %x follows %x", it.Key(), last)
		}
		last = append(last[:0], it.Key()...)
		n, size = n+1, size+int64(len(it.Key())+len(it.Value()))
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		backN, backSize = backN+1, backSize+int64(len(it.Key())+len(it.Value()))
	}
	if err := it.Close(); err != nil {
		return 0, 0, err
	}
	if n != backN || size != backSize {
		return 0, 0, fmt.Errorf("%d records of %d bytes forwards, %d of %d backwards", n, size, backN, backSize)
	}
	return n, size, nil
}

func watermark(w int64) string {
	if w == statelab.MinWatermark {
		return "at its start"
	}
	return fmt.Sprint(w)
}
