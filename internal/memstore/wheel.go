package memstore

import (
	"math/bits"

	"github.com/statelab/statelab/internal/arena"
)

// A wheel knows which elements are due: a hierarchical timing wheel over all
// 64 bits of event time. An element hangs, in a list that runs through the
// elements themselves, at the level of the highest byte in which its expiry
// differs from now, in the slot that this byte of its expiry names.
//
//	now     00 00 00 00 00 2f 61 3a
//	expiry  00 00 00 00 00 2f 75 00   level 1, slot 75
//
// When now comes to a slot its elements go to lower levels, one a step. So an
// element is touched at most eight times before it is due, and far fewer if
// time comes in strides: what is already dead when its slot comes is due at
// once.
//
// The present may be ahead of now by as much as steps have not been made; who
// reads looks at the expiries themselves.
//
//	R7  Each element in the wheel is in the slot that its expiry and now give,
//	    or in the one that is being emptied.
//
// After G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels" (1987).
type wheel struct {
	now      uint64 // as flipped makes it
	emptying int    // the level whose slot at now is being emptied, plus 1; or 0
	slots    [levels][slots]arena.Ref
	used     [levels][slots / 64]uint64 // bit set: the slot holds something
}

const (
	levels = 8
	slots  = 256
)

// flipped maps event times to unsigned numbers in the same order.
func flipped(t int64) uint64 { return uint64(t) ^ 1<<63 }

// slotOf returns the place of an expiry after now.
func (w *wheel) slotOf(t uint64) (level, slot int) {
	level = (63 - bits.LeadingZeros64(t^w.now)) / 8
	return level, digit(t, level)
}

func digit(t uint64, level int) int { return int(t >> (8 * level) & 0xff) }

// insert hangs an element, whose expiry is after now, into its slot.
func (w *wheel) insert(mem *arena.Arena, ref arena.Ref) {
	e := (*element)(mem.Ptr(ref))
	level, slot := w.slotOf(flipped(e.expireAt()))
	head := w.slots[level][slot]
	e.next, e.prev = head, 0
	if head != 0 {
		(*element)(mem.Ptr(head)).prev = ref
	}
	w.slots[level][slot] = ref
	w.used[level][slot/64] |= 1 << (slot % 64)
}

// remove takes an element out of its slot.
func (w *wheel) remove(mem *arena.Arena, ref arena.Ref) {
	e := (*element)(mem.Ptr(ref))
	if e.next != 0 {
		(*element)(mem.Ptr(e.next)).prev = e.prev
	}
	if e.prev != 0 {
		(*element)(mem.Ptr(e.prev)).next = e.next
		return
	}
	level, slot := w.emptying-1, 0
	if level >= 0 {
		slot = digit(w.now, level)
	}
	if level < 0 || w.slots[level][slot] != ref {
		level, slot = w.slotOf(flipped(e.expireAt()))
	}
	w.setHead(level, slot, e.next)
}

func (w *wheel) setHead(level, slot int, ref arena.Ref) {
	w.slots[level][slot] = ref
	if ref == 0 {
		w.used[level][slot/64] &^= 1 << (slot % 64)
		if level == w.emptying-1 && slot == digit(w.now, level) {
			w.emptying = 0
		}
	}
}

// step looks at one element. It returns it, out of the wheel, if it is due at
// the watermark, and otherwise moves it down. more is false when nothing that
// is due is left.
func (w *wheel) step(mem *arena.Arena, watermark int64) (due arena.Ref, more bool) {
	present := flipped(watermark)
	if w.emptying == 0 && !w.turn(present) {
		return 0, false
	}
	level := w.emptying - 1
	slot := digit(w.now, level)
	ref := w.slots[level][slot]
	e := (*element)(mem.Ptr(ref))
	if e.next != 0 {
		(*element)(mem.Ptr(e.next)).prev = 0
	}
	w.setHead(level, slot, e.next)
	if flipped(e.expireAt()) <= present {
		return ref, true
	}
	w.insert(mem, ref)
	return 0, true
}

// turn moves now to the next slot that holds something, if the present has come
// to it, or else to the present. It says whether there is a slot to empty. The
// lowest level that holds anything has the slot that comes first: what hangs
// on a level agrees with now in all higher bytes.
func (w *wheel) turn(present uint64) bool {
	for level := range levels {
		for i, word := range w.used[level] {
			if word == 0 {
				continue
			}
			slot := uint64(64*i + bits.TrailingZeros64(word))
			shift := 8 * level
			start := w.now>>shift>>8<<8<<shift | slot<<shift
			if start > present {
				w.now = max(w.now, present)
				return false
			}
			w.now, w.emptying = start, level+1
			return true
		}
	}
	w.now = max(w.now, present)
	return false
}
