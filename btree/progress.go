package btree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// A progress says how far the log is merged into the main tree, of each range of keys: up to which of
// its records. Stretch after stretch is merged, so ranges have got differently far:
//
//	key        a        f        m            t
//	merged     | to 812 | to 840 | to 205     | to 231
//	log        205 ...................... 812 .. 840 .. 866
//
// So a commit need not merge what the write buffer holds. It is fuzzy: it says of each
// range how far it is, and an opening applies to each what the log has behind that, of what is here
// from record 206 on to keys from m to t, and from 841 on to those from f to m. The log before
// the least of them is not needed any more.
type progress struct {
	spans []span
	least int64 // of them
	most  int64
}

// A span is the keys from one on, up to where the next span begins.
type span struct {
	from   []byte
	merged int64 // records of the log
}

// restart makes everything merged up to the beginning of the log.
func (p *progress) restart() { *p = progress{spans: append(p.spans[:0], span{})} }

// raise takes note that keys from from up to until, where nil is the end, are merged as far as
// merged, if they were not further.
func (p *progress) raise(from, until []byte, merged int64) {
	first, end := p.split(from), len(p.spans)
	if until != nil {
		end = p.split(until)
	}
	for i := first; i < end; i++ {
		p.spans[i].merged = max(p.spans[i].merged, merged)
	}
	first, end = max(first, 1), min(end+1, len(p.spans))
	kept := first
	for i := first; i < end; i++ {
		if p.spans[i].merged != p.spans[kept-1].merged {
			p.spans[kept] = p.spans[i]
			kept++
		}
	}
	if kept < end {
		p.spans = slices.Delete(p.spans, kept, end)
	}
	p.measure()
}

func (p *progress) measure() {
	p.least, p.most = p.spans[0].merged, p.spans[0].merged
	for _, s := range p.spans[1:] {
		p.least, p.most = min(p.least, s.merged), max(p.most, s.merged)
	}
}

// split sees to it that a span begins at key, and returns which.
func (p *progress) split(key []byte) int {
	i := p.find(key)
	if string(p.spans[i].from) == string(key) {
		return i
	}
	p.spans = slices.Insert(p.spans, i+1, span{slices.Clone(key), p.spans[i].merged})
	return i + 1
}

// find returns the span that has a key.
func (p *progress) find(key []byte) int {
	return sort.Search(len(p.spans), func(i int) bool { return string(p.spans[i].from) > string(key) }) - 1
}

// merged returns how far the log is merged of a key.
func (p *progress) merged(key []byte) int64 { return p.spans[p.find(key)].merged }

// A fuzzy commit keeps it in the first record of the log of images that its root names, which
// so is durable before the root and goes with it:
//
//	OFFSET SIZE FIELD
//	0      4    0, where an image has its page
//	4      8    epoch of the commit
//	12     8    records of the log at the commit, from the first segment on that its root names
//	20          spans, in order of keys: records merged, length of the key, both as varints,
//	            and the key, which is empty of the first
//
// A commit that failed may have left such a record behind the images that count; so it says its epoch.
// Where of 9 records keys up to "m" are merged to the 5th and those from there on to the 8th,
// at the commit of epoch 6, it is
//
//	00  00 00 00 00 06 00 00 00  00 00 00 00 09 00 00 00  |................|
//	10  00 00 00 00 05 00 08 01  6d                       |........m|
type progressRecord struct {
	epoch   uint64
	records int64
	spans   []span
}

const progressHeader = 20

// encode returns the record of a commit for which the log begins with its record base.
func (p *progress) encode(epoch uint64, base, records int64) []byte {
	b := make([]byte, progressHeader)
	binary.LittleEndian.PutUint64(b[4:], epoch)
	binary.LittleEndian.PutUint64(b[12:], uint64(records-base))
	for _, s := range p.spans {
		b = binary.AppendUvarint(b, uint64(s.merged-base))
		b = binary.AppendUvarint(b, uint64(len(s.from)))
		b = append(b, s.from...)
	}
	return b
}

// isProgress says whether a record of the log of images is none of an image.
func isProgress(record []byte) bool {
	return len(record) >= imageHeader && binary.LittleEndian.Uint32(record) == 0
}

var errProgress = errors.New("a record of how far the log is merged makes no sense")

// decodeProgress takes any bytes.
func decodeProgress(b []byte) (r progressRecord, err error) {
	if len(b) < progressHeader || !isProgress(b) {
		return r, errProgress
	}
	r.epoch, r.records = binary.LittleEndian.Uint64(b[4:]), int64(binary.LittleEndian.Uint64(b[12:]))
	for b = b[progressHeader:]; len(b) > 0; {
		merged, n := binary.Uvarint(b)
		size, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || size > uint64(len(b)-n-m) {
			return r, errProgress
		}
		key := b[n+m:][:size]
		if last := len(r.spans) - 1; (last < 0) != (size == 0) || last >= 0 && string(r.spans[last].from) >= string(key) {
			return r, fmt.Errorf("%w: its keys are not in order", errProgress)
		}
		if int64(merged) < 0 || int64(merged) > r.records {
			return r, fmt.Errorf("%w: %d records of %d are merged", errProgress, merged, r.records)
		}
		r.spans = append(r.spans, span{slices.Clone(key), int64(merged)})
		b = b[n+m:][size:]
	}
	if len(r.spans) == 0 {
		return r, errProgress
	}
	return r, nil
}
