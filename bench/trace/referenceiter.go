package trace

import "github.com/google/btree"

// A referenceIterator walks a clone of the tree, with one search for each move.
type referenceIterator struct {
	tree         *btree.BTreeG[entry]
	watermark    int64
	lower, upper string
	bounded      bool // by upper
	empty        bool

	at    place
	key   []byte
	value []byte
}

// A place is where an iterator stands.
type place uint8

const (
	fresh place = iota
	before
	on
	after
)

// from looks forwards for a live record from key on.
func (it *referenceIterator) from(key string) bool {
	it.at = after
	if it.empty {
		return false
	}
	it.tree.AscendGreaterOrEqual(entry{key: max(key, it.lower)}, func(e entry) bool {
		if it.bounded && e.key >= it.upper {
			return false
		}
		return !it.stand(e)
	})
	return it.at == on
}

// below looks backwards for a live record before key; bounded says whether key
// bounds it.
func (it *referenceIterator) below(key string, bounded bool) bool {
	it.at = before
	if it.empty {
		return false
	}
	if it.bounded && (!bounded || key > it.upper) {
		key, bounded = it.upper, true
	}
	see := func(e entry) bool {
		if bounded && e.key >= key {
			return true // DescendLessOrEqual includes the key itself
		}
		return e.key >= it.lower && !it.stand(e)
	}
	if bounded {
		it.tree.DescendLessOrEqual(entry{key: key}, see)
	} else {
		it.tree.Descend(see)
	}
	return it.at == on
}

// stand stands on an entry if it is live.
func (it *referenceIterator) stand(e entry) bool {
	value, live := e.appendLive(it.value[:0], it.watermark)
	if live {
		it.at, it.key, it.value = on, append(it.key[:0], e.key...), value
	}
	return live
}

func (it *referenceIterator) First() bool            { return it.from("") }
func (it *referenceIterator) Last() bool             { return it.below("", false) }
func (it *referenceIterator) SeekGE(key []byte) bool { return it.from(string(key)) }
func (it *referenceIterator) SeekLT(key []byte) bool { return it.below(string(key), true) }

func (it *referenceIterator) Next() bool {
	switch it.at {
	case on:
		return it.from(string(it.key) + "\x00")
	case after:
		return false
	}
	return it.First()
}

func (it *referenceIterator) Prev() bool {
	switch it.at {
	case on:
		return it.below(string(it.key), true)
	case before:
		return false
	}
	return it.Last()
}

func (it *referenceIterator) Key() []byte {
	if it.at != on {
		return nil
	}
	return it.key
}

func (it *referenceIterator) Value() []byte {
	if it.at != on {
		return nil
	}
	return it.value
}

func (it *referenceIterator) Err() error { return nil }

func (it *referenceIterator) Close() error {
	it.at, it.empty = after, true
	return nil
}
