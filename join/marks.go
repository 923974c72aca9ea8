package join

// markedValue is the value of the timer of an event with a pair.
var markedValue = []byte{1}

// A markPage says of sequences that follow each other whether they are marked, with
// one bit each; 512 of them are a cache line.
type markPage [8]uint64

const (
	markPageBits = 9
	// markPageLimit bounds the pages that are kept from one batch to the next, by
	// side: half a megabyte, for the last four million events.
	markPageLimit = 1 << 13
)

// marks are the sequences of events, by side, whose timers were marked lately.
// They make marks that still lie in the batch known to whoever fires those
// timers, and save marking an event again for each of its pairs. Events that fire
// together arrived not far apart, so their marks share pages, which stay in the
// CPU's cache; a set of sequences did not.
type marks [2]markSet

type markSet struct {
	index map[uint64]int32 // by the sequence's high bits
	pages []markPage
	last  struct { // what was looked up last; the pairs of a sample come in order
		high uint64
		page int32 // and 1 more; 0 if nothing was
	}
}

func newMarks() marks {
	return marks{{index: make(map[uint64]int32)}, {index: make(map[uint64]int32)}}
}

func (m *marks) has(side Side, seq uint64) bool {
	set := &m[side]
	i, ok := set.page(seq)
	return ok && set.pages[i][seq>>6%8]&(1<<(seq%64)) != 0
}

// page returns which page a sequence is on, if it is on one.
func (s *markSet) page(seq uint64) (i int32, ok bool) {
	high := seq >> markPageBits
	if last := s.last; last.high == high && last.page != 0 {
		return last.page - 1, true
	}
	if i, ok = s.index[high]; ok {
		s.last.high, s.last.page = high, i+1
	}
	return i, ok
}

func (m *marks) add(side Side, seq uint64) {
	set := &m[side]
	i, ok := set.page(seq)
	if !ok {
		i = int32(len(set.pages))
		set.pages = append(set.pages, markPage{})
		set.index[seq>>markPageBits] = i
	}
	set.pages[i][seq>>6%8] |= 1 << (seq % 64)
}

// applied forgets marks, if they take many pages, that the store holds by now.
func (m *marks) applied() {
	for i := range m {
		if set := &m[i]; len(set.pages) > markPageLimit {
			clear(set.index)
			set.pages, set.last.page = set.pages[:0], 0
		}
	}
}

// mark notes in an event's timer that it has a pair.
func (o *Operator) mark(at int64, key []byte, side Side, seq uint64) {
	if o.marks.has(side, seq) {
		return
	}
	o.marks.add(side, seq)
	o.bound = appendTimer(o.bound[:0], at, key, side, seq)
	o.batch.Put(o.bound, markedValue, at+1)
}

// isMarked says whether an event has a pair; value is that of its timer.
func (o *Operator) isMarked(side Side, seq uint64, value []byte) bool {
	return len(value) > 0 || o.marks.has(side, seq)
}
