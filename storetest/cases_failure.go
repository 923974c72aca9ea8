package storetest

import (
	"errors"
	"fmt"
	"hash/crc64"
	"strconv"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/vfs"
)

func failureCases() []testCase {
	return []testCase{
		{"F1", "a failed write or sync", needsFS | needsInline, faultRuns(faultKinds(vfs.OpWrite, vfs.OpSync))},
		{"F1", "the first of two", needsFS, firstOfTwo},
		{"F2", "reading on", needsFS, readingOn},
		{"F3", "a failed read", needsFS | needsInline, faultRuns(faultKinds(vfs.OpRead, vfs.OpOpen, vfs.OpStat))},
		{"F3", "a failed Checkpoint", needsFS, checkpointFails},
		{"F4", "damaged files", needsFS, corruptionRuns},
		{"F5", "a second opening", 0, lockHeld},
		{"F6", "another prefix", 0, otherPrefix},
		{"F6", "another engine or version", needsFS, otherIdentity},
		{"F6", "strangers' files", 0, strangersFiles},
		{"F7", "a failed change of names", needsFS | needsInline, faultRuns(faultKinds(vfs.OpCreate, vfs.OpTruncate, vfs.OpRename,
			vfs.OpRemove, vfs.OpLink, vfs.OpMkdir, vfs.OpSyncDir, vfs.OpLock))},
		{"F7", "a failed opening", needsFS, openingFaults},
	}
}

var crcTable = crc64.MakeTable(crc64.ECMA)

func checksum(data []byte) uint64 { return crc64.Checksum(data, crcTable) }

// firstOfTwo fails a sync, and then writes with another error: every change
// returns the first, also when nothing fails any more.
func firstOfTwo(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		first, second := errors.New("first failure"), errors.New("second failure")
		faulty := vfs.NewFaulty(l.mem)
		o := l.options()
		o.Durability, o.FS = d, faulty
		s := l.openWith(o)
		s.put("k", "v", never)
		s.sync()
		faulty.Fail(vfs.Fault{Op: vfs.OpSync, N: 1, Err: first})
		s.put2("k", "w")
		if err := s.Sync(); !errors.Is(err, first) {
			l.fail("Sync returns %v, want the failure of the file system", err)
		}
		faulty.Fail(vfs.Fault{Op: vfs.OpAny, N: 1, Sticky: true, Err: second})
		for i := range 6 {
			if i == 3 {
				faulty.Heal()
			}
			for _, c := range []call{
				{"Apply", func() error { return s.try(putOp("x", "y", never)) }},
				{"Advance", func() error { return s.Advance(int64(i + 1)) }},
				{"Sync", s.Sync},
			} {
				if err := c.do(); !errors.Is(err, first) {
					l.fail("after a failed sync %s returns %v, want the first failure", c.name, err)
				}
			}
		}
		faulty.Heal()
		s.closeBroken()
	})
}

// put2 puts, and allows the failure that was armed to be reported.
func (s *store) put2(key, value string) { _ = s.try(putOp(key, value, never)) }

// closeBroken closes a store whose files have failed: it may say so.
func (s *store) closeBroken() {
	s.l.forget(s)
	s.closeIters()
	_ = s.Store.Close()
}

// readingOn fails a sync and reads on, through iterators that were open and
// through new ones.
func readingOn(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		faulty := vfs.NewFaulty(l.mem)
		o := l.options()
		o.Durability, o.FS = d, faulty
		s := l.openWith(o)
		var pairs []string
		for i := range 400 {
			key := fmt.Sprintf("k%03d", i)
			s.put(key, churnValue, never)
			pairs = append(pairs, key, churnValue)
		}
		open := s.iter(statelab.Range{})
		open.SeekGE([]byte("k200"))
		faulty.Fail(vfs.Fault{Op: vfs.OpSync, N: 1, Sticky: true, Err: errInjected})
		if err := s.try(putOp("k000", churnValue, never)); err == nil {
			err = s.Sync()
			if err == nil {
				l.failClause("F1", "Sync returned nil although each sync of a file fails")
			}
		}
		if !open.Next() || string(open.Key()) != "k201" {
			l.fail("an open iterator goes on from k200 to %q, %v", open.Key(), open.Err())
		}
		wantScan(l, open, pairs...)
		s.wantAll(pairs...)
		if err := s.Sync(); err == nil {
			l.failClause("F1", "a second Sync returned nil")
		}
		s.wantAll(pairs...)
		s.closeBroken()
	})
}

