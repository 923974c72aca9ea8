//go:build race

package offheap

import "testing"

// What was written to is overwritten when it is given back, and what never was is left alone.
func TestAFreedBlockIsPoisonedWhereItWasWritten(t *testing.T) {
	b, err := Alloc(3*pageSize + 8)
	if err != nil {
		t.Fatal(err)
	}
	b[2*pageSize+1] = 1
	Free(b)
	for page, want := range []byte{0xdb, 0, 0xdb, 0xdb} { // of the first, always
		if got := b[page*pageSize+5]; got != want {
			t.Errorf("byte 5 of page %d of a freed block is %#x, want %#x", page, got, want)
		}
	}
}
