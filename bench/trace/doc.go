// Package trace keeps the calls that were made on a store in a file, says what
// they are like, and makes them again on another store.
//
//	a run ──► Recorder ──► Writer ──► file ──► Reader ──► Player ──► any Store
//	             │                     ▲         │           │
//	             ▼                     │         ▼           ▼
//	           Store      Import: taxi, jobs,  Summarize   answers equal?
//	                      csv, over Reference              Checksum
//
// # Words
//
// A record is one call, or one operation of an Apply. Its event time is the
// watermark or what the caller said (Recorder.SetTime); its arrival is the wall
// time since recording began. An answer is what a call found, as far as the
// trace keeps it: whether there was something, how many bytes, how many records.
// A replay makes the calls of a trace on a store that was empty. A probe is an
// iterator over the keys that begin with a prefix of its lower bound.
//
// # Rules
//
//	X1  A replay stores elements of the recorded sizes that are the same in every replay; what was in the recorded ones is not kept (Values).
//	X2  A replay on a store that keeps the contract gives the recorded answers, each of them, on every engine.
//	X3  Two replays of one trace hand out the same bytes, in the same order, on every engine (Player.Checksum).
//	X4  A reader's memory is bounded by the format, whatever the bytes it is given.
//	X5  Damage and truncation are told from the end of a trace, and the error says where.
//
// # Format
//
// A trace is a header, blocks and an end. Numbers of fixed size are
// little-endian; uvarint and varint are those of encoding/binary (varint is
// zigzag). A checksum is CRC-32C. The header:
//
//	OFFSET  SIZE  FIELD
//	0       8     89 's' 'l' 't' 'r' 'c' 0d 0a
//	8       4     version, 1
//	12      4     n, length of the provenance
//	16      n     the provenance: a Header in JSON
//	16+n    4     checksum of what is before it
//
// A block:
//
//	OFFSET  SIZE  FIELD
//	0       1     'B'
//	1       1     compression: 0 zstd, 1 s2, 2 none
//	2       4     n, stored length of the records, at most 1 MiB
//	6       4     their length before compression, at most 1 MiB
//	10      4     number of records
//	14      4     checksum of the first 14 bytes and of the stored records
//	18      n     the records
//
// The end, after which nothing may follow:
//
//	OFFSET  SIZE  FIELD
//	0       1     'E'
//	1       8     number of records
//	9       8     number of blocks
//	17      8     number of records of the warm-up; 0 if none is marked
//	25      8     arrival of the last record
//	33      8     digest of the answers (Answers)
//	41      4     checksum of what is before it
//
// A record begins with its head, of which bits 0 to 3 are the Kind, bits 4 and 5
// mean what the kind says, bit 6 says that a change of event time follows
// (varint) and bit 7 that a change of arrival does (uvarint), both from the
// record before, or from 0 in the first of a block. Then:
//
//	KIND                 BIT 4        BIT 5    THEN
//	1  get               found                 key, and if found the value's size
//	2  put, 3 append     ends batch   expires  key, size, and if it expires the expiry less the event time (varint)
//	4  delete            ends batch            key
//	5  scan                                    range, legs
//	6  open                                    slot, range
//	7  moves             closed after          slot, legs
//	8  advance                                 watermark less event time (varint)
//	9  sync, 10 measure                        nothing
//
// Sizes, slots and counts are uvarints. A key is a uvarint: how many distinct
// keys back in the block it stands, counted from the latest; or 0 for a new key,
// and then how many bytes it shares with the latest distinct key (0 for the
// first), how many follow, and those. A range is a byte, of which bit 0 says that a
// lower bound follows (key), bit 1 that an upper bound does (key), and bit 2 that
// the upper bound is the successor of as many bytes of the lower as follow
// (uvarint). Legs are their number, for each a uvarint (bits 0 to 2 the Move, bit 3
// whether it ended, the rest the number of records) and the key of a seek, and
// then the bytes of the values of all these records.
//
// An iterator is one scan if no other call is recorded between its opening and
// its Close. Otherwise its open stands where it was opened, and its moves where
// they were made.
//
// This trace puts "ride 1" at event time 1000 with 80 bytes that expire at 1600,
// gets it, misses "ride 2", finds one record in a probe for "ride", and advances to 1600:
//
//	89 73 6c 74 72 63 0d 0a                          a trace
//	01 00 00 00  19 00 00 00                         version 1, 25 bytes of provenance
//	7b 22 73 6f 75 72 63 65 22 3a 22 63 73 76 22 2c  {"source":"csv",
//	22 73 65 65 64 22 3a 30 7d                       "seed":0}
//	a4 60 5d 7b                                      checksum
//	42 02  24 00 00 00  24 00 00 00                  a block of 36 bytes, as they are
//	05 00 00 00  40 9e 89 30                         5 records, checksum
//	72 d0 0f                                         put that ends its batch and expires, time +1000
//	00 00 06 72 69 64 65 20 31                       new key, 0 bytes shared, 6 follow: "ride 1"
//	50 b0 09                                         80 bytes, expiry 600 after event time
//	11 01 50                                         get that found, latest key, 80 bytes
//	01 00 05 01 32                                   get that missed, new key, 5 shared, 1 follows: "ride 2"
//	05 05 00 04 00 04                                scan, bounds 0 and 2, new key "ride", successor of 4 bytes
//	01 1c 50                                         1 leg: 1 record, ended, Next; 80 bytes
//	48 b0 09 00                                      advance, time +600, to the event time
//	45 05 00 00 00 00 00 00 00                       the end: 5 records,
//	01 00 00 00 00 00 00 00                          1 block,
//	00 00 00 00 00 00 00 00                          no warm-up,
//	00 00 00 00 00 00 00 00                          the last arrival,
//	44 9e 4e 1a d3 fd ec 5e                          digest of the answers
//	ce 65 af ab                                      checksum
package trace
