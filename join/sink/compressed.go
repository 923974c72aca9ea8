package sink

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A Compression is how the lines of a file are compressed.
type Compression string

const (
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// CompressionOf tells it by a file's name; empty is none.
func CompressionOf(file string) Compression {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".gz":
		return Gzip
	case ".zst":
		return Zstd
	}
	return ""
}

// A Compressed writes lines to a compressed file, which is whole once it has been closed. The file is a function of the
// lines: how they were added, and when they were committed, does not show.
type Compressed struct {
	w   io.WriteCloser
	buf []byte // lines, less than compressedChunk of them between calls
	err error  // the first failure
}

const (
	// compressedChunk is how many bytes the compressor is given at a time, so that it always sees the same.
	compressedChunk = 256 << 10
	// zstdWindow bounds what the compressor of zstd keeps in memory, which is a few times as much.
	zstdWindow = 1 << 20
)

// NewCompressed begins a file in a part.
func NewCompressed(part *Part, how Compression) *Compressed {
	c := &Compressed{}
	if how == Zstd {
		// More goroutines than the caller's would cut the blocks as it pleases them.
		c.w, c.err = zstd.NewWriter(partWriter{part}, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
	} else {
		c.w = gzip.NewWriter(partWriter{part})
	}
	return c
}

// Buffer returns what to append lines to and then to give to Extend.
func (c *Compressed) Buffer() []byte { return c.buf }

// Extend adds the lines that buf has beyond the Buffer that it began as.
func (c *Compressed) Extend(buf []byte) error {
	rest := buf
	for ; len(rest) >= compressedChunk; rest = rest[compressedChunk:] {
		c.write(rest[:compressedChunk])
	}
	c.buf = buf[:copy(buf, rest)]
	return c.err
}

// Add adds lines.
func (c *Compressed) Add(lines []byte) error { return c.Extend(append(c.buf, lines...)) }

// Close writes what ends the file. The part is the caller's to publish and to close.
func (c *Compressed) Close() error {
	c.write(c.buf)
	if c.err == nil {
		c.fail(c.w.Close())
	}
	return c.err
}

func (c *Compressed) write(b []byte) {
	if c.err == nil {
		_, err := c.w.Write(b)
		c.fail(err)
	}
}

func (c *Compressed) fail(err error) {
	if err != nil {
		c.err = fmt.Errorf("compress output: %w", err)
	}
}
