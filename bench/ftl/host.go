package ftl

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/statelab/statelab/vfs"
)

// A HostConfig describes what stands between a store's files and its device.
type HostConfig struct {
	Place Placement

	// NoTrim keeps from the device that a file's pages are free once it has
	// died or been cut short: a file system mounted without discard.
	NoTrim bool

	// Expire and DirtyLimit say when pages are written back that nobody syncs.
	// A trace has no clock, so that both are counted in bytes. A file is written back
	// once the store has written Expire bytes, to whichever files, since its first page became
	// dirty; and while more than DirtyLimit bytes are dirty, the file that has been dirty longest is.
	// Zero is the default.
	Expire, DirtyLimit int64
}

// The defaults of HostConfig. Linux writes back after 30 s what nobody syncs:
// 512 MiB is what a store that writes 17 MiB/s has written by then. Its
// background limit is a tenth of the memory that is available.
const (
	DefaultExpire     = 512 << 20
	DefaultDirtyLimit = 128 << 20
)

// A Host is a page cache and a file system over a device. It is fed with the
// operations of one store on its files, in order, and sends the device the
// writes and discards that come of them:
//
//   - A write makes pages dirty. One that is dirty already is sent once.
//   - A sync writes back the dirty pages of that file, and nothing else.
//   - What nobody syncs is written back by the rules of HostConfig, file by file.
//   - A page gets its address when it is first written back (delayed allocation), and keeps
//     it: later writes are in place. A file's pages are put one after the other where there is room
//     (allocator).
//   - When a file loses its last name, or is cut short, its dirty pages are never
//     sent, and the addresses of the others are free at once and discarded. What is written
//     afterwards to a file without a name is never sent.
//
// Not modelled are the file system's metadata and journal, which add to what a device
// gets with every sync; read-ahead and the pages that reads bring in; partial pages, which are
// sent whole; and that ext4 discards only when its journal commits.
type Host struct {
	config HostConfig
	device *Device
	page   int64 // bytes
	room   *allocator
	names  names
	files  map[uint64]*file
	queue  []dirtySince // files by when they became dirty, some of which no longer are
	clock  int64        // bytes written by the store
	dirty  int64        // pages
	held   int64        // addresses that files have
	counts HostCounters

	old   []*file // retired, clean, the next to shrink last
	limit int64   // of held, while there are old files
}

// HostCounters are what a host has seen and decided, in bytes.
type HostCounters struct {
	Written   int64 // by the store's calls
	Cancelled int64 // dirty pages that were never sent, because their file died or was cut short
}

// Since returns what was counted after before.
func (c HostCounters) Since(before HostCounters) HostCounters {
	return HostCounters{c.Written - before.Written, c.Cancelled - before.Cancelled}
}

// A file is its pages.
type file struct {
	id    uint64
	at    []uint32 // by page: its address, or nowhere
	dirty []bool   // by page
	count int64    // dirty pages
	since int64    // Host.clock when the first of them became dirty
}

type dirtySince struct {
	file  *file
	since int64
}

// ErrFull is that files need more pages than the device has.
var ErrFull = errors.New("device is full")

// NewHost returns a host with no files. Pages of the device that hold something
// already are not its own: it never touches them.
func NewHost(c HostConfig, device *Device) (*Host, error) {
	if c.Expire == 0 {
		c.Expire = DefaultExpire
	}
	if c.DirtyLimit == 0 {
		c.DirtyLimit = DefaultDirtyLimit
	}
	if c.Expire < 0 || c.DirtyLimit < 0 || c.Place >= placements {
		return nil, fmt.Errorf("page cache: expiry after %d bytes, limit of %d, placement %d", c.Expire, c.DirtyLimit, c.Place)
	}
	return &Host{
		config: c,
		device: device,
		page:   int64(device.config.PageBytes),
		room:   newAllocator(device.config.LogicalPages, c.Place),
		names:  newNames(),
		files:  map[uint64]*file{},
	}, nil
}

// Reserve takes n pages from page on, which must be free, out of what files may be given.
func (h *Host) Reserve(page, n int64) { h.room.mark(page, n) }

// Counters returns what the host has seen so far.
func (h *Host) Counters() HostCounters { return h.counts }

// Observe takes the next operation. Its error is ErrFull; the host is not to be used
// after it.
func (h *Host) Observe(op vfs.TraceOp) error {
	if died := h.names.apply(&op); died != 0 {
		if f := h.files[died]; f != nil {
			h.cut(f, 0)
			delete(h.files, died)
		}
	}
	switch op.Op {
	case vfs.OpCreate:
		if f := h.files[op.File]; f != nil {
			h.cut(f, 0)
		}
	case vfs.OpWrite:
		return h.write(op.File, op.Offset, op.Length)
	case vfs.OpTruncate:
		if f := h.files[op.File]; f != nil {
			h.cut(f, (op.Length+h.page-1)/h.page)
		}
	case vfs.OpSync:
		if f := h.files[op.File]; f != nil {
			return h.writeBack(f)
		}
	}
	return nil
}

