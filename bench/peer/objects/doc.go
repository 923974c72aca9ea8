// Package objects is a store that keeps its state decoded, as objects on the Go
// heap. It exists to be compared with: it stands for the first version of a sample
// joiner, which holds each waiting event as a struct in a map, and for what that
// makes of the garbage collector.
//
//	map ──► object ──► key
//	            │
//	tree ──►    └────► fields ──► string, string, string ...
//
// On write a record becomes an object: a struct that points to its key and, for each
// element, to an array of strings, each of which is allocated by itself. On read
// the strings are put together again. Where the strings begin and end is made up: the
// store knows nothing of what its bytes mean, so it cuts an element into as many pieces of
// equal length as the parameter fields says, where a decoder would find as many
// features. What a real decoder does beside that, parsing, is not in it.
//
// Objects are found through a map, and in the order of their keys, which a join's
// probes and timers need, through a tree (tidwall/btree) of pointers to them.
// With index=tree there is no map.
//
// All else is as in package inmemory: the peers' adapter keeps the contract, for one
// goroutine at a time; nothing survives the process, and no budget is heeded.
package objects
