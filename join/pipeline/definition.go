package pipeline

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/sink"
	"github.com/statelab/statelab/join/source"
)

// A Definition is a pipeline file, read. Zero fields have their defaults.
type Definition struct {
	Name   string     // the file's, for errors
	Title  string     // of the pipeline, for metrics and logs; empty: the file's name, without directory and extension
	Inputs [2][]Input // the sources of each side, with max disorders in Spec; right has none if the kind has one input
	Spec   join.Spec
	Late   string // file of late events; empty drops them
	Bad    string // file of bad rows; empty: the first one that cannot be read ends the run
	State  State
	Output string        // file; "-" is standard output
	Format source.Format // of the output; zero: by its name, or JSON lines
	Batch  bool          // sort the input instead of keeping state
	// Backlog sorts what the input holds now, and then goes on as a stream with what is added to it.
	Backlog bool
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
	if err := d.validateInputs(); err != nil {
		return err
	}
	if err := d.Spec.Validate(); err != nil {
		return err
	}
	if err := errors.Join(d.validateBatch(), d.validateBacklog()); err != nil {
		return err
	}
	if d.State.MiniBatch > 1 {
		if err := d.Spec.ForMiniBatch(); err != nil {
			return fmt.Errorf("state.batch: %w", err)
		}
		if d.Spec.Kind == join.Dedup && len(d.Inputs[join.Left]) > 1 && (d.partitions() > 1 || d.writesWhole()) {
			return errors.New("state.batch: several sources cannot wait together where outputs are merged; leave it out")
		}
	}
	if d.Output == "" {
		return errors.New("output: no file")
	}
	if err := d.validatePartitions(); err != nil {
		return err
	}
	if d.State.Dir != "" && !d.Batch {
		if d.readsStandardInput() {
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

// validateInputs compares the sources of both sides.
func (d *Definition) validateInputs() error {
	left, right := d.Inputs[join.Left], d.Inputs[join.Right]
	switch kind := d.Spec.Kind; {
	case len(left) == 0:
		return errors.New("no left")
	case kind.Inputs() == 1 && len(right) > 0:
		return fmt.Errorf("right: kind %v has one input, left", kind)
	case kind.Inputs() == 2 && len(right) == 0:
		return errors.New("no right")
	}
	stdin := ""
	for side, list := range d.inputs() {
		if n := len(d.disorders(join.Side(side))); n != len(list) {
			return fmt.Errorf("%v: %d sources, but the join has %d", join.Side(side), len(list), n)
		}
		for i := range list {
			c, name := &list[i], sourceName(join.Side(side), i, len(list))
			if len(c.Key) != len(left[0].Key) {
				return fmt.Errorf("%s.key has %d columns and %s.key %d", sourceName(join.Left, 0, len(left)), len(left[0].Key), name, len(c.Key))
			}
			if c.File == "-" {
				if stdin != "" {
					return fmt.Errorf("%s.file and %s.file: standard input can be only one of them", stdin, name)
				}
				stdin = name
			}
			if err := d.validateInput(name, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// sourceName is how a source is called in errors.
func sourceName(side join.Side, i, of int) string {
	if of == 1 {
		return side.String()
	}
	return fmt.Sprintf("%v[%d]", side, i)
}

func (d *Definition) readsStandardInput() bool {
	return d.anyInput(func(c *Input) bool { return c.File == "-" })
}

// anyInput says whether is holds for a source of any side.
func (d *Definition) anyInput(is func(c *Input) bool) bool {
	for _, list := range d.inputs() {
		for i := range list {
			if is(&list[i]) {
				return true
			}
		}
	}
	return false
}

// disorders are those of the sources of a side.
func (d *Definition) disorders(side join.Side) []time.Duration {
	if of := d.Spec.Sources[side]; len(of) > 0 {
		return of
	}
	return d.Spec.MaxDisorder[side : side+1]
}

func (d *Definition) validateInput(name string, c *Input) error {
	format := c.Format
	if format == "" {
		format = source.FormatOf(c.firstFile())
	}
	switch {
	case c.Follow && len(c.Files) > 0:
		return fmt.Errorf("%s.follow: only one file can be followed", name)
	case c.Follow && d.Batch:
		return fmt.Errorf("%s.follow: a file that is followed has no end, and mode batch is for input that has one; use mode stream or backlog", name)
	case c.Follow && d.writesWhole():
		return fmt.Errorf("%s.follow: a file that is followed has no end, at which parquet and compressed files become whole; use JSON lines", name)
	case c.Follow && c.Idle > 0 && d.partitions() > 1 && d.State.Dir != "":
		return fmt.Errorf("%s.idle: partitions that a crash leaves at different places could not be brought to one, which the clock would have a say in; use one partition, or leave idle or state.dir out", name)
	case c.Idle < 0:
		return fmt.Errorf("%s.idle: %v is negative", name, c.Idle)
	case c.Idle > 0 && !c.isLive():
		return fmt.Errorf("%s.idle: the file is there as a whole, so nothing waits for it; only standard input and a file that is followed can be idle", name)
	}
	if len(c.Columns) > 0 && format != source.CSV && format != "" {
		return fmt.Errorf("%s.columns: a %s file names its own", name, format)
	}
	if c.From > c.To {
		return fmt.Errorf("%s: from is after to, or to is missing", name)
	}
	if c.TimeFormat == "" && format != source.Parquet && format != source.Generated && format != "" {
		return fmt.Errorf("%s: no time_format", name)
	}
	return nil
}

// maxMiniBatch bounds the events that wait for each other.
const maxMiniBatch = 1 << 16

// maxPartitions bounds the partitions: each has its own store and its own files.
const maxPartitions = 1024

// keyParts returns how many parts a join key has.
func (d *Definition) keyParts() int { return len(d.Inputs[join.Left][0].Key) }

// partitions returns how many there are.
func (d *Definition) partitions() int { return max(d.State.Partitions, 1) }

// inputs returns those of the kind, right last.
func (d *Definition) inputs() [][]Input { return d.Inputs[:d.Spec.Kind.Inputs()] }

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

// writesWhole says whether what is emitted is not as it is to stand in the output, which is of use only as a whole.
func (d *Definition) writesWhole() bool {
	return d.writesParquet() || sink.CompressionOf(d.Output) != ""
}

// validateOutputs keeps the outputs off the inputs and off each other.
func (d *Definition) validateOutputs() error {
	outputs := []struct{ field, file string }{{"output.file", d.Output}, {"join.late.side", d.Late}, {"join.bad.side", d.Bad}}
	for _, o := range outputs {
		if o.file == "" || o.file == "-" {
			continue
		}
		if err := d.validateOutput(o.field, o.file); err != nil {
			return err
		}
		for side, list := range d.inputs() {
			if slices.ContainsFunc(list, func(in Input) bool { return in.reads(o.file) }) {
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

// validateOutput refuses formats that there are not.
func (d *Definition) validateOutput(field, file string) error {
	samples := field == "output.file"
	switch format := source.FormatOf(file); {
	case samples && d.writesParquet() && sink.CompressionOf(d.Output) != "":
		return fmt.Errorf("%s: %s: a parquet file is compressed by itself, page by page; leave the suffix out", field, file)
	case samples && d.writesParquet():
	case format != "" && format != source.JSONL:
		return fmt.Errorf("%s: %s: %s output is not available; JSON lines are, and parquet for samples", field, file, format)
	case !samples && sink.CompressionOf(file) != "":
		return fmt.Errorf("%s: %s: only samples can be compressed", field, file)
	}
	return nil
}
