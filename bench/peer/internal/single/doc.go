// Package single makes a kv.DB of a store that has one version of its state and
// no snapshots: a tree in memory, or a transaction that reads its own writes.
//
// One lock keeps everything apart. A cursor reads the tree as it is until the
// first change after its opening; then it first copies its range, and goes on over
// the copy. A join's probes are closed before it writes, so they never pay for
// that; whoever keeps a cursor open while writing does.
package single
