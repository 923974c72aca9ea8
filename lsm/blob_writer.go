package lsm

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/statelab/statelab"
)

// blobWriter writes the large elements of a rewrite to blob files, in the order in
// which they come: that of the keys, so that values which are written together and
// are neighbours lie together.
type blobWriter struct {
	blockWriter
	made     []*blob // the last one perhaps not finished
	open     bool
	expiries expirySample
	scratch  []byte
}

// addBlob writes an element, and returns it as a reference, whose bytes are appended to
// *refs.
func (w *rewrite) addBlob(e element, refs *[]byte) (element, error) {
	b := &w.blobs
	if !b.open {
		if err := w.beginBlob(); err != nil {
			return e, err
		}
	}
	file := b.made[len(b.made)-1]
	file.values++
	file.bytes += int64(len(e.data))
	file.minExpiry, file.maxExpiry = min(file.minExpiry, e.expireAt), max(file.maxExpiry, e.expireAt)
	b.expiries.add(e)
	r := reference{file: file.number, handle: b.writeBlock(e.data, true), length: int64(len(e.data))}
	start := len(*refs)
	*refs = r.append(*refs)
	if b.err != nil {
		return e, fmt.Errorf("write %s: %w", file.title(), b.err)
	}
	e.data, e.blob = (*refs)[start:len(*refs):len(*refs)], file
	if b.flushed+int64(len(b.buf)) >= w.store.budget.table {
		return e, w.endBlob()
	}
	return e, nil
}

func (w *rewrite) beginBlob() error {
	number := w.store.newFileNumber()
	raw, err := w.store.fs.Create(filepath.Join(w.dir, fileName(blobFile, number)))
	if err != nil {
		return fmt.Errorf("create blob file %06d: %w", number, err)
	}
	if w.dir == w.store.path {
		w.store.files.add(fileName(blobFile, number))
	}
	file := &blob{blobMeta: blobMeta{minExpiry: statelab.NoExpiry, maxExpiry: math.MinInt64}}
	file.blockFile = blockFile{number: number, kind: blobFile, env: w.store.env, unsynced: w.store.meter.File(raw, w.purpose)}
	file.refs.Store(1) // its maker's, until a version holds it or it turns out that none will
	w.blobs.format = w.store.format
	w.blobs.made = append(w.blobs.made, file)
	w.blobs.begin(file.unsynced)
	w.blobs.expiries.reset()
	w.blobs.open = true
	return nil
}

// endBlob ends the blob file, if one is open.
func (w *rewrite) endBlob() error {
	b := &w.blobs
	if !b.open {
		return nil
	}
	b.open = false
	file := b.made[len(b.made)-1]
	file.octiles = b.expiries.octiles()
	b.scratch = file.blobMeta.append(b.scratch[:0])
	properties := b.writeBlock(b.scratch, false)
	b.buf = appendBlobFooter(b.buf, properties)
	b.flush()
	if b.err != nil {
		return fmt.Errorf("write %s: %w", file.title(), b.err)
	}
	file.size = b.flushed
	if w.dir == w.store.path {
		w.store.files.resize(file.name(), file.size)
		w.store.counts.blobWritten.Add(file.size)
	}
	return nil
}

// place writes the large ones of some elements to a blob file, but for those that
// lie in one which stays, and puts references in their place.
func (w *rewrite) place(elements []element) error {
	w.refs = w.refs[:0]
	threshold := w.store.options.BlobThreshold
	for i, e := range elements {
		if e.blob != nil || threshold == BlobsOff || len(e.data) < threshold {
			continue
		}
		var err error
		if elements[i], err = w.addBlob(e, &w.refs); err != nil {
			return err
		}
	}
	return nil
}

// fetchWorn reads the live elements that lie in blob files which are to go.
func (w *rewrite) fetchWorn(f *fold) error {
	if w.worn == nil {
		return nil
	}
	for i := range f.elements {
		e := &f.elements[i]
		if e.blob == nil || !e.live(w.watermark) || !w.worn(e.blob) {
			continue
		}
		if err := f.loadAt(i, fromFile, nil); err != nil {
			return &readFailure{err}
		}
		w.bytes += int64(len(e.data))
	}
	return nil
}

// letGo gives up the maker's reference to new blob files, once there is a version
// that holds them. One that died meanwhile is in none, and goes.
func (s *Store) letGo(made []*blob) {
	for _, b := range made {
		if b.refs.Add(-1) == 0 {
			s.discard(&b.blockFile)
		}
	}
}
