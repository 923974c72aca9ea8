// Package storedir is what the directories of all engines have in common: a
// lock, and a file that says whose directory it is.
//
// The file is named STORE and is text, for the person who finds it:
//
//	statelab store
//	engine lsm
//	version 1
//	prefix join-key
//	set page_size 4096
//	crc32c 8a9136aa
//
// The lines "set" are settings that are fixed when the directory is made. The
// last line is the checksum of all before it. STORE is written last, to a
// temporary name, synced and renamed; so a directory without it is not a
// store, and whatever made it was cut short before it promised anything. That
// is told from a store that has lost its file STORE by the empty file NEW,
// which stands there from before the first file of an engine until STORE does.
package storedir

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// Names in every store's directory.
const (
	IdentityName = "STORE"
	LockName     = "LOCK"
	tempName     = "STORE.tmp"
	newName      = "NEW"
)

const headline = "statelab store"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An Identity says who made a directory and under which fixed settings.
type Identity struct {
	Engine   string
	Version  int               // of the engine's format
	Prefix   string            // Options.Prefix.Name
	Settings map[string]string // fixed at creation; keys and values hold no space and no newline
}

// A Dir is an open, locked directory.
type Dir struct {
	Path  string
	Fresh bool     // it was made by this Open: WriteIdentity is still to come
	Found Identity // what it says, if not Fresh

	fs    vfs.FS
	lock  io.Closer
	meter *meter.Meter
}

// Open locks dir, making it if it does not exist, and reads its identity. It
// refuses, with an error that is statelab.ErrMismatch, a directory of another
// engine, version or prefix name, and one that holds strangers' files; one that
// holds a store's files and no identity is damaged.
// The settings of Found are the caller's to judge. A Fresh directory becomes
// a store when the caller has made its first files durable and calls
// WriteIdentity.
func Open(fsys vfs.FS, dir string, want Identity, m *meter.Meter) (*Dir, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("make store %s: %w", dir, err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, LockName))
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	d := &Dir{Path: dir, fs: fsys, lock: lock, meter: m}
	if err := d.identify(want); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) identify(want Identity) error {
	found, err := Read(d.fs, d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		d.Fresh = true
		return d.begin()
	}
	if err != nil {
		return err
	}
	d.Found = found
	switch {
	case found.Engine != want.Engine:
		return fmt.Errorf("open store %s: made by engine %s, not %s: %w", d.Path, found.Engine, want.Engine, statelab.ErrMismatch)
	case found.Version != want.Version:
		return fmt.Errorf("open store %s: %s format version %d, and this program knows version %d: %w",
			d.Path, found.Engine, found.Version, want.Version, statelab.ErrMismatch)
	case found.Prefix != want.Prefix:
		return fmt.Errorf("open store %s: made with prefix %q, not %q: %w", d.Path, found.Prefix, want.Prefix, statelab.ErrMismatch)
	}
	return d.takeOver()
}

// begin guards what is there, and says durably that a store is being made.
// Without identity there may only be what an Open cut short leaves: NEW and,
// beside it, the engine's own files of that attempt, which all begin with a
// digit or are named in upper case.
func (d *Dir) begin() error {
	names, err := d.fs.List(d.Path)
	if err != nil {
		return fmt.Errorf("open store %s: %w", d.Path, err)
	}
	begun := slices.Contains(names, newName)
	for _, name := range names {
		switch {
		case name == LockName || name == tempName || name == newName:
		case !(name[0] >= '0' && name[0] <= '9') && name != strings.ToUpper(name):
			return fmt.Errorf("open store %s: holds %s and no %s, so it is not a store: %w", d.Path, name, IdentityName, statelab.ErrMismatch)
		case !begun:
			return fmt.Errorf("open store %s: %w", d.Path,
				&statelab.CorruptError{File: filepath.Join(d.Path, IdentityName), Offset: -1, Reason: "it is missing, beside " + name})
		}
	}
	if !begun {
		err = createEmpty(d.fs, filepath.Join(d.Path, newName))
	}
	if err == nil {
		err = d.fs.SyncDir(d.Path)
	}
	if err == nil { // also if an attempt before this one made dir and was cut short
		err = d.fs.SyncDir(filepath.Dir(d.Path))
	}
	if err != nil {
		return fmt.Errorf("make store %s: %w", d.Path, err)
	}
	return nil
}

