//go:build !(rocksdb && cgo)

package peer

import "github.com/statelab/statelab/internal/catalog"

func rocksdbEntry(b catalog.Backend) catalog.Entry {
	return catalog.Absent(b, "build with -tags rocksdb, with cgo and the library (Debian: librocksdb-dev)")
}
