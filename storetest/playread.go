package storetest

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

func (p *player) get(key string) (*failure, error) {
	want, ok := p.journal.now().value(key)
	dst := append(make([]byte, 0, 16), "dst"...)
	got, err := p.store.Get(dst, []byte(key))
	switch {
	case errors.Is(err, statelab.ErrNotFound) && ok:
		return failed("K12", "Get(%s): %v, want %s", quote(key), err, quote(want)), nil
	case errors.Is(err, statelab.ErrNotFound) && string(got) != "dst":
		return failed("K2", "Get(%s) returned %s with %v, want dst as it was", quote(key), quote(got), err), nil
	case errors.Is(err, statelab.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("Get(%s): %w", quote(key), err)
	case !ok:
		return failed("K9", "Get(%s) = %s, want ErrNotFound", quote(key), quote(got[min(3, len(got)):])), nil
	case string(got) != "dst"+want:
		return failed("K12", "Get(%s) appended %s, want %s", quote(key), quote(got[min(3, len(got)):]), quote(want)), nil
	}
	return nil, nil
}

func (p *player) multiGet(s step) (*failure, error) {
	keys := make([][]byte, len(s.keys))
	for i, k := range s.keys {
		keys[i] = []byte(k.string())
	}
	found := map[int]string{}
	last := -1
	err := statelab.MultiGet(p.store, keys, func(i int, value []byte) {
		if i <= last {
			last = len(keys)
		}
		last = max(i, last)
		found[i] = string(value)
	})
	if err != nil {
		return nil, fmt.Errorf("MultiGet: %w", err)
	}
	for i, key := range keys {
		want, ok := p.journal.now().value(string(key))
		if got, okGot := found[i]; got != want || ok != okGot {
			return failed("K13", "MultiGet found %s for %s: %v, want %s: %v", quote(got), quote(key), okGot, quote(want), ok), nil
		}
	}
	if last == len(keys) {
		return failed("K13", "MultiGet did not report in the order of keys"), nil
	}
	return nil, nil
}

func (p *player) elements(key string) (*failure, error) {
	if !p.apart {
		return nil, nil
	}
	var got []element
	err := statelab.Elements(p.store, []byte(key), func(e []byte, expireAt int64) bool {
		got = append(got, element{string(e), expireAt})
		return true
	})
	want := p.journal.now().records[key]
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return nil, fmt.Errorf("Elements(%s): %w", quote(key), err)
	}
	if len(want) == 0 != (err != nil) || fmt.Sprint(got) != fmt.Sprint(want) {
		return failed("K6", "Elements(%s) gives %d elements and %v, want %d; the first that differ: %s", quote(key), len(got), err, len(want), firstDifference(got, want)), nil
	}
	return nil, nil
}

func firstDifference(got, want []element) string {
	print := func(of []element, i int) string {
		if i >= len(of) {
			return "none"
		}
		return quote(of[i].value) + "@" + timeText(of[i].expireAt)
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("%d: %s, want %s", i, print(got, i), print(want, i))
		}
	}
	return "none"
}

// scan compares the whole store with the model.
func (p *player) scan() (*failure, error) {
	got, err := stateOf(p.store, p.apart)
	if err != nil {
		return nil, fmt.Errorf("reading everything: %w", err)
	}
	if want := p.journal.now().state(p.apart); got.sum != want.sum {
		return failed("K12", "the store does not hold what it should:%s", got.difference(want.model)), nil
	}
	return nil, nil
}
