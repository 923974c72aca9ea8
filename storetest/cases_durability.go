package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func durabilityCases() []testCase {
	return []testCase{
		{"D1", "exactly the last Sync", needsFS, lastSyncExactly},
		{"D1", "crashes amid a history", needsFS, powerCutRuns(statelab.DurabilityCheckpoint)},
		{"D2", "the last Sync is covered", needsFS, syncCovered},
		{"D2", "crashes amid a history", needsFS, powerCutRuns(statelab.DurabilityInterval)},
		{"D3", "what was acknowledged", needsFS, acknowledged},
		{"D3", "crashes amid a history", needsFS, powerCutRuns(statelab.DurabilityAlways)},
		{"D3", "crashes amid many writers", needsFS, crashAmidWriters},
		{"D4", "batches whole", needsFS, batchesWhole},
		{"D5", "Close", 0, closeKeeps},
		{"D6", "a copy of now", 0, checkpointCopies},
		{"D6", "durable on return", needsFS, checkpointDurable},
		{"D7", "an existing directory", 0, checkpointRefuses},
		{"D8", "a second crash", needsFS, secondCrash},
		{"D8", "a store that was killed while it was made", needsFS, killedWhileMade},
	}
}

// withDurability opens the lab's store with this durability.
func (l *lab) withDurability(d statelab.Durability) *store {
	l.Helper()
	o := l.options()
	o.Durability = d
	return l.openWith(o)
}

// afterCrash opens the store's directory on another file system: what a crash
// has left of this one.
func (s *store) afterCrash(left *vfs.Mem) *store {
	s.l.Helper()
	o := s.o
	o.FS = left
	return s.l.openAt(s.name, o)
}

func lastSyncExactly(l *lab) {
	l.only(statelab.DurabilityCheckpoint)
	s := l.withDurability(statelab.DurabilityCheckpoint)
	look := func(what string, watermark int64, pairs ...string) {
		l.Helper()
		for seed := range int64(4) {
			for _, left := range []*vfs.Mem{l.mem.PowerCutStrict(), l.mem.PowerCut(seed), l.mem.Kill()} {
				c := s.afterCrash(left)
				if got := c.Stats().Watermark; got != watermark {
					l.fail("%s: after a crash the watermark is %s, want %s", what, timeText(got), timeText(watermark))
				}
				c.wantAll(pairs...)
				c.close()
			}
		}
	}
	look("before anything", statelab.MinWatermark)
	s.put("a", "1", never)
	look("before the first Sync", statelab.MinWatermark)
	s.advance(3)
	s.sync()
	look("after the first Sync", 3, "a", "1")
	s.put("b", "2", never)
	s.del("a")
	s.advance(5)
	look("with changes after a Sync", 3, "a", "1")
	if err := s.Checkpoint(l.path("copy")); err != nil {
		l.failClause("D6", "Checkpoint: %v", err)
	}
	look("after a Checkpoint, which is not a Sync", 3, "a", "1")
	s.sync()
	look("after the second Sync", 5, "b", "2")
	for i := range 1000 { // enough that buffers overflow
		s.put(fmt.Sprintf("k%04d", i), churnValue, never)
	}
	look("after flushes, which are not Syncs", 5, "b", "2")
	s.reopen()
	s.wantAll("b", "2")
	look("after a Close, which is not a Sync", 5, "b", "2")
}

func syncCovered(l *lab) {
	l.only(statelab.DurabilityInterval)
	s := l.withDurability(statelab.DurabilityInterval)
	s.put("a", "1", never)
	s.advance(3)
	s.sync()
	s.put("b", "2", never)
	for seed := range int64(12) {
		c := s.afterCrash(l.mem.PowerCut(seed))
		c.want("a", "1")
		c.wantWatermark(3)
		if _, err := c.Get(nil, []byte("b")); err != nil && !errors.Is(err, statelab.ErrNotFound) {
			l.fail("Get after a crash: %v", err)
		}
		c.close()
	}
	c := s.afterCrash(l.mem.Kill())
	c.want("a", "1")
	c.close()
}

