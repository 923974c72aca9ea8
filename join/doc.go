// Package join joins two streams of events by key and event time, with all
// state in a [statelab.Store].
//
//	left  ──Add──┐   ┌─────────── Operator ───────────┐
//	             ├──▶│ late? ─▶ mini-batch ─▶ Apply ──┼──▶ Store
//	right ──Add──┘   │ watermark ─▶ timers ─▶ probe ◀─┼─── Store
//	                 └──────────────┬─────────────────┘
//	                                ▼
//	                     samples, in a fixed order
//
// The case it is made for is the sample join of online training: an impression
// (left) waits for the user's actions (right) that label it, and becomes one
// sample when the time for actions has passed.
//
// # Words
//
// An event has a join key, a time in microseconds, a sequence and a value. The
// sequence is its position in its source; the value is the caller's bytes,
// which the operator never looks into. A left and a right event are a pair if
// their keys are equal and
//
//	left time + Lower <= right time <= left time + Upper.
//
// A side has one source, or is merged of several (Spec.Sources). A source's watermark
// is the greatest time it has shown less its MaxDisorder. With Unbounded disorder
// it is lower than every time until the source ends. After its end it is higher than
// every time. An event is late if, when it arrives, its time is below its own
// source's watermark. The watermark of a side is the smallest of its sources', and
// that of the join the smaller of the two sides'.
//
// A left event fires, and becomes a sample, when the watermark exceeds its
// firing time: its time + max(Upper, 0). (With a negative Upper the window of
// right events closes before the left event is even due; firing at its own time
// keeps the output in order of time.) A right event is done when the watermark
// exceeds the firing time of the last left event that it could be paired with:
// its time - Lower + max(Upper, 0).
//
// # Kinds
//
// What has been said so far is of LeftOuter and Inner. The other kinds differ in
// what they keep of an event and in what their timers mean; sides, watermarks,
// commits and counts are the same.
//
//	kind       pairs                                     emitted                            timers
//	Tumbling   events of a key in one window             at the window's end, in order J3   one per key and window
//	Regular    events of a key, each within its TTL      each pair at once                  one per event
//	Temporal   a left event with the version in force    at the left event's time, J3       one per left event, two per version
//	Dedup      (repeats are matched)                     first: at once; last: Window on    first: none; last: one per event
//	ThreeWay   triples, each within its TTL of the others  each triple at once             one per event (Plan says how)
//	Session    (events that follow are matched)          Gap after the last event           one per event
//
// A window of Tumbling belongs to both sides, so that its firing time is its last
// microsecond. Dedup and Session have left events alone: matched are those that repeat
// another or follow one in its session, unmatched those that are emitted or begin one.
//
// # Invariants
//
//	J1  A pair's events are both not late, and every such pair is in exactly one sample, corrections aside.
//	J2  Every left event that is not late and not rejected fires exactly once. (LeftOuter: and is emitted, unless it is a negative that is not kept. Inner: and is emitted if it has pairs.)
//	J3  Samples are emitted in the order of (firing time, key, left time, left sequence), unless they are emitted at once, the right events in each by (time, sequence); keys order bytewise.
//	J4  What is emitted depends on each source's own order of events and on nothing else: not on how the sources interleave, nor on when batches, flushes and commits happen, nor on the store. (OnMatch, Correct, Regular, ThreeWay, and Dedup with KeepFirst: see Arrival.)
//	J5  Per side, events in = matched + unmatched + late + waiting + rejected, at every commit; and none waits after Finish.
//	J6  Matched + unmatched left events = samples + negatives dropped, at every commit. (Inner, Tumbling, Regular and ThreeWay drop all negatives, Dedup its repeats. Session: unmatched = samples, matched = pairs.)
//	J7  Every batch carries the meta record, so that each prefix of the store's history is a join to go on from: positions, counts, timers, events and the caller's note agree.
//	J8  The store's watermark never passes a timer that the meta record does not yet say has fired.
//
// J4 holds because an event that could change a sample which may already fire
// would have to be late. So firing can wait for the end of a mini-batch.
//
// # Attributes
//
// A pair of LeftOuter, Inner and Regular may be asked to have an attribute in common, too (Spec.Match, Hooks.Attribute). An
// event whose key and attribute are too long for the index is rejected.
//
// # Arrival
//
// With OnMatch a positive does not wait for the watermark, and with Correct an
// event that is late by no more than Lateness is joined although what it belongs to
// may have been emitted. Both look for partners as an event arrives. What they emit of
// a left event that was emitted before is a correction: it takes the place of
// what was emitted then, and has all right events so far. Each pair of an inner join
// is emitted once, and so never corrected. Events that are too late to correct are late.
//
// Such output (and which of several sources of a Dedup has the first event of a key) depends on the order in which the events of all sources are added (and
// watermarks raised), and on nothing else; of each left event the last sample
// is, with OnMatch, the same whatever the order. To that end timers fire when the
// watermark passes a multiple of a 64th of the time for which right events are
// kept, and not whenever a batch ends: a negative comes later by that much. With
// OnMatch a left event and its sample are counted when it fires, not when its
// first positive was emitted.
//
// An event is kept for as long as its last partner can come, or a sample that it
// is part of be emitted again. Where pairs are emitted at once and never again
// (Inner, OnMatch; Regular), a left event goes when the watermark exceeds its time + Upper, a
// right one when it exceeds its time - Lower. With Correct both stay Lateness longer.
//
// # Exactly once
//
// An operator over a store that holds an unfinished join goes on where the
// store's history ends. The caller adds events again, at the latest from
// Position; those seen before are passed over. What the caller has done with
// samples since is undone by the caller, who keeps in the note (Hooks.Note)
// where its output stood: package join/pipeline does so for files.
//
// # Backlogs
//
// Input that is all there needs neither state nor timers: a Backlog sorts it, and emits
// what an Operator would, in the same order and with the same counts.
//
// # Partitions
//
// A join may be divided among operators by Partition, each over a store of its own. Whoever
// does so tells each of them how far the sources have been read (Pass) and what their
// watermarks are (Advance) before each event, since lateness is a matter of the whole source, and
// flushes all of them where DueAt says that timers fire in steps. Each commits by
// itself. Move divides the state anew.
//
// # State
//
// Every event is one record under its key, side, time and sequence, and one
// timer; both expire by event time, so that nothing is ever deleted, unless the
// store says that it keeps what has died (statelab.KeepsDead): then timers are
// deleted as they fire, each with its event. (How long the events of a session and the
// versions of a table are needed is not known when they come: they are deleted in
// any store.) That an event has a pair is marked in its timer, and counted when it is done:
// this costs a small write per pair and no read. Keys are laid out in keys.go.
// A sample is assembled in memory: a left event with a million right events
// needs the space for them.
package join
