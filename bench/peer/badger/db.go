package badger

import (
	"bytes"
	"errors"
	"expvar"
	"fmt"

	"github.com/dgraph-io/badger/v4"

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
		Open:    o.open,
		Notes: []string{
			"engine bytes are Badger's own counts: the log without headers, flushes before compression",
			"disk bytes hold what Badger preallocates",
		},
	})
}

// db is Badger as the adapter sees it.
type db struct {
	*badger.DB
	batch   batch
	collect bool // the value log holds values
}

func (o *Options) open(p kv.Place) (kv.DB, error) {
	bo, err := o.settings(p)
	if err != nil {
		return nil, err
	}
	opened, err := badger.Open(bo)
	if err != nil {
		return nil, err
	}
	return &db{DB: opened, collect: o.ValueThreshold > 0}, nil
}

func (d *db) Get(dst, key []byte) ([]byte, bool, error) {
	txn := d.NewTransaction(false)
	defer txn.Discard()
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, err
	}
	err = item.Value(func(value []byte) error {
		dst = append(dst, value...)
		return nil
	})
	return dst, err == nil, err
}

func (d *db) Begin() kv.Batch {
	d.batch = batch{txn: d.NewTransaction(true)}
	return &d.batch
}

// batch is a transaction that writes.
type batch struct{ txn *badger.Txn }

// Put copies: a transaction keeps what it is given.
func (b *batch) Put(key, value []byte) error {
	return tooLarge(b.txn.Set(bytes.Clone(key), append([]byte{}, value...)))
}

func (b *batch) Delete(key []byte) error { return tooLarge(b.txn.Delete(bytes.Clone(key))) }

func (b *batch) Merge(_, _ []byte) error { return statelab.ErrUnsupported }
func (b *batch) Discard()                { b.txn.Discard() }

// Commit is as durable as SyncWrites says.
func (b *batch) Commit(bool) error { return b.txn.Commit() }

// tooLarge says of a transaction over Badger's limit what the contract says.
func tooLarge(err error) error {
	if errors.Is(err, badger.ErrTxnTooBig) {
		return fmt.Errorf("%w: %w", err, statelab.ErrTooLarge)
	}
	return err
}

// garbage is the share of a value log file that makes it worth rewriting, as
// the documentation recommends.
const garbage = 0.5

// Sync also collects garbage of the value log, until there is none.
func (d *db) Sync() error {
	if err := d.DB.Sync(); err != nil {
		return err
	}
	for d.collect {
		err := d.RunValueLogGC(garbage)
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
			break
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Checkpoint is unsupported: Badger streams backups, and the adapter copies as well.
func (d *db) Checkpoint(string) error { return statelab.ErrUnsupported }

// Fill implements kv.DB.
func (d *db) Fill(s *statelab.Stats) {
	s.Written.Log = counter("badger_write_bytes_user") + counter("badger_write_bytes_vlog")
	s.Written.Flush = counter("badger_write_bytes_l0")
	s.Written.Compaction = counters("badger_write_bytes_compaction")
	if m := d.BlockCacheMetrics(); m != nil {
		s.Cache = []statelab.CacheStats{{Kind: "block", Hits: int64(m.Hits()), Misses: int64(m.Misses())}}
		s.Memory = int64(m.CostAdded() - m.CostEvicted())
	}
	s.Files = int64(len(d.Tables()))
}

func counter(name string) int64 {
	if v, ok := expvar.Get(name).(*expvar.Int); ok {
		return v.Value()
	}
	return 0
}

// counters sums a map of counters.
func counters(name string) (sum int64) {
	if m, ok := expvar.Get(name).(*expvar.Map); ok {
		m.Do(func(kv expvar.KeyValue) {
			if v, ok := kv.Value.(*expvar.Int); ok {
				sum += v.Value()
			}
		})
	}
	return sum
}
