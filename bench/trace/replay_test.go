package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
)

// makeCalls makes n random calls on a store, of every kind. If overlap is set,
// iterators overlap with each other and with other calls.
func makeCalls(t testing.TB, s statelab.Store, seed uint64, n int, overlap bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	key := func() []byte { return fmt.Appendf(nil, "%d/%d", r.IntN(9), r.IntN(9)) }
	var open []statelab.Iterator
	now := int64(0)
	var b statelab.Batch
	for range n {
		var err error
		switch k := r.IntN(20); {
		case k < 6:
			b.Reset()
			for range r.IntN(4) {
				changeRandomly(r, &b, key(), now)
			}
			err = s.Apply(&b)
		case k < 11:
			if _, err = s.Get(nil, key()); errors.Is(err, statelab.ErrNotFound) {
				err = nil
			}
		case k < 14:
			var it statelab.Iterator
			bounds := statelab.PrefixRange(key()[:2])
			if r.IntN(3) == 0 {
				bounds = statelab.Range{Lower: key(), Upper: key()}
			}
			if it, err = s.Iter(bounds); err == nil && overlap {
				open = append(open, it)
			} else if err == nil {
				moveRandomly(r, it, key())
				err = it.Close()
			}
		case k < 17 && len(open) > 0:
			moveRandomly(r, open[r.IntN(len(open))], key())
		case k < 19 && len(open) > 0:
			err = open[0].Close()
			open = open[1:]
		default:
			now += int64(r.IntN(50))
			err = s.Advance(now)
		}
		if err == nil && r.IntN(100) == 0 {
			err = s.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, it := range open[:len(open)/2] { // the others stay open
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, it := range open {
			it.Close()
		}
	})
}

func changeRandomly(r *rand.Rand, b *statelab.Batch, key []byte, now int64) {
	expiry := now + int64(r.IntN(200))
	if r.IntN(4) == 0 {
		expiry = statelab.NoExpiry
	}
	value := make([]byte, r.IntN(40))
	switch r.IntN(5) {
	case 0:
		b.Delete(key)
	case 1, 2:
		b.Append(key, value, expiry)
	default:
		b.Put(key, value, expiry)
	}
}

func moveRandomly(r *rand.Rand, it statelab.Iterator, key []byte) {
	for range r.IntN(30) {
		switch r.IntN(9) {
		case 0:
			it.First()
		case 1:
			it.Last()
		case 2:
			it.SeekGE(key)
		case 3:
			it.SeekLT(key)
		case 4, 5:
			it.Prev()
		default:
			it.Next()
		}
	}
}

// record returns the trace of random calls over a reference.
func record(t testing.TB, seed uint64, n int, overlap bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Source: "record", Backend: "reference", Seed: seed}, Zstd)
	if err != nil {
		t.Fatal(err)
	}
	rec := NewRecorder(NewReference(), w)
	makeCalls(t, rec, seed, n/2, overlap)
	if err := rec.Measure(); err != nil {
		t.Fatal(err)
	}
	makeCalls(t, rec, seed+1, n/2, overlap)
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// replay plays a trace on a store.
func replay(data []byte, s statelab.Store) (checksum uint64, err error) {
	r, err := NewReader("T", bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	p := NewPlayer(s)
	defer p.Close()
	var rec Record
	for {
		if err := r.Next(&rec); errors.Is(err, io.EOF) {
			return p.Checksum(), nil
		} else if err != nil {
			return 0, err
		}
		if err := p.Play(&rec); err != nil {
			return 0, err
		}
	}
}

func openBackend(t *testing.T, spec string) statelab.Store {
	t.Helper()
	opts := &statelab.Options{}
	if !backends.MemoryResident(spec) {
		opts.Memory = 8 << 20
	}
	s, err := backends.Open(spec, filepath.Join(t.TempDir(), "db"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Every answer of every engine is the recorded one, and what they hand out is
// the same byte for byte.
func TestEveryEngineGivesTheRecordedAnswers(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		data := record(t, seed, 4000, true)
		want, err := replay(data, NewReference())
		if err != nil {
			t.Fatal(err)
		}
		for _, engine := range []string{"lsm", "btree", "skiplist"} {
			got, err := replay(data, openBackend(t, engine))
			if err != nil || got != want {
				t.Errorf("seed %d on %s: digest %x, not %x; error %v", seed, engine, got, want, err)
			}
		}
	}
}

// A trace that is recorded while it is replayed is the same trace, as long as
// iterators do not overlap: when the moves of one stand between those of another
// their order is not kept.
func TestAReplayRecordsTheSameTrace(t *testing.T) {
	data := record(t, 5, 4000, false)
	want, _, _, err := decode(data)
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{}, None)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay(data, NewRecorder(openBackend(t, "btree"), w)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, _, err := decode(b.Bytes())
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	at := 0
	for i := range got {
		for want[at].Kind == Measure {
			at++
		}
		if g, w := plain(got[i]), plain(want[at]); g != w {
			t.Fatalf("record %d is\n%s\nand was\n%s", i, g, w)
		}
		at++
	}
}

// plain prints what two recordings of the same calls have in common.
func plain(r Record) string {
	r.Arrival = 0
	return fmt.Sprintf("%+v", r)
}

func TestARecordCannotGrowWithoutBound(t *testing.T) {
	s := NewReference()
	s.most = 10
	var b statelab.Batch
	b.Append([]byte("k"), make([]byte, 6), 5)
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(&b); !errors.Is(err, statelab.ErrTooLarge) {
		t.Errorf("12 bytes of 10: %v", err)
	}
	if err := s.Advance(5); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(&b); err != nil {
		t.Errorf("after the first have died: %v", err)
	}
}

func TestCallsThatFailAreNotRecorded(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{}, None)
	if err != nil {
		t.Fatal(err)
	}
	s := NewReference()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rec := NewRecorder(s, w)
	var batch statelab.Batch
	batch.Put([]byte("k"), nil, statelab.NoExpiry)
	_, getErr := rec.Get(nil, []byte("k"))
	_, iterErr := rec.Iter(statelab.Range{})
	for _, err := range []error{getErr, iterErr, rec.Apply(&batch), rec.Advance(1)} {
		if !errors.Is(err, statelab.ErrClosed) {
			t.Errorf("error %v", err)
		}
	}
	if totals, err := w.Close(); err != nil || totals.Records != 0 {
		t.Errorf("error %v, %d records", err, totals.Records)
	}
}

// Many goroutines may use a Recorder, and what it wrote can be replayed.
func TestARecorderMayBeShared(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{}, S2)
	if err != nil {
		t.Fatal(err)
	}
	rec := NewRecorder(openBackend(t, "skiplist"), w)
	var group sync.WaitGroup
	failures := make(chan error, 4)
	for g := range 4 {
		group.Go(func() { failures <- useAlone(rec, fmt.Sprintf("goroutine %d/", g)) })
	}
	group.Wait()
	for range 4 {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
	if totals, err := w.Close(); err != nil || totals.Records < 4*300 {
		t.Fatalf("error %v, %d records", err, totals.Records)
	}
	// Each goroutine had its keys to itself, so that no answer depended on the others.
	if _, err := replay(b.Bytes(), openBackend(t, "lsm")); err != nil {
		t.Error(err)
	}
}

// useAlone makes calls on keys that nobody else uses.
func useAlone(s statelab.Store, prefix string) error {
	var b statelab.Batch
	for i := range 100 {
		key := fmt.Appendf(nil, "%s%d", prefix, i%10)
		b.Reset()
		b.Append(key, key, statelab.NoExpiry)
		if err := s.Apply(&b); err != nil {
			return err
		}
		if _, err := s.Get(nil, key); err != nil {
			return err
		}
		it, err := s.Iter(statelab.PrefixRange([]byte(prefix)))
		if err != nil {
			return err
		}
		for it.Next() {
		}
		if err := it.Close(); err != nil {
			return err
		}
	}
	return nil
}
