package badger

import (
	"bytes"

	"github.com/dgraph-io/badger/v4"

	"github.com/statelab/statelab/bench/peer/internal/kv"
)

// A cursor walks a snapshot both ways. Badger's iterators walk one way each, so
// there are two, made when they are needed.
type cursor struct {
	txn          *badger.Txn
	lower, upper []byte
	prefix       []byte // what all keys within the bounds begin with, if that is known

	forth, back *badger.Iterator
	on          *badger.Iterator // the one that stands on the record
	at          []byte
}

func (d *db) Cursor(lower, upper []byte, prefix bool) (kv.Cursor, error) {
	c := &cursor{txn: d.NewTransaction(false), lower: lower, upper: upper}
	if prefix {
		c.prefix = lower[:len(upper)]
	}
	return c, nil
}

// forwards returns the iterator that walks upwards.
func (c *cursor) forwards() *badger.Iterator {
	if c.forth == nil {
		c.forth = c.txn.NewIterator(badger.IteratorOptions{Prefix: c.prefix})
	}
	c.on = c.forth
	return c.forth
}

// backwards returns the iterator that walks downwards.
func (c *cursor) backwards() *badger.Iterator {
	if c.back == nil {
		c.back = c.txn.NewIterator(badger.IteratorOptions{Reverse: true})
	}
	c.on = c.back
	return c.back
}

// stand says whether the iterator stands on a record within the bounds.
func (c *cursor) stand() bool {
	if !c.on.Valid() {
		return false
	}
	key := c.on.Item().Key()
	return bytes.Compare(key, c.lower) >= 0 && bytes.Compare(key, c.upper) < 0
}

func (c *cursor) First() bool { return c.SeekGE(c.lower) }
func (c *cursor) Last() bool  { return c.SeekLT(c.upper) }

func (c *cursor) SeekGE(key []byte) bool {
	c.forwards().Seek(key)
	return c.stand()
}

// SeekLT seeks downwards, which finds the greatest key that is not above the one given.
func (c *cursor) SeekLT(key []byte) bool {
	it := c.backwards()
	it.Seek(key)
	if it.Valid() && bytes.Equal(it.Item().Key(), key) {
		it.Next()
	}
	return c.stand()
}

func (c *cursor) Next() bool {
	if c.on == c.forth {
		c.on.Next()
		return c.stand()
	}
	c.at = append(append(c.at[:0], c.Key()...), 0)
	return c.SeekGE(c.at)
}

func (c *cursor) Prev() bool {
	if c.on == c.back {
		c.on.Next()
		return c.stand()
	}
	c.at = append(c.at[:0], c.Key()...)
	return c.SeekLT(c.at)
}

func (c *cursor) Key() []byte { return c.on.Item().Key() }

func (c *cursor) Value() (value []byte, err error) {
	err = c.on.Item().Value(func(v []byte) error {
		value = v // in the table or the log, both of which stay until the next move
		return nil
	})
	return value, err
}

func (c *cursor) Err() error { return nil }

func (c *cursor) Close() error {
	if c.forth != nil {
		c.forth.Close()
	}
	if c.back != nil {
		c.back.Close()
	}
	c.txn.Discard()
	return nil
}
