package storetest

import (
	"errors"
	"hash/crc64"
	"strconv"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/vfs"
)

func failureCases() []testCase {
	return []testCase{
		{"F5", "a second opening", 0, lockHeld},
		{"F6", "another prefix", 0, otherPrefix},
		{"F6", "another engine or version", needsFS, otherIdentity},
		{"F6", "strangers' files", 0, strangersFiles},
	}
}

var crcTable = crc64.MakeTable(crc64.ECMA)

func checksum(data []byte) uint64 { return crc64.Checksum(data, crcTable) }

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
	s.reopen()
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
