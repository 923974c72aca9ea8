// Package source reads the events of a join from files: csv, JSON lines and
// parquet; plain, gzip or zstd.
//
//	file ──▶ decompress ──▶ csv | jsonl | parquet ──▶ where ──▶ key, time ──▶ Row
//
// A source is the rows of a file, numbered from 0: the number is the sequence
// of package join, and what a restart skips to. Blank lines and the header of a
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
	File       string // "-" is Stdin
	Format     Format // zero: by the file's name
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
	Seq   uint64 // its number in the file, from 0
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
	// skip passes over n rows.
	skip(n uint64) error
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
	config     Config
	r          reader
	input      *input
	seq        uint64
	where, key []int
	time       int
	timeFormat TimeFormat
	keyBuf     []byte
	valueBuf   []byte
}

// Open opens a source and finds its columns.
func Open(fsys vfs.FS, stdin io.Reader, c Config) (*Source, error) {
	in, err := openInput(fsys, stdin, c.File)
	if err != nil {
		return nil, err
	}
	s := &Source{config: c, input: in}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Source) open() error {
	format := s.config.Format
	if format == "" {
		format = FormatOf(s.config.File)
	}
	var err error
	switch format {
	case CSV:
		s.r, err = openCSV(s.input, s.config.Columns)
	case JSONL:
		s.r, err = openJSONL(s.input)
	case Parquet:
		s.r, err = openParquet(s.input)
	default:
		err = fmt.Errorf("its name does not say the format; give one of %v", Formats())
	}
	if err != nil {
		return s.fail(err)
	}
	return s.bind()
}

// bind finds the columns that the config names.
func (s *Source) bind() error {
	for _, c := range s.config.Where {
		i, err := s.r.bind(c.Column)
		if err != nil {
			return s.failWhole("where", err)
		}
		s.where = append(s.where, i)
	}
	for _, name := range s.config.Key {
		i, err := s.r.bind(name)
		if err != nil {
			return s.failWhole("key", err)
		}
		s.key = append(s.key, i)
	}
	var err error
	if s.time, err = s.r.bind(s.config.Time); err != nil {
		return s.failWhole("time", err)
	}
	if s.timeFormat, err = s.r.timeFormat(s.time, s.config.TimeFormat); err != nil {
		return s.failWhole("time", err)
	}
	return nil
}

// Schema prints the values of rows.
func (s *Source) Schema() *row.Schema { return s.r.schema() }

// Skip passes over rows until the next one to be read has this number.
func (s *Source) Skip(to uint64) error {
	if to <= s.seq {
		return nil
	}
	err := s.r.skip(to - s.seq)
	if errors.Is(err, io.EOF) {
		return s.failWhole("", fmt.Errorf("ends before row %d, which was read from it before", to))
	}
	if err != nil {
		return s.fail(err)
	}
	s.seq = to
	return nil
}

// Next reads the next row. At the end of the file it returns io.EOF.
func (s *Source) Next(r *Row) error {
	err := s.r.read()
	if err == io.EOF {
		return err
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

// Close closes the file.
func (s *Source) Close() error {
	var err error
	if s.r != nil {
		err = s.r.close()
	}
	if cerr := s.input.close(); err == nil {
		err = cerr
	}
	return err
}

// fail says where reading failed. A failure of the file system itself is
// returned as such, since the file is not at fault.
func (s *Source) fail(err error) error {
	where := ""
	if s.r != nil {
		where = s.r.where()
	}
	return s.failWhole(where, err)
}

func (s *Source) failWhole(where string, err error) error {
	if s.input.failed != nil {
		return fmt.Errorf("read %s: %w", s.config.File, s.input.failed)
	}
	return &Error{File: s.config.File, Where: where, Err: err}
}
