package goleveldb

import (
	"errors"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/iterator"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
)

// syncKey is written, with a sync, so that the journal is durable up to it. It
// is none of the adapter's.
var syncKey = []byte("~sync")

// Open opens the store in dir, making it if need be. o may be nil.
func Open(dir string, o *Options) (*kv.Store, error) {
	if o == nil {
		o = new(Options)
	}
	return kv.Open(dir, kv.Config{
		Engine:  Engine,
		Options: o.Options,
		Open:    o.open,
	})
}

// db is goleveldb as the adapter sees it.
type db struct {
	*leveldb.DB
	files *files
	batch batch
}

func (o *Options) open(p kv.Place) (kv.DB, error) {
	settings, err := o.settings(p)
	if err != nil {
		return nil, err
	}
	fs := &files{fs: p.FS, dir: p.Dir, meter: p.Meter}
	opened, err := leveldb.Open(fs, settings)
	if err != nil {
		return nil, errors.Join(err, fs.Close())
	}
	return &db{DB: opened, files: fs}, nil
}

func (d *db) Get(dst, key []byte) ([]byte, bool, error) {
	value, err := d.DB.Get(key, nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, err
	}
	return append(dst, value...), true, nil
}

func (d *db) Begin() kv.Batch {
	d.batch.db = d.DB
	d.batch.Batch.Reset()
	return &d.batch
}

// batch is one of goleveldb's.
type batch struct {
	leveldb.Batch
	db *leveldb.DB
}

func (b *batch) Put(key, value []byte) error {
	b.Batch.Put(key, value)
	return nil
}

func (b *batch) Delete(key []byte) error {
	b.Batch.Delete(key)
	return nil
}

func (b *batch) Merge(_, _ []byte) error { return statelab.ErrUnsupported }
func (b *batch) Discard()                {}

func (b *batch) Commit(durable bool) error {
	return b.db.Write(&b.Batch, &opt.WriteOptions{Sync: durable})
}

// Sync makes the journal durable up to a write of its own.
func (d *db) Sync() error { return d.Put(syncKey, nil, &opt.WriteOptions{Sync: true}) }

// Checkpoint is unsupported: goleveldb knows no copies, and its files cannot be
// linked safely while it runs.
func (d *db) Checkpoint(string) error { return statelab.ErrUnsupported }

func (d *db) Close() error {
	err := d.DB.Close()
	return errors.Join(err, d.files.Close())
}

func (d *db) Cursor(lower, upper []byte, _ bool) (kv.Cursor, error) {
	it := d.NewIterator(&util.Range{Start: lower, Limit: upper}, nil)
	if err := it.Error(); err != nil {
		it.Release()
		return nil, err
	}
	return &cursor{it}, nil
}

type cursor struct{ iterator.Iterator }

func (c *cursor) SeekGE(key []byte) bool { return c.Seek(key) }

func (c *cursor) SeekLT(key []byte) bool {
	if c.Seek(key) {
		return c.Prev()
	}
	return c.Last()
}

func (c *cursor) Value() ([]byte, error) { return c.Iterator.Value(), nil }
func (c *cursor) Err() error             { return c.Error() }

func (c *cursor) Close() error {
	err := c.Error()
	c.Release()
	return err
}

// Fill implements kv.DB. Bytes of tables are told into flushed and compacted by
// goleveldb's count of what it wrote to level 0, where most flushes go; one that
// went deeper counts as compaction.
func (d *db) Fill(s *statelab.Stats) {
	var st leveldb.DBStats
	if err := d.Stats(&st); err != nil {
		return // closed: nothing is known
	}
	if len(st.LevelWrite) > 0 {
		flushed := min(st.LevelWrite[0], s.Written.Compaction)
		s.Written.Flush, s.Written.Compaction = flushed, s.Written.Compaction-flushed
	}
	s.Flushes = int64(st.MemComp)
	s.Compactions = int64(st.Level0Comp + st.NonLevel0Comp + st.SeekComp)
	s.Stalls, s.StallTime = int64(st.WriteDelayCount), st.WriteDelayDuration
	s.Cache = []statelab.CacheStats{{Kind: "block", Hits: st.BlockCache.HitCount, Misses: st.BlockCache.MissCount}}
	s.Memory = int64(st.BlockCacheSize)
	for _, n := range st.LevelTablesCounts {
		s.Files += int64(n)
	}
}
