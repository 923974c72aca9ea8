//go:build rocksdb && cgo

package rocksdb

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/linxGnu/grocksdb"

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
		RealFS:  true,
		Notes:   []string{"Debian builds RocksDB with assertions on: its times say little"},
		Open:    o.open,
	})
}

// db is RocksDB as the adapter sees it.
type db struct {
	*grocksdb.DB
	options *grocksdb.Options
	read    *grocksdb.ReadOptions
	write   *grocksdb.WriteOptions // without waiting for the disk
	durable *grocksdb.WriteOptions
	flush   *grocksdb.FlushOptions
	logged  bool
	counted bool
	prefix  int // bytes of what RocksDB takes for a key's prefix

	batch batch
	idle  chan *bounds // of closed cursors, for reuse
}

// mostIdle bounds how many bounds of closed cursors are kept.
const mostIdle = 8

func (o *Options) open(p kv.Place) (kv.DB, error) {
	options, err := o.settings(p)
	if err != nil {
		return nil, err
	}
	opened, err := grocksdb.OpenDb(options, p.Dir)
	if err != nil {
		return nil, err
	}
	d := &db{
		DB: opened, options: options,
		read:  grocksdb.NewDefaultReadOptions(),
		write: grocksdb.NewDefaultWriteOptions(), durable: grocksdb.NewDefaultWriteOptions(),
		flush:   grocksdb.NewDefaultFlushOptions(),
		logged:  p.Options.Durability != statelab.DurabilityCheckpoint,
		counted: !o.NoStatistics,
		prefix:  o.prefix(),
		idle:    make(chan *bounds, mostIdle),
	}
	d.write.DisableWAL(!d.logged)
	d.durable.SetSync(true)
	d.batch = batch{d, grocksdb.NewWriteBatch()}
	return d, nil
}

// level0Files is how many files of level 0 begin a compaction.
const level0Files = 4

// settings returns RocksDB's options.
func (o *Options) settings(p kv.Place) (*grocksdb.Options, error) {
	memory := p.Memory()
	memtable := o.Memtable
	if memtable == 0 {
		memtable = memory / 8
	}
	compression, err := codec(p.Options.Compression)
	if err != nil {
		return nil, err
	}
	table := grocksdb.NewDefaultBlockBasedTableOptions()
	table.SetFilterPolicy(grocksdb.NewBloomFilterFull(10))
	table.SetBlockCache(grocksdb.NewLRUCache(uint64(max(memory-2*memtable, memory/4))))
	table.SetCacheIndexAndFilterBlocks(true)
	table.SetPinL0FilterAndIndexBlocksInCache(true)

	options := grocksdb.NewDefaultOptions()
	options.SetCreateIfMissing(true)
	options.SetBlockBasedTableFactory(table)
	options.SetWriteBufferSize(uint64(memtable))
	options.SetMaxWriteBufferNumber(2)
	options.SetLevel0FileNumCompactionTrigger(level0Files)
	options.SetMaxBackgroundJobs(2)
	options.SetCompression(compression)
	options.SetStatsDumpPeriodSec(0)
	options.SetPrefixExtractor(grocksdb.NewFixedPrefixTransform(o.prefix()))
	if o.Blobs > 0 {
		options.EnableBlobFiles(true)
		options.SetMinBlobSize(uint64(o.Blobs))
		options.SetBlobCompressionType(compression)
		options.EnableBlobGC(true)
	}
	if !o.NoStatistics {
		options.EnableStatistics()
	}
	return options, nil
}

// defaultPrefix covers, of a join's event, the byte of the adapter, the tag, the
// group and the first eight bytes of the join key.
const defaultPrefix = 12

// prefix returns the length of a key's prefix, in bytes.
func (o *Options) prefix() int {
	if o.PrefixBytes == 0 {
		return defaultPrefix
	}
	return o.PrefixBytes
}

func codec(c statelab.Compression) (grocksdb.CompressionType, error) {
	switch c {
	case statelab.CompressionDefault:
		return grocksdb.SnappyCompression, nil
	case statelab.CompressionNone:
		return grocksdb.NoCompression, nil
	case statelab.CompressionZstd:
		return grocksdb.ZSTDCompression, nil
	}
	return 0, fmt.Errorf("compression %s is not one that is offered for RocksDB: default (snappy), none, zstd: %w", c, statelab.ErrUnsupported)
}

func (d *db) Get(dst, key []byte) ([]byte, bool, error) {
	value, err := d.DB.GetPinned(d.read, key)
	if err != nil {
		return dst, false, err
	}
	defer value.Destroy()
	if !value.Exists() {
		return dst, false, nil
	}
	return append(dst, value.Data()...), true, nil
}

// Sync flushes what is only in memory, or makes the log durable up to now.
func (d *db) Sync() error {
	if d.logged {
		return d.FlushWAL(true)
	}
	return d.Flush(d.flush)
}

// Checkpoint links the tables. What is only in memory is flushed first.
func (d *db) Checkpoint(dir string) error {
	if err := d.Flush(d.flush); err != nil {
		return err
	}
	c, err := d.NewCheckpoint()
	if err != nil {
		return err
	}
	defer c.Destroy()
	done := make(chan error, 1)
	go func() { done <- c.CreateCheckpoint(dir, 0) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			if err := d.wake(); err != nil {
				return errors.Join(err, <-done)
			}
		}
	}
}

// patience is how long a checkpoint may take before what it may wait for is
// said once more.
const patience = time.Second

// wake makes RocksDB's waiting threads look again. Before 10.8 it may forget to
// tell a checkpoint that the last obsolete file is gone (facebook/rocksdb#14069),
// and the checkpoint waits for ever. To set an option tells all that wait; this
// one is set to what it is.
func (d *db) wake() error {
	return d.SetOptions([]string{"level0_file_num_compaction_trigger"}, []string{strconv.Itoa(level0Files)})
}

func (d *db) Close() error {
	for {
		select {
		case b := <-d.idle:
			b.options.Destroy()
			continue
		default:
		}
		break
	}
	d.batch.WriteBatch.Destroy()
	d.DB.Close()
	d.read.Destroy()
	d.write.Destroy()
	d.durable.Destroy()
	d.flush.Destroy()
	// The options stay: their Destroy would free the prefix extractor, which
	// RocksDB has freed with the last reference to it.
	return nil
}

func (d *db) Begin() kv.Batch {
	d.batch.Clear()
	return &d.batch
}

// batch is RocksDB's, used again and again.
type batch struct {
	db *db
	*grocksdb.WriteBatch
}

func (b *batch) Put(key, value []byte) error {
	b.WriteBatch.Put(key, value)
	return nil
}

func (b *batch) Delete(key []byte) error {
	b.WriteBatch.Delete(key)
	return nil
}

func (b *batch) Merge(_, _ []byte) error { return statelab.ErrUnsupported }

func (b *batch) Commit(durable bool) error {
	how := b.db.write
	if durable && b.db.logged {
		how = b.db.durable
	}
	return b.db.Write(how, b.WriteBatch)
}

func (b *batch) Discard() {}
