package ftl

import "github.com/statelab/statelab/vfs"

// A Footprint finds out how much room files need: the greatest sum of their
// sizes, each rounded up to pages, over a trace. A Host with as many pages for files is
// never full. The zero Footprint is not ready for use; see NewFootprint.
type Footprint struct {
	page  int64
	names names
	sizes map[uint64]int64 // pages
	now   int64
	peak  int64
}

// NewFootprint returns a footprint of no files, in pages of so many bytes.
func NewFootprint(pageBytes int) *Footprint {
	return &Footprint{page: int64(pageBytes), names: newNames(), sizes: map[uint64]int64{}}
}

// Observe takes the next operation.
func (fp *Footprint) Observe(op vfs.TraceOp) {
	if died := fp.names.apply(&op); died != 0 {
		fp.resize(died, 0)
		delete(fp.sizes, died)
	}
	if !fp.names.alive(op.File) {
		return
	}
	switch op.Op {
	case vfs.OpCreate:
		fp.resize(op.File, 0)
	case vfs.OpTruncate:
		fp.resize(op.File, fp.pages(op.Length))
	case vfs.OpWrite:
		fp.resize(op.File, max(fp.sizes[op.File], fp.pages(op.Offset+op.Length)))
	}
}

// PeakPages returns the greatest number of pages so far.
func (fp *Footprint) PeakPages() int64 { return fp.peak }

// Pages returns the number of pages now.
func (fp *Footprint) Pages() int64 { return fp.now }

func (fp *Footprint) pages(bytes int64) int64 { return (bytes + fp.page - 1) / fp.page }

func (fp *Footprint) resize(file uint64, pages int64) {
	fp.now += pages - fp.sizes[file]
	fp.sizes[file] = pages
	fp.peak = max(fp.peak, fp.now)
}
