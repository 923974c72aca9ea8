package objects

import (
	"fmt"

	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/single"
	"github.com/statelab/statelab/internal/spec"
)

// Engine is the store's name.
const Engine = "objects"

// Index is how objects are found.
type Index uint8

const (
	// IndexMap is a Go map for Gets beside a tree for order.
	IndexMap Index = iota
	// IndexTree is the tree alone.
	IndexTree
)

// Options configure Open.
type Options struct {
	kv.Options

	// Index is how objects are found.
	Index Index

	// Fields is how many strings an element is decoded into; 0 is DefaultFields.
	// An element of fewer than four times as many bytes becomes fewer.
	Fields int
}

// DefaultFields is about what an impression is logged with: a handful of ids,
// a position, some features.
const (
	DefaultFields = 10
	mostFields    = 1 << 16
)

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
		spec.Enum("index", "How objects are found: by a Go map beside a tree that keeps their order (map), or by the tree alone (tree).",
			"map", []string{"map", "tree"}, func(o *Options) *Index { return &o.Index }),
		spec.Int("fields", "How many strings, each allocated by itself, an element is decoded into.",
			"10", 1, mostFields, func(o *Options) *int { return &o.Fields }),
	}
}

// Open opens an empty store. dir is made, and holds only the store's identity. o
// may be nil.
func Open(dir string, o *Options) (*kv.Store, error) {
	if o == nil {
		o = new(Options)
	}
	fields := o.Fields
	if fields == 0 {
		fields = DefaultFields
	}
	if fields < 0 || fields > mostFields {
		return nil, fmt.Errorf("open store %s: fields is %d, not within 1 and %d", dir, fields, mostFields)
	}
	return kv.Open(dir, kv.Config{
		Engine:  Engine,
		Options: o.Options,
		Inline:  true,
		Notes:   []string{"in memory only: durability is none, whatever was asked for"},
		Open:    func(kv.Place) (kv.DB, error) { return single.Over(newObjects(o.Index, fields)), nil },
	})
}
