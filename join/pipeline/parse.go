package pipeline

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/spec"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// Parse reads a pipeline file; name is the file's. env looks up what ${NAME}
// stands for in names of files. The error is an *InputError that names line and
// field. What only Validate can judge is not judged yet, so that the caller may
// first override fields.
func Parse(name string, text []byte, env func(string) (string, bool)) (*Definition, error) {
	d, body, err := parseDocument(name, text)
	if err != nil {
		return nil, err
	}
	p := &parse{document: d, env: env, def: &Definition{Name: name, State: State{Backend: DefaultBackend}}}
	err = d.mapping(body, "", map[string]field{
		"name":   p.text(&p.def.Title),
		"left":   p.side(join.Left),
		"right":  p.side(join.Right),
		"join":   p.join,
		"state":  p.state,
		"output": p.output,
	}, "left", "join")
	if err != nil {
		return nil, err
	}
	return p.def, nil
}

type parse struct {
	*document
	env func(string) (string, bool)
	def *Definition
	// latenessMissing says that late events correct, and not how late they may be.
	latenessMissing bool
}

// side reads the source of a side, or the list of those that it is merged of.
func (p *parse) side(side join.Side) field {
	return func(n ast.Node, path string) error {
		inputs, spec := &p.def.Inputs[side], &p.def.Spec
		resolved, err := p.resolve(n)
		if err != nil {
			return err
		}
		list, ok := resolved.(*ast.SequenceNode)
		if !ok {
			*inputs = make([]Input, 1)
			return p.input(n, path, &(*inputs)[0], &spec.MaxDisorder[side])
		}
		if len(list.Values) == 0 {
			return p.fault(n, path, "is empty")
		}
		*inputs, spec.Sources[side] = make([]Input, len(list.Values)), make([]time.Duration, len(list.Values))
		for i, v := range list.Values {
			if err := p.input(v, sourceName(side, i, len(list.Values)), &(*inputs)[i], &spec.Sources[side][i]); err != nil {
				return err
			}
		}
		return nil
	}
}

func (p *parse) input(n ast.Node, path string, c *Input, disorder *time.Duration) error {
	return p.mapping(n, path, map[string]field{
		"file":         p.files(&c.Config),
		"format":       p.format(&c.Format),
		"columns":      p.texts(&c.Columns),
		"where":        p.where(&c.Where),
		"key":          p.texts(&c.Key),
		"time":         p.text(&c.Time),
		"time_format":  p.timeFormat(&c.TimeFormat),
		"from":         p.time(&c.From),
		"to":           p.time(&c.To),
		"max_disorder": p.disorder(disorder),
		"follow":       p.yes(&c.Follow),
		"idle":         p.positive(&c.Idle),
	}, "file", "key", "time")
}

// files reads the name of a file, a pattern, or a list of either.
func (p *parse) files(c *source.Config) field {
	return func(n ast.Node, path string) error {
		resolved, err := p.resolve(n)
		if err != nil {
			return err
		}
		if list, ok := resolved.(*ast.SequenceNode); ok {
			if len(list.Values) == 0 {
				return p.fault(n, path, "is empty")
			}
			c.Files = make([]string, len(list.Values))
			for i, v := range list.Values {
				if err := p.file(&c.Files[i])(v, path); err != nil {
					return err
				}
			}
			return nil
		}
		if err := p.file(&c.File)(n, path); err != nil {
			return err
		}
		if source.IsPattern(c.File) {
			c.File, c.Files = "", []string{c.File}
		}
		return nil
	}
}

// yes reads true or false.
func (p *parse) yes(to *bool) field {
	return func(n ast.Node, path string) error {
		text, err := p.scalar(n, path)
		if err != nil {
			return err
		}
		if text != "true" && text != "false" {
			return p.fault(n, path, "%q is neither true nor false", text)
		}
		*to = text == "true"
		return nil
	}
}

func (p *parse) state(n ast.Node, path string) error {
	s := &p.def.State
	return p.mapping(n, path, map[string]field{
		"backend":          p.text(&s.Backend),
		"dir":              p.file(&s.Dir),
		"memory":           p.memory,
		"durability":       p.durability,
		"checkpoint_every": p.positive(&s.CheckpointEvery),
		"partitions":       p.count(&s.Partitions, maxPartitions),
		"batch":            p.count(&s.MiniBatch, maxMiniBatch),
	})
}

func (p *parse) output(n ast.Node, path string) error {
	return p.mapping(n, path, map[string]field{
		"file":   p.file(&p.def.Output),
		"format": p.outputFormat,
	})
}

// text reads a scalar that is not empty.
func (p *parse) text(to *string) field {
	return func(n ast.Node, path string) (err error) {
		*to, err = p.scalar(n, path)
		if err == nil && *to == "" {
			err = p.fault(n, path, "is empty")
		}
		return err
	}
}

