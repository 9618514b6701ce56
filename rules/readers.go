package rules

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// readersOf tells which subjects have read which facts, their own among them: the subjects, and their indexes by facts.
func (a *atAdmission) readersOf(ctx context.Context, f *fleet.Fleet, facts *facts) ([]fleet.Path, readers, error) {
	hearings := a.watching.hear(f.Subjects())
	subjects, readings := make([]fleet.Path, len(hearings)), make([][]reading, len(hearings))
	err := a.watched.each(ctx, len(hearings), func(evaluate *evaluation, i int) error {
		h := &hearings[i]
		subjects[i] = h.subject.Facts()[0]
		read := &recorder{facts: facts, input: evaluate.enc, subject: &h.subject}
		read.note(f.ExceptionsAt(h.subject.Object)...)
		evaluate.store = read
		_, err := a.watched.judgeOne(evaluate, h.kind, &h.subject)
		for _, fact := range read.paths {
			readings[i] = append(readings[i], reading{fact, int32(i)})
		}
		return err
	})
	return subjects, newReaders(slices.Concat(readings...)), err
}

// watched are the same rules, which take their input from the store: data.input instead of input. What they read of it is seen there.
func (e *Engine) watched() (*Engine, error) {
	modules, err := parseModules(e.texts)
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		ast.WalkTerms(m.Module, func(t *ast.Term) bool {
			switch v := t.Value.(type) {
			case ast.Ref:
				if v.HasPrefix(ast.InputRootRef) {
					t.Value = storedInput.Concat(v[1:])
				}
			case ast.Var:
				if v.Equal(ast.InputRootDocument.Value) {
					t.Value = storedInput
				}
			}
			return false
		})
	}
	watched := *e
	watched.compiler, err = compile(modules, true)
	return &watched, err
}

var storedInput = ast.Ref{ast.DefaultRootDocument, ast.StringTerm("input")}

// recorder is a store that holds a subject's input too, and notes what facts are read from it.
type recorder struct {
	*facts
	input   *encoder
	subject *fleet.Subject
	paths   []fleet.Path
}

func (r *recorder) note(facts ...fleet.Path) { r.paths = append(r.paths, facts...) }

// Read gives the term at a path.
func (r *recorder) Read(ctx context.Context, t storage.Transaction, path storage.Path) (any, error) {
	switch {
	case len(path) == 0: // all there is
		r.note(nil)
	case path[0] == "input":
		r.note(r.subject.FactsAt(path[1:])...)
		return r.input.at(reflect.ValueOf(&r.subject.Input), path[1:])
	default:
		r.note(slices.Clone(fleet.Path(path[1:])))
	}
	return r.facts.Read(ctx, t, path)
}

// reading is a fact and the subject, an index of Judgement.subjects, that it stands in or whose rules have read it.
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
	slices.SortFunc(all, func(a, b reading) int { return cmp.Or(slices.Compare(a.fact, b.fact), cmp.Compare(a.by, b.by)) })
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

// of are those whose verdict may be another when facts have changed: that have read one, something in it, or something that it
// is in. They are sorted.
func (r *readers) of(changed []fleet.Path) []int32 {
	var found []int32
	for _, fact := range changed {
		at, known := r, true
		for _, step := range fact {
			found = append(found, at.by...)
			var i int
			if i, known = slices.BinarySearchFunc(at.below, step, func(b readers, step string) int { return strings.Compare(b.step, step) }); !known {
				break
			}
			at = &at.below[i]
		}
		if known {
			found = at.all(found)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// all are the readers of the fact and of what lies below it.
func (r *readers) all(found []int32) []int32 {
	found = append(found, r.by...)
	for i := range r.below {
		found = r.below[i].all(found)
	}
	return found
}
