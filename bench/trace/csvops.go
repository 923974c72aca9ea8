package trace

import (
	"encoding/hex"
	"math"
	"slices"
	"strings"

	"github.com/statelab/statelab"
)

// csvColumns are those that a CSV of operations may have, in any order.
var csvColumns = []string{"time", "op", "key", "size", "ttl", "batch", "upper", "limit", "arrival"}

func csvFormat() Format {
	return Format{
		Name: "csv",
		Doc: "Operations, one a line, under a header that names columns, of which op is required: " +
			"op is get, put, append, delete, probe, scan, advance, sync or measure. " +
			"time is the event time in us; if absent or empty, that of the line before. " +
			"key is text, or hexadecimal after hex:. " +
			"size is the element's length in bytes (put, append). " +
			"ttl is how long after time it expires, in us; empty for never. " +
			"Neighbouring puts, appends and deletes with the same batch, not empty, are applied together. " +
			"A probe reads the keys that begin with key, a scan those from key (or the first) to before upper (or the last), forwards, at most limit if that is given. " +
			"An advance moves the watermark to time. measure marks the end of the warm-up. " +
			"arrival is the us since the first line; if the column is absent, event time passed stands for it.",
		Args: []Arg{
			{"tick_s", 0, "also advance the watermark to the greatest time seen whenever it passes a multiple of so much; 0 for never"},
		},
		run: func(i *importer) error {
			c := &csvImport{importer: i, ticks: newTicker(i.micros("tick_s"))}
			if _, err := c.readHeader(); err != nil {
				return err
			}
			return c.run()
		},
	}
}

type csvImport struct {
	*importer
	ticks   ticker
	columns int
	column  map[string]int // by name; absent if the file has none
	now     int64
	arrival int64
	gathers string // the batch of the operations gathered
}

// readHeader finds the columns by name.
func (c *csvImport) readHeader() (names []string, err error) {
	fields, err := c.csv.Read()
	if err != nil {
		c.line = 1
		return nil, c.fault("", "it has no header: %v", err)
	}
	c.line, _ = c.csv.FieldPos(0)
	c.columns, c.column = len(fields), map[string]int{}
	for i, name := range fields {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if !slices.Contains(csvColumns, name) {
			return nil, c.fault("header", "unknown column %q; one of %s", name, strings.Join(csvColumns, ", "))
		}
		if _, twice := c.column[name]; twice {
			return nil, c.fault("header", "column %q is there twice", name)
		}
		c.column[name] = i
		names = append(names, name)
	}
	if _, ok := c.column["op"]; !ok {
		return nil, c.fault("header", "there is no column op")
	}
	if _, ok := c.column["arrival"]; ok {
		c.store.clock = func() int64 { return c.arrival }
	}
	return names, nil
}

func (c *csvImport) run() error {
	for {
		more, err := c.next(c.columns)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := c.handle(); err != nil {
			return err
		}
	}
	if c.got.Lines == 0 {
		return c.fault("", "it holds no operation")
	}
	return c.flush()
}

// text returns a field; empty if the file has no such column.
func (c *csvImport) text(name string) string {
	if i, ok := c.column[name]; ok {
		return c.fields[i]
	}
	return ""
}

// optional parses a number that may be left out.
func (c *csvImport) optional(name string, least, otherwise int64) (int64, error) {
	if c.text(name) == "" {
		return otherwise, nil
	}
	return c.number(c.column[name], name, least)
}

// handle makes the call of one line.
func (c *csvImport) handle() (err error) {
	op := c.text("op")
	if c.now, err = c.optional("time", math.MinInt64, c.now); err != nil {
		return err
	}
	if c.arrival, err = c.optional("arrival", c.arrival, c.arrival); err != nil {
		return err
	}
	if gathered := c.text("batch"); gathered == "" || gathered != c.gathers || op != "put" && op != "append" && op != "delete" {
		if err := c.flush(); err != nil {
			return err
		}
	}
	c.event(op, c.now)
	if c.ticks.due(c.greatest) {
		if err := c.flush(); err != nil {
			return err
		}
		if err := c.store.Advance(c.greatest); err != nil {
			return err
		}
		c.store.SetTime(c.now)
	}
	return c.call(op)
}

func (c *csvImport) call(op string) error {
	switch op {
	case "advance":
		return c.store.Advance(c.now)
	case "sync":
		return c.store.Sync()
	case "measure":
		return c.store.Measure()
	}
	key, err := c.keyOf("key")
	if err != nil {
		return err
	}
	switch op {
	case "get":
		_, err = c.get(key)
		return err
	case "put", "append", "delete":
		return c.change(op, key)
	case "probe":
		limit, err := c.optional("limit", 0, everything)
		if err != nil {
			return err
		}
		return c.probe(key, limit)
	case "scan":
		return c.scanFrom(key)
	}
	return c.fault("op", "%q is none of get, put, append, delete, probe, scan, advance, sync and measure", op)
}

// keyOf parses a key.
func (c *csvImport) keyOf(name string) (key []byte, err error) {
	text := c.text(name)
	key = []byte(text)
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		if key, err = hex.DecodeString(digits); err != nil {
			return nil, c.fault(name, "%q is not hexadecimal", text)
		}
	}
	if len(key) > statelab.MaxKeySize {
		return nil, c.fault(name, "%d bytes, over %d", len(key), statelab.MaxKeySize)
	}
	return key, nil
}

func (c *csvImport) change(op string, key []byte) (err error) {
	switch op {
	case "delete":
		c.batch.Delete(key)
	default:
		err = c.addElement(op, key)
	}
	if err != nil {
		return err
	}
	if c.gathers = c.text("batch"); c.gathers == "" {
		return c.flush()
	}
	return nil
}

func (c *csvImport) addElement(op string, key []byte) error {
	size, err := c.optional("size", 0, -1)
	if err != nil {
		return err
	}
	if size < 0 || size > statelab.MaxRecordSize {
		return c.fault("size", "it is %q, and a %s needs one of up to %d bytes", c.text("size"), op, statelab.MaxRecordSize)
	}
	ttl, err := c.optional("ttl", 0, -1)
	if err != nil {
		return err
	}
	expiry := statelab.NoExpiry
	if ttl >= 0 && c.now <= statelab.NoExpiry-ttl {
		expiry = c.now + ttl
	}
	if op == "put" {
		c.batch.Put(key, c.zeros(int(size)), expiry)
	} else {
		c.batch.Append(key, c.zeros(int(size)), expiry)
	}
	return nil
}

// flush applies the operations gathered.
func (c *csvImport) flush() error {
	c.gathers = ""
	if c.batch.Len() == 0 {
		return nil
	}
	return c.apply()
}

func (c *csvImport) scanFrom(lower []byte) error {
	limit, err := c.optional("limit", 0, everything)
	if err != nil {
		return err
	}
	r := statelab.Range{Lower: lower}
	if c.text("upper") != "" {
		if r.Upper, err = c.keyOf("upper"); err != nil {
			return err
		}
	}
	return c.scan(r, limit)
}
