package inmemory_test

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/inmemory"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
)

var openers = map[string]func(string, *inmemory.Options) (*kv.Store, error){
	inmemory.Tidwall: inmemory.OpenTidwall,
	inmemory.Google:  inmemory.OpenGoogle,
	inmemory.Huandu:  inmemory.OpenHuandu,
}

func TestStores(t *testing.T) {
	for name, open := range openers {
		for _, expiry := range []kv.Expiry{kv.ExpiryDriver, kv.ExpiryIndex} {
			t.Run(name+"/"+expiry.String(), func(t *testing.T) {
				waive := map[string]string{}
				if expiry == kv.ExpiryIndex && name != inmemory.Tidwall {
					waive["O5"] = "what the adapter keeps of dead records is proved over tidwall"
				}
				peertest.RunVolatile(t, func(dir string, o kv.Options) (*kv.Store, error) {
					return open(dir, &inmemory.Options{Options: o})
				}, expiry, waive)
			})
		}
	}
}

// A tree's pointers are the part that the kit reaches only through copies: here
// each step of a walk in both directions is compared with a plain walk.
func TestPointersWalkBothWays(t *testing.T) {
	for name, open := range openers {
		t.Run(name, func(t *testing.T) {
			s, err := open(t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var b statelab.Batch
			const n = 300
			for i := range n {
				b.Put([]byte{byte(i >> 8), byte(i)}, []byte{byte(i)}, statelab.NoExpiry)
			}
			if err := s.Apply(&b); err != nil {
				t.Fatal(err)
			}
			it, err := s.Iter(statelab.Range{})
			if err != nil {
				t.Fatal(err)
			}
			defer it.Close()
			at := 0
			stand := func(ok bool, want int) {
				t.Helper()
				if !ok || len(it.Key()) != 2 || int(it.Key()[0])<<8|int(it.Key()[1]) != want {
					t.Fatalf("stands on %x (%v), want %d", it.Key(), ok, want)
				}
				at = want
			}
			stand(it.SeekGE([]byte{0, 150}), 150)
			for _, steps := range []int{1, 3, -2, 70, -100, 60, -1, 1, -130} {
				for range max(steps, -steps) {
					if steps > 0 {
						stand(it.Next(), at+1)
					} else {
						stand(it.Prev(), at-1)
					}
				}
			}
		})
	}
}
