package pipeline

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// A Definition is a pipeline file, read. Zero fields have their defaults.
type Definition struct {
	Name   string           // the file's, for errors
	Title  string           // of the pipeline, for metrics and logs; empty: the file's name, without directory and extension
	Inputs [2]source.Config // right is zero if the kind has one input
	Spec   join.Spec
	Late   string // file of late events; empty drops them
	Bad    string // file of bad rows; empty: the first one that cannot be read ends the run
	State  State
	Output string        // file; "-" is standard output
	Format source.Format // of the output; zero: by its name, or JSON lines
	Batch  bool          // sort the input instead of keeping state
}

// State says where the join keeps its state.
type State struct {
	Backend         string
	Dir             string // empty: a temporary directory
	Memory          int64  // bytes; zero: the backend's default
	Durability      statelab.Durability
	CheckpointEvery time.Duration // of event time; zero: the default
	Partitions      int           // zero: one
	MiniBatch       int           // events whose records are asked for at once; zero: one
}

// DefaultBackend is the backend of a definition that names none.
const DefaultBackend = "lsm"

// defaultCheckpointEvery is for joins with a state dir.
const defaultCheckpointEvery = time.Minute

// An InputError says that the definition or an input is at fault, not the
// program or the machine.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

func badInput(format string, args ...any) error {
	return &InputError{fmt.Errorf(format, args...)}
}

// Validate names what does not fit together. The error is an *InputError.
func (d *Definition) Validate() error {
	if err := d.validate(); err != nil {
		return badInput("%s: %w", d.Name, err)
	}
	return nil
}

func (d *Definition) validate() error {
	left, right := &d.Inputs[join.Left], &d.Inputs[join.Right]
	switch kind := d.Spec.Kind; {
	case kind.Inputs() == 1 && !reflect.DeepEqual(*right, source.Config{}):
		return fmt.Errorf("right: kind %v has one input, left", kind)
	case kind.Inputs() == 1:
	case right.File == "":
		return errors.New("no right")
	case len(left.Key) != len(right.Key):
		return fmt.Errorf("left.key has %d columns and right.key %d", len(left.Key), len(right.Key))
	case left.File == "-" && right.File == "-":
		return errors.New("left.file and right.file: standard input can be only one of them")
	}
	for i := range d.inputs() {
		if err := validateInput(join.Side(i), &d.Inputs[i]); err != nil {
			return err
		}
	}
	if err := d.Spec.Validate(); err != nil {
		return err
	}
	if err := d.validateBatch(); err != nil {
		return err
	}
	if d.State.MiniBatch > 1 {
		if err := d.Spec.ForMiniBatch(); err != nil {
			return fmt.Errorf("state.batch: %w", err)
		}
	}
	if d.Output == "" {
		return errors.New("output: no file")
	}
	if err := d.validatePartitions(); err != nil {
		return err
	}
	if d.State.Dir != "" && !d.Batch {
		if left.File == "-" || right.File == "-" {
			return errors.New("state.dir: standard input cannot be read again after a restart; leave the dir out")
		}
		if d.Output == "-" {
			return errors.New("state.dir: standard output cannot be taken back after a restart; leave the dir out")
		}
	}
	return d.validateOutputs()
}

func (d *Definition) validatePartitions() error {
	n := d.State.Partitions
	if n < 0 || n > maxPartitions {
		return fmt.Errorf("state.partitions: %d is not from 1 to %d", n, maxPartitions)
	}
	if m := d.State.Memory; n > 1 && m > 0 && m/int64(n) < statelab.MinMemory {
		return fmt.Errorf("state.memory: %d bytes are less than %d for each of %d partitions", m, statelab.MinMemory, n)
	}
	return nil
}

func validateInput(side join.Side, c *source.Config) error {
	format := c.Format
	if format == "" {
		format = source.FormatOf(c.File)
	}
	if len(c.Columns) > 0 && format != source.CSV && format != "" {
		return fmt.Errorf("%v.columns: a %s file names its own", side, format)
	}
	if c.From > c.To {
		return fmt.Errorf("%v: from is after to, or to is missing", side)
	}
	if c.TimeFormat == "" && format != source.Parquet && format != "" {
		return fmt.Errorf("%v: no time_format", side)
	}
	return nil
}

// maxMiniBatch bounds the events that wait for each other.
const maxMiniBatch = 1 << 16

// maxPartitions bounds the partitions: each has its own store and its own files.
const maxPartitions = 1024

// partitions returns how many there are.
func (d *Definition) partitions() int { return max(d.State.Partitions, 1) }

// inputs returns those of the kind, right last.
func (d *Definition) inputs() []source.Config { return d.Inputs[:d.Spec.Kind.Inputs()] }

// Label is the pipeline's name, by which its metrics and logs are told apart.
func (d *Definition) Label() string {
	if d.Title != "" {
		return d.Title
	}
	base := filepath.Base(d.Name)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// writesParquet says whether samples are to be a parquet file.
func (d *Definition) writesParquet() bool {
	if d.Format == "" {
		return source.FormatOf(d.Output) == source.Parquet
	}
	return d.Format == source.Parquet
}

// validateOutputs keeps the outputs off the inputs and off each other.
func (d *Definition) validateOutputs() error {
	outputs := []struct{ field, file string }{{"output.file", d.Output}, {"join.late.side", d.Late}, {"join.bad.side", d.Bad}}
	for _, o := range outputs {
		if o.file == "" || o.file == "-" {
			continue
		}
		switch format := source.FormatOf(o.file); {
		case o.file == d.Output && d.writesParquet():
		case format != "" && format != source.JSONL:
			return fmt.Errorf("%s: %s: %s output is not available; JSON lines are, and parquet for samples", o.field, o.file, format)
		case filepath.Ext(o.file) == ".gz" || filepath.Ext(o.file) == ".zst":
			return fmt.Errorf("%s: %s: compressed output is not available yet", o.field, o.file)
		}
		for side, in := range d.inputs() {
			if filepath.Clean(in.File) == filepath.Clean(o.file) {
				return fmt.Errorf("%s: %s is the %v input", o.field, o.file, join.Side(side))
			}
		}
	}
	for i, o := range outputs[1:] {
		if o.file == "-" {
			return fmt.Errorf("%s: only samples can go to standard output", o.field)
		}
		for _, before := range outputs[:i+1] {
			if o.file != "" && filepath.Clean(o.file) == filepath.Clean(before.file) {
				return fmt.Errorf("%s: %s is %s", o.field, o.file, before.field)
			}
		}
	}
	return nil
}
