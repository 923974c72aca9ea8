package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"

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

// A store that is wrong once is found out, and the error says where.
func TestAWrongAnswerIsFoundOut(t *testing.T) {
	data := record(t, 6, 2000, true)
	for _, spoil := range []func(*liar){
		func(l *liar) { l.loseGet = 100 },
		func(l *liar) { l.cutGet = 50 },
		func(l *liar) { l.loseMove = 200 },
		func(l *liar) { l.cutMove = 201 },
		func(l *liar) { l.addMove = 30 },
	} {
		l := &liar{Store: NewReference()}
		spoil(l)
		_, err := replay(data, l)
		var mismatch *MismatchError
		if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "of the trace") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	truth, err := replay(data, NewReference())
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := replay(data, &liar{Store: NewReference(), turnGet: 10}); err != nil || sum == truth {
		t.Errorf("a byte turned in a value: error %v, the digest is %x and should not be", err, sum)
	}
}

// A liar gives one wrong answer, at the call of that number.
type liar struct {
	statelab.Store
	loseGet, cutGet, turnGet   int
	loseMove, cutMove, addMove int
}

func (l *liar) Get(dst, key []byte) ([]byte, error) {
	value, err := l.Store.Get(dst, key)
	if err != nil || len(value) == 0 {
		return value, err
	}
	if l.loseGet--; l.loseGet == 0 {
		return dst, statelab.ErrNotFound
	}
	if l.cutGet--; l.cutGet == 0 {
		value = value[:len(value)-1]
	}
	if l.turnGet--; l.turnGet == 0 {
		value[0] ^= 1
	}
	return value, err
}

func (l *liar) Iter(r statelab.Range) (statelab.Iterator, error) {
	it, err := l.Store.Iter(r)
	return &lyingIterator{it, l}, err
}

type lyingIterator struct {
	statelab.Iterator
	l *liar
}

func (it *lyingIterator) Next() bool {
	ok := it.Iterator.Next()
	if !ok {
		it.l.addMove--
		return it.l.addMove == 0
	}
	if it.l.loseMove--; it.l.loseMove == 0 {
		return it.Iterator.Next() && false
	}
	return true
}

func (it *lyingIterator) Value() []byte {
	value := it.Iterator.Value()
	if len(value) > 0 {
		if it.l.cutMove--; it.l.cutMove == 0 {
			return value[1:]
		}
	}
	return value
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

func TestPlayingAllocatesNothing(t *testing.T) {
	p := NewPlayer(NewReference())
	p.Lenient = true
	p.store = nothing{}
	records := []Record{
		{Kind: Put, Key: []byte("k"), Size: 500, Expiry: 5, Last: true},
		{Kind: Get, Key: []byte("k"), Size: 500, Found: true},
		{Kind: Scan, Range: statelab.PrefixRange([]byte("k")), Legs: []Leg{{Move: Next, Ended: true}}},
		{Kind: Advance, Watermark: 1},
	}
	allocs := testing.AllocsPerRun(100, func() {
		for i := range records {
			if err := p.Play(&records[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// nothing is a store that keeps nothing and allocates nothing.
type nothing struct{ statelab.Store }

func (nothing) Get(dst, _ []byte) ([]byte, error)              { return dst, statelab.ErrNotFound }
func (nothing) Apply(*statelab.Batch) error                    { return nil }
func (nothing) Advance(int64) error                            { return nil }
func (nothing) Iter(statelab.Range) (statelab.Iterator, error) { return nowhere, nil }

var nowhere = NewReference().mustIter()

func (s *Reference) mustIter() statelab.Iterator {
	it, _ := s.Iter(statelab.Range{})
	return it
}

func TestReadingAllocatesNothing(t *testing.T) {
	var many []Record
	for range 300 {
		for _, r := range allKinds() {
			r.Key = r.Key[:min(9, len(r.Key))]
			many = append(many, r)
		}
	}
	r, err := NewReader("T", bytes.NewReader(encode(t, Zstd, many)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rec Record
	next := func() {
		if err := r.Next(&rec); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		next()
	}
	if allocs := testing.AllocsPerRun(1000, next); allocs > 0 {
		t.Errorf("%v allocations a record", allocs)
	}
}

func TestValuesDifferByKeyAndNumberAndCompressTwoToOne(t *testing.T) {
	v := NewValues()
	a := v.Append(nil, []byte("a"), 1, 2<<20)
	if len(a) != 2<<20 || !bytes.Equal(a, v.Append(nil, []byte("a"), 1, 2<<20)) {
		t.Error("a value is not what it was")
	}
	for n := range 20 {
		a := v.Append([]byte("x"), []byte("a"), 1, n)
		if len(a) != 1+n {
			t.Errorf("%d bytes, not %d", len(a)-1, n)
		}
		if n >= 4 && (bytes.Equal(a, v.Append([]byte("x"), []byte("b"), 1, n)) || bytes.Equal(a, v.Append([]byte("x"), []byte("a"), 2, n))) {
			t.Errorf("values of %d bytes are alike", n)
		}
	}
	var block []byte
	for i := range uint64(40) {
		block = v.Append(block, []byte("k"), i, 500)
	}
	for _, codec := range []Codec{S2, Zstd} {
		c, err := newCompressor(codec)
		if err != nil {
			t.Fatal(err)
		}
		stored, _ := c.compress(block)
		if share := float64(len(stored)) / float64(len(block)); share < 0.45 || share > 0.62 {
			t.Errorf("%s stores %.2f of a block of values", codec, share)
		}
		c.close()
	}
}

// What a replay stores must be the same in ten years, or results of one trace
// could not be held against each other.
func TestValuesAreWhatTheyAlwaysWere(t *testing.T) {
	v := NewValues()
	var all []byte
	for i := range uint64(100) {
		all = v.Append(all, fmt.Appendf(nil, "key %d", i), i*i, int(i*i))
	}
	if got := xxhash.Sum64(all); got != 0x5d8d99f2dcbc70cd {
		t.Errorf("the digest of some values is %#x", got)
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
