package bench

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// An instrument watches one run beside the counters that every run has. A run
// makes its own; it is used from the goroutine that runs the job, but what attach puts
// into the options is called from wherever the store works.
type instrument interface {
	// attach changes the options before the store is opened.
	attach(opts *statelab.Options)

	// begin is called when the warm-up has ended, before the counters are
	// read; end when the measured phase has ended, after they were. What
	// an instrument computes from what it saw belongs into end: it then costs the
	// measured phase nothing. end adds metrics, curves, marks and notes to m.
	begin(statelab.Store) error
	end(s statelab.Store, m *Measurement) error

	// close releases what the instrument holds; it is called once, whatever
	// happened before.
	close() error
}

// instrumentDoc describes an instrument that Settings.Watch can name.
type instrumentDoc struct {
	name, doc string
	make      func(Job) (instrument, error)
}

// instrumentDocs is the table of instruments. A run is watched by those that
// its settings name.
func instrumentDocs() []instrumentDoc {
	return []instrumentDoc{
		{"counters", "the processor's event counters: instructions, cycles, cache and branch misses", newCounters},
		{"device", deviceDoc(), newDevice},
		{"pagecache", "what of the store's files is in the kernel's page cache", newResidency},
		{curvesName, curvesDoc, newCurves},
	}
}

// DefaultWatch returns the names of the instruments that watch a run unless
// it is told otherwise: those that cost the measured phase next to nothing.
func DefaultWatch() []string { return []string{"counters", "device", "pagecache"} }

// An Instrument watches runs whose settings name it, beside the counters that
// every run has.
type Instrument struct{ Name, Doc string }

// Instruments returns what Settings.Watch can name.
func Instruments() []Instrument {
	var list []Instrument
	for _, doc := range instrumentDocs() {
		list = append(list, Instrument{doc.name, doc.doc})
	}
	return list
}

// instruments are those of one run.
type instruments []instrument

// newInstruments makes the instruments that a job's settings name.
func newInstruments(job Job) (instruments, error) {
	var all instruments
	for _, name := range job.Watch {
		one, err := makeInstrument(name, job)
		if err != nil {
			return nil, errors.Join(err, all.close())
		}
		all = append(all, one)
	}
	return all, nil
}

func makeInstrument(name string, job Job) (instrument, error) {
	for _, doc := range instrumentDocs() {
		if doc.name == name {
			return doc.make(job)
		}
	}
	return nil, fmt.Errorf("unknown instrument %q", name)
}

func (all instruments) attach(opts *statelab.Options) {
	for _, one := range all {
		one.attach(opts)
	}
}

func (all instruments) begin(s statelab.Store) error {
	for _, one := range all {
		if err := one.begin(s); err != nil {
			return err
		}
	}
	return nil
}

func (all instruments) end(s statelab.Store, m *Measurement) error {
	for _, one := range all {
		if err := one.end(s, m); err != nil {
			return err
		}
	}
	return nil
}

func (all instruments) close() error {
	var errs []error
	for _, one := range all {
		errs = append(errs, one.close())
	}
	return errors.Join(errs...)
}
