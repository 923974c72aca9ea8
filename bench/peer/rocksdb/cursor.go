//go:build rocksdb && cgo

package rocksdb

import (
	"bytes"

	"github.com/linxGnu/grocksdb"

	"github.com/statelab/statelab/bench/peer/internal/kv"
)

// A cursor is an iterator of RocksDB's, which is a snapshot.
type cursor struct {
	db *db
	*bounds
	iter *grocksdb.Iterator // nil once closed
}

// bounds are options of a scan and the keys that they refer to while a cursor is open.
type bounds struct {
	options      *grocksdb.ReadOptions
	lower, upper []byte
}

// Cursor implements kv.DB.
func (d *db) Cursor(lower, upper []byte, prefix bool) (kv.Cursor, error) {
	var b *bounds
	select {
	case b = <-d.idle:
	default:
		b = &bounds{options: grocksdb.NewDefaultReadOptions()}
	}
	// The upper bound is as long as the prefix. One shorter than what RocksDB
	// takes for a prefix may have keys with several of those.
	prefix = prefix && len(upper) >= d.prefix
	b.lower, b.upper = append(b.lower[:0], lower...), append(b.upper[:0], upper...)
	b.options.SetIterateLowerBound(b.lower)
	b.options.SetIterateUpperBound(b.upper)
	b.options.SetPrefixSameAsStart(prefix)
	b.options.SetTotalOrderSeek(!prefix)
	return &cursor{d, b, d.NewIterator(b.options)}, nil
}

func (c *cursor) First() bool { return c.SeekGE(c.lower) }

func (c *cursor) Last() bool { return c.SeekLT(c.upper) }

func (c *cursor) SeekGE(key []byte) bool {
	c.iter.Seek(key)
	return c.iter.Valid()
}

func (c *cursor) SeekLT(key []byte) bool {
	c.iter.SeekForPrev(key)
	if c.iter.Valid() && bytes.Equal(c.Key(), key) {
		c.iter.Prev()
	}
	return c.iter.Valid()
}

func (c *cursor) Next() bool {
	c.iter.Next()
	return c.iter.Valid()
}

func (c *cursor) Prev() bool {
	c.iter.Prev()
	return c.iter.Valid()
}

func (c *cursor) Key() []byte {
	key := c.iter.Key()
	return key.Data() // it belongs to the iterator: there is nothing to free
}

func (c *cursor) Value() ([]byte, error) {
	value := c.iter.Value()
	return value.Data(), nil
}

func (c *cursor) Err() error { return c.iter.Err() }

func (c *cursor) Close() error {
	if c.iter == nil {
		return nil
	}
	err := c.iter.Err()
	c.iter.Close()
	c.iter = nil
	select {
	case c.db.idle <- c.bounds:
	default:
		c.options.Destroy()
	}
	return err
}