func createEmpty(fsys vfs.FS, name string) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// takeOver ends the making of a store whose maker was killed after it had named
// STORE: before NEW goes, the name must be durable.
func (d *Dir) takeOver() error {
	ok, err := vfs.Exists(d.fs, filepath.Join(d.Path, newName))
	if ok {
		if err = d.fs.SyncDir(d.Path); err == nil {
			err = d.made()
		}
	}
	if err != nil {
		return fmt.Errorf("open store %s: %w", d.Path, err)
	}
	return nil
}

// made says that the store is made.
func (d *Dir) made() error { return d.fs.Remove(filepath.Join(d.Path, newName)) }

// WriteIdentity makes a fresh directory a store, durably.
func (d *Dir) WriteIdentity(id Identity) error {
	if err := Write(d.fs, d.Path, id, d.meter, meter.Meta); err != nil {
		return err
	}
	d.Fresh, d.Found = false, id
	if err := d.made(); err != nil {
		return fmt.Errorf("make store %s: %w", d.Path, err)
	}
	return nil
}

// Close releases the lock.
func (d *Dir) Close() error { return d.lock.Close() }

// Write makes dir a store of this identity, durably; Checkpoint ends with it.
func Write(fsys vfs.FS, dir string, id Identity, m *meter.Meter, p meter.Purpose) error {
	temp := filepath.Join(dir, tempName)
	err := writeSynced(fsys, temp, id.encode(), m, p)
	if err == nil {
		err = fsys.Rename(temp, filepath.Join(dir, IdentityName))
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write identity of store %s: %w", dir, err)
	}
	return nil
}

func writeSynced(fsys vfs.FS, name string, data []byte, m *meter.Meter, p meter.Purpose) error {
	raw, err := fsys.Create(name)
	if err != nil {
		return err
	}
	f := m.File(raw, p)
	if _, err = f.WriteAt(data, 0); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Read returns the identity of the store in dir. The error is io/fs's
// ErrNotExist if there is none.
func Read(fsys vfs.FS, dir string) (Identity, error) {
	name := filepath.Join(dir, IdentityName)
	data, err := vfs.ReadFile(fsys, name)
	if err != nil {
		return Identity{}, fmt.Errorf("read identity of store %s: %w", dir, err)
	}
	id, reason := decode(data)
	if reason != "" {
		return Identity{}, &statelab.CorruptError{File: name, Offset: 0, Reason: reason}
	}
	return id, nil
}

func (id Identity) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nengine %s\nversion %d\nprefix %s\n", headline, id.Engine, id.Version, id.Prefix)
	keys := make([]string, 0, len(id.Settings))
	for k := range id.Settings {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "set %s %s\n", k, id.Settings[k])
	}
	fmt.Fprintf(&b, "crc32c %08x\n", crc32.Checksum(b.Bytes(), castagnoli))
	return b.Bytes()
}

// decode returns the identity, or the reason why data is not one.
func decode(data []byte) (Identity, string) {
	at := bytes.LastIndex(data, []byte("crc32c "))
	if at < 0 {
		return Identity{}, "no checksum"
	}
	if want := fmt.Sprintf("crc32c %08x\n", crc32.Checksum(data[:at], castagnoli)); want != string(data[at:]) {
		return Identity{}, "checksum mismatch"
	}
	id := Identity{Settings: map[string]string{}}
	lines := strings.Split(strings.TrimSuffix(string(data[:at]), "\n"), "\n")
	if lines[0] != headline {
		return Identity{}, "not a store's identity"
	}
	for _, line := range lines[1:] {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "engine":
			id.Engine = rest
		case "version":
			v, err := strconv.Atoi(rest)
			if err != nil {
				return Identity{}, "version is not a number"
			}
			id.Version = v
		case "prefix":
			id.Prefix = rest
		case "set":
			k, v, _ := strings.Cut(rest, " ")
			id.Settings[k] = v
		default:
			return Identity{}, fmt.Sprintf("unknown line %q", line)
		}
	}
	return id, ""
}
