package objects

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
)

// An object is a decoded record.
type object struct {
	key  string
	only element   // the first element, which mostly is the only one
	more []element // the others
	bare bool      // only is a value without elements, such as the adapter has of its own
}

// An element is a decoded element.
type element struct {
	expireAt int64
	fields   []string
}

// leastField is the length below which no element is cut, in bytes: a value too
// short for the wanted number of fields has fewer.
const leastField = 4

// decode makes an object of a key and its value as the adapter keeps it.
func decode(key, value []byte, fields int) (*object, error) {
	o := &object{key: string(key)}
	if !kv.IsRecord(key) || len(value) == 0 {
		o.bare, o.only = true, element{statelab.NoExpiry, cut(value, 1)}
		return o, nil
	}
	for first := true; len(value) > 0; first = false {
		content, expireAt, rest, err := kv.NextElement(value)
		if err != nil {
			return nil, err
		}
		value = rest
		decoded := element{expireAt, cut(content, fields)}
		if first {
			o.only = decoded
		} else {
			o.more = append(o.more, decoded)
		}
	}
	return o, nil
}

// cut copies content into n strings of about equal length.
func cut(content []byte, n int) []string {
	if len(content) == 0 {
		return nil
	}
	n = min(n, max(1, len(content)/leastField))
	fields := make([]string, n)
	for i := range fields {
		fields[i] = string(content[i*len(content)/n : (i+1)*len(content)/n])
	}
	return fields
}

// appendValue appends what the object was decoded from.
func (o *object) appendValue(dst []byte) []byte {
	if o.bare {
		return o.only.appendContent(dst)
	}
	dst = o.only.append(dst)
	for i := range o.more {
		dst = o.more[i].append(dst)
	}
	return dst
}

func (e *element) append(dst []byte) []byte {
	size := 0
	for _, f := range e.fields {
		size += len(f)
	}
	return e.appendContent(kv.AppendFrame(dst, size, e.expireAt))
}

func (e *element) appendContent(dst []byte) []byte {
	for _, f := range e.fields {
		dst = append(dst, f...)
	}
	return dst
}
