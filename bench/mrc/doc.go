// Package mrc computes miss-ratio curves: how often a cache of a given size and
// policy would have missed, had it seen the block accesses that a store told of
// ([statelab.Options.OnBlockAccess]).
//
//	store ──BlockAccess──► Sampler ──► Trace ──┬──► LRU: every size in one pass
//	                                           └──► MissRatio: a replay of one size and policy
//
// # Words
//
// A block is sampled if a hash of its name is below a threshold, so either all
// that happens to it is in the trace, or nothing. The rate is the share of
// blocks that are sampled; 1/rate is a sampled block's weight, the number of
// blocks that it stands for. The footprint is the greatest number of bytes of
// blocks that were in existence at one time, as far as they were accessed. A
// stack distance is the number of bytes of the blocks accessed since a block's
// last access, with its own: the size that an LRU cache must have to hit.
//
// # How it samples
//
// Spatially hashed sampling is that of SHARDS (Waldspurger et al., Efficient MRC
// Construction with SHARDS, FAST 2015), and replaying a sample in a cache that
// is scaled down with it is miniature simulation (Waldspurger et al., Cache
// Modeling and Optimization using Miniature Simulations, ATC 2017). Five
// things are done in a way of our own:
//
//   - Instead of scaling the cache down, a sampled block takes the room of all those it
//     stands for. That is the same with other units, and lets weights differ.
//   - Each kind of block has its own rate. A store has a thousand data blocks for
//     each filter or inner page, and those are larger, or looked up far more often;
//     at one rate for all, whether one of them is sampled would decide the curve.
//   - When there are too many sampled blocks of a kind its rate is halved, and
//     what was recorded of blocks that are sampled no more is forgotten. In SHARDS
//     with a fixed size the past keeps its errors; here the trace is that of the
//     last rate from its beginning.
//   - Misses are divided by the look-ups that were counted, not by those
//     expected from the sample. For LRU that equals the correction SHARDS-adj:
//     what the sample has too few or too many look-ups of is taken for hits,
//     since it is blocks in constant use that make the difference.
//   - Blocks go, and are made without being read (see [statelab.BlockAccess]).
//     What goes leaves a hole, room that is free in the caches large enough to
//     have held it.
//
// # Invariants
//
//	R1  The same accesses make the same trace and the same curves.
//	R2  With rate 1 a trace is the accesses themselves: its curves are exact.
//	R3  An LRU cache that is larger never misses more often.
//	R4  Memory is bounded by Limits, however long the run.
package mrc
