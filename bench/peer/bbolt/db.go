package bbolt

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
)

const (
	fileName = "data.bolt"
	// mapSize is address space, not memory; bytes.
	mapSize = 64 << 30
	// maxKey is the longest key of bbolt, in bytes.
	maxKey = bbolt.MaxKeySize
)

var bucketName = []byte("state")

// Open opens the store in dir, making it if need be. o may be nil.
func Open(dir string, o *Options) (*kv.Store, error) {
	if o == nil {
		o = new(Options)
	}
	if o.Compression != statelab.CompressionDefault && o.Compression != statelab.CompressionNone {
		return nil, fmt.Errorf("open store %s: bbolt does not compress: %w", dir, statelab.ErrUnsupported)
	}
	return kv.Open(dir, kv.Config{
		Engine:  Engine,
		Options: o.Options,
		MaxKey:  maxKey,
		Inline:  true,
		RealFS:  true,
		Open:    o.open,
		Notes:   o.notes(),
	})
}

// notes are what a reader of figures must know.
func (o *Options) notes() []string {
	notes := []string{"bbolt reads through the page cache, which memory does not bound"}
	if o.NoSync {
		notes = append(notes, "nosync: a crash may leave a file that does not open")
	}
	return notes
}

// db is bbolt as the adapter sees it.
type db struct {
	*bbolt.DB
	batch  batch
	nosync bool
}

func (o *Options) open(p kv.Place) (kv.DB, error) {
	memory := p.Memory()
	settings := *bbolt.DefaultOptions
	settings.FreelistType = bbolt.FreelistMapType
	settings.NoFreelistSync = true
	settings.InitialMmapSize = mapSize
	settings.NoSync = o.NoSync
	opened, err := bbolt.Open(filepath.Join(p.Dir, fileName), 0o644, &settings)
	if err != nil {
		return nil, err
	}
	opened.AllocSize = int(memory / 8)
	err = opened.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName)
		return err
	})
	if err == nil {
		err = p.FS.SyncDir(p.Dir) // bbolt syncs its file, and not the name
	}
	if err != nil {
		opened.Close()
		return nil, err
	}
	d := &db{DB: opened, nosync: o.NoSync}
	if o.Unbuffered {
		return d, nil
	}
	return kv.Buffered(d, memory/2), nil
}

func (d *db) Get(dst, key []byte) ([]byte, bool, error) {
	tx, err := d.DB.Begin(false)
	if err != nil {
		return dst, false, err
	}
	value := tx.Bucket(bucketName).Get(key)
	if value == nil {
		return dst, false, tx.Rollback()
	}
	dst = append(dst, value...)
	return dst, true, tx.Rollback()
}

// Begin returns a batch, which is a transaction once something is put into it.
func (d *db) Begin() kv.Batch {
	d.batch = batch{db: d.DB}
	return &d.batch
}

// batch is a transaction that writes.
type batch struct {
	db     *bbolt.DB
	tx     *bbolt.Tx // nil until the first change
	bucket *bbolt.Bucket
}

func (b *batch) begin() error {
	if b.tx != nil {
		return nil
	}
	tx, err := b.db.Begin(true)
	if err == nil {
		b.tx, b.bucket = tx, tx.Bucket(bucketName)
	}
	return err
}

// Put copies the value: bbolt keeps the one it is given until the commit, and
// the key it copies itself.
func (b *batch) Put(key, value []byte) error {
	if err := b.begin(); err != nil {
		return err
	}
	return b.bucket.Put(key, append([]byte{}, value...))
}

func (b *batch) Delete(key []byte) error {
	if err := b.begin(); err != nil {
		return err
	}
	return b.bucket.Delete(key)
}

func (b *batch) Merge(_, _ []byte) error { return statelab.ErrUnsupported }

// Commit syncs too, unless nosync is set.
func (b *batch) Commit(bool) error {
	if b.tx == nil {
		return nil
	}
	return b.tx.Commit()
}

func (b *batch) Discard() {
	if b.tx != nil {
		_ = b.tx.Rollback() // nothing was asked of it
	}
}

// Sync has something to do only if commits are not synced.
func (d *db) Sync() error {
	if d.nosync {
		return d.DB.Sync()
	}
	return nil
}

// Checkpoint copies the file.
func (d *db) Checkpoint(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := d.View(func(tx *bbolt.Tx) error { return writeCopy(tx, filepath.Join(dir, fileName)) })
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func writeCopy(tx *bbolt.Tx, name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err = tx.WriteTo(f); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Fill implements kv.DB. Pages written are bbolt's own count of those it
// allocated for commits, times their size; it does not count its meta pages.
func (d *db) Fill(s *statelab.Stats) {
	st := d.Stats()
	s.Written.Page = st.TxStats.GetPageAlloc()
	s.Files = 1
	s.Pinned = int64(st.PendingPageN * d.Info().PageSize)
}

func (d *db) Cursor(lower, upper []byte, _ bool) (kv.Cursor, error) {
	tx, err := d.DB.Begin(false)
	if err != nil {
		return nil, err
	}
	return &cursor{tx: tx, c: tx.Bucket(bucketName).Cursor(), lower: lower, upper: upper}, nil
}

// A cursor is a read transaction and a cursor in it, held to bounds.
type cursor struct {
	tx           *bbolt.Tx
	c            *bbolt.Cursor
	lower, upper []byte
	key, value   []byte
}

// stand takes a position, and says whether it is one and within the bounds.
func (c *cursor) stand(key, value []byte) bool {
	c.key, c.value = key, value
	return key != nil && bytes.Compare(key, c.lower) >= 0 && bytes.Compare(key, c.upper) < 0
}

func (c *cursor) First() bool            { return c.stand(c.c.Seek(c.lower)) }
func (c *cursor) Last() bool             { return c.SeekLT(c.upper) }
func (c *cursor) SeekGE(key []byte) bool { return c.stand(c.c.Seek(key)) }
func (c *cursor) Next() bool             { return c.stand(c.c.Next()) }
func (c *cursor) Prev() bool             { return c.stand(c.c.Prev()) }

func (c *cursor) SeekLT(key []byte) bool {
	if found, _ := c.c.Seek(key); found == nil {
		return c.stand(c.c.Last())
	}
	return c.stand(c.c.Prev())
}

func (c *cursor) Key() []byte            { return c.key }
func (c *cursor) Value() ([]byte, error) { return c.value, nil }
func (c *cursor) Err() error             { return nil }
func (c *cursor) Close() error           { return c.tx.Rollback() }
