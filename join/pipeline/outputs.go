package pipeline

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/sink"
)

func (r *run) outputNames() []string {
	return r.def.outputNames(r.def.Output, r.def.Late, r.def.Bad)
}

// outputNames returns the names of those outputs that there are.
func (d *Definition) outputNames(samples, late, bad string) []string {
	names := []string{samples}
	if d.Late != "" {
		names = append(names, late)
	}
	if d.Bad != "" {
		names = append(names, bad)
	}
	return names
}

// lateOutput and badOutput are the indexes of outputs, if there are those.
func (d *Definition) lateOutput() int { return 1 }

func (d *Definition) badOutput() int { return len(d.outputNames("", "", "")) - 1 }

func (r *run) checkOutputDirs() error {
	for _, name := range r.outputNames() {
		if name == "-" {
			continue
		}
		info, err := r.opts.FS.Stat(filepath.Dir(name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir {
			return badInput("%s: there is no directory %s", name, filepath.Dir(name))
		}
		if err != nil {
			return err
		}
		if info, err := r.opts.FS.Stat(name); err == nil && info.IsDir {
			return badInput("%s is a directory", name)
		}
	}
	return nil
}

func (r *run) newPrinter() *sink.Printer {
	return sink.NewPrinter(r.def.Spec, r.def.keyParts(), r.schemas)
}

// newAdder returns what takes the samples, or with i above 0 the lines, of output i in their order.
func (r *run) newAdder(i int, part *sink.Part) sink.Adder {
	switch how := sink.CompressionOf(r.def.Output); {
	case i == 0 && r.def.writesParquet():
		return sink.NewParquet(part, r.def.Spec, r.def.keyParts(), r.schemas)
	case i == 0 && how != "":
		return sink.NewCompressed(part, how)
	}
	return sink.Lines{Part: part}
}

// appendSample appends what newAdder's Add takes.
func (r *run) appendSample(printer *sink.Printer, dst []byte, s *join.Sample) ([]byte, error) {
	if r.def.writesParquet() {
		return sink.Pack(dst, s)
	}
	return printer.AppendSample(dst, s)
}

// createOutput begins an output.
func (r *run) createOutput(name string) (*sink.Part, error) {
	if name == "-" {
		return sink.Stream(r.opts.Stdout), nil
	}
	return sink.Create(r.opts.FS, name)
}

// checkSchemas refuses a parquet output of sources whose rows have other columns, but for those of a three-way join, each of which
// has columns of its own there.
func (r *run) checkSchemas() error {
	for side, list := range r.schemas {
		if r.def.Spec.Kind == join.ThreeWay && join.Side(side) == join.Right {
			continue
		}
		for i := range list {
			if r.def.writesParquet() && !list[i].Same(list[0]) {
				return badInput("%s: %s has other columns than %s, which a parquet output cannot hold side by side",
					r.def.Name, sourceName(join.Side(side), i, len(list)), sourceName(join.Side(side), 0, len(list)))
			}
		}
	}
	return nil
}
