package btree

import (
	"fmt"
	"io"

	"github.com/statelab/statelab"
)

// Dump implements statelab.DumpStore: it prints the tree's shape, level by
// level, and what the file's pages are used for.
func (s *Store) Dump(w io.Writer) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	defer s.gate.leave(s.gate.enter())
	if s.closed {
		return statelab.ErrClosed
	}
	t := &s.tree
	d := dumper{pager: t.pager, levels: make([]levelShape, t.height)}
	if err := d.walk(t.root, t.height-1); err != nil {
		return fmt.Errorf("dump %s: %w", t.name, err)
	}
	return d.print(w, t, &s.buffer)
}

// A levelShape sums up the pages of a level.
type levelShape struct {
	pages, cells, used, prefixes int64
}

type dumper struct {
	*pager
	levels   []levelShape
	elements int64
	spilled  int64  // records
	stream   int64  // bytes in overflow pages
	behind   uint32 // the leaf before
	adjacent int64  // leaves that follow the one before them in the file too
}

func (d *dumper) walk(r ref, level int) error {
	n, err := d.get(r, level)
	if err != nil {
		return err
	}
	shape := &d.levels[level]
	shape.pages++
	shape.cells += int64(n.count())
	shape.used += int64(n.used())
	shape.prefixes += int64(n.prefixSize())
	if level == 0 {
		d.leaf(n.page)
		n.release()
		return nil
	}
	children := make([]ref, n.count())
	for i := range children {
		children[i] = n.child(i)
	}
	n.release()
	for _, c := range children {
		if err := d.walk(c, level-1); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) leaf(p page) {
	if r := p.ref(); r.id == d.behind {
		d.adjacent++
	}
	d.behind = d.pager.behind(p.ref())
	for i := range p.count() {
		r := p.record(i)
		if r.long {
			d.stream += r.rest().length
		}
		if r.spilled {
			d.spilled++
			d.stream += getSpill(r.body).stream.length
			continue
		}
		for body := r.body; len(body) > 0; d.elements++ {
			_, _, body = nextElement(body)
		}
	}
}

func (d *dumper) print(w io.Writer, t *tree, b *buffer) error {
	end := int64(t.space.end.Load())
	used := t.space.usedCount.Load()
	held, units := int64(0), "pages"
	for _, r := range t.snaps.allHeld() {
		held += int64(t.extent(r))
	}
	if t.perPage > 1 {
		units = fmt.Sprintf("pages of %d bytes, in units", t.pageSize)
	}
	p := printer{w: w}
	p.printf("btree %s\n", t.name)
	p.printf("epoch %d, watermark %d, height %d\n", t.durable.epoch, t.watermark, t.height)
	p.printf("%s of %d bytes: %d in the file, %d used, %d held for the last commit or iterators, %d free\n",
		units, t.unit, end, used, held, end-used-held)
	p.printf("%-8s %10s %10s %8s %8s\n", "level", "pages", "cells", "fill", "prefix")
	for level := len(d.levels) - 1; level >= 0; level-- {
		name := "leaf"
		if level > 0 {
			name = fmt.Sprintf("inner %d", level)
		}
		l := d.levels[level]
		fill := 100 * float64(l.used) / float64(l.pages*int64(t.capacity()))
		p.printf("%-8s %10d %10d %7.1f%% %8.1f\n", name, l.pages, l.cells, fill, float64(l.prefixes)/float64(l.pages))
	}
	leaves := d.levels[0].pages
	p.printf("records %d, of them %d spilled; %d elements in leaves; %d bytes in overflow pages\n",
		d.levels[0].cells, d.spilled, d.elements, d.stream)
	p.printf("write buffer: %d pages, merged beyond %d\n", b.pages, b.limit)
	if t.space.inPlace {
		p.printf("log of images: %d bytes, and %d images that may yet come\n", t.images.size(), t.space.owedCount)
	}
	p.printf("leaves that follow their neighbour in the file: %d of %d\n", d.adjacent, max(leaves-1, 0))
	return p.err
}

// A printer keeps the first error of its writer.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
