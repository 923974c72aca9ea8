package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/statelab/statelab/vfs"
)

// input is the bytes of a source, decompressed.
type input struct {
	file   vfs.File // nil for standard input
	size   int64
	stream *bufio.Reader // decompressed
	zstd   *zstd.Decoder
	tail   *tail       // of a file that is followed
	onRead func() bool // see OnWait
	failed error       // the file system's, as opposed to what the bytes are at fault for
}

const bufferSize = 256 << 10

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

var errEmpty = errors.New("is empty")

func openInput(fsys vfs.FS, stdin io.Reader, file string, follow bool) (*input, error) {
	in := &input{}
	if IsGenerated(file) {
		return in, nil
	}
	var raw io.Reader
	if file != "-" {
		info, err := fsys.Stat(file)
		if err == nil && info.IsDir {
			return nil, &Error{File: file, Err: errors.New("is a directory")}
		}
		if err == nil {
			in.file, err = fsys.Open(file)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &Error{File: file, Err: errors.New("does not exist")}
		}
		if err != nil {
			return nil, &Error{File: file, Err: err}
		}
		in.size = info.Size
		raw = io.NewSectionReader(in, 0, in.size)
	} else {
		raw = &watched{stdin, in}
	}
	var err error
	if follow {
		err = in.follow(fsys, file)
	} else {
		err = in.decompress(raw)
	}
	if err != nil {
		err = &Error{File: file, Err: err}
		if in.failed != nil {
			err = fmt.Errorf("read %s: %w", file, in.failed)
		}
		return nil, errors.Join(err, in.close())
	}
	return in, nil
}

// decompress looks at the first bytes rather than at the name.
func (in *input) decompress(raw io.Reader) error {
	in.stream = bufio.NewReaderSize(raw, bufferSize)
	head, err := in.stream.Peek(len(zstdMagic))
	if len(head) == 0 {
		return errEmpty
	}
	switch {
	case len(head) >= 2 && string(head[:2]) == string(gzipMagic):
		z, err := gzip.NewReader(in.stream)
		if err != nil {
			return decompressError(err)
		}
		in.stream = bufio.NewReaderSize(z, bufferSize)
	case string(head) == string(zstdMagic):
		z, err := zstd.NewReader(in.stream, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return decompressError(err)
		}
		in.zstd = z
		in.stream = bufio.NewReaderSize(z, bufferSize)
	default:
		if err != nil && err != io.EOF {
			return err
		}
		return nil
	}
	if _, err := in.stream.Peek(1); err == io.EOF {
		return errEmpty
	} else if err != nil {
		return decompressError(err)
	}
	return nil
}

const byteOrderMark = "\ufeff"

// skipMark passes over a byte order mark, if the stream begins with one.
func (in *input) skipMark() error {
	mark, _ := in.stream.Peek(len(byteOrderMark))
	if string(mark) != byteOrderMark {
		return nil
	}
	_, err := in.stream.Discard(len(byteOrderMark))
	return err
}

// decompressError names the usual reason in plain words.
func decompressError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the compressed file is cut short")
	}
	if errors.Is(err, errShrunk) || errors.Is(err, errShortened) || errors.Is(err, ErrStopped) {
		return err
	}
	return fmt.Errorf("decompress: %w", err)
}

// compressed says whether the stream is not the file's own bytes.
func (in *input) compressed() bool {
	head := make([]byte, len(zstdMagic))
	n, _ := in.file.ReadAt(head, 0)
	head = head[:n]
	return len(head) >= 2 && string(head[:2]) == string(gzipMagic) || string(head) == string(zstdMagic)
}

// ReadAt reads the file and remembers its failures.
func (in *input) ReadAt(b []byte, off int64) (int, error) {
	n, err := in.file.ReadAt(b, off)
	if err != nil && err != io.EOF && in.failed == nil {
		in.failed = err
	}
	return n, err
}

func (in *input) close() error {
	if in.zstd != nil {
		in.zstd.Close()
	}
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

// watched remembers the failures of a stream.
type watched struct {
	io.Reader
	in *input
}

func (w *watched) Read(b []byte) (int, error) {
	if w.in.onRead != nil && !w.in.onRead() {
		return 0, ErrStopped
	}
	n, err := w.Reader.Read(b)
	if err != nil && err != io.EOF && w.in.failed == nil {
		w.in.failed = err
	}
	return n, err
}
