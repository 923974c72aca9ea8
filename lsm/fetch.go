package lsm

import (
	"errors"
	"sync"

	"github.com/statelab/statelab/internal/cache"
)

// fetch gathers the blocks that look-ups side by side want and the cache does not
// have, and reads them at the same time:
//
//	get    the block, if the cache has it or the last read brought it; else errWanted
//	read   everything that get was asked for in vain
//
// Only files are read on several goroutines. All else, and so what the cache
// does, is in the order in which get was called. The zero value is empty.
type fetch struct {
	wanted  []want
	brought []want // by the last read
}

// want is a block that is to be read, or was.
type want struct {
	file   *blockFile
	handle blockHandle
	kind   cache.Kind
	buf    *[]byte // as stored
	block  storedBlock
	ref    blockRef
	err    error
	taken  bool
}

// errWanted says that a block is not there before the next read.
var errWanted = errors.New("a block is still to be read")

func (w *want) is(bf *blockFile, h blockHandle) bool { return w.file == bf && w.handle == h }

// get gets a block into ref. Of those who want a block that was read the first
// takes what was brought, and the cache counts the others.
func (f *fetch) get(bf *blockFile, h blockHandle, kind cache.Kind, ref *blockRef) error {
	ref.release()
	for i := range f.brought {
		if w := &f.brought[i]; !w.taken && w.is(bf, h) {
			w.taken = true
			*ref, w.ref = w.ref, *ref
			return w.err
		}
	}
	for i := range f.wanted {
		if f.wanted[i].is(bf, h) {
			return errWanted
		}
	}
	if bf.fromCache(h, kind, ref) {
		return nil
	}
	f.wanted = append(f.wanted, want{file: bf, handle: h, kind: kind})
	return errWanted
}

// read brings what is wanted.
func (f *fetch) read() {
	f.reset()
	f.wanted, f.brought = f.brought, f.wanted
	if len(f.brought) == 1 {
		f.brought[0].readStored()
	} else {
		var all sync.WaitGroup
		for i := range f.brought {
			all.Go(f.brought[i].readStored)
		}
		all.Wait()
	}
	for i := range f.brought {
		f.brought[i].restore()
	}
}

func (w *want) readStored() {
	w.buf = w.file.env.buffer()
	w.block, w.err = w.file.readStored(w.handle, w.buf)
}

func (w *want) restore() {
	if w.err == nil {
		w.err = w.file.restore(w.block, w.handle, w.kind, cached, &w.ref)
	}
	w.file.env.putBuffer(w.buf)
}

// reset gives up what was brought and nobody took.
func (f *fetch) reset() {
	for i := range f.brought {
		f.brought[i].ref.release()
	}
	clear(f.brought)
	f.brought = f.brought[:0]
}

// forget gives up everything.
func (f *fetch) forget() {
	f.reset()
	clear(f.wanted)
	f.wanted = f.wanted[:0]
}
