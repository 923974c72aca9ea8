package pipeline

import (
	"maps"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/statelab/statelab/join"
)

// join reads the kind first: it decides which other fields there are.
func (p *parse) join(n ast.Node, path string) error {
	fields := p.joinFields()
	known := false
	_, err := p.entries(n, path, func(key string, _, value ast.Node) error {
		if key != "kind" {
			return nil
		}
		known = true
		return p.kind(value, join2(path, key))
	})
	if err != nil {
		return err
	}
	required := []string{"kind"}
	if known {
		of := kindFields[p.def.Spec.Kind]
		maps.DeleteFunc(fields, func(key string, _ field) bool {
			return key != "kind" && key != "late" && key != "bad" && !slices.Contains(of.all, key)
		})
		required = append(required, of.required...)
	}
	if err := p.mapping(n, path, fields, required...); err != nil {
		return err
	}
	p.defaultLateness()
	return nil
}

// kindFields are the fields of each kind beside kind and late.
var kindFields = map[join.Kind]struct{ all, required []string }{
	join.LeftOuter: {[]string{"lower", "upper", "emit", "negatives"}, []string{"upper"}},
	join.Inner:     {[]string{"lower", "upper", "emit", "negatives"}, []string{"upper"}},
	join.Tumbling:  {[]string{"window"}, []string{"window"}},
	join.Regular:   {[]string{"ttl"}, []string{"ttl"}},
	join.Temporal:  {[]string{"ttl"}, nil},
	join.Dedup:     {[]string{"keep", "window"}, nil},
	join.Session:   {[]string{"gap"}, []string{"gap"}},
	join.ThreeWay:  {[]string{"ttl", "plan"}, []string{"ttl"}},
}

func (p *parse) joinFields() map[string]field {
	s := &p.def.Spec
	return map[string]field{
		"kind":      p.kind,
		"lower":     p.duration(&s.Lower),
		"upper":     p.duration(&s.Upper),
		"late":      p.late,
		"bad":       p.bad,
		"emit":      p.emit,
		"negatives": p.negatives,
		"window":    p.duration(&s.Window),
		"gap":       p.duration(&s.Gap),
		"ttl":       p.ttl,
		"keep":      p.keep,
		"plan":      p.plan,
	}
}

// ttl is a duration, for each side that has one, or a mapping of sides.
func (p *parse) ttl(n ast.Node, path string) error {
	s := &p.def.Spec
	if _, err := p.scalar(n, path); err == nil {
		if err := p.duration(&s.TTL[join.Right])(n, path); err != nil {
			return err
		}
		if s.Kind != join.Temporal {
			s.TTL[join.Left] = s.TTL[join.Right]
		}
		return nil
	}
	sides := map[string]field{"right": p.duration(&s.TTL[join.Right])}
	if s.Kind != join.Temporal {
		sides["left"] = p.duration(&s.TTL[join.Left])
	}
	return p.mapping(n, path, sides, slices.Sorted(maps.Keys(sides))...)
}

func (p *parse) keep(n ast.Node, path string) error {
	text, err := p.scalar(n, path)
	if err != nil {
		return err
	}
	for _, k := range []join.Keep{join.KeepFirst, join.KeepLast} {
		if k.String() == text {
			p.def.Spec.Keep = k
			return nil
		}
	}
	return p.fault(n, path, "%q is not available; there are %v and %v", text, join.KeepFirst, join.KeepLast)
}

func (p *parse) plan(n ast.Node, path string) error {
	text, err := p.scalar(n, path)
	if err != nil {
		return err
	}
	for _, plan := range []join.Plan{join.Shared, join.Chained} {
		if plan.String() == text {
			p.def.Spec.Plan = plan
			return nil
		}
	}
	return p.fault(n, path, "%q is not available; there are %v and %v", text, join.Shared, join.Chained)
}

func (p *parse) kind(n ast.Node, path string) error {
	text, err := p.scalar(n, path)
	if err != nil {
		return err
	}
	for _, k := range join.Kinds() {
		if k.String() == text {
			p.def.Spec.Kind = k
			return nil
		}
	}
	return p.fault(n, path, "%q is not available; there are %v", text, join.Kinds())
}

func (p *parse) emit(n ast.Node, path string) error {
	text, err := p.scalar(n, path)
	if err != nil {
		return err
	}
	for _, e := range []join.Emit{join.OnWatermark, join.OnMatch} {
		if e.String() == text {
			p.def.Spec.Emit = e
			return nil
		}
	}
	return p.fault(n, path, "%q is not available; there are %v and %v", text, join.OnWatermark, join.OnMatch)
}

// late is drop, corrections, or a mapping of what becomes of late events.
func (p *parse) late(n ast.Node, path string) error {
	s := &p.def.Spec
	if text, err := p.scalar(n, path); err == nil {
		switch text {
		case "drop":
			return nil
		case "corrections":
			s.Correct, p.latenessMissing = true, true
			return nil
		}
		return p.fault(n, path, "%q is not available; there are drop, corrections, {side: FILE} and {corrections: DURATION}", text)
	}
	err := p.mapping(n, path, map[string]field{
		"side": p.file(&p.def.Late),
		"corrections": func(n ast.Node, path string) error {
			s.Correct = true
			return p.duration(&s.Lateness)(n, path)
		},
	})
	if err == nil && p.def.Late == "" && !s.Correct {
		err = p.fault(n, path, "neither side nor corrections")
	}
	return err
}

// bad is stop, or a mapping that says where bad rows go.
func (p *parse) bad(n ast.Node, path string) error {
	if text, err := p.scalar(n, path); err == nil {
		if text == "stop" {
			return nil
		}
		return p.fault(n, path, "%q is not available; there are stop and {side: FILE}", text)
	}
	return p.mapping(n, path, map[string]field{"side": p.file(&p.def.Bad)}, "side")
}

// defaultLateness is how long a window is.
func (p *parse) defaultLateness() {
	if s := &p.def.Spec; p.latenessMissing {
		s.Lateness = max(s.Upper-s.Lower, 0)
	}
}

func (p *parse) negatives(n ast.Node, path string) error {
	to := &p.def.Spec.Negatives
	return p.mapping(n, path, map[string]field{
		"keep": func(n ast.Node, path string) error {
			text, err := p.scalar(n, path)
			if err != nil {
				return err
			}
			to.Keep, err = strconv.ParseFloat(text, 64)
			if err != nil || !(to.Keep > 0 && to.Keep <= 1) {
				return p.fault(n, path, "%q is not a share, above 0 and at most 1", text)
			}
			return nil
		},
		"seed": func(n ast.Node, path string) error {
			text, err := p.scalar(n, path)
			if err != nil {
				return err
			}
			if to.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
				return p.fault(n, path, "%q is not a whole number from 0 to 2^64-1", text)
			}
			return nil
		},
	}, "keep")
}