func (p *parse) texts(to *[]string) field {
	return func(n ast.Node, path string) (err error) {
		*to, err = p.list(n, path)
		return err
	}
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// file reads the name of a file, in which ${NAME} is a variable.
func (p *parse) file(to *string) field {
	return func(n ast.Node, path string) error {
		if err := p.text(to)(n, path); err != nil {
			return err
		}
		var missing []string
		*to = variable.ReplaceAllStringFunc(*to, func(reference string) string {
			name := reference[2 : len(reference)-1]
			value, ok := p.env(name)
			if !ok {
				missing = append(missing, name)
			}
			return value
		})
		if len(missing) > 0 {
			return p.fault(n, path, "the environment variable %s is not set", strings.Join(missing, ", "))
		}
		return nil
	}
}

func (p *parse) format(to *source.Format) field {
	return func(n ast.Node, path string) error {
		text, err := p.scalar(n, path)
		if err != nil {
			return err
		}
		*to = source.Format(text)
		if !slices.Contains(source.Formats(), *to) {
			return p.fault(n, path, "unknown format %q; there are %v", text, source.Formats())
		}
		return nil
	}
}

func (p *parse) where(to *[]source.Condition) field {
	return func(n ast.Node, path string) error {
		_, err := p.entries(n, path, func(column string, _, value ast.Node) error {
			text, err := p.scalar(value, join2(path, column))
			*to = append(*to, source.Condition{Column: column, Value: text})
			return err
		})
		return err
	}
}

func (p *parse) timeFormat(to *source.TimeFormat) field {
	return func(n ast.Node, path string) error {
		text, err := p.scalar(n, path)
		if err != nil {
			return err
		}
		*to = source.TimeFormat(text)
		if err := to.Validate(); err != nil {
			return p.fault(n, path, "%w", err)
		}
		return nil
	}
}

// time reads a day or a moment, in UTC unless it says otherwise.
func (p *parse) time(to *int64) field {
	return func(n ast.Node, path string) error {
		text, err := p.scalar(n, path)
		if err != nil {
			return err
		}
		for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
			if at, err := time.Parse(layout, text); err == nil {
				*to = at.UnixMicro()
				return nil
			}
		}
		return p.fault(n, path, "%q is not a time such as 2024-05-01, 2024-05-01 08:00:00 or 2024-05-01T08:00:00Z", text)
	}
}

func (p *parse) disorder(to *time.Duration) field {
	return func(n ast.Node, path string) error {
		if text, err := p.scalar(n, path); err == nil && text == "unbounded" {
			*to = join.Unbounded
			return nil
		}
		return p.duration(to)(n, path)
	}
}

func (p *parse) duration(to *time.Duration) field {
	return func(n ast.Node, path string) error {
		text, err := p.scalar(n, path)
		if err != nil {
			return err
		}
		if *to, err = time.ParseDuration(text); err != nil {
			return p.fault(n, path, "%q is not a duration such as 10s, 1h30m or -5m", text)
		}
		return nil
	}
}

func (p *parse) memory(n ast.Node, path string) error {
	text, err := p.scalar(n, path)
	if err != nil {
		return err
	}
	size, err := spec.ParseSize(text)
	if err != nil {
		return p.fault(n, path, "%w", err)
	}
	if size < statelab.MinMemory {
		return p.fault(n, path, "%s is less than the least of %s", text, spec.FormatSize(statelab.MinMemory))
	}
	p.def.State.Memory = size
	return nil
}

func (p *parse) durability(n ast.Node, path string) error {
	text, err := p.scalar(n, path)
	if err != nil {
		return err
	}
	if p.def.State.Durability, err = statelab.ParseDurability(text); err != nil {
		return p.fault(n, path, "%w", err)
	}
	return nil
}

// count reads a whole number from 1 to most.
func (p *parse) count(to *int, most int) field {
	return func(n ast.Node, path string) error {
		text, err := p.scalar(n, path)
		if err != nil {
			return err
		}
		if *to, err = strconv.Atoi(text); err != nil || *to < 1 || *to > most {
			return p.fault(n, path, "%q is not a whole number from 1 to %d", text, most)
		}
		return nil
	}
}

// positive reads a duration of a microsecond or more.
func (p *parse) positive(to *time.Duration) field {
	return func(n ast.Node, path string) error {
		if err := p.duration(to)(n, path); err != nil {
			return err
		}
		if *to < time.Microsecond {
			return p.fault(n, path, "%v is less than a microsecond", *to)
		}
		return nil
	}
}

// outputFormat is jsonl or parquet.
func (p *parse) outputFormat(n ast.Node, path string) error {
	text, err := p.scalar(n, path)
	if err != nil {
		return err
	}
	p.def.Format = source.Format(text)
	if p.def.Format != source.JSONL && p.def.Format != source.Parquet {
		return p.fault(n, path, "%q is not available; there are %v and %v", text, source.JSONL, source.Parquet)
	}
	return nil
}
