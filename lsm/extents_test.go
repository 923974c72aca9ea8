package lsm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/vfs"
)

// testDirectory returns a directory with extents of so many lines.
func testDirectory(lines int) *directory {
	env := &tableEnv{cache: cache.New(cache.Options{}), memory: readerMemory{budget: 1 << 40}}
	env.directory = &directory{env: env, lines: lines}
	return env.directory
}

// enter adds a table of groups, seven in a block, named by its number.
func (d *directory) enter(number uint64, groups int, many func(i int) bool) (*table, []group) {
	t := &table{blockFile: blockFile{number: number, env: d.env}}
	var all []group
	var blocks []blockHandle
	for i := range groups {
		if i%7 == 0 {
			blocks = append(blocks, blockHandle{uint64(i) * 4096, 7*4096 - blockTrailerSize})
		}
		all = append(all, group{hashKey(fmt.Append(nil, number, i)), uint32(i / 7), many(i)})
	}
	d.add(t, all, blocks)
	return t, all
}

// expect finds each group of a version's table, and returns how many are said to be in
// many blocks.
func (v *version) expect(t *testing.T, tab *table, groups []group) (many int) {
	t.Helper()
	var s search
	for i, g := range groups {
		s.find(v, nil, nil, g.hash)
		at := slices.IndexFunc(s.candidates, func(c candidate) bool { return v.lookouts[c.at].table == tab })
		if at < 0 {
			t.Fatalf("group %d of table %d is not found", i, tab.number)
		}
		switch c := s.candidates[at]; {
		case !slices.IsSortedFunc(s.candidates, func(a, b candidate) int { return cmp.Compare(a.at, b.at) }):
			t.Fatalf("candidates %v are not newest first", s.candidates)
		case !c.inBlock:
			many++
		case g.many || c.where(tab) != (blockHandle{uint64(g.block) * 7 * 4096, 7*4096 - blockTrailerSize}):
			t.Fatalf("group %d of table %d is said to be at %v", i, tab.number, c)
		}
	}
	return many
}

// Each group is found in its block, or said to be in many, whatever tags and
// lines have in common; of those that are not there hardly any seems to be.
func TestExtentsLeadToTheBlockOfAGroup(t *testing.T) {
	for _, c := range []struct{ lines, tables, groups int }{{1, 1, 1}, {1, 1, 11}, {3, 4, 8}, {100, 3, 350}, {100, 12, 333}, {1000, 11, 2700}} {
		d := testDirectory(c.lines)
		var tables []*table
		var groups [][]group
		for n := range c.tables {
			tab, all := d.enter(uint64(n), c.groups, func(i int) bool { return i%100 == 99 })
			tables, groups = append(tables, tab), append(groups, all)
		}
		v := newVersion([]*run{{tables: tables}}, 0)
		if len(v.bare) > 0 {
			t.Errorf("%+v: %d tables are in no extents", c, len(v.bare))
		}
		many, total := 0, c.tables*c.groups
		for i, tab := range tables {
			many += v.expect(t, tab, groups[i])
		}
		if limit := 1 + total/100 + total/200; many > limit {
			t.Errorf("%+v: of %d groups %d are in many blocks, want at most %d", c, total, many, limit)
		}
		falsely, tries := 0, 10000
		var s search
		for i := range tries {
			s.find(v, nil, nil, hashKey(fmt.Append(nil, "not there", i)))
			falsely += len(s.candidates)
		}
		if limit := tries / 150 * len(v.extents); falsely > limit && c.lines > 3 {
			t.Errorf("%+v: of %d groups that are not there %d seem to be, want at most %d", c, tries, falsely, limit)
		}
		v.unref(func(*blockFile) {})
		if len(d.all) > 0 || d.env.memory.extents != 0 {
			t.Errorf("%+v: %d extents, %d bytes are left when nothing is", c, len(d.all), d.env.memory.extents)
		}
	}
}

// What crowds into one line, and beyond what it and its spill have room for, is found.
func TestExtentsFindWhatHasNoRoom(t *testing.T) {
	d := testDirectory(32)
	tab := &table{blockFile: blockFile{env: d.env}}
	var groups []group
	for i := range uint64(60) {
		groups = append(groups, group{hash: 7<<58 | i, block: uint32(i)}) // all of one line
	}
	d.add(tab, groups, slices.Repeat([]blockHandle{{0, 1}}, 60))
	v := newVersion([]*run{{tables: []*table{tab}}}, 0)
	defer v.unref(func(*blockFile) {})
	var s search
	for i, g := range groups {
		if s.find(v, nil, nil, g.hash); len(s.candidates) != 1 {
			t.Fatalf("%d candidates for group %d", len(s.candidates), i)
		}
	}
	if s.find(v, nil, nil, 1<<62); len(s.candidates) != 0 {
		t.Errorf("a group of another line seems to be there: %v", s.candidates)
	}
}

// Extents of which most tables are gone give their memory back, and what is left of
// them is found in others, while old versions go on reading.
func TestExtentsOfWhichLittleIsLeftGo(t *testing.T) {
	d := testDirectory(100) // 1100 groups
	var old, kept []*table
	groups := map[*table][]group{}
	for n := range 55 {
		tab, all := d.enter(uint64(n), 100, func(i int) bool { return i == 50 })
		groups[tab] = all
		if old = append(old, tab); n%11 == 5 {
			kept = append(kept, tab) // one of each extents
		}
	}
	if len(d.all) != 5 {
		t.Fatalf("%d extents, want 5", len(d.all))
	}
	first := newVersion([]*run{{tables: old}}, 0)
	left := newVersion([]*run{{tables: kept}}, 0)
	held := newVersion([]*run{{tables: old[:30]}}, 0) // by a reader
	first.unref(func(*blockFile) {})
	fresh, all := d.enter(100, 100, func(int) bool { return false })
	groups[fresh] = all
	moved := newVersion([]*run{{tables: append([]*table{fresh}, kept...)}}, 0)
	left.unref(func(*blockFile) {})
	for _, tab := range old[:30] {
		held.expect(t, tab, groups[tab])
	}
	for _, tab := range append(kept, fresh) {
		moved.expect(t, tab, groups[tab])
	}
	held.unref(func(*blockFile) {})
	for n := range 11 { // until there are others
		tab, all := d.enter(uint64(200+n), 100, func(int) bool { return false })
		kept, groups[tab] = append(kept, tab), all
	}
	last := newVersion([]*run{{tables: kept}}, 0)
	moved.unref(func(*blockFile) {})
	for _, tab := range kept {
		last.expect(t, tab, groups[tab])
	}
	if len(d.all) > 2 {
		t.Errorf("%d extents hold %d tables of 100 groups", len(d.all), len(kept))
	}
	last.unref(func(*blockFile) {})
	if d.env.memory.extents != 0 {
		t.Errorf("%d bytes are left when nothing is", d.env.memory.extents)
	}
}

// A probe reads one block of each table that holds something of its join key,
// and nothing else: no filter and no index.
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
		if tables++; tab.listing.extents == nil {
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
	without := 0
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
	for _, x := range s.env.directory.all {
		sum += x.size()
	}
	extents := len(s.env.directory.all)
	for tab := range s.view.Load().version.tables {
		if tab.listing.extents != nil {
			sum += blockStartsSize(len(tab.blockStarts) - 1)
		} else {
			without++
		}
	}
	if counted := s.env.memory.extents; counted != sum || sum > s.options.Memory/4 || extents < 3 || without == 0 {
		t.Errorf("%d extents of %d bytes, %d are counted, and %d tables are in none", extents, sum, counted, without)
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
