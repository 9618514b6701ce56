package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// recorder is a store that notes what is read from it.
type recorder struct {
	*facts
	read []fleet.Path
}

// Read gives the term at a path.
func (r *recorder) Read(ctx context.Context, t storage.Transaction, path storage.Path) (any, error) {
	if len(path) == 0 || path[0] == "fleet" {
		r.read = append(r.read, slices.Clone(fleet.Path(path[min(len(path), 1):])))
	}
	return r.facts.Read(ctx, t, path)
}

// mayRead is what a rule may read, or a library for it, as its text has it: paths of the input, ["input", "object",
// "spec"], and of the facts, ["fleet", "members", "*"]. A step that is no text stands for any.
func (e *Engine) mayRead(r Rule) []fleet.Path {
	var paths []fleet.Path
	var note func(*ast.Term) bool
	note = func(t *ast.Term) bool {
		ref, ok := t.Value.(ast.Ref) // also where the whole input is meant
		if !ok {
			return false
		}
		switch {
		case ref.HasPrefix(ast.InputRootRef):
			paths = append(paths, slices.Concat(fleet.Path{inputRoot}, stepsOf(ref[1:])))
		case ref.HasPrefix(ast.DefaultRootRef): // of which the rules and libraries are no facts
			paths = append(paths, stepsOf(ref[1:]))
		}
		if _, named := ref[0].Value.(ast.Var); named {
			ref = ref[1:]
		}
		for _, step := range ref {
			ast.WalkTerms(step, note)
		}
		return true
	}
	seen := map[util.T]bool{}
	var collect func(util.T)
	collect = func(rule util.T) {
		if seen[rule] {
			return
		}
		seen[rule] = true
		ast.WalkTerms(rule, note)
		for other := range e.compiler.Graph.Dependencies(rule) {
			collect(other)
		}
	}
	for _, rule := range e.compiler.GetRulesExact(violations(r.ID)) {
		collect(rule)
	}
	slices.SortFunc(paths, slices.Compare)
	return slices.CompactFunc(paths, slices.Equal)
}

// The first steps of what a rule may read.
const (
	inputRoot = "input"
	factsRoot = "fleet"
)

// stepsOf are the steps that a reference leads along.
func stepsOf(ref ast.Ref) fleet.Path {
	var path fleet.Path
	for _, step := range ref {
		text, ok := step.Value.(ast.String)
		if !ok {
			text = fleet.AnyStep
		}
		path = append(path, string(text))
	}
	return path
}

// reading is a fact and the subject, an index of Judgement.subjects, whose input it stands in or
// whose rules have read it.
type reading struct {
	fact fleet.Path
	by   int32
}

// readers are those of one fact, and of what lies below it.
type readers struct {
	step  string // the last that leads to the fact
	by    []int32
	below []readers // by step
}

func newReaders(all []reading) readers {
	slices.SortFunc(all, func(a, b reading) int {
		return cmp.Or(slices.Compare(a.fact, b.fact), cmp.Compare(a.by, b.by))
	})
	return readersAt(0, all)
}

// readersAt are those of the facts that share their first steps, so many; they are sorted.
func readersAt(depth int, all []reading) (r readers) {
	if depth > 0 {
		r.step = all[0].fact[depth-1]
	}
	for len(all) > 0 && len(all[0].fact) == depth {
		r.by = append(r.by, all[0].by)
		all = all[1:]
	}
	r.by = slices.Clip(slices.Compact(r.by))
	for len(all) > 0 {
		step := all[0].fact[depth]
		end := slices.IndexFunc(all, func(other reading) bool { return other.fact[depth] != step })
		if end < 0 {
			end = len(all)
		}
		r.below = append(r.below, readersAt(depth+1, all[:end]))
		all = all[end:]
	}
	r.below = slices.Clip(r.below)
	return r
}

// of are the readers of a fact, of something in it, or of something that it is in; some of them more than once.
func (r *readers) of(fact fleet.Path) []int32 {
	var found []int32
	for _, step := range fact {
		found = append(found, r.by...)
		i, known := slices.BinarySearchFunc(r.below, step, func(b readers, step string) int {
			return strings.Compare(b.step, step)
		})
		if !known {
			return found
		}
		r = &r.below[i]
	}
	return r.all(found)
}

// all are the readers of the fact and of what lies below it.
func (r *readers) all(found []int32) []int32 {
	found = append(found, r.by...)
	for i := range r.below {
		found = r.below[i].all(found)
	}
	return found
}
