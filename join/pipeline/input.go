package pipeline

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// An Input is one of the sources of a side.
type Input struct {
	source.Config
	// Idle is how long, by the clock, the join waits for this source when all others are ahead of it;
	// then it goes on as if the source were not there, until it shows a row again. What
	// that is below the watermark by then is late. Zero waits for ever.
	Idle time.Duration
}

// firstFile is a name to know the format by.
func (c *Input) firstFile() string {
	if len(c.Files) > 0 {
		return c.Files[0]
	}
	return c.File
}

// reads says whether a file is one of the input's, as far as names tell; patterns
// match.
func (c *Input) reads(file string) bool {
	file = filepath.Clean(file)
	return filepath.Clean(c.File) == file && len(c.Files) == 0 || slices.ContainsFunc(c.Files, func(name string) bool {
		name = filepath.Clean(name)
		matches, err := filepath.Match(name, file)
		return name == file || err == nil && matches
	})
}

// isLive says whether reading from the input may take any time.
func (c *Input) isLive() bool { return c.File == "-" || c.Follow }

// An input is a source of a side, open.
type input struct {
	Input
	index   int // in run.inputs
	side    join.Side
	number  int      // among the sources of its side
	several bool     // the side has others
	names   []string // of its files
	source  *source.Source
	resume  *source.Generation // which file it goes on with, if it is followed and an earlier run has read it
	resumed bool               // it has
	live    *live              // nil if it is read when it is asked for
}

// seq returns the sequence of the row of that number.
func (in *input) seq(position uint64) uint64 {
	if in.several {
		return join.SourceSeq(in.number, position)
	}
	return position
}

// event is a row as package join takes it.
func (in *input) event(row *source.Row) join.Event {
	return join.Event{Key: row.Key, Time: row.Time, Seq: in.seq(row.Seq), Value: row.Value}
}

// next reads the next row, if there is one without waiting. The error is io.EOF at the end.
func (in *input) next(row *source.Row) (ok bool, err error) {
	if in.live != nil {
		return in.live.next(row)
	}
	err = in.source.Next(row)
	return err == nil, err
}

// openInputs opens all sources of all sides.
func (r *run) openInputs() error {
	for side, list := range r.def.inputs() {
		for i := range list {
			in := &input{Input: list[i], index: len(r.inputs), side: join.Side(side), number: i, several: len(list) > 1}
			in.KeepBad = r.def.Bad != ""
			names, err := in.Expand(r.opts.FS)
			if err == nil {
				in.names = names
				in.source, err = source.Open(r.opts.FS, r.opts.Stdin, in.Config)
			}
			if err != nil {
				return inputFault(err)
			}
			r.inputs = append(r.inputs, in)
			r.schemas[side] = append(r.schemas[side], in.source.Schema())
		}
	}
	return nil
}

// startLive has live sources be read from now on.
func (r *run) startLive() {
	for _, in := range r.inputs {
		if in.isLive() {
			in.live = startLive(in.source, r.ready)
		}
	}
}

func (in *input) close() error {
	if in.live != nil && !in.live.end(in.File != "-") {
		return nil // it waits for standard input, and nobody can tell it not to
	}
	return in.source.Close()
}
