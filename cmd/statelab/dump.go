package main

import (
	"bufio"
	"fmt"
	"io"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
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
	return inspect(dir, func(s statelab.Store, found backends.Existing) error {
		out := bufio.NewWriter(w)
		fmt.Fprintf(out, "%s: %s\n", dir, found)
		if err := statelab.Dump(out, s); err != nil {
			return err
		}
		return out.Flush() // returns the first error of all writes
	})
}
