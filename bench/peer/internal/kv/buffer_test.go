package kv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statelab/statelab"
)

// sliceDB is a DB in its plainest form, a sorted slice that is copied at each
// commit, so that cursors need not be.
type sliceDB struct {
	DB
	records []change
	commits int
}

func (d *sliceDB) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(d.records, key, func(c change, k []byte) int { return bytes.Compare(c.key, k) })
}

func (d *sliceDB) Get(dst, key []byte) ([]byte, bool, error) {
	if i, ok := d.find(key); ok {
		return append(dst, d.records[i].value...), true, nil
	}
	return dst, false, nil
}

func (d *sliceDB) Begin() Batch {
	return &sliceBatch{bufferBatch{}, d}
}

type sliceBatch struct {
	bufferBatch
	d *sliceDB
}

func (b *sliceBatch) Commit(bool) error {
	b.d.commits++
	b.d.records = slices.Clone(b.d.records)
	for _, c := range b.changes {
		i, found := b.d.find(c.key)
		if found {
			b.d.records = slices.Delete(b.d.records, i, i+1)
		}
		if !c.deleted {
			b.d.records = slices.Insert(b.d.records, i, c)
		}
	}
	return nil
}

func (d *sliceDB) Fill(*statelab.Stats) {}
func (d *sliceDB) Close() error         { return nil }

func (d *sliceDB) Cursor(lower, upper []byte, _ bool) (Cursor, error) {
	from, _ := d.find(lower)
	to, _ := d.find(upper)
	return &sliceCursor{records: d.records[from:max(from, to)], at: -1}, nil
}

type sliceCursor struct {
	records []change
	at      int
}

func (c *sliceCursor) on() bool    { return c.at >= 0 && c.at < len(c.records) }
func (c *sliceCursor) First() bool { c.at = 0; return c.on() }
func (c *sliceCursor) Last() bool  { c.at = len(c.records) - 1; return c.on() }
func (c *sliceCursor) Next() bool  { c.at++; return c.on() }
func (c *sliceCursor) Prev() bool  { c.at--; return c.on() }

func (c *sliceCursor) SeekGE(key []byte) bool {
	d := sliceDB{records: c.records}
	c.at, _ = d.find(key)
	return c.on()
}

func (c *sliceCursor) SeekLT(key []byte) bool {
	c.SeekGE(key)
	return c.Prev()
}

func (c *sliceCursor) Key() []byte            { return c.records[c.at].key }
func (c *sliceCursor) Value() ([]byte, error) { return c.records[c.at].value, nil }
func (c *sliceCursor) Err() error             { return nil }
func (c *sliceCursor) Close() error           { return nil }

// A buffered store answers as one that is not, whatever is still in the buffer,
// and its cursors go on showing what was there when they were opened.
func TestABufferDoesNotShow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	plain, below := &sliceDB{}, &sliceDB{}
	buffered := Buffered(below, 6000)
	lower, upper := []byte("k1"), []byte("k9")
	for round := range 400 {
		a, b := plain.Begin(), buffered.Begin()
		for range r.IntN(8) {
			key, value := fmt.Appendf(nil, "k%02d", r.IntN(100)), fmt.Appendf(nil, "v%d", round)
			if r.IntN(3) == 0 {
				a.Delete(key)
				b.Delete(key)
			} else {
				a.Put(key, value)
				b.Put(key, value)
			}
		}
		want, err := plain.Cursor(lower, upper, false)
		if err != nil {
			t.Fatal(err)
		}
		got, err := buffered.Cursor(lower, upper, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Commit(false); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(round%50 == 49); err != nil {
			t.Fatal(err)
		}
		compareWalks(t, r, want, got)
		key := fmt.Appendf(nil, "k%02d", r.IntN(100))
		v, ok, _ := plain.Get(nil, key)
		if w, found, err := buffered.Get(nil, key); err != nil || found != ok || !bytes.Equal(v, w) {
			t.Fatalf("round %d: Get(%s) is %q, %v, want %q, %v", round, key, w, found, v, ok)
		}
	}
	if below.commits < 8 || below.commits > 200 {
		t.Errorf("%d commits below: writes were not gathered, or never written", below.commits)
	}
}

// compareWalks moves two cursors alike, at random, as the adapter would.
func compareWalks(t *testing.T, r *rand.Rand, want, got Cursor) {
	t.Helper()
	on := false
	for range 60 {
		key := fmt.Appendf(nil, "k%02d", 10+r.IntN(80))
		move := r.IntN(8)
		if !on && move >= 4 { // only a cursor on a record steps
			move %= 4
		}
		step := func(c Cursor) bool {
			switch move {
			case 0:
				return c.First()
			case 1:
				return c.Last()
			case 2:
				return c.SeekGE(key)
			case 3:
				return c.SeekLT(key)
			case 4, 5:
				return c.Next()
			}
			return c.Prev()
		}
		on = step(want)
		if found := step(got); found != on {
			t.Fatalf("move %d (%s) says %v, want %v", move, key, found, on)
		}
		if !on {
			continue
		}
		v, _ := want.Value()
		w, err := got.Value()
		if err != nil || !bytes.Equal(got.Key(), want.Key()) || !bytes.Equal(v, w) {
			t.Fatalf("move %d (%s) leads to %s: %s, %v, want %s: %s", move, key, got.Key(), w, err, want.Key(), v)
		}
	}
	if err := got.Close(); err != nil {
		t.Fatal(err)
	}
}
