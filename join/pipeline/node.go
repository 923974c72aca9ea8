package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document reads a YAML document node by node, so that each fault can be named
// with its line and field.
type document struct {
	name    string // of the file
	anchors map[string]ast.Node
	merges  int // merge keys followed
}

// maxMerges bounds merge keys, and aliases of aliases: both can go in circles.
const maxMerges = 64

func parseDocument(name string, text []byte) (*document, ast.Node, error) {
	d := &document{name: name, anchors: map[string]ast.Node{}}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			return nil, nil, badInput("%s:%d: %s", name, syntax.Token.Position.Line, syntax.Message)
		}
		return nil, nil, badInput("%s: %w", name, err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			return nil, nil, d.fault(doc.Body, "", "a second document")
		default:
			body = doc.Body
		}
	}
	if body == nil {
		return nil, nil, badInput("%s: is empty", name)
	}
	return d, body, nil
}

// fault returns an error that names a node's line and field.
func (d *document) fault(n ast.Node, field, format string, args ...any) error {
	where := ""
	if field != "" {
		where = field + ": "
	}
	return badInput("%s:%d: %s%w", d.name, line(n), where, fmt.Errorf(format, args...))
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// resolve takes anchors, aliases and tags off a node.
func (d *document) resolve(n ast.Node) (ast.Node, error) {
	for range maxMerges {
		switch v := n.(type) {
		case *ast.AnchorNode:
			d.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			to, ok := d.anchors[name]
			if !ok {
				return nil, d.fault(n, "", "no anchor &%s stands before *%s", name, name)
			}
			n = to
		case *ast.TagNode:
			n = v.Value
		default:
			return n, nil
		}
	}
	return nil, d.fault(n, "", "aliases go too deep")
}

// A field is how the value of a mapping's key is read.
type field func(n ast.Node, path string) error

// mapping reads a mapping; path is where it stands. Keys that fields does not
// have are faults, and so are missing ones that are required.
func (d *document) mapping(n ast.Node, path string, fields map[string]field, required ...string) error {
	seen, err := d.entries(n, path, func(key string, keyNode, value ast.Node) error {
		read, ok := fields[key]
		if !ok {
			known := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
			return d.fault(keyNode, path, "unknown field %q; there are %s", key, known)
		}
		return read(value, join2(path, key))
	})
	if err != nil {
		return err
	}
	for _, key := range required {
		if seen[key] {
			continue
		}
		if path == "" {
			return badInput("%s: no %s", d.name, key)
		}
		return d.fault(n, path, "no %s", key)
	}
	return nil
}

func join2(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// An entryFunc is called with the key and the value of an entry.
type entryFunc func(key string, keyNode, value ast.Node) error

// entries calls each with the entries of a mapping, its own ones first, then
// the merged ones (<<) with other keys. It returns the keys.
func (d *document) entries(n ast.Node, path string, each entryFunc) (map[string]bool, error) {
	seen := map[string]bool{}
	return seen, d.addEntries(seen, n, path, each)
}

func (d *document) addEntries(seen map[string]bool, n ast.Node, path string, each entryFunc) error {
	n, err := d.resolve(n)
	if err != nil {
		return err
	}
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		return d.fault(n, path, "want a mapping, such as {a: b}, not %s", describe(n))
	}
	var merged []ast.Node
	for _, v := range values {
		if v.Key.IsMergeKey() {
			merged = append(merged, v.Value)
			continue
		}
		key, err := d.scalar(v.Key, path)
		if err != nil {
			return err
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		if err := each(key, v.Key, v.Value); err != nil {
			return err
		}
	}
	for _, m := range merged {
		if d.merges++; d.merges > maxMerges {
			return d.fault(m, path, "more than %d merge keys", maxMerges)
		}
		if err := d.addEntries(seen, m, path, each); err != nil {
			return err
		}
	}
	return nil
}

// scalar returns the text of a scalar, as it is written.
func (d *document) scalar(n ast.Node, path string) (string, error) {
	n, err := d.resolve(n)
	if err != nil {
		return "", err
	}
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return v.Value.Value, nil
	case *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return "", d.fault(n, path, "want a value, not %s", describe(n))
	}
	return n.GetToken().Value, nil
}

// list returns the scalars of a sequence; a scalar alone is a sequence of one.
func (d *document) list(n ast.Node, path string) ([]string, error) {
	n, err := d.resolve(n)
	if err != nil {
		return nil, err
	}
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		text, err := d.scalar(n, path)
		return []string{text}, err
	}
	if len(sequence.Values) == 0 {
		return nil, d.fault(n, path, "is empty")
	}
	texts := make([]string, len(sequence.Values))
	for i, v := range sequence.Values {
		if texts[i], err = d.scalar(v, path); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a sequence"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	}
	if t := n.GetToken(); t != nil && t.Type != token.UnknownType {
		return fmt.Sprintf("%q", t.Value)
	}
	return "this"
}