// checkpointFails fails Checkpoints at each of their first operations that
// change files; the store goes on, and so does the next Checkpoint.
func checkpointFails(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		faulty := vfs.NewFaulty(l.mem)
		o := l.options()
		o.Durability, o.FS = d, faulty
		s := l.openWith(o)
		s.put("k", "v", never)
		copies := 0
		for _, op := range []vfs.Op{vfs.OpMkdir, vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename} {
			for n := range int64(3) {
				copies++
				faulty.Fail(vfs.Fault{Op: op, N: n + 1, Sticky: true, Err: errInjected})
				err := s.Checkpoint(l.path(fmt.Sprint("failed", copies)))
				faulty.Heal()
				if err != nil && !errors.Is(err, errInjected) {
					l.fail("a Checkpoint with %s %d failing says %v", op, n+1, err)
				}
				s.put("k", fmt.Sprint("v", copies), never)
				s.advance(int64(copies))
				s.sync()
				s.want("k", fmt.Sprint("v", copies))
			}
		}
		if err := s.Checkpoint(l.path("works")); err != nil {
			l.fail("a Checkpoint after failed ones: %v", err)
		}
		c := l.openAt("works", s.o)
		c.wantAll("k", fmt.Sprint("v", copies))
	})
}

func lockHeld(l *lab) {
	s := l.open()
	s.put("k", "v", never)
	s.sync()
	for range 2 {
		l.refuse(s.name, s.o, statelab.ErrLocked)
	}
	other, err := l.cfg.Open(l.path(s.name), &s.o)
	if err == nil {
		other.Close()
		l.fail("a third opening worked")
	}
	var locked *vfs.LockedError
	if !l.cfg.IgnoresFS && (!errors.As(err, &locked) || locked.Holder == "") {
		l.fail("the error of a second opening, %q, does not name the holder", err)
	}
	s.wantAll("k", "v") // the attempts did it no harm
	s.put("k", "w", never)
	s.sync()
	if !l.cfg.Volatile {
		s.reopen()
	}
	s.wantAll("k", "w")
}

func otherPrefix(l *lab) {
	prefix := func(name string) statelab.Prefix {
		if name == "" {
			return statelab.Prefix{}
		}
		return statelab.Prefix{Name: name, Len: func(key []byte) int { return min(2, len(key)) }}
	}
	for _, made := range []string{"", "two"} {
		o := l.options()
		o.Prefix = prefix(made)
		s := l.openAt("made-"+made, o)
		s.put("key", "v", never)
		s.sync()
		s.close()
		for _, asked := range []string{"", "two", "deux"} {
			o.Prefix = prefix(asked)
			if asked != made {
				l.refuse(s.name, o, statelab.ErrMismatch, strconv.Quote(made), strconv.Quote(asked))
			}
		}
		o.Prefix = prefix(made)
		s = l.openAt(s.name, o)
		s.wantAll("key", "v")
	}
}

// otherIdentity rewrites what the directory says of itself.
func otherIdentity(l *lab) {
	s := l.open()
	s.put("key", "v", never)
	s.sync()
	s.close()
	dir := l.path(s.name)
	id, err := storedir.Read(l.fs, dir)
	if err != nil {
		l.Skip("the directory has no identity of package storedir: " + err.Error())
	}
	rewrite := func(id storedir.Identity) {
		if err := storedir.Write(l.fs, dir, id, new(meter.Meter), meter.Meta); err != nil {
			l.Fatal(err)
		}
	}
	other := id
	other.Engine = "stranger"
	rewrite(other)
	l.refuse(s.name, s.o, statelab.ErrMismatch, "stranger", id.Engine)
	other = id
	other.Version = 9876
	rewrite(other)
	l.refuse(s.name, s.o, statelab.ErrMismatch, "version", "9876")
	rewrite(id)
	s = l.openWith(s.o)
	s.wantAll("key", "v")
}

// strangersFiles opens a directory in which somebody keeps something else.
func strangersFiles(l *lab) {
	fsys := l.fs
	if fsys == nil {
		fsys = vfs.OS
	}
	dir := l.path("notes")
	if err := fsys.MkdirAll(dir); err != nil {
		l.Fatal(err)
	}
	f, err := fsys.Create(dir + "/diary.txt")
	if err != nil {
		l.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("dear diary"), 0); err != nil {
		l.Fatal(err)
	}
	if err := f.Close(); err != nil {
		l.Fatal(err)
	}
	l.refuse("notes", l.options(), statelab.ErrMismatch, "diary.txt")
	if data, err := vfs.ReadFile(fsys, dir+"/diary.txt"); err != nil || string(data) != "dear diary" {
		l.fail("the refused directory's file holds %q, %v", data, err)
	}
}
