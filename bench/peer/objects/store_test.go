package objects

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
)

func TestStore(t *testing.T) {
	for _, c := range []struct {
		index  Index
		fields int
		expiry kv.Expiry
	}{
		{IndexMap, 0, kv.ExpiryDriver},
		{IndexMap, 1, kv.ExpiryIndex},
		{IndexTree, 3, kv.ExpiryIndex},
	} {
		t.Run(fmt.Sprintf("index=%s,fields=%d,expiry=%v", []string{"map", "tree"}[c.index], c.fields, c.expiry), func(t *testing.T) {
			waive := map[string]string{}
			if c.index != IndexMap {
				waive["O5"] = "what is kept of dead records is proved with the map"
			}
			if c.fields != 1 {
				waive["K4"] = "limits are the adapter's, and are proved with a single field"
			}
			peertest.RunVolatile(t, func(dir string, o kv.Options) (*kv.Store, error) {
				return Open(dir, &Options{Options: o, Index: c.index, Fields: c.fields})
			}, c.expiry, waive)
		})
	}
}

func TestFieldsOutOfBoundsAreRefused(t *testing.T) {
	for _, fields := range []int{-1, mostFields + 1} {
		if s, err := Open(t.TempDir(), &Options{Fields: fields}); err == nil {
			s.Close()
			t.Errorf("%d fields are taken", fields)
		}
	}
}

// The store would prove nothing if its strings were one object.
func TestEveryFieldIsAnObjectOfTheHeap(t *testing.T) {
	const records, size = 2000, 500
	for fields, least := range map[int]int{1: 4, 10: 13} { // object, key, array, strings
		s, err := Open(t.TempDir(), &Options{Fields: fields, Index: IndexTree})
		if err != nil {
			t.Fatal(err)
		}
		before := heapObjects()
		var b statelab.Batch
		for i := range records {
			b.Reset()
			b.Put(fmt.Appendf(nil, "a key of more than 16 bytes: %d", i), make([]byte, size), statelab.NoExpiry)
			if err := s.Apply(&b); err != nil {
				t.Fatal(err)
			}
		}
		if grown := heapObjects() - before; grown < least*records || grown > (least+1)*records {
			t.Errorf("%d records of %d fields are %d objects", records, fields, grown)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func heapObjects() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapObjects)
}

func FuzzObjectsGiveBackWhatTheyWereMadeOf(f *testing.F) {
	f.Add([]byte("d1"), []byte("\x05\x05\x00\x00\x00\x00\x00\x00\x00vw\x02x"), 2)
	f.Add([]byte("mwatermark"), []byte("\x80\x00\x00\x00\x00\x00\x00\x07"), 10)
	f.Add([]byte("d"), []byte{}, 1)
	f.Add([]byte("d"), []byte{0}, 1)
	f.Fuzz(func(t *testing.T, key, value []byte, fields int) {
		if fields < 1 || fields > mostFields {
			return
		}
		o, err := decode(key, value, fields)
		if err != nil {
			return // it is no record
		}
		if got := o.appendValue(nil); o.key != string(key) || !bytes.Equal(got, value) && !longer(value, got) {
			t.Errorf("%q: %q came back as %q: %q", key, value, o.key, got)
		}
		if len(o.only.fields) > fields {
			t.Errorf("%d fields instead of %d", len(o.only.fields), fields)
		}
	})
}

// longer says whether a is b with lengths that take more bytes than they need, which the
// adapter never writes.
func longer(a, b []byte) bool { return len(a) > len(b) }
