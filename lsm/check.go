package lsm

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/wal"
	"github.com/statelab/statelab/vfs"
)

// Check implements statelab.CheckStore. It reads every block of every table
// from its file and verifies L2, L3 and L6, that the manifest leads to the
// durable version, and that log and memtables are sound. Writes and maintenance
// wait until it is done.
func (s *Store) Check() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	if err := s.check(); err != nil {
		return fmt.Errorf("check store %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) check() error {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	snap := s.acquire()
	defer s.release(snap.view)
	for _, m := range snap.view.memtables {
		if err := m.check(); err != nil {
			return fmt.Errorf("memtable: %w", err)
		}
	}
	v := snap.view.version
	if v.watermark > snap.watermark {
		return fmt.Errorf("L4: the version's watermark %d is beyond the store's %d", v.watermark, snap.watermark)
	}
	for _, r := range v.runs {
		if err := r.check(v.watermark); err != nil {
			return err
		}
	}
	if err := v.checkBlobs(); err != nil {
		return err
	}
	if s.failed.Err() != nil {
		return nil // what the files lead to is for the next opening to find out
	}
	if err := s.checkManifest(); err != nil {
		return err
	}
	if err := s.checkFiles(v); err != nil {
		return err
	}
	if s.log == nil {
		return nil
	}
	return wal.Verify(s.fs, filepath.Join(s.path, logDirName), s.logStart)
}

// checkManifest verifies that the manifest leads to the durable version.
func (s *Store) checkManifest() error {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	found, number, _, err := readManifest(s.fs, s.path)
	if err != nil {
		return err
	}
	want := s.stateOf(s.durable, s.logStart)
	want.nextFile = found.nextFile
	if number != s.manifestNumber || !bytes.Equal(appendEdit(nil, found, nil), appendEdit(nil, &want, nil)) {
		return &statelab.CorruptError{File: filepath.Join(s.path, manifestName(number)), Offset: -1,
			Reason: "does not lead to the durable version"}
	}
	return nil
}

// checkFiles verifies L6.
func (s *Store) checkFiles(v *version) error {
	names, err := s.fs.List(s.path)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
		if !ownFile(name) || s.files.has(name) {
			continue
		}
		// A reader that has ended since may have been the last to hold it: it is gone then.
		if exists, err := vfs.Exists(s.fs, filepath.Join(s.path, name)); err != nil {
			return err
		} else if exists {
			return fmt.Errorf("L6: nothing holds the file %s", name)
		}
	}
	for f := range v.files {
		if !there[f.name()] {
			return &statelab.CorruptError{File: f.path(), Offset: -1, Reason: "missing"}
		}
	}
	return nil
}

// check verifies L2 of a run, and its tables.
func (r *run) check(watermark int64) error {
	if len(r.tables) == 0 {
		return fmt.Errorf("L2: run %d is empty", r.id)
	}
	for i, t := range r.tables {
		if i > 0 && bytes.Compare(r.tables[i-1].last, t.first) >= 0 {
			return fmt.Errorf("L2: tables %06d and %06d of run %d overlap", r.tables[i-1].number, t.number, r.id)
		}
		if err := t.check(watermark); err != nil {
			return err
		}
	}
	return nil
}

// tableCheck reads a table from its file and sums up what it finds.
type tableCheck struct {
	*table
	cursor       tableCursor
	listed       bool // in the directory
	keyFilter    blockRef
	prefixFilter blockRef
	found        tableMeta
	expiries     expirySample
	watermark    int64 // of the version
	value        blockRef
}

