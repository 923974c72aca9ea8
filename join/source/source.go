// Package source reads the events of a join from files: csv, JSON lines and
// parquet; plain, gzip or zstd.
//
//	file ──▶ decompress ──▶ csv | jsonl | parquet ──▶ where ──▶ key, time ──▶ Row
//
// A source is the rows of a file, or of several one after the other, numbered from 0:
// the number is the sequence of package join, and what a restart skips to. Blank lines and the header of a
// csv file are no rows.
//
// A row that its Where does not hold for is Filtered. Where compares text: the
// field of a csv file as it stands there, numbers as they are spelled, booleans
// as true and false. A null, and a field that a JSON object lacks, equals
// nothing.
//
// Key parts are text in the same sense, so that a number in one file can be
// joined with its spelling in another. An empty text is a key like any other. A
// row with a null in its key has no key: it is NoKey, and joins nothing. A JSON
// object that lacks a field of the key, or the time, is an error: a misspelt
// name would look like that.
//
// The time is read by its TimeFormat, to whole microseconds.
//
// # Bad rows
//
// A row is bad if it cannot be read (it is no JSON, it has too few fields, its time is
// none), has no key, has a time that is not within From and To, or is beyond what a store can
// hold. Without KeepBad the first one that cannot be read, or whose time is out of
// range, is an error. With it the row is Bad, and the source goes on behind
// it: at the next line, or behind the quote that ends the field where one is missing in a csv file. A
// row without a key is NoKey, and one that no store can hold an Event, unless KeepBad makes
// them Bad. A file that is damaged as a whole is an error in any case.
//
// A file with no bytes at all (before or after decompression) is refused: it is
// what a failed export leaves behind. A csv file with nothing but a header, or a
// parquet file of no rows, is a source without events.
//
// Whatever is wrong with a file is an *Error, which says where.
package source

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/row"
	"github.com/statelab/statelab/vfs"
)

// A Config describes a source.
type Config struct {
	File       string   // "-" is Stdin
	Files      []string // in place of File: names and patterns (Expand) of files of the same columns, read one after the other
	Follow     bool     // go on with what is appended to File, a csv or JSON lines file, line by line (OnWait), and with the file that has its name next
	Format     Format   // zero: by the file's name
	Columns    []string
	Where      []Condition
	Key        []string
	Time       string
	TimeFormat TimeFormat // zero: a parquet column's own
	From, To   int64      // µs: rows of other times are bad; To zero: none are
	KeepBad    bool       // bad rows are passed on, not errors
}

// A Condition holds for rows whose Column has the text Value.
type Condition struct{ Column, Value string }

// Format is how a file is to be read, once it is decompressed.
type Format string

const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// Formats returns all formats.
func Formats() []Format { return []Format{CSV, JSONL, Parquet} }

// FormatOf returns the format that a file's name ends in, disregarding .gz and
// .zst, or "".
func FormatOf(file string) Format {
	if IsGenerated(file) {
		return Generated
	}
	name := strings.ToLower(file)
	for _, suffix := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, suffix)
	}
	switch path.Ext(name) {
	case ".csv":
		return CSV
	case ".jsonl", ".ndjson":
		return JSONL
	case ".parquet":
		return Parquet
	}
	return ""
}

// Class is what a row is to its join.
type Class uint8

const (
	Event    Class = iota
	Filtered       // Where does not hold
	NoKey          // an event with a null in its key
	Bad            // see KeepBad
)

// A Row is one row of a source. Its slices are valid until the next one is read.
type Row struct {
	Class Class
	Seq   uint64 // its number in the source, from 0
	Time  int64  // µs since 1970
	Key   []byte // as join.AppendKeyPart makes it
	Value []byte // as package row prints it; if it is Bad, members of a JSON object that say what is wrong with it (bad.go)
}

// An Error says what is wrong with a file, and where.
type Error struct {
	File  string
	Where string // such as "line 17"; empty if it is the file as a whole
	Err   error
}

