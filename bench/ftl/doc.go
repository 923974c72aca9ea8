// Package ftl simulates what stands between a store's files and the cells of a
// flash drive: the page cache, the file system's choice of addresses, and the
// drive's flash translation layer.
//
//	store ── writes, syncs, unlinks ──► Host      dirty pages by file, write-back,
//	                                     │        addresses (allocator), discards
//	                                     │ Write(page), Trim(page)
//	                                     ▼
//	                                   Device     open   ▓▓▓▓▓▓░░  ◄─ host writes, relocations
//	                                              closed ▓▒▓▓▒▒▓▓  ─► victim: valid pages move,
//	                                              closed ▒▒▓▒▒▒▒▓     then the block is erased
//	                                              free   ░░░░░░░░
//	                                              (▓ valid, ▒ dead, ░ erased)
//
// Flash is programmed a page at a time and erased a block at a time, and a page
// cannot be programmed twice between erasures. So a drive writes every page to a new place,
// keeps a map from logical to physical pages, and makes room by garbage
// collection: it picks a victim block, moves what is still valid in it and
// erases it. What it moves it programs again, which is the device's own write
// amplification: programmed pages for each page it was sent.
//
// # Words
//
// A logical page is an address the host sees; a physical page a place in flash.
// A page is mapped while it holds something: since its last Write and until a
// [Device.Trim]. Its physical page is then valid; what it held before is dead. An
// erase block (a superblock in drives that erase many chips together) is free,
// open (being filled, in order) or closed (full). The spare factor is what
// physical capacity exceeds the logical by. A stream is an open block with what
// goes into it.
//
// # Invariants
//
// [Device.Check] verifies them.
//
//	A1  A mapped logical page has one physical page, which names it back; no other physical page is valid.
//	A2  A block's valid count is the number of valid pages in it.
//	A3  A block is either free and wholly erased, open and the only one of its stream, or closed and full.
//	A4  Programmed pages are those the host wrote and those that were relocated, and no others.
//	A5  Every programmed page is in a block now or was in one that has been erased: programmed = erased blocks x pages of a block + pages programmed in blocks now.
//	A6  Outside a call at least one block is free, so that collection always has where to move a victim's pages.
//	A7  Every closed block is in the queue of its valid count, once, and no queue below the least is occupied.
//
// Everything is a function of the configuration and the sequence of calls: no
// clock, no randomness, no map order.
//
// # What it leaves out
//
// The device's own metadata (the map, which real drives write too), its write
// buffer, wear levelling, read disturb, bad blocks and parallelism: erasures
// are counted, time is not. Of the file system, the metadata and the journal are left
// out; see [Host].
//
// # Sources
//
// Greedy and first-in first-out collection as analysed by Desnoyers (Analytic
// Modeling of SSD Write Performance, SYSTOR 2012); the closed form for large blocks by
// Xiang and Kurkoski (arXiv 1110.4245), see [RandomAmplification]; cost-benefit by
// Rosenblum and Ousterhout (The Design and Implementation of a Log-Structured File
// System, TOCS 1992). docs/FLASH.md compares the simulator with them.
package ftl
