package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"github.com/statelab/statelab"
)

// A Format is a kind of file that can be imported.
type Format struct {
	Name string
	Doc  string // which calls a line becomes
	Args []Arg

	prefix string
	run    func(*importer) error
}

// An Arg is a parameter of an import. Its unit is the end of its name.
type Arg struct {
	Name    string
	Default float64
	Doc     string
}

// Formats returns what can be imported.
func Formats() []Format {
	return []Format{taxiFormat(), jobsFormat(), csvFormat()}
}

// FindFormat returns the format of that name.
func FindFormat(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("unknown format %q; one of %q", name, names)
}

// Header returns the header of a trace imported from the file of that name with
// these arguments, which Resolve has returned.
func (f Format) Header(path string, args map[string]float64) Header {
	return Header{Source: f.Name, Input: filepath.Base(path), Backend: "reference", Knobs: args, Prefix: f.prefix}
}

// Resolve returns the format's arguments, those given over the defaults.
func (f Format) Resolve(given map[string]float64) (map[string]float64, error) {
	args := map[string]float64{}
	for _, a := range f.Args {
		args[a.Name] = a.Default
	}
	for name, v := range given {
		if !slices.ContainsFunc(f.Args, func(a Arg) bool { return a.Name == name }) {
			return nil, fmt.Errorf("format %s has no parameter %q", f.Name, name)
		}
		if math.IsNaN(v) || v < 0 || v > 1e9 {
			return nil, fmt.Errorf("%s is %v, not within 0 and 1e+09", name, v)
		}
		args[name] = v
	}
	return args, nil
}

// Imported is what an import came across.
type Imported struct {
	Lines  int64            // of events, without the header
	Events map[string]int64 // of them, by kind of event or operation
	Late   int64            // of them, those whose time is below an earlier one's
}

// Import makes the calls that the events of a file stand for on a Reference,
// and records them in w with what the reference answered. A fault of the file is
// an *InputError. name stands in errors.
func (f Format) Import(ctx context.Context, name string, r io.Reader, args map[string]float64, w *Writer) (Imported, error) {
	lines, err := newRows(ctx, name, r)
	if err != nil {
		return Imported{}, err
	}
	i := &importer{rows: lines, args: args, store: NewRecorder(NewReference(), w), got: Imported{Events: map[string]int64{}}}
	i.store.clock = func() int64 { return i.greatest - i.first }
	err = f.run(i)
	return i.got, err
}

// An importer makes calls of the lines of a file.
type importer struct {
	*rows
	args  map[string]float64
	store *Recorder
	batch statelab.Batch
	value []byte // zeros; only lengths matter
	upper []byte
	got   Imported

	begun    bool
	first    int64 // event time; arrivals count from it
	greatest int64
}

// micros returns an argument in seconds as microseconds.
func (i *importer) micros(name string) int64 { return int64(math.Round(i.args[name] * 1e6)) }

// event notes an event of a kind and a time.
func (i *importer) event(kind string, time int64) {
	if !i.begun {
		i.begun, i.first, i.greatest = true, time, time
	}
	if time < i.greatest {
		i.got.Late++
	}
	i.greatest = max(i.greatest, time)
	i.got.Lines++
	i.got.Events[kind]++
	i.store.SetTime(time)
}

// zeros returns an element of n bytes.
func (i *importer) zeros(n int) []byte {
	if n > len(i.value) {
		i.value = make([]byte, max(n, 4096))
	}
	return i.value[:n]
}

// apply applies the batch at hand, as an event of the file made it.
func (i *importer) apply() error {
	err := i.store.Apply(&i.batch)
	i.batch.Reset()
	if err != nil {
		return fmt.Errorf("%s:%d: %w", i.name, i.line, err)
	}
	return nil
}

// get says whether a key has a live record.
func (i *importer) get(key []byte) (bool, error) {
	_, err := i.store.Get(nil, key)
	return found(err)
}

func found(err error) (bool, error) {
	if errors.Is(err, statelab.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// everything is a limit that no iterator reaches.
const everything = math.MaxInt64

// probe reads the records whose keys begin with prefix.
func (i *importer) probe(prefix []byte, limit int64) error {
	i.upper = statelab.AppendSuccessor(i.upper[:0], prefix)
	return i.scan(statelab.Range{Lower: prefix, Upper: i.upper}, limit)
}

// scan reads the first records of a range, at most limit. If that is
// everything, the iterator goes on until it ends.
func (i *importer) scan(r statelab.Range, limit int64) error {
	it, err := i.store.Iter(r)
	if err != nil {
		return err
	}
	for n := int64(0); n < limit && it.Next(); n++ {
	}
	return it.Close()
}
