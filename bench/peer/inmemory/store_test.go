package inmemory_test

import (
	"maps"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/inmemory"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/storetest"
)

var openers = map[string]func(string, *inmemory.Options) (*kv.Store, error){
	inmemory.Tidwall: inmemory.OpenTidwall,
	inmemory.Google:  inmemory.OpenGoogle,
	inmemory.Huandu:  inmemory.OpenHuandu,
}

func TestStores(t *testing.T) {
	effort := storetest.Effort{Seeds: 3, Steps: 200}
	if testing.Short() {
		effort = storetest.Effort{Seeds: 1, Steps: 80}
	}
	waived := map[string]string{
		"O2": "the store takes no notice of Options.Memory",
		"T2": "the store keeps nothing when it is closed",
	}
	for _, clause := range []string{"D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "F6"} {
		waived[clause] = "the store keeps nothing when it is closed"
	}
	for name, open := range openers {
		for _, expiry := range []kv.Expiry{kv.ExpiryDriver, kv.ExpiryIndex} {
			t.Run(name+"/"+expiry.String(), func(t *testing.T) {
				waive := maps.Clone(waived)
				switch {
				case expiry == kv.ExpiryDriver:
					waive["O5"] = "with expiry=driver dead records stay until they are deleted"
				case name != inmemory.Tidwall:
					waive["O5"] = "what the adapter keeps of dead records is proved over tidwall"
				}
				storetest.Run(t, storetest.Config{
					IgnoresFS: true, MemoryResident: true, Volatile: true, Waive: waive, Effort: effort,
					Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
						return opened(open(dir, &inmemory.Options{Options: *o, Expiry: expiry}))
					},
				})
			})
		}
	}
}

// opened keeps a nil store from becoming an interface that is not nil.
func opened(s *kv.Store, err error) (statelab.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
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
