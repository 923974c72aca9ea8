package sink

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/statelab/statelab/vfs"
)

// A Spool holds ranked records on their way from the partition that emits them to
// those who merge them: in memory, and what would be too much there in a file. It is filled, merged and
// reset, again and again.
type Spool struct {
	fs      vfs.FS
	name    string
	file    vfs.File // nil until there has been too much
	spilled int64    // bytes of whole records in the file
	buf     []byte   // the records after them
}

// spoolBytes is how much of a spool is in memory.
const spoolBytes = 4 << 20

// NewSpool returns an empty spool, which keeps what is too much in a file that is called name.
func NewSpool(fsys vfs.FS, name string) *Spool { return &Spool{fs: fsys, name: name} }

// Buffer returns what to append to and then to give to Extend.
func (s *Spool) Buffer() []byte { return s.buf }

// Extend adds the record that buf has beyond the Buffer that it began as.
func (s *Spool) Extend(buf []byte) error {
	s.buf = buf
	if len(buf) < spoolBytes {
		return nil
	}
	if s.file == nil {
		var err error
		if s.file, err = s.fs.Create(s.name); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(buf, s.spilled); err != nil {
		return fmt.Errorf("write %s: %w", s.name, err)
	}
	s.spilled += int64(len(buf))
	s.buf = buf[:0]
	return nil
}

// Reset empties the spool.
func (s *Spool) Reset() {
	s.spilled, s.buf = 0, s.buf[:0]
}

// Close removes the file.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), s.fs.Remove(s.name))
}

// ReadSpools reads the records of one spool after the other. next returns them; it is called when all of the
// one before it has been read and merged, and returns nil when there is none.
func ReadSpools(next func() (*Spool, error)) *RankedReader { return &RankedReader{nextSpool: next} }

// read reads the records of a spool from now on, until which it must not be reset.
func (r *RankedReader) read(s *Spool) {
	r.name, r.left, r.memory = s.name, s.spilled, s.buf
	if s.spilled > 0 {
		r.r = bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.spilled), bufferSize)
	}
}
