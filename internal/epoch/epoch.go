// Package epoch tells one writer when no reader can hold what it has unlinked.
// Readers take no lock and never wait: they say when they begin and when they
// end, with one atomic addition each.
//
//	readers   Enter ... Leave    Enter ........ Leave
//	             |                  |
//	period    ---4---|-----5--------+--|-----6------    Advance moves it on
//	                 ^ unlinked in 5            |-----7 ... free from 7 on
//
// A [Domain] counts readers by the parity of the period in which they entered.
// The writer may go from period p to p+1 when nobody is left who was counted
// under the parity of p-1, which is also that of p+1. So at most two periods
// have readers at any time.
//
//	G1  What was unlinked in period p is held by no reader once the period is p+Grace.
//
// Why G1 holds: take a reader that was counted, under parity x, before the
// writer unlinked something in period p. If x is the parity of p, Advance to
// p+2 finds the reader counted. If x is the other, so does Advance to p+1. (A
// reader may be counted under the parity of a period that is past, if it was
// slow between looking at the period and being counted; it has read nothing
// until then, and the argument does not ask when it looked.) A reader that is
// counted later finds the thing no more.
//
// The counters are spread over stripes, which readers choose by where their
// stack is, so that readers on several processors do not write to one cache
// line.
//
// It is the scheme of sleepable read-copy-update (P. McKenney, 2006) without its
// waiting: the writer asks now and then, and goes on.
package epoch

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Grace is how many periods pass until what was unlinked is free (G1).
const Grace = 2

const (
	stripes  = 16 // a power of two; more than that few machines keep busy
	lineSize = 64 // bytes of a cache line
)

// A Domain is a set of readers and their one writer. The zero Domain is ready
// for use, and must not be copied.
type Domain struct {
	period  atomic.Uint64
	_       [lineSize - 8]byte
	stripes [stripes]stripe
}

// A stripe counts active readers by parity.
type stripe struct {
	active [2]atomic.Int64
	_      [lineSize - 16]byte
}

// A Guard is what a reader got from Enter and owes to Leave.
type Guard uint32

// Enter begins a reader. What it finds by atomic links from now on stays intact
// until Leave.
func (d *Domain) Enter() Guard {
	g := Guard(d.period.Load()&1) | stripeOfCaller()<<1
	d.stripes[g>>1%stripes].active[g&1].Add(1)
	return g
}

// Leave ends the reader that Enter began.
func (d *Domain) Leave(g Guard) { d.stripes[g>>1%stripes].active[g&1].Add(-1) }

// stripeOfCaller draws a stripe from the address of the goroutine's stack.
func stripeOfCaller() Guard {
	var here byte
	const golden = 0x9e3779b97f4a7c15 // spreads neighbouring stacks
	return Guard(uint64(uintptr(unsafe.Pointer(&here))>>stackLog) * golden >> 60)
}

// stackLog: stacks are at least 2 KiB long. Two frames of one goroutine may well
// get two stripes; that costs nothing.
const stackLog = 11

// Period returns the present period. Only the writer may rely on it: it alone
// moves it on.
func (d *Domain) Period() uint64 { return d.period.Load() }

// Advance moves to the next period if it may, and says whether it did. It is for
// the writer.
func (d *Domain) Advance() bool {
	p := d.period.Load()
	other := (p + 1) & 1
	for i := range d.stripes {
		if d.stripes[i].active[other].Load() != 0 {
			return false
		}
	}
	d.period.Store(p + 1)
	return true
}

// Wait lets Grace periods pass, waiting for readers who are active now, and not
// for those who come. It is for the writer, who must hold nothing that a reader
// needs to come to its end.
func (d *Domain) Wait() {
	for range Grace {
		for !d.Advance() {
			runtime.Gosched()
		}
	}
}
