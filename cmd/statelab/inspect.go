package main

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/vfs"
)

// prefixes are the prefixes of keys under which the stores of this program
// are made; one made under another cannot be opened here.
func prefixes() []statelab.Prefix { return []statelab.Prefix{join.Prefix()} }

// inspect opens the store in dir, whichever engine made it, over an overlay, so
// that nothing in dir changes, and calls look with it.
func inspect(dir string, look func(s statelab.Store, found backends.Existing) error) error {
	if _, err := backends.Identify(vfs.OS, dir); errors.Is(err, backends.ErrNotStore) {
		return badInput("%w", err)
	}
	overlay, err := vfs.NewOverlay(vfs.OS, dir)
	if err != nil {
		return err
	}
	err = inspectOver(overlay, dir, look)
	if cerr := overlay.Close(); err == nil {
		err = cerr
	}
	return err
}

func inspectOver(fsys vfs.FS, dir string, look func(statelab.Store, backends.Existing) error) error {
	s, found, err := backends.OpenExisting(dir, &statelab.Options{FS: fsys}, prefixes()...)
	if err != nil {
		return err
	}
	err = look(s, found)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	var corrupt *statelab.CorruptError
	if err == nil || errors.As(err, &corrupt) { // which names the file
		return err
	}
	return fmt.Errorf("%s: %w", dir, err)
}