// Flush writes back everything, as the command sync does.
func (h *Host) Flush() error { return h.writeBackWhile(func(dirtySince) bool { return true }) }

// Retire makes room for another run of the same trace on a device in use: the
// files become old, and names and ids mean new files from now on. Everything dirty
// is written back. Old files shrink, page by page from their ends, the first of them
// first, just so much that no more than limit pages are held together with the new.
func (h *Host) Retire(limit int64) error {
	if err := h.Flush(); err != nil {
		return err
	}
	retired := slices.Collect(maps.Values(h.files))
	slices.SortFunc(retired, func(a, b *file) int { return cmp.Compare(b.id, a.id) })
	h.old = append(retired, h.old...) // of two files of one id the one retired before goes first
	h.names, h.files, h.limit = newNames(), map[uint64]*file{}, limit
	return nil
}

// DropOld removes the old files that are left.
func (h *Host) DropOld() { h.shrinkOld(math.MaxInt64) }

// shrinkOld takes n addresses away from the old files, as far as they have them.
func (h *Host) shrinkOld(n int64) {
	for n > 0 && len(h.old) > 0 {
		f := h.old[len(h.old)-1]
		last := len(f.at) - 1
		if last < 0 {
			h.old = h.old[:len(h.old)-1]
			continue
		}
		if f.at[last] != nowhere {
			n--
		}
		h.cut(f, int64(last))
	}
}

// write makes pages dirty, and writes back what the rules say.
func (h *Host) write(id uint64, offset, length int64) error {
	h.counts.Written += length
	h.clock += length
	if !h.names.alive(id) {
		h.counts.Cancelled += length
		return nil
	}
	f := h.files[id]
	if f == nil {
		f = &file{id: id}
		h.files[id] = f
	}
	end := (offset + length + h.page - 1) / h.page
	for int64(len(f.at)) < end {
		f.at, f.dirty = append(f.at, nowhere), append(f.dirty, false)
	}
	if f.count == 0 {
		f.since = h.clock
		h.queue = append(h.queue, dirtySince{f, f.since})
	}
	for p := offset / h.page; p < end; p++ {
		if !f.dirty[p] {
			f.dirty[p] = true
			f.count++
			h.dirty++
		}
	}
	return h.writeBackWhile(func(oldest dirtySince) bool {
		return h.clock-oldest.since >= h.config.Expire || h.dirty*h.page > h.config.DirtyLimit
	})
}

// writeBackWhile writes back the file that has been dirty longest while due says so of it.
func (h *Host) writeBackWhile(due func(dirtySince) bool) error {
	for len(h.queue) > 0 {
		oldest := h.queue[0]
		if oldest.file.count > 0 && oldest.file.since == oldest.since {
			if !due(oldest) {
				return nil
			}
			if err := h.writeBack(oldest.file); err != nil {
				return err
			}
		}
		h.queue = h.queue[1:]
	}
	return nil
}

// writeBack sends a file's dirty pages to the device, in the order of the file.
func (h *Host) writeBack(f *file) error {
	for p := int64(0); f.count > 0; p++ {
		if !f.dirty[p] {
			continue
		}
		if f.at[p] == nowhere {
			if err := h.place(f, p); err != nil {
				return err
			}
		}
		f.dirty[p] = false
		f.count--
		h.dirty--
		h.device.Write(int64(f.at[p]), 1)
	}
	return nil
}

// place gives addresses to page p of a file and to the dirty pages that follow it and
// have none, as many as one run has room for.
func (h *Host) place(f *file, p int64) error {
	end := p + 1
	for end < int64(len(f.at)) && f.dirty[end] && f.at[end] == nowhere {
		end++
	}
	if len(h.old) > 0 {
		h.shrinkOld(h.held + end - p - h.limit)
	}
	if h.room.free == 0 {
		return fmt.Errorf("page cache: write back file %d: %w", f.id, ErrFull)
	}
	goal := int64(-1)
	if p > 0 && f.at[p-1] != nowhere {
		goal = int64(f.at[p-1]) + 1
	}
	at, got := h.room.take(goal, end-p)
	h.held += got
	for i := range got {
		f.at[p+i] = uint32(at + i)
	}
	return nil
}

// cut takes the pages from page n on away from a file.
func (h *Host) cut(f *file, n int64) {
	for p := n; p < int64(len(f.at)); p++ {
		if f.dirty[p] {
			f.count--
			h.dirty--
			h.counts.Cancelled += h.page
		}
		if at := f.at[p]; at != nowhere {
			h.room.release(int64(at))
			h.held--
			if !h.config.NoTrim {
				h.device.Trim(int64(at), 1)
			}
		}
	}
	if n < int64(len(f.at)) {
		f.at, f.dirty = f.at[:n], f.dirty[:n]
	}
}
