//go:build lmdb && cgo

package lmdb

// #include <stdlib.h>
// #include <lmdb.h>
import "C"

import (
	"encoding/binary"
	"unsafe"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/single"
)

// Open opens the store in dir, making it if need be. o may be nil.
func Open(dir string, o *Options) (*kv.Store, error) {
	if o == nil {
		o = new(Options)
	}
	notes := []string{"LMDB lives in the page cache, outside the memory budget"}
	if o.Unsafe {
		notes = append(notes, "unsafe: a crash of the machine may destroy the store")
	}
	return kv.Open(dir, kv.Config{
		Engine:  Engine,
		Options: o.Options,
		MaxKey:  maxKey,
		Inline:  true,
		RealFS:  true,
		Notes:   notes,
		Open: func(p kv.Place) (kv.DB, error) {
			e := &environment{unsafe: o.Unsafe}
			if err := e.open(p.Dir, o); err != nil {
				return nil, err
			}
			return single.Over(e), nil
		},
	})
}

// maxKey is the longest key of LMDB as Debian builds it, in bytes.
const maxKey = 511

// mapSize bounds the file, in bytes; it costs address space only.
const mapSize = 64 << 30

// An environment is an LMDB store, with the one transaction that everything
// goes through.
type environment struct {
	env     *C.MDB_env
	dbi     C.MDB_dbi
	txn     *C.MDB_txn // nil after a failure
	unsafe  bool
	commits int64

	ops  []byte     // a batch, as sl_apply reads it
	idle []*pointer // of the transaction, for reuse
}

func (e *environment) open(path string, o *Options) error {
	if err := mdbError("make an environment", C.mdb_env_create(&e.env)); err != nil {
		return err
	}
	err := e.prepare(path, o)
	if err != nil {
		C.mdb_env_close(e.env)
	}
	return err
}

func (e *environment) prepare(path string, o *Options) error {
	if err := mdbError("set the map's size", C.mdb_env_set_mapsize(e.env, mapSize)); err != nil {
		return err
	}
	flags := C.uint(C.MDB_NOLOCK | C.MDB_NORDAHEAD)
	if o.WriteMap {
		flags |= C.MDB_WRITEMAP
	}
	if o.Unsafe {
		flags |= C.MDB_NOSYNC
	}
	dir := C.CString(path)
	defer C.free(unsafe.Pointer(dir))
	if err := mdbError("open", C.mdb_env_open(e.env, dir, flags, 0o644)); err != nil {
		return err
	}
	if err := e.begin(); err != nil {
		return err
	}
	if err := mdbError("open the database", C.mdb_dbi_open(e.txn, nil, 0, &e.dbi)); err != nil {
		e.abort()
		return err
	}
	return nil
}

func (e *environment) begin() error {
	return mdbError("begin a transaction", C.mdb_txn_begin(e.env, nil, 0, &e.txn))
}

// abort ends the transaction without a trace.
func (e *environment) abort() {
	e.closeIdle()
	if e.txn != nil {
		C.mdb_txn_abort(e.txn)
		e.txn = nil
	}
}

// commit commits the transaction and begins the next.
func (e *environment) commit() error {
	e.closeIdle()
	err := mdbError("commit", C.mdb_txn_commit(e.txn))
	e.txn = nil
	if err != nil {
		return err
	}
	e.commits++
	return e.begin()
}

// closeIdle closes the cursors of the transaction, which end with it.
func (e *environment) closeIdle() {
	for _, p := range e.idle {
		C.mdb_cursor_close(p.cursor)
	}
	e.idle = e.idle[:0]
}

// Get implements single.Tree.
func (e *environment) Get(key []byte) ([]byte, bool, error) {
	var v C.MDB_val
	rc := e.get(key, &v)
	if rc == C.MDB_NOTFOUND {
		return nil, false, nil
	}
	return view(&v), rc == 0, mdbError("get", rc)
}

const (
	opPut    = 0
	opDelete = 1
)

// Apply implements single.Tree.
func (e *environment) Apply(changes []single.Change, durable bool) error {
	e.ops = e.ops[:0]
	for i := range changes {
		c := &changes[i]
		kind := byte(opPut)
		if c.Delete {
			kind = opDelete
		}
		e.ops = append(e.ops, kind)
		e.ops = binary.LittleEndian.AppendUint32(e.ops, uint32(len(c.Key)))
		e.ops = binary.LittleEndian.AppendUint32(e.ops, uint32(len(c.Value)))
		e.ops = append(append(e.ops, c.Key...), c.Value...)
	}
	if err := mdbError("write", e.apply(e.ops)); err != nil {
		e.abort()
		return err
	}
	switch {
	case durable:
		return e.Sync()
	case e.unsafe:
		return e.commit()
	}
	return nil
}

// Sync implements single.Tree. A commit waits for the disk unless the
// environment was opened not to.
func (e *environment) Sync() error {
	if err := e.commit(); err != nil || !e.unsafe {
		return err
	}
	return mdbError("flush", C.mdb_env_sync(e.env, 1))
}

// Fill implements single.Tree.
func (e *environment) Fill(s *statelab.Stats) {
	var info C.MDB_envinfo
	var stat C.MDB_stat
	if C.mdb_env_info(e.env, &info) != 0 || C.mdb_env_stat(e.env, &stat) != 0 {
		return // nothing is known then, and nothing said
	}
	s.Disk = (int64(info.me_last_pgno) + 1) * int64(stat.ms_psize)
	s.Files = 1
	s.Flushes = e.commits
}

// Close implements single.Tree. What was not committed is given up.
func (e *environment) Close() error {
	e.abort()
	C.mdb_env_close(e.env)
	return nil
}
