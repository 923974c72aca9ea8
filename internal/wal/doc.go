// Package wal is an append-only log of records in a directory of its own. The
// engines keep their history in it under statelab.DurabilityInterval and
// DurabilityAlways; without a policy it serves as a plain file of checksummed
// records.
//
//	000007.log   000008.log   000009.log   000006.spare   DURABLE
//	|<- whole, synced, closed ->|  |            |<- to be a segment again
//	                               |<- the tail: frames are appended here
//
// # Words
//
// The log is a sequence of segments, files with consecutive numbers. A segment
// is a header and a sequence of frames. A segment that is not needed any more
// becomes a spare, a file of which a later segment is made under another
// name. A frame holds a record of the caller's
// or one of the log's own notes. Rotating ends a segment and starts the next;
// only the last one, the tail, is ever appended to. To cut is the part of that
// which decides what comes after, and waits for nothing; to settle is the rest,
// which writes and syncs the segment before and makes the tail's file. To sync is to make bytes
// durable (vfs clause V1). A log is torn where a crash has kept only some of
// what was written after the last sync; it is damaged where bytes that were
// durable are no longer what was written.
//
// # Telling torn from damaged
//
// After a power cut the unsynced end of the tail may have lost any of its
// writes, also ones in the middle with whole frames after them. That is legal:
// recovery cuts the log at the first bad frame. But if bytes that were once
// synced are bad, cutting there would silently drop history that was promised.
// So frames testify: each says how much of its segment was known to be synced
// when it was made. A bad frame at offset X is damage if any later frame, the
// next segment, or the file DURABLE states that X was durable; else it is torn.
//
// # Invariants
//
//	W1  Records are replayed in the order of Append, none twice, and none is left out but at the end.
//	W2  A segment is whole and synced before the next one is created; the next one's header states its length.
//	W3  What a frame, a header or DURABLE states to be durable was synced before the statement was made.
//	W4  No frame is written after recovery before the cut that recovery made, and all it found, is durable; a frame then says so.
//	W5  A frame's checksum covers its segment and offset, so bytes of another place or an earlier life of the file are no frame. A segment has its name only when its header is durable.
//	W6  Pending records are replayed only if the record that completes them is there.
//	W7  After a failed write or sync nothing more is written, and every later call that would write returns that first error.
//
// # Segment
//
// All numbers are little-endian. The header:
//
//	OFFSET SIZE FIELD
//	0      8    "statewal"
//	8      4    format version, 1
//	12     8    number of this segment
//	20     8    length of the segment before it in bytes; 0 in the log's first
//	28     4    CRC-32C of the bytes 0 to 27
//
// Each frame:
//
//	OFFSET SIZE FIELD
//	0      4    CRC-32C of segment number (8 bytes), offset of the frame (8 bytes), and the bytes 4 to 16 of the frame
//	4      4    CRC-32C of the payload
//	8      4    length of the payload
//	12     4    lag: this frame's offset less the offset up to which the segment was known to be synced; ff ff ff ff if that is too far
//	16     1    kind: 1 record, 2 pending record, 3 mark, 4 void
//	17          payload
//
// The frame's header has a checksum of its own so that its length is to be
// trusted before the payload is read, and so that a search for testimony costs
// one small checksum a place. A mark has no payload and is there to testify. A
// void drops the pending records before it.
//
// A segment 7 that follows one of 100 bytes and holds the record "hi" is
//
//	00  73 74 61 74 65 77 61 6c  01 00 00 00 07 00 00 00  |statewal........|
//	10  00 00 00 00 64 00 00 00  00 00 00 00 06 12 2e 47  |....d..........G|
//	20  23 8f 6b a9 c2 d9 9d f5  02 00 00 00 00 00 00 00  |#.k.............|
//	30  01 68 69                                          |.hi|
//
// Behind the last frame of the tail there is space that was reserved for more:
// zeros, or what the file held when it was another segment. Neither is a frame
// (W5), so that recovery cuts it off like a torn end. Who ends a segment cuts it
// to its length first, so that the files of a closed log are exactly its frames.
//
// # Group commit
//
// Appenders fill a buffer under a lock that nobody holds while a file is written
// or synced, but to exchange the file. Those who want a sync queue up behind
// one leader, who writes what is there and syncs; meanwhile the others fill the
// next buffers. All whose records it covered go on together, and the first of
// those it did not leads next: when those who went on have come back, as they do
// at once where each call follows the last, or when a sync's time has passed. Under DurabilityInterval a goroutine writes full
// buffers, also while the clock's sync is under way. Checksums of headers are
// computed by whoever writes, those of payloads by that goroutine or the appender.
//
// # DURABLE
//
// Close writes, to a temporary name that is synced and renamed, how far the
// log is durable; it is a lower bound ever after. So a closed log that has lost
// anything, even at a frame's boundary, is known to be damaged.
//
//	OFFSET SIZE FIELD
//	0      8    "statedur"
//	8      8    number of a segment
//	16     8    length in bytes up to which it is durable
//	24     4    CRC-32C of the bytes 0 to 23
//
// The idea of frames that testify for earlier ones is CockroachDB Pebble's
// ("WAL sync offsets"); that of big frames over fixed blocks is our choice,
// since recovery hands out whole records anyway.
package wal
