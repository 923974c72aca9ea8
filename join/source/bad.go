package source

import (
	"github.com/statelab/statelab/join/row"
)

// A rowError says that one row cannot be read, and that the next ones can.
type rowError struct{ error }

func (e *rowError) Unwrap() error { return e.error }

// badRow is the error of a row of which the reader stands at the end.
func badRow(err error) error { return &rowError{err} }

// keepBad makes the current row one that is Bad.
func (s *Source) keepBad(r *Row, reason error) {
	s.valueBuf = s.appendBad(s.valueBuf[:0], reason)
	r.Class, r.Key, r.Value = Bad, nil, s.valueBuf
}

// appendBad appends what is said of a bad row: members of a JSON object,
//
//	"file":"in.csv","at":"line 17","reason":"field t: ...","row":...
//
// where row is an array of the fields of a csv file, the text of a line that is no
// JSON, or an object; null if the row could not be read at all.
func (s *Source) appendBad(dst []byte, reason error) []byte {
	dst = row.AppendQuoted(append(dst, `"file":`...), s.name)
	dst = row.AppendQuoted(append(dst, `,"at":`...), s.r.where())
	dst = row.AppendQuoted(append(dst, `,"reason":`...), reason.Error())
	return s.r.appendRaw(append(dst, `,"row":`...))
}
