package offheap

import "testing"

func TestAllocZeroesAndCounts(t *testing.T) {
	before := InUse()
	b, err := Alloc(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range b {
		if c != 0 {
			t.Fatalf("O1: byte %d is %#x", i, c)
		}
	}
	b[0], b[len(b)-1] = 1, 2
	if got := InUse() - before; got != 1<<16 {
		t.Fatalf("in use: %d bytes more, want %d", got, 1<<16)
	}
	Free(b)
	if got := InUse(); got != before {
		t.Fatalf("O2: in use after Free: %d, want %d", got, before)
	}
	if b, err := Alloc(0); err != nil || b != nil {
		t.Fatalf("Alloc(0) = %v, %v", b, err)
	}
	Free(nil)
}

func TestADiscardedBlockHoldsZerosAndCanBeUsed(t *testing.T) {
	b, err := Alloc(2 * HugePage)
	if err != nil {
		t.Fatal(err)
	}
	defer Free(b)
	for _, mark := range []byte{1, 2} {
		b[0], b[HugePage+5] = mark, mark
		b[0], b[HugePage+5] = 0, 0
		Discard(b[HugePage:])
		if b[0] != 0 || b[HugePage+5] != 0 {
			t.Fatalf("O3: a discarded block holds %d and %d", b[0], b[HugePage+5])
		}
	}
}
