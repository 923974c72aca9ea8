package trace

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/statelab/statelab"
)

// Columns of a file of taxi rides, and how its times are written.
const (
	taxiColumns = 11
	taxiRide    = 0
	taxiEvent   = 1
	taxiTime    = 2
	taxiOther   = 3 // of an END the START's time

	taxiLayout = "2006-01-02 15:04:05"
)

func taxiFormat() Format {
	return Format{
		Name: "taxi",
		Doc: "Taxi rides as START and END events in order of event time, which a left-outer join puts together. " +
			"START puts the ride and, in the same batch, a timer of 0 bytes at its time + window_s; both expire 1 us after that. " +
			"END gets the ride, and if it is there appends to it, with the same expiry. " +
			"When event time moves on, an iterator walks the timers that have passed, for each a probe reads the ride, and then the watermark advances. " +
			"The store is synced each checkpoint_s. After the last line time moves on until all timers have fired. " +
			"Elements are as long as lines. A ride's key is 'r' and 8 bytes, a timer's is 't', 8 bytes of time and 8 of the ride.",
		Args: []Arg{
			{"window_s", 1200, "how long a START waits for its END"},
			{"checkpoint_s", 600, "event time between two syncs; 0 for none but the last"},
		},
		prefix: FixedPrefix(1 + 8).Name,
		run: func(i *importer) error {
			t := &taxiImport{importer: i, window: i.micros("window_s")}
			t.syncs = newTicker(i.micros("checkpoint_s"))
			return t.run()
		},
	}
}

type taxiImport struct {
	*importer
	window int64 // µs
	fired  int64 // timers below this time have fired
	syncs  ticker
	key    []byte
}

func (t *taxiImport) run() error {
	for {
		more, err := t.next(taxiColumns)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := t.handle(); err != nil {
			return err
		}
	}
	if t.got.Lines == 0 {
		return t.fault("", "it holds no ride")
	}
	if err := t.advance(t.greatest + t.window + 1); err != nil {
		return err
	}
	return t.store.Sync()
}

// handle makes the calls of one line.
func (t *taxiImport) handle() error {
	kind := t.fields[taxiEvent]
	if kind != "START" && kind != "END" {
		return t.fault("event", "%q is neither START nor END", kind)
	}
	ride, err := t.number(taxiRide, "ride", 0)
	if err != nil {
		return err
	}
	at, err := t.time(taxiTime, "time")
	if err != nil {
		return err
	}
	if t.begun && at < t.greatest {
		return t.fault("time", "%s is before an earlier line's", t.fields[taxiTime])
	}
	if !t.begun {
		t.fired = at
	}
	if err := t.advance(at); err != nil {
		return err
	}
	t.event(kind, at)
	if kind == "START" {
		return t.start(ride, at)
	}
	return t.end(ride)
}

func (t *taxiImport) time(column int, name string) (int64, error) {
	at, err := time.Parse(taxiLayout, t.fields[column])
	if err != nil {
		return 0, t.fault(name, "%q is not a time as in %s", t.fields[column], taxiLayout)
	}
	return at.UnixMicro(), nil
}

func (t *taxiImport) start(ride, at int64) error {
	expiry := at + t.window + 1
	t.key = rideKey(t.key[:0], ride)
	t.batch.Put(t.key, t.zeros(t.size()), expiry)
	t.key = binary.BigEndian.AppendUint64(timerBound(t.key[:0], at+t.window), uint64(ride))
	t.batch.Put(t.key, nil, expiry)
	return t.apply()
}

func (t *taxiImport) end(ride int64) error {
	started, err := t.time(taxiOther, "other time")
	if err != nil {
		return err
	}
	t.key = rideKey(t.key[:0], ride)
	waiting, err := t.get(t.key)
	if err != nil || !waiting {
		return err
	}
	t.batch.Append(t.key, t.zeros(t.size()), started+t.window+1)
	return t.apply()
}

// advance moves event time on: it fires the timers below it, and then tells the
// store.
func (t *taxiImport) advance(to int64) error {
	if to <= t.fired {
		return nil
	}
	t.store.SetTime(to)
	if err := t.fire(to); err != nil {
		return err
	}
	if err := t.store.Advance(to); err != nil {
		return err
	}
	t.fired = to
	if t.syncs.due(to) {
		return t.store.Sync()
	}
	return nil
}

func (t *taxiImport) fire(to int64) (err error) {
	timers, err := t.store.Iter(statelab.Range{Lower: timerBound(nil, t.fired), Upper: timerBound(nil, to)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, timers.Close()) }()
	for timers.Next() {
		key := timers.Key()
		t.key = append(append(t.key[:0], 'r'), key[len(key)-8:]...)
		if err := t.probe(t.key, everything); err != nil {
			return err
		}
	}
	return nil
}

func rideKey(dst []byte, ride int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 'r'), uint64(ride))
}

// timerBound appends the least key of a timer of that time.
func timerBound(dst []byte, at int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 't'), uint64(at)^1<<63)
}
