package lsm

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// Each group is found in its block, or said to be in many, whatever tags and
// lines have in common; of those that are not there hardly any seems to be.
func TestExtentsLeadToTheBlockOfAGroup(t *testing.T) {
	for _, n := range []int{1, 11, 12, 13, 5000} {
		var groups []group
		var blocks []blockHandle
		for i := range n {
			if i%7 == 0 {
				blocks = append(blocks, blockHandle{uint64(i) * 4096, uint32(i + 1)})
			}
			groups = append(groups, group{hashKey(fmt.Append(nil, i)), uint32(i / 7), i%100 == 99})
		}
		// Two of one hash meet: it cannot be said in which block either is.
		groups = append(groups, group{groups[0].hash, uint32(len(blocks) - 1), false})
		x := makeExtents(groups, blocks)
		if want := extentsSize(len(groups), len(blocks)); x.size() != want {
			t.Errorf("%d groups take %d bytes, and %d were planned", n, x.size(), want)
		}
		many := 0
		for i, g := range groups[:n] {
			where, may := x.find(g.hash)
			switch {
			case !may:
				t.Fatalf("group %d of %d is not found", i, n)
			case where == (blockHandle{}):
				many++
			case where != blocks[g.block] || i == 0 || g.many:
				t.Fatalf("group %d of %d is said to be at %v", i, n, where)
			}
		}
		if limit := 1 + n/100 + n/1000; many > limit {
			t.Errorf("of %d groups %d are in many blocks, want at most %d", n, many, limit)
		}
		falsely := 0
		for i := range 10000 {
			if _, may := x.find(hashKey(fmt.Append(nil, "not there", i))); may {
				falsely++
			}
		}
		if falsely > 20 {
			t.Errorf("with %d groups %d of 10,000 that are not there seem to be", n, falsely)
		}
	}
}

// A probe reads one block of each table that holds something of its join key,
// and nothing else: no filter and no index. A Get asks the whole-key filter too.
func TestAProbeReadsOneBlockOfATable(t *testing.T) {
	const joinKeys = 5000
	var kinds [3]int
	s := filled(t, Options{Options: statelab.Options{Memory: 4 << 20, OnBlockAccess: func(a statelab.BlockAccess) {
		switch {
		case a.Event != statelab.BlockHit && a.Event != statelab.BlockMiss:
		case a.Kind == blockKinds[dataBlock]:
			kinds[dataBlock]++
		case a.Kind == blockKinds[indexBlock]:
			kinds[indexBlock]++
		default:
			kinds[filterBlock]++
		}
	}}}, joinKeys)
	tables := 0
	for tab := range s.view.Load().version.tables {
		if tables++; tab.extents == nil {
			t.Fatalf("table %d has no extents", tab.number)
		}
	}
	if tables < 2 {
		t.Fatalf("only %d tables: the test would show little", tables)
	}
	probe := func(i int) (n int) {
		it, err := s.Iter(statelab.PrefixRange(recordKey(i, 0)[:8]))
		if err != nil {
			t.Fatal(err)
		}
		defer it.Close()
		for it.Next() {
			n++
		}
		return n
	}
	straddling := 0
	for i := range joinKeys {
		kinds = [3]int{}
		if n := probe(i); n != 4 {
			t.Fatalf("probe finds %d records", n)
		}
		if kinds[dataBlock] > 1 || kinds[indexBlock] > 0 {
			straddling++ // over two blocks
		}
		if kinds[filterBlock] > 0 {
			t.Fatalf("a probe reads %d filters", kinds[filterBlock])
		}
	}
	if straddling > joinKeys/20 {
		t.Errorf("%d of %d probes read more than a block", straddling, joinKeys)
	}
	kinds = [3]int{}
	for i := range joinKeys {
		if n := probe(joinKeys + i); n != 0 {
			t.Fatalf("probe finds %d records of a key that is not there", n)
		}
	}
	if reads := kinds[dataBlock] + kinds[indexBlock]; reads > joinKeys/100 {
		t.Errorf("%d blocks are read for %d keys that are not there", reads, joinKeys)
	}
}

// Extents take their memory from the cache, never more than their share of it,
// and give it back with their table. A reopened store reads on without them.
func TestExtentsShareTheCachesMemory(t *testing.T) {
	mem := vfs.NewMem()
	o := Options{Options: statelab.Options{Memory: 256 << 10, Prefix: joinPrefix, Maintenance: statelab.MaintenanceInline, FS: mem}}
	s, err := Open("/store", &o)
	if err != nil {
		t.Fatal(err)
	}
	var b statelab.Batch
	var key [9]byte
	with, without := 0, 0
	for i := range 20000 {
		b.Reset()
		binary.BigEndian.PutUint64(key[:], uint64(i)*0x9e3779b97f4a7c15)
		b.Put(key[:], nil, int64(100000+i))
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for tab := range s.view.Load().version.tables {
		if tab.extents != nil {
			with++
			sum += tab.extents.size()
		} else {
			without++
		}
	}
	if counted := s.env.memory.extents; counted != sum || sum > s.budget.readers/extentsShare || with == 0 || without == 0 {
		t.Errorf("%d tables have extents of %d bytes, %d are counted, and %d tables have none", with, sum, counted, without)
	}
	if use := s.env.memoryUse(); use.total > s.budget.readers || use.cache != s.budget.readers-sum {
		t.Errorf("readers use %d bytes of %d, and the cache may take %d beside extents of %d", use.total, s.budget.readers, use.cache, sum)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open("/store", &o); err != nil {
		t.Fatal(err)
	}
	if s.env.memory.extents != 0 {
		t.Errorf("extents take %d bytes after reopening", s.env.memory.extents)
	}
	binary.BigEndian.PutUint64(key[:], 0x9e3779b97f4a7c15)
	if _, err := s.Get(nil, key[:]); err != nil {
		t.Error(err)
	}
	if err := s.Advance(200000); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if s.Stats().Files != 0 || s.env.memory.extents != 0 {
		t.Errorf("%d tables, extents of %d bytes after all is dead", s.Stats().Files, s.env.memory.extents)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A table that only the durable version needs keeps its file, so that a crash
// finds it, and nothing of it stays in memory.
func TestOnlyTheFileStaysOfATableThatOnlyACrashWouldBringBack(t *testing.T) {
	s := filled(t, Options{Options: statelab.Options{Memory: 1 << 20, Durability: statelab.DurabilityCheckpoint}}, 3000)
	syncNow(t, s)
	files, extents, before := s.Stats().Files, s.env.memory.extents, s.env.memoryUse().total
	if files < 2 || extents == 0 {
		t.Fatalf("%d tables with extents of %d bytes show little", files, extents)
	}
	if err := s.Advance(statelab.NoExpiry - 1); err != nil {
		t.Fatal(err)
	}
	for s.Stats().Files > 0 { // a flush brings the watermark, by which all are dead
		put(t, s, "dead at once", "", 0)
		rotateNow(t, s)
		if err := s.relieve(); err != nil {
			t.Fatal(err)
		}
	}
	if s.env.memory.extents != 0 || s.env.memoryUse().total >= before || s.env.cache.Used() != 0 {
		t.Errorf("extents of %d bytes and %d bytes of cached blocks are left of tables that nobody reads", s.env.memory.extents, s.env.cache.Used())
	}
	for tab := range s.durable.tables {
		if _, err := s.fs.Stat(tab.path()); err != nil {
			t.Errorf("table %06d, which a crash would need: %v", tab.number, err)
		}
		files--
	}
	if files != 0 {
		t.Errorf("the durable version lacks %d tables", files)
	}
}
