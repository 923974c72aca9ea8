package btree

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/pool"
	"github.com/statelab/statelab/vfs"
)

// firstPage is the first page id after the two root slots.
const firstPage = 2

// Kinds of page as the pool counts them.
const (
	countLeaf = iota
	countInner
	countOverflow
)

var countNames = [pool.Kinds]string{countLeaf: "leaf", countInner: "inner", countOverflow: "overflow"}

// A pager is the file as pages: the pool in front of it, and what is free in it.
// That of the write buffer has no file: its pages are frames lent by the pool,
// and their ids are those of the frames, from firstPage on.
type pager struct {
	file     vfs.File // of the pages; what it writes is counted as such; nil: none
	roots    vfs.File // the same, and what it writes is counted as the store's description of itself
	name     string
	pageSize int
	unit     int        // bytes of an allocation unit
	perPage  uint32     // units of a page that is not compressed
	leaves   *leafCodec // nil without compression
	pool     *pool.Pool
	space    *space
	images   images
	size     atomic.Int64 // of the file, in bytes
	writes   atomic.Int64 // calls that wrote pages
}

// A node is a pinned page. The zero node is none.
type node struct {
	pool.Page
	page
}

// lent says whether the pages are lent by the pool.
func (g *pager) lent() bool { return g.file == nil }

// release gives the pin up; a node that is none has none.
func (n *node) release() {
	if n.page != nil {
		n.Unpin()
		*n = node{}
	}
}

// get returns a page of the tree, pinned, once it is sure to be the one meant.
func (g *pager) get(r ref, level int) (node, error) {
	kind := byte(kindInner)
	if level == 0 {
		kind = kindLeaf
	}
	return g.getKind(r, kind, level)
}

// getOverflow returns an overflow page, of data at level 0 and of references above.
func (g *pager) getOverflow(r ref, level int) (node, error) {
	kind := byte(kindOverflowIndex)
	if level == 0 {
		kind = kindOverflow
	}
	return g.getKind(r, kind, level)
}

func (g *pager) getKind(r ref, kind byte, level int) (node, error) {
	var h pool.Page
	var err error
	if g.lent() {
		h = g.pool.Lent(r.id - firstPage)
	} else if h, err = g.pool.Get(r.id); err != nil {
		return node{}, err
	}
	n := node{h, h.Bytes()}
	if n.tag() != r.tag() || n.kind() != kind || n.level() != level {
		err := g.corrupt(r.id, fmt.Sprintf("B3: page %d is of kind %d, level %d, epoch %d where kind %d, level %d, epoch %d is referred to",
			r.id, n.kind(), n.level(), n.birth(), kind, level, r.birth))
		n.release()
		return node{}, err
	}
	return n, nil
}

// corrupt returns the error for a damaged page.
func (g *pager) corrupt(id uint32, reason string) error {
	return &statelab.CorruptError{File: g.name, Offset: g.offset(id), Reason: reason}
}

// readRaw reads page id from the file and checks what can be checked without
// knowing what it should be.
func (g *pager) readRaw(id uint32, buf page) error {
	if id < g.first() || id >= g.space.end.Load() {
		return g.corrupt(id, fmt.Sprintf("B2: page %d is referred to, of %d", id, g.space.end.Load()))
	}
	n, err := g.file.ReadAt(buf, g.offset(id))
	compressed := g.leaves != nil && n >= min(g.unit, len(buf)) && buf[kindAt]&compressedMask != 0
	switch {
	case n == len(buf), compressed && errors.Is(err, io.EOF):
	case errors.Is(err, io.EOF):
		return g.corrupt(id, fmt.Sprintf("page %d is beyond the end of the file", id))
	default:
		return fmt.Errorf("read page %d of %s: %w", id, g.name, err)
	}
	if compressed {
		if damage := g.leaves.decode(buf, g.unit, n); damage != "" {
			return g.corrupt(id, fmt.Sprintf("B3: page %d: %s", id, damage))
		}
	} else if !buf.sealed() {
		return g.corrupt(id, fmt.Sprintf("B3: page %d has a wrong checksum", id))
	}
	if buf.ref().id != id {
		return g.corrupt(id, fmt.Sprintf("B3: page %d says that it is page %d", id, buf.ref().id))
	}
	return nil
}

// ReadPage implements pool.Backing.
func (g *pager) ReadPage(id uint32, buf []byte) (uint8, error) {
	p := page(buf)
	if err := g.readRaw(id, p); err != nil {
		return 0, err
	}
	if err := p.validate(); err != nil {
		return 0, g.corrupt(id, fmt.Sprintf("page %d: %v", id, err))
	}
	return countKind(p.kind()), nil
}

// WritePages implements pool.Backing. What the pages overwrite is protected already
// if it is the pool that writes them.
func (g *pager) WritePages(id uint32, buf []byte) error {
	for i := range uint32(len(buf) / g.pageSize) {
		if g.isBare(id + i) {
			if err := g.protect([]uint32{id + i}); err != nil {
				return err
			}
		}
	}
	for rest := buf; len(rest) > 0; rest = rest[g.pageSize:] {
		page(rest[:g.pageSize]).seal()
	}
	return g.writeAt(buf, id)
}

// writeAt writes extents that follow one another, the first of them id.
func (g *pager) writeAt(buf []byte, id uint32) error {
	at := g.offset(id)
	g.writes.Add(1)
	if _, err := g.file.WriteAt(buf, at); err != nil {
		return fmt.Errorf("write page %d of %s: %w", id, g.name, err)
	}
	if end := at + int64(len(buf)); end > g.size.Load() {
		g.size.Store(end)
	}
	return nil
}

func countKind(kind byte) uint8 {
	switch kind {
	case kindLeaf:
		return countLeaf
	case kindInner:
		return countInner
	}
	return countOverflow
}
