package peer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer"
)

// absent says whether a peer is not in this build.
func absent(doc string) bool { return strings.Contains(doc, "not in this build") }

func TestTheTableIsSortedAndItsDefaultsAreTaken(t *testing.T) {
	var names []string
	for _, b := range peer.Catalog().List() {
		names = append(names, b.Name)
		if b.Doc == "" || strings.Contains(b.Doc, "\n") || !strings.HasSuffix(b.Doc, "(a peer)") && !strings.HasSuffix(b.Doc, "(a variant)") && !absent(b.Doc) {
			t.Errorf("%s is described by %q", b.Name, b.Doc)
		}
		for _, p := range b.Params {
			if p.Default == "" || absent(b.Doc) {
				continue
			}
			if err := peer.Catalog().Validate(b.Name + "?" + p.Name + "=" + p.Default); err != nil {
				t.Errorf("%s: the default of %s is refused: %v", b.Name, p.Name, err)
			}
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) < len(names) {
		t.Errorf("the peers are not sorted, or one is there twice: %q", names)
	}
}

// Every peer of this build opens, keeps a record, lets it die, and says who has
// to delete it.
func TestEveryPeerIsAStore(t *testing.T) {
	for _, b := range peer.Catalog().List() {
		if absent(b.Doc) {
			continue
		}
		s, err := peer.Catalog().Open(b.Name, t.TempDir()+"/store", &statelab.Options{Memory: 1 << 20})
		if err != nil {
			t.Errorf("%s: %v", b.Name, err)
			continue
		}
		var batch statelab.Batch
		batch.Put([]byte("k"), []byte("v"), 5)
		if err := errors.Join(s.Apply(&batch), s.Advance(4)); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
		if value, err := s.Get(nil, []byte("k")); err != nil || string(value) != "v" {
			t.Errorf("%s: Get gives %q, %v", b.Name, value, err)
		}
		if err := s.Advance(5); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
		if _, err := s.Get(nil, []byte("k")); !errors.Is(err, statelab.ErrNotFound) {
			t.Errorf("%s: a dead record gives %v", b.Name, err)
		}
		if !statelab.KeepsDead(s) {
			t.Errorf("%s does not say that what has died must be deleted", b.Name)
		}
		if st := s.Stats(); st.Engine != b.Name {
			t.Errorf("%s calls itself %s", b.Name, st.Engine)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
	}
}
