package lsm

import (
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/codec"
	"github.com/statelab/statelab/vfs"
)

// tableFormat is how tables are written.
type tableFormat struct {
	blockSize  int // target for a data block before compression, in bytes
	bufferSize int // what is gathered before it is written, in bytes
	bloomBits  int // per key in each filter
	prefix     statelab.Prefix
	codec      *codec.Codec
}

// blockWriter writes blocks to a file, one after the other. After a failure every
// call returns it.
type blockWriter struct {
	format     *tableFormat
	file       vfs.File
	err        error
	buf        []byte // written to the file from offset flushed on
	flushed    int64
	compressed []byte
}

// begin starts with an empty file. The writer does not close it.
func (w *blockWriter) begin(file vfs.File) {
	w.file, w.err, w.flushed, w.buf = file, nil, 0, w.buf[:0]
}

// writeBlock appends a block with its trailer to the file.
func (w *blockWriter) writeBlock(block []byte, compress bool) blockHandle {
	if len(block) > maxBlockSize {
		w.fail(fmt.Errorf("a block of %d bytes is larger than the format can hold", len(block)))
		return blockHandle{}
	}
	how, stored := byte(codec.Raw), block
	if compress {
		how, stored = w.format.codec.Encode(w.compressed, block)
		if how != codec.Raw {
			w.compressed = keepSmall(stored)
		}
	}
	h := blockHandle{offset: uint64(w.flushed) + uint64(len(w.buf)), length: uint32(len(stored))}
	start := len(w.buf)
	w.buf = append(w.buf, stored...)
	w.buf = appendTrailer(w.buf, start, how, len(block), h.offset)
	if len(w.buf) >= w.format.bufferSize {
		w.flush()
	}
	return h
}

func (w *blockWriter) flush() {
	if w.err != nil || len(w.buf) == 0 {
		return
	}
	if _, err := w.file.WriteAt(w.buf, w.flushed); err != nil {
		w.fail(err)
		return
	}
	w.flushed += int64(len(w.buf))
	w.buf = keepSmall(w.buf)[:0]
}

func (w *blockWriter) fail(err error) error {
	if w.err == nil {
		w.err = err
	}
	return w.err
}

// keepSmall returns b as memory to reuse, or nil if one huge record has made
// it larger than ordinary work needs.
func keepSmall(b []byte) []byte {
	if cap(b) > 1<<20 {
		return nil
	}
	return b
}
