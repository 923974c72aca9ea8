package main

import (
	"bufio"
	"fmt"
	"io"

	"github.com/statelab/statelab"
)

const dumpDoc = `Prints the structure of the store in DIR, whichever engine made it: its files,
tables, pages or segments, with their sizes and bounds.`

func runDump(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "dump DIR", dumpDoc)
	dirs, err := line.parse(args, 1, 1)
	if err == nil {
		err = dump(stdout, dirs[0])
	}
	return finish(stderr, "dump", err)
}

func dump(w io.Writer, dir string) error {
	out := bufio.NewWriter(w)
	s, err := openExisting(out, dir)
	if err != nil {
		return err
	}
	err = statelab.Dump(out, s)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if ferr := out.Flush(); err == nil {
		err = ferr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}