func (e *Error) Error() string {
	if e.Where == "" {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.File, e.Where, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// reader is a format. Fields are named by the index that bind returns.
type reader interface {
	// bind finds a column.
	bind(name string) (int, error)
	// timeFormat is the format that the file itself gives for a column.
	timeFormat(i int, given TimeFormat) (TimeFormat, error)
	schema() *row.Schema
	// read makes the next row the current one; io.EOF says that there is none.
	read() error
	// skip passes over n rows, or those there are, and then returns io.EOF.
	skip(n uint64) (skipped uint64, err error)
	// field returns the text of a field of the current row, valid until the
	// next read. It is errMissing if the row has no such field.
	field(i int) (text []byte, null bool, err error)
	// appendRow appends the current row.
	appendRow(dst []byte) ([]byte, error)
	// where says where the current row is, or where reading failed.
	where() string
	// appendRaw appends the current row as JSON, as far as it could be read.
	appendRaw(dst []byte) []byte
	close() error
}

// errMissing says that a row does not have a field that others may have.
var errMissing = errors.New("is missing from the object")

// A Source is an open source. It is not safe for concurrent use.
type Source struct {
	config Config
	fsys   vfs.FS
	stdin  io.Reader
	files  []string
	at     int // the current one of files
	*file
	seq      uint64
	onWait   func() bool // see OnWait
	past     generations // of the rows read, if it is followed
	keyBuf   []byte
	valueBuf []byte
}

// Open opens a source and finds its columns.
func Open(fsys vfs.FS, stdin io.Reader, c Config) (*Source, error) {
	names, err := c.Expand(fsys)
	if err != nil {
		return nil, err
	}
	if c.Follow && c.File != "-" {
		if err := awaitRotation(fsys, c.File); err != nil {
			return nil, fmt.Errorf("read %s: %w", c.File, err)
		}
	}
	s := &Source{config: c, fsys: fsys, stdin: stdin, files: names}
	if err := s.openFirst(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (f *file) open(c *Config) error {
	format := c.Format
	if format == "" {
		format = FormatOf(f.name)
		if c.Follow {
			format = FormatOf(c.File) // of which it may be a rotated one, with a name that ends otherwise
		}
	}
	var err error
	switch {
	case IsGenerated(f.name) && (c.Follow || format != Generated):
		err = errors.New("what is generated has no format, and cannot be followed")
	case IsGenerated(f.name):
		f.r, err = openGenerated(f.name)
	case format == Parquet && c.Follow:
		err = errors.New("a parquet file cannot be followed")
	case format == CSV:
		f.r, err = openCSV(f.input, c.Columns)
	case format == JSONL:
		f.r, err = openJSONL(f.input)
	case format == Parquet:
		f.r, err = openParquet(f.input)
	default:
		err = fmt.Errorf("its name does not say the format; give one of %v", Formats())
	}
	if err != nil {
		return f.fail(err)
	}
	return f.bind(c)
}

// bind finds the columns that the config names.
func (f *file) bind(c *Config) error {
	for _, condition := range c.Where {
		i, err := f.r.bind(condition.Column)
		if err != nil {
			return f.failWhole("where", err)
		}
		f.where = append(f.where, i)
	}
	for _, name := range c.Key {
		i, err := f.r.bind(name)
		if err != nil {
			return f.failWhole("key", err)
		}
		f.key = append(f.key, i)
	}
	var err error
	if f.time, err = f.r.bind(c.Time); err != nil {
		return f.failWhole("time", err)
	}
	if f.timeFormat, err = f.r.timeFormat(f.time, c.TimeFormat); err != nil {
		return f.failWhole("time", err)
	}
	return nil
}

// Schema prints the values of rows.
func (s *Source) Schema() *row.Schema { return s.r.schema() }

// Skip passes over rows until the next one to be read has this number.
func (s *Source) Skip(to uint64) error {
	for to > s.seq {
		skipped, err := s.r.skip(to - s.seq)
		s.seq += skipped
		if err == io.EOF {
			name := s.name
			if err = s.nextFile(); err == io.EOF {
				return &Error{File: name, Err: fmt.Errorf("ends before row %d, which was read from it before", to)}
			}
			if err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return s.fail(err)
		}
	}
	return nil
}

// Next reads the next row. At the end of the last file it returns io.EOF.
func (s *Source) Next(r *Row) error {
	err := s.r.read()
	for err == io.EOF {
		if err := s.nextFile(); err != nil {
			return err
		}
		err = s.r.read()
	}
	var bad *rowError
	readable := err == nil
	if !readable && !errors.As(err, &bad) {
		return s.fail(err)
	}
	r.Seq = s.seq
	s.seq++
	if readable {
		err = s.fill(r)
	}
	if err == nil {
		return nil
	}
	if !s.config.KeepBad || s.input.failed != nil {
		return s.fail(err)
	}
	s.keepBad(r, err)
	return nil
}

// fill makes r of the current row.
func (s *Source) fill(r *Row) error {
	holds, err := s.holds()
	if err != nil {
		return err
	}
	if !holds {
		r.Class = Filtered
		return nil
	}
	null, err := s.readKey()
	if err != nil {
		return err
	}
	if null {
		r.Class = NoKey
		if s.config.KeepBad {
			return errors.New("there is a null in its key")
		}
		return nil
	}
	if r.Time, err = s.readTime(); err != nil {
		return fmt.Errorf("field %s: %w", s.config.Time, err)
	}
	if s.valueBuf, err = s.r.appendRow(s.valueBuf[:0]); err != nil {
		return err
	}
	r.Class, r.Key, r.Value = Event, s.keyBuf, s.valueBuf
	if e := (join.Event{Key: r.Key, Time: r.Time, Value: r.Value}); s.config.KeepBad && !e.Storable() {
		return errors.New("its time, its key or its size is beyond what can be stored")
	}
	return nil
}

// holds says whether Where holds for the current row.
func (s *Source) holds() (bool, error) {
	for i, c := range s.config.Where {
		text, null, err := s.r.field(s.where[i])
		if null || errors.Is(err, errMissing) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("field %s: %w", c.Column, err)
		}
		if string(text) != c.Value {
			return false, nil
		}
	}
	return true, nil
}

// readKey puts the current row's key into keyBuf, and says whether there is a
// null in it.
func (s *Source) readKey() (null bool, err error) {
	s.keyBuf = s.keyBuf[:0]
	for i, name := range s.config.Key {
		text, null, err := s.r.field(s.key[i])
		if err != nil {
			return false, fmt.Errorf("field %s: %w", name, err)
		}
		if null {
			return true, nil
		}
		if i < len(s.key)-1 {
			s.keyBuf = join.AppendKeyPart(s.keyBuf, text)
		} else {
			s.keyBuf = append(s.keyBuf, text...)
		}
	}
	return false, nil
}

func (s *Source) readTime() (int64, error) {
	text, null, err := s.r.field(s.time)
	if err != nil {
		return 0, err
	}
	if null {
		return 0, errors.New("the time is null")
	}
	at, err := s.timeFormat.parse(text)
	if err == nil && s.config.To != 0 && (at < s.config.From || at > s.config.To) {
		err = fmt.Errorf("%q is not within the times that are expected", text)
	}
	return at, err
}

// Close closes the file that is open.
func (s *Source) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.close()
}
