// Package kv makes a statelab.Store of a plain ordered key-value store, one
// that knows keys, values, batches and snapshots but neither elements nor event
// time. Each peer is a [DB], a page or two of code; what the contract asks for
// beyond that is here, once, so that all peers pay for it alike.
//
//	Store (contract)      Get · Apply · Iter · Advance · Sync · Checkpoint
//	     │  elements with expiries, watermark, limits, locks, errors
//	     ▼
//	DB (a peer)           Get · batch of Put, Delete, Merge · cursor · Sync
//
// # Keys and values in the peer
//
//	KEY                      VALUE
//	'd' key                  the record: its elements, framed (see frame.go)
//	'm' "watermark"          the watermark, 8 bytes, big-endian, sign flipped
//	'x' expiry(8) key        empty: an element of this key dies at expiry
//
// The first byte costs nothing that shows and keeps the adapter's own keys away
// from the caller's. A record's elements carry their expiries, and reads pass
// over those that the watermark has reached. Advance writes the watermark, so
// that it takes its place in the peer's own history.
//
// # Expiry
//
// Reads are exact whatever the scheme. The schemes differ in who gives back the
// space of what has died:
//
//	driver  the caller deletes; the store says so through statelab.KeepsDead
//	index   the adapter keeps the entries 'x' and sweeps them when the watermark passes
//
// # Invariants
//
//	P1  A batch of the caller is one batch of the peer; so is an Advance, with what it sweeps.
//	P2  Every change holds the lock write; whatever changes the watermark or closes the store also holds the lock gate, which every read shares.
//	P3  An iterator's cursor and watermark are of one moment.
//	P4  With expiry=index each element that is in a record and can die has an entry 'x' (a key over the peer's limit less nine bytes excepted).
//	P5  What is dead when it is applied is not stored: a dead Put is a Delete, a dead Append nothing. The watermark precedes it in the peer's history, so no crash brings it back to life.
//
// # Durability
//
// A DB is opened for one of the contract's three settings, and maps it to its
// own means: its package says which. The adapter calls [DB.Sync] at every Sync,
// at every interval, and asks each batch to be durable on return under "always".
// Most peers cannot keep "checkpoint" to the letter: they write behind the
// caller's back, so after a crash they open at some later point of the history
// than the last Sync. It is a consistent point, and each peer's tests prove that
// much (clause D2 without its interval), and the others' documentation says less.
package kv
