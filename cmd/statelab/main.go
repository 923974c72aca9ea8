// Command statelab measures, compares and runs the state stores of stream
// joins. One file of this package is one command; "statelab help" lists them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit codes.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2 // a wrong command line or wrong input
	exitRegression = 3 // compare found one past the threshold
)

// A command is what stands after "statelab" on the command line.
type command struct {
	name string
	line string // what it does, in one line
	run  func(args []string, stdout, stderr io.Writer) int
}

// commands returns the table of commands, in the order in which help lists them.
func commands() []command {
	return []command{
		{"bench", "run workloads on backends and print what they cost", runBench},
		{"compare", "compare two results of bench", runCompare},
		{"report", "make a page with charts of results", runReport},
		{"join", "run a join over files, on any backend", runJoin},
		{"trace", "record, summarise, import and replay the calls on a store", runTrace},
		{"check", "verify the files of a store", runCheck},
		{"dump", "print the structure of a store's files", runDump},
		{"doctor", "say what this machine can measure, its limits and its noise", runDoctor},
		{"list", "list backends, workloads and metrics", runList},
		{"explain", "say what a metric, a workload or a backend is", runExplain},
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		help(stderr)
		return exitUsage
	}
	name, args := args[0], args[1:]
	if name == "help" && len(args) > 0 {
		name, args = args[0], append(args[1:], "-h")
	}
	switch name {
	case "help", "-h", "-help", "--help":
		help(stdout)
		return exitDone
	case benchRunName:
		return runBenchRun(args, os.Stdin, stdout, stderr)
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(args, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "statelab: unknown command %q; \"statelab help\" lists them\n", name)
	return exitUsage
}

func help(w io.Writer) {
	fmt.Fprint(w, "statelab measures, compares and runs the state stores of stream joins.\n\nusage: statelab COMMAND [flags] [arguments]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.line)
	}
	fmt.Fprint(w, "\n\"statelab help COMMAND\" says more. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 regression.\n")
}

// An inputError is a mistake in the command line or in what it names: the exit
// code is 2.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// badInput returns an inputError.
func badInput(format string, args ...any) error {
	return &inputError{fmt.Errorf(format, args...)}
}

// finish prints err, if there is one, as one line, and returns the exit code.
// name is the command's.
func finish(stderr io.Writer, name string, err error) int {
	var input *inputError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &input):
		printError(stderr, name, err)
		return exitUsage
	}
	printError(stderr, name, err)
	return exitFailed
}

func printError(stderr io.Writer, name string, err error) {
	fmt.Fprintf(stderr, "statelab %s: %s\n", name, strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}

// A commandLine reads one command's flags and arguments, in any order.
type commandLine struct {
	*flag.FlagSet
	stdout io.Writer
	usage  string // as in "check DIR"
	doc    string // what the command does, in whole sentences
}

// newCommandLine returns a command line to which the caller adds flags. usage
// is the name and the arguments, such as "check DIR".
func newCommandLine(stdout io.Writer, usage, doc string) *commandLine {
	name, _, _ := strings.Cut(usage, " ")
	c := &commandLine{flag.NewFlagSet(name, flag.ContinueOnError), stdout, usage, doc}
	c.SetOutput(io.Discard)
	return c
}

// rename gives the command line another name in errors, such as that of a subcommand.
func (c *commandLine) rename(name string) { c.Init(name, flag.ContinueOnError) }

// parse returns the arguments that are not flags, least to most of them. The
// error is for finish; flag.ErrHelp, once help has been printed.
func (c *commandLine) parse(args []string, least, most int) ([]string, error) {
	var positional []string
	for {
		if err := c.Parse(args); errors.Is(err, flag.ErrHelp) {
			c.help()
			return nil, err
		} else if err != nil {
			return nil, badInput("%w; see \"statelab help %s\"", err, c.Name())
		}
		rest := c.Args()
		after := len(args) - len(rest)
		if after > 0 && args[after-1] == "--" {
			positional = append(positional, rest...)
			break
		}
		if len(rest) == 0 {
			break
		}
		positional, args = append(positional, rest[0]), rest[1:]
	}
	if n := len(positional); n < least || n > most {
		return nil, badInput("%d arguments; usage: statelab %s", n, c.usage)
	}
	return positional, nil
}

func (c *commandLine) help() {
	fmt.Fprintf(c.stdout, "usage: statelab %s\n\n%s\n", c.usage, c.doc)
	c.SetOutput(c.stdout)
	if hasFlags(c.FlagSet) {
		fmt.Fprint(c.stdout, "\nflags:\n")
		c.PrintDefaults()
	}
}

func hasFlags(s *flag.FlagSet) bool {
	has := false
	s.VisitAll(func(*flag.Flag) { has = true })
	return has
}