// check verifies L2, L3 and L8 of a table in a version of that watermark.
func (t *table) check(watermark int64) error {
	c := tableCheck{table: t, listed: t.blockStarts != nil, found: tableMeta{minExpiry: statelab.NoExpiry, maxExpiry: math.MinInt64}}
	c.expiries.reset()
	c.watermark = watermark
	defer func() {
		c.cursor.close()
		c.keyFilter.release()
		c.prefixFilter.release()
		c.value.release()
	}()
	f, err := t.handles(fromFile)
	if err != nil {
		return err
	}
	if err := t.readBlock(f.keyFilter, filterBlock, fromFile, &c.keyFilter); err != nil {
		return err
	}
	if f.prefixFilter != (blockHandle{}) {
		if err := t.readBlock(f.prefixFilter, filterBlock, fromFile, &c.prefixFilter); err != nil {
			return err
		}
	}
	if err := c.readAll(); err != nil {
		return err
	}
	c.found.octiles = c.expiries.octiles()
	return c.compareProperties(f.properties)
}

// readAll steps through all records.
func (c *tableCheck) readAll() error {
	cur := &c.cursor
	cur.open(c.table, fromFile)
	for ok := cur.first(); ok; ok = cur.next() {
		if err := c.add(cur.key(), cur.data.value()); err != nil {
			return err
		}
	}
	return cur.err()
}

// add takes one record into account.
func (c *tableCheck) add(key, record []byte) error {
	at := int64(c.cursor.handle.offset)
	switch {
	case c.found.records > 0 && bytes.Compare(c.found.last, key) >= 0:
		return c.corrupt(at, fmt.Sprintf("L2: key %.32x does not follow %.32x", key, c.found.last))
	case bytes.Compare(key, c.cursor.index.key()) > 0:
		return c.corrupt(at, fmt.Sprintf("L2: key %.32x lies beyond its block's index entry", key))
	case !filterMayHold(c.keyFilter.data, hashKey(key)):
		return c.corrupt(at, fmt.Sprintf("L3: the filter does not hold key %.32x", key))
	case c.prefixFilter.data != nil && !filterMayHold(c.prefixFilter.data, hashKey(prefixOf(c.env.prefix, key))):
		return c.corrupt(at, fmt.Sprintf("L3: the prefix filter does not hold the prefix of key %.32x", key))
	}
	if c.listed {
		where, may := c.env.directory.whereIs(c.table, hashKey(groupOf(c.env.prefix, key)))
		if !may || where != (blockHandle{}) && where != c.cursor.handle {
			return c.corrupt(at, fmt.Sprintf("L3: the extents do not lead to key %.32x", key))
		}
	}
	r := readRecord(record, c.blobs)
	m := &c.found
	elements, size := int64(0), int64(0)
	for e, ok := r.next(); ok; e, ok = r.next() {
		elements++
		size += e.size()
		m.rawBytes += int64(len(e.data))
		if err := c.addReference(e); err != nil {
			return err
		}
		m.minExpiry, m.maxExpiry = min(m.minExpiry, e.expireAt), max(m.maxExpiry, e.expireAt)
		c.expiries.add(e)
	}
	if r.damage != "" {
		return c.corrupt(at, r.damage)
	}
	if m.records == 0 {
		m.first = bytes.Clone(key)
	}
	m.last = append(m.last[:0], key...)
	m.records++
	if r.base {
		m.bases++
		if elements == 0 {
			m.tombstones++
		}
	}
	m.elements += elements
	m.rawBytes += int64(len(key))
	m.maxRecord = max(m.maxRecord, size)
	return nil
}

// compareProperties verifies that the figures in the manifest, those in the
// table, and what was found are the same.
func (c *tableCheck) compareProperties(h blockHandle) error {
	var ref blockRef
	defer ref.release()
	if err := c.readBlock(h, propertiesBlock, fromFile, &ref); err != nil {
		return err
	}
	p, damage := decodeProperties(ref.data)
	switch {
	case damage != "":
	case p.prefixName != c.env.prefix.Name:
		damage = fmt.Sprintf("L3: made with prefix %q, not %q", p.prefixName, c.env.prefix.Name)
	case !p.tableMeta.equal(&c.found):
		damage = "L3: the properties are not true"
	case !p.tableMeta.equal(&c.tableMeta):
		damage = "L3: the properties are not those in the manifest"
	default:
		return nil
	}
	return c.corrupt(int64(h.offset), damage)
}
