//go:build lmdb && cgo

package lmdb

/*
#cgo LDFLAGS: -llmdb
#include <stdint.h>
#include <lmdb.h>

enum { SL_PUT = 0, SL_DELETE = 1 };

static uint32_t sl_u32(const unsigned char *p) {
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

// sl_apply carries out a batch in one call from Go. An operation is its kind
// (1 byte), the lengths of key and value (4 bytes each, little-endian), key, value.
static int sl_apply(MDB_txn *txn, MDB_dbi dbi, void *ops, size_t n) {
	unsigned char *p = ops, *end = p + n;
	while (p < end) {
		MDB_val key = { sl_u32(p + 1), p + 9 };
		MDB_val value = { sl_u32(p + 5), p + 9 + key.mv_size };
		int rc = p[0] == SL_PUT ? mdb_put(txn, dbi, &key, &value, 0) : mdb_del(txn, dbi, &key, 0);
		if (rc != 0 && !(p[0] == SL_DELETE && rc == MDB_NOTFOUND)) return rc;
		p += 9 + key.mv_size + value.mv_size;
	}
	return 0;
}

static int sl_get(MDB_txn *txn, MDB_dbi dbi, void *key, size_t n, MDB_val *value) {
	MDB_val k = { n, key };
	return mdb_get(txn, dbi, &k, value);
}

// sl_move moves a cursor; to is where for MDB_SET_RANGE. What it finds
// is handed out only if there is something, so that no pointer to Go's memory stays behind.
static int sl_move(MDB_cursor *c, int op, void *to, size_t n, MDB_val *key, MDB_val *value) {
	MDB_val k = { n, to }, v;
	int rc = mdb_cursor_get(c, &k, &v, op);
	if (rc == 0) { *key = k; *value = v; }
	return rc;
}

#cgo noescape sl_apply
#cgo nocallback sl_apply
#cgo noescape sl_get
#cgo nocallback sl_get
#cgo noescape sl_move
#cgo nocallback sl_move
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// mdbError says what LMDB answered, or nothing if all went well.
func mdbError(doing string, rc C.int) error {
	if rc == 0 {
		return nil
	}
	return fmt.Errorf("%s: lmdb: %s", doing, C.GoString(C.mdb_strerror(rc)))
}

// view returns bytes of the map, which are valid until the next change.
func view(v *C.MDB_val) []byte {
	if v.mv_size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(v.mv_data), int(v.mv_size))
}

// start is where bytes begin, for C; nil if there are none.
func start(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// The functions of the preamble are known in this file only.

func (e *environment) get(key []byte, value *C.MDB_val) C.int {
	return C.sl_get(e.txn, e.dbi, start(key), C.size_t(len(key)), value)
}

func (e *environment) apply(ops []byte) C.int {
	return C.sl_apply(e.txn, e.dbi, start(ops), C.size_t(len(ops)))
}

func (p *pointer) to(op C.int, key []byte) C.int {
	return C.sl_move(p.cursor, op, start(key), C.size_t(len(key)), &p.key, &p.value)
}
