package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// A File is a trace that is being written. It goes by its name with ".part"
// added until it is whole.
type File struct {
	*Writer
	path string
	f    *os.File
	buf  *bufio.Writer
}

// Create begins a trace. An existing file of that name is replaced, but not
// before the new one is whole. The caller calls Commit or Abandon.
func Create(path string, h Header, codec Codec) (*File, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, err
	}
	t := &File{path: path, f: f, buf: bufio.NewWriterSize(f, 256<<10)}
	if t.Writer, err = NewWriter(t.buf, h, codec); err != nil {
		return nil, errors.Join(err, t.remove())
	}
	return t, nil
}

// Commit ends the trace and gives it its name.
func (t *File) Commit() (Totals, error) {
	totals, err := t.Writer.Close()
	if err == nil {
		err = t.buf.Flush()
	}
	if err == nil {
		err = t.f.Close()
	}
	if err == nil {
		err = os.Rename(t.f.Name(), t.path)
	}
	if err != nil {
		return totals, errors.Join(err, t.remove())
	}
	return totals, nil
}

// Abandon removes what was written.
func (t *File) Abandon() error {
	t.comp.close()
	return t.remove()
}

func (t *File) remove() error {
	_ = t.f.Close() // it may be closed already, and its content is given up
	return os.Remove(t.f.Name())
}

// OpenFile opens a trace for reading. Closing the FileReader closes the file.
func OpenFile(path string) (*FileReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(path, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &FileReader{r, f}, nil
}

// A FileReader is a Reader that owns its file.
type FileReader struct {
	*Reader
	f *os.File
}

// Close releases the reader and the file.
func (r *FileReader) Close() error {
	err := r.Reader.Close()
	if closeErr := r.f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Stat returns the header of a trace and what its end says, without reading what
// lies between.
func Stat(path string) (h Header, t Totals, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, t, 0, err
	}
	defer f.Close()
	h, head, err := readHeader(path, f)
	if err != nil {
		return h, t, 0, err
	}
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		return h, t, 0, fmt.Errorf("find the end of %s: %w", path, err)
	}
	var end [endSize]byte
	if size < head+endSize {
		return h, t, size, damage(path, size, "the trace is cut short: it has no end")
	}
	if _, err := f.ReadAt(end[:], size-endSize); err != nil {
		return h, t, size, fmt.Errorf("read the end of %s: %w", path, err)
	}
	t, ok := decodeEnd(end[:])
	if !ok {
		return h, t, size, damage(path, size-endSize, "the trace is cut short, or something follows it: its last %d bytes are no end", endSize)
	}
	return h, t, size, nil
}
