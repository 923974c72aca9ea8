package pebble

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
)

// Open opens the store in dir, making it if need be. o may be nil.
func Open(dir string, o *Options) (*kv.Store, error) {
	if o == nil {
		o = new(Options)
	}
	return kv.Open(dir, kv.Config{
		Engine:  Engine,
		Options: o.Options,
		Merges:  true,
		Open:    o.open,
	})
}

// db is Pebble as the adapter sees it.
type db struct {
	*pebble.DB
	fs     *fileSystem
	work   *maintenance
	logged bool
	batch  batch
}

func (o *Options) open(p kv.Place) (kv.DB, error) {
	po, err := o.settings(p)
	if err != nil {
		return nil, err
	}
	fsys := &fileSystem{fs: p.FS, meter: p.Meter}
	work := &maintenance{options: &p.Options}
	po.FS, po.EventListener = fsys, work.listener()
	opened, err := pebble.Open(p.Dir, po)
	if err != nil {
		return nil, err
	}
	return &db{DB: opened, fs: fsys, work: work, logged: !po.DisableWAL}, nil
}

func (d *db) Get(dst, key []byte) ([]byte, bool, error) {
	value, closer, err := d.DB.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, err
	}
	dst = append(dst, value...)
	return dst, true, closer.Close()
}

func (d *db) Begin() kv.Batch {
	d.batch = batch{d.NewBatch(), d.logged}
	return &d.batch
}

// batch is one of Pebble's.
type batch struct {
	*pebble.Batch
	logged bool
}

func (b *batch) Put(key, value []byte) error     { return b.Batch.Set(key, value, nil) }
func (b *batch) Delete(key []byte) error         { return b.Batch.Delete(key, nil) }
func (b *batch) Merge(key, operand []byte) error { return b.Batch.Merge(key, operand, nil) }

func (b *batch) Commit(durable bool) error {
	how := pebble.NoSync
	if durable && b.logged {
		how = pebble.Sync
	}
	err := b.Batch.Commit(how)
	return errors.Join(err, b.Batch.Close())
}

func (b *batch) Discard() {
	_ = b.Batch.Close() // it gives the batch back to a pool; nothing was asked of it
}

// Sync flushes what is only in memory, or makes the log durable up to now.
func (d *db) Sync() error {
	if d.logged {
		return d.LogData(nil, pebble.Sync)
	}
	return d.Flush()
}

// Checkpoint links the tables and copies the rest. What is only in memory
// is flushed first, since there may be no log that holds it.
func (d *db) Checkpoint(dir string) error {
	if err := d.Flush(); err != nil {
		return err
	}
	d.fs.copying.Store(true)
	defer d.fs.copying.Store(false)
	return d.DB.Checkpoint(dir, pebble.WithFlushedWAL())
}

func (d *db) Cursor(lower, upper []byte, prefix bool) (kv.Cursor, error) {
	it, err := d.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	return &cursor{Iterator: it, lower: lower, prefix: prefix}, nil
}

// A cursor is an iterator of Pebble's. One over a prefix goes forwards in the
// mode that asks the filters, and leaves it when it has to step back.
type cursor struct {
	*pebble.Iterator
	lower    []byte
	prefix   bool
	filtered bool // the iterator is in prefix mode
}

func (c *cursor) First() bool {
	if c.prefix {
		return c.SeekGE(c.lower)
	}
	return c.Iterator.First()
}

func (c *cursor) SeekGE(key []byte) bool {
	if c.filtered = c.prefix; c.prefix {
		return c.Iterator.SeekPrefixGE(key)
	}
	return c.Iterator.SeekGE(key)
}

func (c *cursor) Last() bool {
	c.filtered = false
	return c.Iterator.Last()
}

func (c *cursor) SeekLT(key []byte) bool {
	c.filtered = false
	return c.Iterator.SeekLT(key)
}

func (c *cursor) Prev() bool {
	if !c.filtered {
		return c.Iterator.Prev()
	}
	return c.SeekLT(append([]byte(nil), c.Iterator.Key()...))
}

func (c *cursor) Value() ([]byte, error) { return c.Iterator.ValueAndErr() }
func (c *cursor) Err() error             { return c.Iterator.Error() }

// Fill implements kv.DB. Bytes written and syncs are the file system's count,
// by the purpose that Pebble names when it makes a file.
func (d *db) Fill(s *statelab.Stats) {
	d.work.fill(s)
	m := d.Metrics()
	s.Flushes = m.Flush.Count
	s.Compactions = m.Compact.Count
	s.Cache = []statelab.CacheStats{{Kind: "block", Hits: m.BlockCache.Hits, Misses: m.BlockCache.Misses}}
	// Pebble counts filters that spared a look-up as hits.
	s.Filter = statelab.FilterStats{Probes: m.Filter.Hits + m.Filter.Misses, Negatives: m.Filter.Hits}
	s.Memory = m.BlockCache.Size + int64(m.MemTable.Size)
	s.Pinned = int64(m.MemTable.ZombieSize + m.Table.ZombieSize + m.BlobFiles.ZombieSize)
	// The log in use is written behind the caller's back; its size is what was given to it.
	s.Disk = int64(m.DiskSpaceUsage() - m.WAL.PhysicalSize + max(m.WAL.PhysicalSize, m.WAL.Size))
	s.Files = int64(m.Table.Local.LiveCount + m.BlobFiles.LiveCount)
}

// logger passes on what Pebble reports.
type logger struct{ to *slog.Logger }

func (l logger) Infof(format string, args ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.to.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble cannot go on.
func (l logger) Fatalf(format string, args ...any) { panic("pebble: " + fmt.Sprintf(format, args...)) }
