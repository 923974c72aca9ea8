//go:build lmdb && cgo

package lmdb

// #include <lmdb.h>
import "C"

import "github.com/statelab/statelab/bench/peer/internal/single"

// A pointer is a cursor of the transaction.
type pointer struct {
	of         *environment
	cursor     *C.MDB_cursor
	key, value C.MDB_val // views of the map
	err        error
}

// Pointer implements single.Tree.
func (e *environment) Pointer() single.Pointer {
	if n := len(e.idle); n > 0 {
		p := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return p
	}
	p := &pointer{of: e}
	p.err = mdbError("open a cursor", C.mdb_cursor_open(e.txn, e.dbi, &p.cursor))
	return p
}

// Release implements single.Pointer. The cursor stays open for the next.
func (p *pointer) Release() {
	if p.cursor != nil {
		p.err = nil
		p.of.idle = append(p.of.idle, p)
	}
}

func (p *pointer) move(op C.int, to []byte) bool {
	if p.cursor == nil {
		return false
	}
	rc := p.to(op, to)
	if rc != 0 && rc != C.MDB_NOTFOUND {
		p.err = mdbError("move a cursor", rc)
	}
	return rc == 0
}

func (p *pointer) SeekGE(key []byte) bool { return p.move(C.MDB_SET_RANGE, key) }
func (p *pointer) Next() bool             { return p.move(C.MDB_NEXT, nil) }
func (p *pointer) Prev() bool             { return p.move(C.MDB_PREV, nil) }

func (p *pointer) SeekLT(key []byte) bool {
	if p.SeekGE(key) {
		return p.Prev()
	}
	return p.err == nil && p.move(C.MDB_LAST, nil)
}

func (p *pointer) Key() []byte   { return view(&p.key) }
func (p *pointer) Value() []byte { return view(&p.value) }
func (p *pointer) Err() error    { return p.err }
