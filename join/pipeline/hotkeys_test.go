package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// TestHotKeysAreFound: among many more keys than there are counters, those with a
// share above the least are named, with shares that fall short by little.
func TestHotKeysAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := newHotKeys()
	const events = 400_000
	for i := range events {
		key := join.AppendKeyPart(nil, []byte(fmt.Sprint("u", r.IntN(100_000))))
		switch n := r.IntN(100); {
		case n < 20:
			key = join.AppendKeyPart(nil, []byte("first"))
		case n < 25:
			key = join.AppendKeyPart(nil, []byte("second"))
		}
		h.row(&source.Row{Class: source.Event, Seq: uint64(i), Key: append(key, "part"...)})
		h.row(&source.Row{Class: source.Filtered, Seq: uint64(i), Key: []byte("none")})
	}
	hot := h.hot(2)
	if len(hot) != 2 {
		t.Fatalf("%v are hot, want two keys", hot)
	}
	for i, want := range []HotKey{{[]string{"first", "part"}, 0.2}, {[]string{"second", "part"}, 0.05}} {
		if got := hot[i]; fmt.Sprint(got.Key) != fmt.Sprint(want.Key) || math.Abs(got.Share-want.Share) > 0.01 {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	key := []byte("k")
	if n := testing.AllocsPerRun(1000, func() { key[0]++; h.add(key) }); n != 0 {
		t.Errorf("%v allocations for a key", n)
	}
}

func TestFewEventsMakeNoKeyHot(t *testing.T) {
	h := newHotKeys()
	for i := range hotLeast - 1 {
		h.row(&source.Row{Class: source.Event, Seq: uint64(i), Key: []byte("only")})
	}
	if hot := h.hot(1); hot != nil {
		t.Errorf("%v are hot", hot)
	}
}
