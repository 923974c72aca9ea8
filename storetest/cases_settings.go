package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func settingCases() []testCase {
	return []testCase{
		{"O1", "zero Options", 0, zeroOptions},
		{"O2", "over the budget", needsResident, overBudget},
		{"O3", "two runs", needsFS | needsInline, twoRuns},
		{"O4", "every byte and sync", needsFS | needsInline, everyByte},
		{"O5", "overwritten", 0, churnOverwritten},
		{"O5", "deleted", 0, churnDeleted},
		{"O5", "expired", 0, churnExpired},
		{"O5", "expired elements of one record", 0, churnElements},
	}
}

func zeroOptions(l *lab) {
	dir := l.TempDir() + "/store"
	s, err := l.cfg.Open(dir, new(statelab.Options))
	if err != nil {
		l.fail("opening with zero Options: %v", err)
	}
	w := &store{Store: s, l: l, name: "in a temporary directory"}
	l.opened = append(l.opened, w)
	w.put("k", "v", never)
	w.put("dies", "v", 5)
	w.advance(5)
	w.sync()
	w.wantAll("k", "v")
	if err := s.Checkpoint(dir + "-copy"); err != nil {
		l.fail("Checkpoint: %v", err)
	}
}

// overBudget fills a store until it refuses, makes room and fills it again.
func overBudget(l *lab) {
	o := l.options()
	o.Memory = 1 << 20
	s := l.openWith(o)
	fill := func(round int, expireAt int64) (n int) {
		for ; ; n++ {
			key := fmt.Sprintf("k%05d", n)
			err := s.try(putOp("latest", fmt.Sprint(n), expireAt), putOp(key, churnValue, expireAt))
			if errors.Is(err, statelab.ErrBudget) {
				s.wantNone(key)
				s.want("latest", fmt.Sprint(n-1))
				break
			}
			if err != nil {
				l.fail("Apply: %v", err)
			}
			if int64(n*len(churnValue)) > o.Memory {
				l.fail("%d bytes of values are in a budget of %d", n*len(churnValue), o.Memory)
			}
			if m := s.Stats().Memory; m > o.Memory {
				l.fail("the store holds %d bytes, of a budget of %d", m, o.Memory)
			}
		}
		if int64(n*len(churnValue)) < o.Memory/8 {
			l.fail("round %d: the store is full with %d bytes of values, of a budget of %d", round, n*len(churnValue), o.Memory)
		}
		return n
	}
	for round := range 12 {
		at := int64(100 * round)
		n := fill(round, at+50)
		switch {
		case round%2 == 0:
			for i := range n {
				s.del(fmt.Sprintf("k%05d", i))
			}
			s.wantAll("latest", fmt.Sprint(n-1))
		default:
			s.advance(at + 50)
			s.wantAll()
		}
		if round%5 == 0 {
			s.sync()
		}
	}
	if err := s.try(putOp("whole", strings.Repeat("x", int(o.Memory)), never)); !errors.Is(err, statelab.ErrBudget) {
		l.fail("a Put as large as the budget: error %v, want ErrBudget", err)
	}
	s.wantNone("whole")
}

// busy is a run of calls that makes buffers overflow and files be merged.
func busy(s *store) {
	for i := range 1500 {
		key := fmt.Sprintf("k%04d", i*7919%1000)
		switch i % 10 {
		case 3:
			s.del(key)
		case 5:
			s.add(key, "element", int64(i+300))
		default:
			s.put(key, fmt.Sprint(i, churnValue[:i%600]), int64(i+200+i%700))
		}
		if i%50 == 0 {
			s.advance(int64(i))
		}
		if i%400 == 0 {
			s.sync()
		}
		if i%30 == 0 {
			it := s.iter(statelab.PrefixRange([]byte("k00")))
			for it.Next() {
			}
			it.Close()
		}
	}
	s.sync()
}

// twoRuns makes the same calls twice and compares what the file systems saw.
func twoRuns(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		one := func() ([]string, string) {
			var ops []string
			mem := vfs.NewMem()
			o := l.options()
			o.Durability = d
			o.SyncInterval = 1 << 62 // syncs by the clock belong to no caller
			o.FS = vfs.NewTrace(mem, func(op vfs.TraceOp) {
				if op.Op != vfs.OpLock {
					ops = append(ops, fmt.Sprintf("%s %s %s %d+%d", op.Op, op.Path, op.NewPath, op.Offset, op.Length))
				}
			})
			s := l.openWith(o)
			busy(s)
			if err := s.Checkpoint(l.path("copy")); err != nil {
				l.failClause("D6", "Checkpoint: %v", err)
			}
			s.reopen()
			busy(s)
			s.close()
			return ops, treeText(l, mem, l.root)
		}
		ops1, tree1 := one()
		ops2, tree2 := one()
		for i := range min(len(ops1), len(ops2)) {
			if ops1[i] != ops2[i] {
				l.fail("operation %d on files is %q in one run and %q in another", i, ops1[i], ops2[i])
			}
		}
		if len(ops1) != len(ops2) {
			l.fail("one run makes %d operations on files and another %d", len(ops1), len(ops2))
		}
		if tree1 != tree2 {
			l.fail("two runs leave different files:\n%sand\n%s", tree1, tree2)
		}
	})
}

