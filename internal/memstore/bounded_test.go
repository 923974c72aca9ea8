package memstore

import (
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestAnAdvanceDoesBoundedWork lets many elements die at once, and counts what
// each Advance takes out, and how many it takes until all memory is back.
func TestAnAdvanceDoesBoundedWork(t *testing.T) {
	const n = 20_000
	s := openTest(t, vfs.NewMem(), nil)
	r := &s.records
	before := r.inUse()
	var b statelab.Batch
	for i := range n {
		// Spread over several levels of the wheel.
		b.Put(fmt.Appendf(nil, "key %05d", i), []byte("value"), int64(1+i*i%70_000))
	}
	must(t, s.Apply(&b))
	left := r.index.Len()
	advances := 0
	for watermark := int64(100_000); left > 0; watermark++ {
		must(t, s.Advance(watermark))
		now := r.index.Len()
		if left-now > reapPerAdvance {
			t.Fatalf("an Advance has removed %d records, more than %d", left-now, reapPerAdvance)
		}
		if r.limbo.n > 0 {
			t.Fatalf("%d pieces are in limbo after an Advance beside no reader", r.limbo.n)
		}
		left = now
		advances++
	}
	if most := 9*n/reapPerAdvance + 1; advances > most {
		t.Errorf("%d Advances were needed, more than %d", advances, most)
	}
	if after := r.inUse(); after > before {
		t.Errorf("%d bytes are in use at the end, and %d were at the beginning", after, before)
	}
	if s.Stats().LongestAdvance <= 0 {
		t.Error("no Advance is reported to have taken any time")
	}
}

// TestWhatAReaderHasHeldUpGoesInSteps has a reader stall while much dies.
func TestWhatAReaderHasHeldUpGoesInSteps(t *testing.T) {
	const n = 20_000
	s := openTest(t, vfs.NewMem(), nil)
	r := &s.records
	var b statelab.Batch
	for i := range n {
		b.Put(fmt.Appendf(nil, "key %05d", i), nil, 1)
	}
	must(t, s.Apply(&b))
	g, err := s.enter()
	must(t, err)
	watermark := int64(0)
	for range 9*n/reapPerAdvance + 1 {
		watermark++
		must(t, s.Advance(watermark))
	}
	if r.limbo.n < n {
		t.Fatalf("%d pieces wait for a reader, and %d have died", r.limbo.n, n)
	}
	s.leave(g)
	for was := r.limbo.n; was > 0; was = r.limbo.n {
		watermark++
		must(t, s.Advance(watermark))
		if let := was - r.limbo.n; let > lettingGo*reapPerAdvance {
			t.Fatalf("an Advance has let go of %d pieces", let)
		}
		if watermark > n {
			t.Fatalf("%d pieces are still in limbo", r.limbo.n)
		}
	}
	if r.limbo.first != r.limbo.last {
		t.Error("an empty limbo keeps more than one stretch")
	}
}

// TestAWriterWithoutViewsTakesNoLock holds the lock of views while a record dies.
func TestAWriterWithoutViewsTakesNoLock(t *testing.T) {
	s := openTest(t, vfs.NewMem(), nil)
	put(t, s, "a", "1", 5)
	s.records.views.mu.Lock()
	defer s.records.views.mu.Unlock()
	put(t, s, "a", "2", 5)
	del(t, s, "a")
	put(t, s, "b", "3", 5)
	must(t, s.Advance(5))
}
