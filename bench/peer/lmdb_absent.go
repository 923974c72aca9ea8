//go:build !(lmdb && cgo)

package peer

import "github.com/statelab/statelab/internal/catalog"

func lmdbEntry(b catalog.Backend) catalog.Entry {
	return catalog.Absent(b, "build with -tags lmdb, with cgo and the library (Debian: liblmdb-dev)")
}