// everyByte compares the store's figures with what its file system saw.
func everyByte(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		var written, syncs int64
		o := l.options()
		o.Durability = d
		o.SyncInterval = 1 << 62
		o.FS = vfs.NewTrace(l.mem, func(op vfs.TraceOp) {
			switch op.Op {
			case vfs.OpWrite:
				written += op.Length
			case vfs.OpSync:
				syncs++
			}
		})
		s := l.openWith(o)
		check := func(when string) {
			l.Helper()
			st := s.Stats()
			if got := st.Written.Total(); got != written {
				l.fail("%s: Stats.Written sums up to %d bytes, and the files got %d: %+v", when, got, written, st.Written)
			}
			if st.Syncs != syncs {
				l.fail("%s: Stats.Syncs is %d, and there were %d", when, st.Syncs, syncs)
			}
		}
		check("after opening")
		busy(s)
		check("after a run")
		if written == 0 || syncs == 0 {
			l.fail("the run, with its Syncs, wrote %d bytes and synced %d times", written, syncs)
		}
		if err := s.Checkpoint(l.path("copy")); err != nil {
			l.failClause("D6", "Checkpoint: %v", err)
		}
		check("after a Checkpoint")
		st := s.Stats()
		if st.Batches == 0 || st.Ops < st.Batches || st.LogicalBytes < 100<<10 {
			l.fail("Stats counts %d batches, %d operations and %d logical bytes", st.Batches, st.Ops, st.LogicalBytes)
		}
		s.close()
		written, syncs = 0, 0
		s = l.openWith(o)
		check("after reopening")
	})
}

// What churn writes, in bytes.
const (
	churnMemory  = 128 << 10
	churnRecord  = 256
	churnRecords = 100 // in a window
	churnAlive   = 2 * churnRecords * (churnRecord + 50)
	churnWindows = 150 // together twenty times what churn allows to stay
)

// churn runs windows of writes, of which the last two at most are alive, and
// checks after each that memory and disk space stay near what is alive. The
// bounds are generous: they are to catch what grows, not what is large.
func churn(l *lab, write func(s *store, window int)) {
	l.durabilities([]statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval}, func(l *lab, d statelab.Durability) {
		o := l.options()
		o.Durability = d
		if !l.cfg.MemoryResident {
			o.Memory = churnMemory
		}
		s := l.openWith(o)
		for window := range churnWindows {
			write(s, window)
			if window%3 == 2 {
				s.sync()
			}
			st := s.Stats()
			most := int64(1<<20 + 4*churnAlive)
			if !l.cfg.MemoryResident {
				most = 2 * churnMemory
			}
			if st.Memory > most {
				l.fail("after %d windows the store holds %d bytes of memory, more than %d; at most %d are alive", window, st.Memory, most, churnAlive)
			}
			if most := int64(4*churnMemory + 16*churnAlive); st.Disk > most {
				l.fail("after %d windows the store holds %d bytes of disk space, more than %d; at most %d are alive", window, st.Disk, most, churnAlive)
			}
			if l.mem == nil {
				continue
			}
			if files := treeSize(l, l.fs, l.path(s.name)); st.Disk < files/2-4<<10 || st.Disk > 2*files+64<<10 {
				l.fail("Stats.Disk is %d bytes, and the files have %d", st.Disk, files)
			}
		}
	})
}

// treeSize returns the length of all files in dir and below it.
func treeSize(l *lab, fsys vfs.FS, dir string) (size int64) {
	names, err := fsys.List(dir)
	if err != nil {
		l.Fatal(err)
	}
	for _, name := range names {
		info, err := fsys.Stat(dir + "/" + name)
		switch {
		case err != nil: // gone is gone
		case info.IsDir:
			size += treeSize(l, fsys, dir+"/"+name)
		default:
			size += info.Size
		}
	}
	return size
}

func churnOverwritten(l *lab) {
	churn(l, func(s *store, window int) {
		for i := range churnRecords {
			s.put(fmt.Sprintf("k%03d", i), fmt.Sprint(window, churnValue[:churnRecord]), never)
		}
	})
}

func churnDeleted(l *lab) {
	churn(l, func(s *store, window int) {
		for i := range churnRecords {
			s.put(fmt.Sprintf("w%03d-%03d", window, i), churnValue[:churnRecord], never)
			if window > 0 {
				s.del(fmt.Sprintf("w%03d-%03d", window-1, i))
			}
		}
	})
}

func churnExpired(l *lab) {
	churn(l, func(s *store, window int) {
		for i := range churnRecords {
			s.put(fmt.Sprintf("%03d-w%03d", i, window), churnValue[:churnRecord], int64(100*window+100+i))
			s.advance(int64(100*window + i))
		}
	})
}

func churnElements(l *lab) {
	churn(l, func(s *store, window int) {
		for i := range churnRecords {
			s.add(fmt.Sprint("k", i%3), churnValue[:churnRecord], int64(100*window+100+i))
			s.advance(int64(100*window + i))
		}
	})
}
