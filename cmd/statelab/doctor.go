package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/statelab/statelab/bench/doctor"
)

const doctorDoc = `Examines this machine: the physical limits of disk, memory and clock, how noisy it
is at the moment, and what can be measured here. Every figure says how it was
measured, and what is missing says why. It takes some twenty seconds, with -full
some minutes, and writes only into a temporary directory below -dir.`

func runDoctor(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "doctor [flags]", doctorDoc)
	dir := line.String("dir", ".", "`directory` on the file system to examine")
	quick := line.Bool("quick", false, "a file of 256 MiB and a second for each figure (the default)")
	full := line.Bool("full", false, "a file of 4 GiB, 1 GiB of memory and ten seconds for each figure")
	format := line.String("format", "text", "text or json")
	_, err := line.parse(args, 0, 0)
	if err == nil && *quick && *full {
		err = badInput("-quick and -full exclude each other")
	}
	if err == nil {
		options := doctor.Quick(*dir)
		if *full {
			options = doctor.Full(*dir)
		}
		err = examine(options, *format, stdout, stderr)
	}
	return finish(stderr, "doctor", err)
}

func examine(o doctor.Options, format string, stdout, stderr io.Writer) error {
	if format != "text" && format != "json" {
		return badInput("-format: %q is neither text nor json", format)
	}
	if info, err := os.Stat(o.Dir); err != nil {
		return badInput("-dir: %w", err)
	} else if !info.IsDir() {
		return badInput("-dir: %s is no directory", o.Dir)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := doctor.Examine(ctx, o, func(what string) { fmt.Fprintf(stderr, "examining %s\n", what) })
	if err != nil {
		return err
	}
	if format == "json" {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	_, err = io.WriteString(stdout, report.Text())
	return err
}
