// Package meter counts what an engine does to its files, by purpose, at the
// one place where every byte passes: the file handle. So Stats.Written cannot
// forget a write (clause O4 of package statelab).
package meter

import (
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A Purpose is why bytes are written; they mirror statelab.Written.
type Purpose uint8

const (
	Log Purpose = iota
	Flush
	Compaction
	Page
	Images
	Snapshot
	Checkpoint
	Meta
	purposes
)

// A Meter is the counters of one store. The zero Meter counts from zero.
type Meter struct {
	written [purposes]atomic.Int64
	read    atomic.Int64
	syncs   atomic.Int64
}

// File returns f with its traffic counted; what it writes is for purpose p.
func (m *Meter) File(f vfs.File, p Purpose) vfs.File { return &file{f, m, p} }

// Fill sets the fields of s that the meter knows.
func (m *Meter) Fill(s *statelab.Stats) {
	s.Written = statelab.Written{
		Log:        m.written[Log].Load(),
		Flush:      m.written[Flush].Load(),
		Compaction: m.written[Compaction].Load(),
		Page:       m.written[Page].Load(),
		Images:     m.written[Images].Load(),
		Snapshot:   m.written[Snapshot].Load(),
		Checkpoint: m.written[Checkpoint].Load(),
		Meta:       m.written[Meta].Load(),
	}
	s.ReadBytes = m.read.Load()
	s.Syncs = m.syncs.Load()
}

type file struct {
	vfs.File
	m *Meter
	p Purpose
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	f.m.read.Add(int64(n))
	return n, err
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	f.m.written[f.p].Add(int64(n))
	return n, err
}

func (f *file) Sync() error {
	f.m.syncs.Add(1)
	return f.File.Sync()
}

func (f *file) Preallocate(size int64) error { return vfs.Preallocate(f.File, size) }
