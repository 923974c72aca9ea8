package statelab

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func TestBatchEncodesAsDocumented(t *testing.T) {
	var b Batch
	b.Put([]byte("k"), []byte("vw"), 5)
	if got, want := hex.EncodeToString(b.Bytes()), "81050000000000000001026b7677"; got != want {
		t.Fatalf("Put(k, vw, 5) is %s, documented as %s", got, want)
	}
}

func TestBatchOpsComeBackInOrder(t *testing.T) {
	want := []Op{
		{Kind: OpPut, Key: []byte{}, Value: []byte{}, ExpireAt: NoExpiry},
		{Kind: OpAppend, Key: []byte("a"), Value: []byte("x"), ExpireAt: MinWatermark},
		{Kind: OpDelete, Key: []byte("a"), ExpireAt: NoExpiry},
		{Kind: OpPut, Key: bytes.Repeat([]byte{0xff}, MaxKeySize), Value: make([]byte, 300), ExpireAt: -1},
	}
	var b Batch
	for round := range 2 { // the second round reuses the batch's memory
		b.Reset()
		for _, op := range want {
			key := bytes.Clone(op.Key)
			switch op.Kind {
			case OpPut:
				b.Put(key, op.Value, op.ExpireAt)
			case OpAppend:
				b.Append(key, op.Value, op.ExpireAt)
			case OpDelete:
				b.Delete(key)
			}
			clear(key) // the batch has its own copy
		}
		if b.Len() != len(want) {
			t.Fatalf("round %d: Len is %d, want %d", round, b.Len(), len(want))
		}
		ops := b.Ops()
		for i, w := range want {
			op, ok := ops.Next()
			if !ok || op.Kind != w.Kind || !bytes.Equal(op.Key, w.Key) || !bytes.Equal(op.Value, w.Value) || op.ExpireAt != w.ExpireAt {
				t.Fatalf("round %d, operation %d: %v %v, want %v", round, i, op, ok, w)
			}
		}
		if op, ok := ops.Next(); ok || ops.Err() != nil {
			t.Fatalf("round %d: after the end: %v %v %v", round, op, ok, ops.Err())
		}
	}
}

func TestBatchRemembersWhatIsTooLarge(t *testing.T) {
	for name, add := range map[string]func(*Batch){
		"key":     func(b *Batch) { b.Delete(make([]byte, MaxKeySize+1)) },
		"element": func(b *Batch) { b.Append([]byte("k"), make([]byte, MaxRecordSize+1), NoExpiry) },
	} {
		var b Batch
		b.Put([]byte("fine"), nil, NoExpiry)
		add(&b)
		b.Put([]byte("fine too"), nil, NoExpiry)
		if !errors.Is(b.Err(), ErrTooLarge) {
			t.Errorf("%s: Err is %v, want ErrTooLarge", name, b.Err())
		}
		if b.Reset(); b.Err() != nil || b.Len() != 0 {
			t.Errorf("%s: after Reset: %v, %d operations", name, b.Err(), b.Len())
		}
	}
}

func TestAddingToAWarmBatchDoesNotAllocate(t *testing.T) {
	var b Batch
	key, value := make([]byte, 16), make([]byte, 500)
	fill := func() {
		b.Reset()
		for range 100 {
			b.Put(key, value, 7)
		}
		ops := b.Ops()
		for _, ok := ops.Next(); ok; _, ok = ops.Next() {
		}
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n != 0 {
		t.Errorf("%v allocations to fill and read a warm batch", n)
	}
}

func FuzzReadOps(f *testing.F) {
	var b Batch
	b.Put([]byte("key"), []byte("value"), 5)
	b.Append(nil, nil, NoExpiry)
	b.Delete([]byte("key"))
	f.Add(b.Bytes())
	f.Add([]byte{0x83, 1, 2})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var again Batch
		ops := ReadOps(data)
		for op, ok := ops.Next(); ok; op, ok = ops.Next() {
			switch op.Kind {
			case OpPut:
				again.Put(op.Key, op.Value, op.ExpireAt)
			case OpAppend:
				again.Append(op.Key, op.Value, op.ExpireAt)
			case OpDelete:
				again.Delete(op.Key)
			default:
				t.Fatalf("decoded an operation of kind %v", op.Kind)
			}
		}
		// Whatever was decoded must say the same after another round.
		first, second := again.Ops(), ReadOps(bytes.Clone(again.Bytes()))
		for {
			a, ok := first.Next()
			b, okToo := second.Next()
			if ok != okToo || !bytes.Equal(a.Key, b.Key) || !bytes.Equal(a.Value, b.Value) || a.ExpireAt != b.ExpireAt {
				t.Fatalf("%v %v became %v %v", a, ok, b, okToo)
			}
			if !ok {
				break
			}
		}
		if first.Err() != nil || second.Err() != nil {
			t.Fatalf("re-encoded operations do not decode: %v, %v", first.Err(), second.Err())
		}
	})
}