func acknowledged(l *lab) {
	l.only(statelab.DurabilityAlways)
	s := l.withDurability(statelab.DurabilityAlways)
	var pairs []string
	for i := range 20 {
		key := fmt.Sprintf("k%02d", i)
		s.put(key, "v", never)
		pairs = append(pairs, key, "v")
		s.advance(int64(i))
		c := s.afterCrash(l.mem.PowerCutStrict())
		c.wantWatermark(int64(i))
		c.wantAll(pairs...)
		c.close()
	}
}

// batchesWhole crashes amid batches of many operations that all say the same.
func batchesWhole(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		s := l.withDurability(d)
		var cuts []*vfs.Mem
		for round := range 8 {
			var ops []statelab.Op
			for i := range 20 {
				ops = append(ops, putOp(fmt.Sprintf("k%02d", i), fmt.Sprint(round, churnValue), never))
			}
			s.apply(ops...)
			if round%4 == 2 {
				s.sync()
			}
			for seed := range int64(6) {
				cuts = append(cuts, l.mem.PowerCut(seed+int64(round)*100))
			}
			cuts = append(cuts, l.mem.Kill())
		}
		for _, left := range cuts {
			c := s.afterCrash(left)
			it := c.iter(statelab.Range{})
			var values []string
			for it.Next() {
				values = append(values, string(it.Value()))
			}
			if err := it.Err(); err != nil {
				l.fail("reading after a crash: %v", err)
			}
			if len(values) != 0 && (len(values) != 20 || len(slices.Compact(values)) != 1) {
				l.fail("after a crash the records of a batch of 20 are %d, and not all of the same batch", len(values))
			}
			c.close()
		}
	})
}

func closeKeeps(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		s := l.withDurability(d)
		s.put("synced", "1", never)
		s.advance(2)
		s.sync()
		s.put("later", "2", never)
		s.advance(4)
		want, watermark := []string{"later", "2", "synced", "1"}, int64(4)
		if d == statelab.DurabilityCheckpoint {
			want, watermark = []string{"synced", "1"}, 2
		}
		s.reopen()
		s.wantWatermark(watermark)
		s.wantAll(want...)
		s.reopen() // nothing happened: nothing changes
		s.wantAll(want...)
		if l.mem == nil {
			return
		}
		s.close()
		for seed := range int64(3) { // a power cut after Close
			c := s.afterCrash(l.mem.PowerCut(seed))
			c.wantWatermark(watermark)
			c.wantAll(want...)
			c.close()
		}
	})
}

func checkpointCopies(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		s := l.withDurability(d)
		s.put("a", "1", never)
		s.put("b", "2", 9)
		s.sync()
		s.put("c", "3", never) // not synced, and yet part of now
		s.add("c", "+", 7)
		s.advance(5)
		it := s.iter(statelab.Range{})
		if err := s.Checkpoint(l.path("copy")); err != nil {
			l.fail("Checkpoint: %v", err)
		}
		s.put("a", "changed", never)
		s.del("b")
		s.sync()
		c := l.openAt("copy", s.o)
		c.wantWatermark(5)
		c.wantAll("a", "1", "b", "2", "c", "3+")
		c.put("only here", "v", never)
		c.advance(7)
		c.sync()
		s.wantWatermark(5)
		s.wantAll("a", "changed", "c", "3+")
		wantScan(l, it, "a", "1", "b", "2", "c", "3+")
		if err := s.Checkpoint(l.path("second")); err != nil {
			l.fail("a second Checkpoint: %v", err)
		}
		s.close() // the copies need nothing of it
		c.reopen()
		c.wantAll("a", "1", "b", "2", "c", "3", "only here", "v")
		c2 := l.openAt("second", s.o)
		c2.wantAll("a", "changed", "c", "3+")
	})
}

func checkpointDurable(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		s := l.withDurability(d)
		var pairs []string
		for i := range 300 {
			s.put(fmt.Sprintf("k%03d", i), churnValue, never)
			pairs = append(pairs, fmt.Sprintf("k%03d", i), churnValue)
		}
		if err := s.Checkpoint(l.path("copy")); err != nil {
			l.fail("Checkpoint: %v", err)
		}
		for seed := range int64(6) {
			left := l.mem.PowerCut(seed)
			if seed == 0 {
				left = l.mem.PowerCutStrict()
			}
			o := s.o
			o.FS = left
			c := l.openAt("copy", o)
			c.wantAll(pairs...)
			c.close()
		}
	})
}

