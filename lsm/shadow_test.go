package lsm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// K9, under every policy and under changes from one to another: what a Put or
// Delete replaced does not come back, whichever tables are merged, moved or
// dropped, and whatever has expired in between. Random histories are compared
// with a model that knows nothing of layers.
func TestNothingShadowedReappears(t *testing.T) {
	seeds := 24
	if testing.Short() {
		seeds = 8
	}
	var dropped, compacted, moved int64
	for seed := range uint64(seeds) {
		h := shadowHistory{rng: rand.New(rand.NewPCG(seed, 7)), model: map[string][]element{}, fs: vfs.NewMem(), now: 1000}
		h.play(t, seed)
		dropped, compacted, moved = dropped+h.dropped, compacted+h.compacted, moved+h.moved
	}
	if dropped == 0 || compacted == 0 || moved == 0 {
		t.Errorf("%d tables were dropped, %d merges done, %d bytes moved: the test tests nothing", dropped, compacted, moved)
	}
}

// shadowHistory is a random history of a store and what it must hold.
type shadowHistory struct {
	rng   *rand.Rand
	fs    vfs.FS
	store *Store
	model map[string][]element
	now   int64

	dropped, compacted, moved int64
}

const shadowKeys = 60

func (h *shadowHistory) play(t *testing.T, seed uint64) {
	for opening := range 5 {
		o := inline(statelab.DurabilityInterval)
		if h.rng.IntN(2) == 0 {
			o.Durability = statelab.DurabilityCheckpoint
		}
		o.Compaction = everyCompaction()[h.rng.IntN(4)]
		o.Segments = 1 + h.rng.IntN(4)
		o.Subcompactions = 1 + opening%4
		o.Compression = statelab.CompressionNone
		h.store = open(t, h.fs, o)
		for range 30 {
			for range 1 + h.rng.IntN(12) {
				h.write(t)
			}
			h.step(t)
			if err := h.compare(); err != nil {
				t.Fatalf("seed %d, opening %d, %s with %d segments: %v", seed, opening, o.Compaction, o.Segments, err)
			}
		}
		h.end(t)
	}
}

// write applies one operation, of all kinds and lengths of life.
func (h *shadowHistory) write(t *testing.T) {
	t.Helper()
	key := fmt.Sprintf("k%02d", h.rng.IntN(shadowKeys))
	if h.rng.IntN(8) == 0 {
		key = fmt.Sprintf("t%09d", h.now) // ascending, for moves
	}
	e := element{data: fmt.Appendf(nil, "<%d%s>", h.rng.IntN(1000), strings.Repeat(".", h.rng.IntN(600)))}
	switch h.rng.IntN(10) {
	case 0:
		e.expireAt = statelab.NoExpiry
	case 1:
		e.expireAt = h.now - h.rng.Int64N(50) // dead when applied
	case 2:
		e.expireAt = h.now + 1000 + h.rng.Int64N(1000) // long
	default:
		e.expireAt = h.now + 1 + h.rng.Int64N(200)
	}
	var b statelab.Batch
	switch h.rng.IntN(8) {
	case 0, 1:
		b.Delete([]byte(key))
		delete(h.model, key)
	case 2, 3, 4:
		b.Put([]byte(key), e.data, e.expireAt)
		h.model[key] = []element{e}
	default:
		b.Append([]byte(key), e.data, e.expireAt)
		h.model[key] = append(h.model[key], e)
	}
	if err := h.store.Apply(&b); err != nil {
		t.Fatal(err)
	}
}

// step lets time pass, and flushes and compacts now and then.
func (h *shadowHistory) step(t *testing.T) {
	t.Helper()
	h.now += h.rng.Int64N(60)
	if err := h.store.Advance(h.now); err != nil {
		t.Fatal(err)
	}
	if h.rng.IntN(2) == 0 {
		h.flush(t)
	}
}

func (h *shadowHistory) flush(t *testing.T) {
	t.Helper()
	h.store.flushMu.Lock()
	err := h.store.flushAll()
	if err == nil {
		err = h.store.compactAll()
	}
	h.store.flushMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
}

// compare reads all keys, one by one and in a sweep.
func (h *shadowHistory) compare() error {
	var want, got []string
	for key, elements := range h.model {
		value := ""
		for _, e := range elements {
			if e.live(h.now) {
				value += string(e.data)
			}
		}
		v, err := h.store.Get(nil, []byte(key))
		if err != nil && !errors.Is(err, statelab.ErrNotFound) {
			return err
		}
		if string(v) != value {
			return fmt.Errorf("at %d %s is %.40q, want %.40q", h.now, key, v, value)
		}
		if value != "" {
			want = append(want, key+value)
		}
	}
	slices.Sort(want)
	it, err := h.store.Iter(statelab.Range{})
	if err != nil {
		return err
	}
	for it.Next() {
		got = append(got, string(it.Key())+string(it.Value()))
	}
	if err := it.Close(); err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("at %d a sweep finds %.200q, want %.200q", h.now, got, want)
	}
	return nil
}

// end closes the store with everything in it durable.
func (h *shadowHistory) end(t *testing.T) {
	t.Helper()
	syncNow(t, h.store)
	st := h.store.Stats()
	h.dropped, h.compacted = h.dropped+st.DroppedFiles, h.compacted+st.Compactions
	for _, l := range st.Levels {
		h.moved += l.Moved
	}
	shut(t, h.store)
}
