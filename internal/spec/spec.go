// Package spec reads backend specs, which name a backend and set its options
// in one word, as in
//
//	lsm?compaction=window&memtable=btree
//
// The part before the question mark is the backend's name, the part after it
// parameters in URL query syntax (so that a value may hold any byte, escaped
// as %XX). An engine describes the parameters it knows in a table of [Param],
// which serves for setting, for checking and for explaining them.
package spec

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// A KV is a parameter as written in a spec.
type KV struct{ Name, Value string }

// Parse splits a spec into the backend's name and its parameters, in the order
// in which they are written. It refuses an empty or odd name, a parameter
// without a name or without "=", and a parameter given twice.
func Parse(spec string) (name string, params []KV, err error) {
	name, query, hasQuery := strings.Cut(spec, "?")
	if !plainName(name) {
		return "", nil, fmt.Errorf("backend spec %q: %q is not a backend's name, which is made of a-z, 0-9, - and _", spec, name)
	}
	if !hasQuery {
		return name, nil, nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(query, "&") {
		kv, err := parseParam(part)
		if err != nil {
			return "", nil, fmt.Errorf("backend spec %q: %w", spec, err)
		}
		if seen[kv.Name] {
			return "", nil, fmt.Errorf("backend spec %q: %s is set twice", spec, kv.Name)
		}
		seen[kv.Name] = true
		params = append(params, kv)
	}
	return name, params, nil
}

func parseParam(part string) (KV, error) {
	rawName, rawValue, hasValue := strings.Cut(part, "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		return KV{}, fmt.Errorf("parameter %q: %w", part, err)
	}
	value, err := url.QueryUnescape(rawValue)
	if err != nil {
		return KV{}, fmt.Errorf("parameter %q: %w", part, err)
	}
	if !plainName(name) {
		return KV{}, fmt.Errorf("parameter %q: %q is not a parameter's name, which is made of a-z, 0-9, - and _", part, name)
	}
	if !hasValue {
		return KV{}, fmt.Errorf("parameter %q has no value; write %s=VALUE", part, name)
	}
	return KV{name, value}, nil
}

func plainName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// A Param describes one option of O that can be written in a spec.
type Param[O any] struct {
	Name    string
	Doc     string   // one sentence
	Default string   // as it would be written
	Values  []string // the allowed values, or one phrase that describes them
	// Set puts a value into o. Its error says only what is wrong with the
	// value: Apply adds the name and the allowed values.
	Set func(o *O, value string) error
}

// Apply sets the options of o that params name. Its error names every fault at
// once, with what would have been allowed; o is then not to be used.
func Apply[O any](o *O, params []KV, table []Param[O]) error {
	var faults []error
	for _, kv := range params {
		p := find(table, kv.Name)
		if p == nil {
			faults = append(faults, unknown(kv.Name, table))
			continue
		}
		if err := p.Set(o, kv.Value); err != nil {
			faults = append(faults, fmt.Errorf("parameter %s=%s: %w; allowed: %s", kv.Name, kv.Value, err, strings.Join(p.Values, ", ")))
		}
	}
	return errors.Join(faults...)
}

func find[O any](table []Param[O], name string) *Param[O] {
	for i := range table {
		if table[i].Name == name {
			return &table[i]
		}
	}
	return nil
}

func unknown[O any](name string, table []Param[O]) error {
	if len(table) == 0 {
		return fmt.Errorf("unknown parameter %s; this backend has none", name)
	}
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].Name
	}
	return fmt.Errorf("unknown parameter %s; allowed: %s", name, strings.Join(names, ", "))
}