func checkpointRefuses(l *lab) {
	fsys := l.fs
	if fsys == nil {
		fsys = vfs.OS
	}
	s := l.open()
	s.put("k", "v", never)
	if err := s.Checkpoint(l.path("earlier")); err != nil {
		l.failClause("D6", "Checkpoint: %v", err)
	}
	s.put("k", "newer", never)
	if err := fsys.MkdirAll(l.path("empty")); err != nil {
		l.Fatal(err)
	}
	f, err := fsys.Create(l.path("file"))
	if err != nil {
		l.Fatal(err)
	}
	if err := f.Close(); err != nil {
		l.Fatal(err)
	}
	for _, name := range []string{"earlier", "empty", "file", s.name} {
		before := treeText(l, fsys, l.path(name))
		if err := s.Checkpoint(l.path(name)); err == nil {
			l.fail("Checkpoint into %s, which exists, worked", name)
		}
		if after := treeText(l, fsys, l.path(name)); name != s.name && after != before {
			l.fail("Checkpoint into %s, which exists, was refused and changed it from\n%sto\n%s", name, before, after)
		}
	}
	s.put("k", "newest", never)
	s.wantAll("k", "newest")
	c := l.openAt("earlier", s.o)
	c.wantAll("k", "v")
}

// treeText prints the names in dir and what the files hold.
func treeText(l *lab, fsys vfs.FS, path string) string {
	info, err := fsys.Stat(path)
	if err != nil {
		l.Fatal(err)
	}
	if !info.IsDir {
		data, err := vfs.ReadFile(fsys, path)
		if err != nil {
			l.Fatal(err)
		}
		return fmt.Sprintf("%s: %d bytes %x\n", path, len(data), checksum(data))
	}
	text := path + "\n"
	names, err := fsys.List(path)
	if err != nil {
		l.Fatal(err)
	}
	for _, name := range names {
		text += treeText(l, fsys, path+"/"+name)
	}
	return text
}

// secondCrash crashes, recovers, and crashes again without and with more
// writes in between.
func secondCrash(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		s := l.withDurability(d)
		s.put("a", "1", never)
		s.sync()
		s.put("b", "2", never)
		for seed := range int64(8) {
			first := l.mem.PowerCut(seed)
			if seed == 0 {
				first = l.mem.Kill() // what is read from memory is to be made durable
			}
			r := s.afterCrash(first)
			want := []string{"a", "1"}
			if _, err := r.Get(nil, []byte("b")); err == nil {
				want = append(want, "b", "2")
			}
			r.wantAll(want...)
			second := first.PowerCut(seed + 100)
			if seed == 0 {
				second = first.PowerCutStrict()
			}
			again := s.afterCrash(second)
			again.wantAll(want...)
			again.close()
			r.put("c", "3", never)
			r.sync()
			want = append(want, "c", "3")
			again = s.afterCrash(first.PowerCutStrict())
			again.wantAll(want...)
			again.close()
			r.close()
		}
	})
}

// killedWhileMade kills the process that makes a store at each operation on
// files. Whoever opens the directory next gets a store that keeps what it syncs.
func killedWhileMade(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		var killed []*vfs.Mem
		o := l.options()
		o.Durability = d
		o.FS = vfs.NewTrace(l.mem, func(op vfs.TraceOp) {
			if changes(op.Op) {
				killed = append(killed, l.mem.Kill())
			}
		})
		l.openWith(o).close()
		for i, mem := range killed {
			o.FS = mem
			s := l.openWith(o)
			s.wantAll()
			s.put("k", "v", never)
			s.advance(3)
			s.sync()
			o.FS = mem.PowerCutStrict()
			c := l.openWith(o)
			if got, err := c.Get(nil, []byte("k")); err != nil || string(got) != "v" || c.Stats().Watermark != 3 {
				l.fail("killed after operation %d on files, opened again, filled, synced and cut from power: Get gives %s, %v", i, quote(got), err)
			}
			c.close()
			s.close()
		}
	})
}
