package btree

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
)

// Open opens the store in dir, and makes it if there is none. opts may be nil.
// With IndexPaged the result is a *Store.
func Open(dir string, opts *Options) (statelab.Store, error) {
	o, err := opts.resolve()
	if err != nil {
		return nil, fmt.Errorf("open btree %s: %w", dir, err)
	}
	if o.Index == IndexMemory {
		s, err := openMemory(dir, o.Options)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := openPaged(dir, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openPaged(dir string, o Options) (*Store, error) {
	var err error
	s := &Store{options: o, meter: new(meter.Meter)}
	s.dir, err = storedir.Open(o.FS, dir, storedir.Identity{Engine: Engine, Version: formatVersion, Prefix: o.Prefix.Name}, s.meter)
	if err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		s.release()
		return nil, fmt.Errorf("open btree %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open() error {
	if err := s.openTree(); err != nil {
		return err
	}
	s.tree.show()
	s.buffer.show()
	return nil
}

// openTree opens the trees as the last commit and the log have them.
func (s *Store) openTree() error {
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.openTrees(); err != nil {
		return err
	}
	if s.dir.Fresh {
		return s.create()
	}
	firstLog, err := s.tree.recover()
	if err != nil {
		return err
	}
	s.advanceTo(s.tree.watermark)
	return s.openLog(firstLog)
}

// openTrees opens the tree and the write buffer, within the memory.
func (s *Store) openTrees() error {
	o, name := s.options, filepath.Join(s.dir.Path, treeName)
	buffered := o.WriteBuffer > 0 && o.Memory >= int64(bufferedPages*o.PageSize)
	undo := undoLimit(o.Memory, o.PageSize)
	if buffered {
		o.Memory -= int64(undo + o.PageSize) // with its scratch page
	}
	if err := s.tree.open(o, name, s.meter, meter.Page, meter.Meta, s.dir.Fresh); err != nil {
		return err
	}
	if o.Update == UpdateInPlace {
		s.tree.updateInPlace(s.logOptionsOf(imagesName, meter.Images, statelab.DurabilityCheckpoint), o.LogLimit)
	}
	s.progress.restart()
	s.merge.tidy.share = o.Defrag
	s.buffer.open(&s.tree)
	if buffered {
		s.buffer.enable(o.WriteBuffer, undo)
	}
	return nil
}

// settle compares the options with the fixed settings of a directory that is not fresh.
func (s *Store) settle() error {
	o := &s.options
	if !s.dir.Fresh {
		if got := s.dir.Found.Settings[settingIndex]; got != o.Index.String() {
			return fmt.Errorf("made with index %s, not %s: %w", got, o.Index, statelab.ErrMismatch)
		}
		if got := s.dir.Found.Settings[settingUpdate]; got != o.Update.String() && (got != "" || o.Update != UpdateCOW) {
			return fmt.Errorf("made with update %s, not %s: %w", cmp.Or(got, UpdateCOW.String()), o.Update, statelab.ErrMismatch)
		}
		compression, err := foundCompression(s.dir.Found.Settings[settingCompression])
		if err != nil {
			return &statelab.CorruptError{File: filepath.Join(s.dir.Path, storedir.IdentityName), Offset: -1, Reason: err.Error()}
		}
		if o.Compression != statelab.CompressionDefault && o.Compression != compression {
			return fmt.Errorf("made with compression %s, not %s: %w", compression, o.Compression, statelab.ErrMismatch)
		}
		o.Compression = compression
		size, err := strconv.Atoi(s.dir.Found.Settings[settingPageSize])
		if err != nil || !validPageSize(size) {
			return &statelab.CorruptError{File: filepath.Join(s.dir.Path, storedir.IdentityName), Offset: -1, Reason: "no page size"}
		}
		if o.PageSize != 0 && o.PageSize != size {
			return fmt.Errorf("made with pages of %d bytes, not %d: %w", size, o.PageSize, statelab.ErrMismatch)
		}
		o.PageSize = size
	}
	if o.PageSize == 0 {
		o.PageSize = DefaultPageSize
	}
	return o.checkMemory()
}

// create makes a fresh directory a store.
func (s *Store) create() error {
	firstLog := uint64(0)
	if s.tree.space.inPlace {
		if err := s.tree.createImages(); err != nil {
			return err
		}
	}
	if s.options.keepsLog() {
		var err error
		if s.log, err = wal.Create(s.logOptions(), 1); err != nil {
			return err
		}
		firstLog = 1
		s.redo.restart(firstLog, 0)
	}
	if err := s.tree.create(firstLog); err != nil {
		return err
	}
	s.advanceTo(s.tree.watermark)
	if err := s.options.FS.SyncDir(s.dir.Path); err != nil {
		return err
	}
	return s.dir.WriteIdentity(identity(s.options))
}

// identity returns what a paged store of these options says of itself.
func identity(o Options) storedir.Identity {
	settings := map[string]string{settingIndex: IndexPaged.String(), settingPageSize: strconv.Itoa(o.PageSize)}
	if o.Update != UpdateCOW {
		settings[settingUpdate] = o.Update.String()
	}
	if o.compresses() {
		settings[settingCompression] = o.Compression.String()
	}
	return storedir.Identity{Engine: Engine, Version: formatVersion, Prefix: o.Prefix.Name, Settings: settings}
}

// compresses says whether leaves are compressed.
func (o *Options) compresses() bool {
	return o.Compression == statelab.CompressionS2 || o.Compression == statelab.CompressionZstd
}

// foundCompression returns the compression that a store says it has; one that says nothing has none.
func foundCompression(s string) (statelab.Compression, error) {
	if s == "" {
		return statelab.CompressionNone, nil
	}
	return statelab.ParseCompression(s)
}
