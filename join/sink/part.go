// Package sink writes what a join emits: JSON lines, plain or compressed, or parquet, to a file that appears
// under its name only when it is whole.
package sink

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/statelab/statelab/vfs"
)

// partSuffix marks a file that is not whole.
const partSuffix = ".part"

// bufferSize is how many bytes are written at once.
const bufferSize = 256 << 10

// StateSize is the length of what Part.AppendState appends: the part's length
// (8 bytes, little-endian) and its SHA-256.
const StateSize = 8 + sha256.Size

// ErrNotResumable is found in Resume's error if the file is not what the state
// speaks of.
var ErrNotResumable = errors.New("is not what the join had written")

// A Part is an output that grows. As a file it lies under its name with ".part"
// added until Publish gives it its name; as a stream it is written through.
//
// Its checksum is the SHA-256 of all its bytes, which sha256sum prints too.
type Part struct {
	fs      vfs.FS
	name    string
	file    vfs.File  // nil for a stream
	stream  io.Writer // nil for a file
	buf     []byte
	written int64 // bytes handed to file or stream
	synced  int64 // bytes known to be durable
	sum     hash.Hash
}

// Create begins a new file, in place of what an earlier attempt left.
func Create(fsys vfs.FS, name string) (*Part, error) {
	f, err := fsys.Create(name + partSuffix)
	if err != nil {
		return nil, err
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Part{fs: fsys, name: name, file: f, sum: sha256.New()}, nil
}

// Stream writes to w, which is never closed.
func Stream(w io.Writer) *Part { return &Part{stream: w, sum: sha256.New()} }

// Resume goes on with a file where AppendState left its state. It reads what
// was written before, so as not to go on with anything else, and cuts off the rest.
func Resume(fsys vfs.FS, name string, state []byte) (*Part, error) {
	p, err := reopen(fsys, name, state)
	if err != nil {
		return nil, err
	}
	if err := p.CutRest(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Overwrite is Resume, or with no state Create, that leaves what there is beyond until CutRest: what is added
// comes in its place, and whoever reads the file meanwhile finds no less in it than before.
func Overwrite(fsys vfs.FS, name string, state []byte) (*Part, error) {
	if state != nil {
		return reopen(fsys, name, state)
	}
	f, err := fsys.OpenReadWrite(name + partSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return Create(fsys, name)
	}
	if err != nil {
		return nil, err
	}
	return &Part{fs: fsys, name: name, file: f, sum: sha256.New()}, nil
}

// CutRest cuts off what the file has beyond what was added.
func (p *Part) CutRest() error {
	if err := p.Flush(); err != nil || p.file == nil {
		return err
	}
	if err := p.file.Truncate(p.written); err != nil {
		return fmt.Errorf("cut %s: %w", p.name+partSuffix, err)
	}
	return nil
}

// reopen opens a file where AppendState left its state.
func reopen(fsys vfs.FS, name string, state []byte) (*Part, error) {
	size, sum := decodeState(state)
	f, err := fsys.OpenReadWrite(name + partSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s %w: it does not exist", name+partSuffix, ErrNotResumable)
	}
	if err != nil {
		return nil, err
	}
	p := &Part{fs: fsys, name: name, file: f, written: size, synced: size, sum: sha256.New()}
	if err := p.verify(size, sum); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

func (p *Part) verify(size int64, sum []byte) error {
	n, err := io.Copy(p.sum, io.NewSectionReader(p.file, 0, size))
	if err != nil {
		return fmt.Errorf("read %s: %w", p.name+partSuffix, err)
	}
	if n != size || !bytes.Equal(p.sum.Sum(nil), sum) {
		return fmt.Errorf("%s %w", p.name+partSuffix, ErrNotResumable)
	}
	return nil
}

func decodeState(state []byte) (size int64, sum []byte) {
	return int64(binary.LittleEndian.Uint64(state)), state[8:StateSize]
}

// AppendState appends the part's length and checksum so far, for Resume. They
// hold once Sync has been called.
func (p *Part) AppendState(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.Size()))
	return p.sum.Sum(dst)
}

// Size returns how many bytes the part holds.
func (p *Part) Size() int64 { return p.written + int64(len(p.buf)) }

// Checksum returns the SHA-256 of the part so far.
func (p *Part) Checksum() string { return checksumText(p.sum.Sum(nil)) }

func checksumText(sum []byte) string { return fmt.Sprintf("sha256:%x", sum) }

// Buffer returns what to append to and then to give to Extend. It is not copied
// and not to be kept.
func (p *Part) Buffer() []byte { return p.buf }

// Extend adds what buf has beyond the Buffer that it began as.
func (p *Part) Extend(buf []byte) error {
	p.sum.Write(buf[len(p.buf):])
	p.buf = buf
	if len(buf) < bufferSize {
		return nil
	}
	return p.Flush()
}

// Flush hands everything to the file or stream.
func (p *Part) Flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	var err error
	if p.file != nil {
		_, err = p.file.WriteAt(p.buf, p.written)
	} else {
		_, err = p.stream.Write(p.buf)
	}
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	p.written += int64(len(p.buf))
	p.buf = p.buf[:0]
	return nil
}

// Sync makes everything durable; a stream only flushes. It costs nothing when
// nothing was added.
func (p *Part) Sync() error {
	if err := p.Flush(); err != nil {
		return err
	}
	if p.file == nil || p.synced == p.written {
		return nil
	}
	if err := p.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", p.name+partSuffix, err)
	}
	p.synced = p.written
	return nil
}

// Publish makes the part durable and gives it its name, in place of what was
// there. Nothing can be added afterwards.
func (p *Part) Publish() error {
	if err := p.Sync(); err != nil || p.file == nil {
		return err
	}
	return publish(p.fs, p.name)
}

func publish(fsys vfs.FS, name string) error {
	err := fsys.Rename(name+partSuffix, name)
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w", name, err)
	}
	return nil
}

// Close closes the file and leaves it as it is.
func (p *Part) Close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// Finish makes sure that the whole output of a state lies under its name, which
// a crash just before or within Publish may have prevented, and returns its checksum.
func Finish(fsys vfs.FS, name string, state []byte) (checksum string, err error) {
	size, sum := decodeState(state)
	whole, err := holds(fsys, name, size, sum)
	if err != nil {
		return "", err
	}
	if !whole {
		whole, err = holds(fsys, name+partSuffix, size, sum)
		if err != nil {
			return "", err
		}
		if !whole {
			return "", fmt.Errorf("%s %w", name, ErrNotResumable)
		}
		if err := publish(fsys, name); err != nil {
			return "", err
		}
	}
	return checksumText(sum), nil
}

// holds says whether a file has exactly this content.
func holds(fsys vfs.FS, name string, size int64, sum []byte) (bool, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if n, err := f.Size(); err != nil || n != size {
		return false, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	return bytes.Equal(h.Sum(nil), sum), nil
}

// Remove removes a file that has not been published.
func Remove(fsys vfs.FS, name string) error { return fsys.Remove(name + partSuffix) }
