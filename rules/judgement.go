package rules

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Judgement is what the rules say of a fleet as API servers have it, and what of the fleet each verdict rests on: so that
// after one object has changed only that is judged again which the change may bear on. Safe for concurrent use.
type Judgement struct {
	engine     *Engine
	rules      kinds
	fleet      *fleet.Fleet
	facts      *facts
	exceptions exceptions
	// readers are the subjects by the facts that stand in their input or that their rules have read.
	readers readers
}

// Judge judges a fleet for admission: by the rules that make sense there.
func (e *Engine) Judge(ctx context.Context, f *fleet.Fleet) (*Judgement, error) {
	rules, err := e.queries(AdmissionNever)
	if err != nil {
		return nil, err
	}
	j := &Judgement{engine: e, rules: rules, fleet: f, facts: newFacts(f), exceptions: e.exceptions(f)}
	var subjects []fleet.Subject
	for _, s := range f.Subjects() {
		if len(rules[s.Kind].rules) > 0 {
			subjects = append(subjects, s)
		}
	}
	var mu sync.Mutex
	err = e.each(ctx, len(subjects), func(evaluate *evaluation, i int) error {
		read := &recorder{facts: j.facts}
		evaluate.store = read
		if _, err := e.judgeOne(evaluate, rules[subjects[i].Kind], &subjects[i]); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		j.readers.add(subjects[i].Facts(), read.paths)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

// Change is what happens to one object at an API server.
type Change struct {
	Object fleet.ObjectRef
	// Before and After are its content, without secrets; nil where it is not there.
	Before, After map[string]any
}

// Introduced are the findings that a change brings about: those that the fleet has after it and not before, whatever else
// of the object is in Git. They are about the object itself or about others that hang on it.
func (j *Judgement) Introduced(ctx context.Context, c Change) ([]fleet.Finding, error) {
	if c.Before != nil && reflect.DeepEqual(c.Before, c.After) { // as when Flux applies once more what is there
		return nil, nil
	}
	after, changed := j.fleet.With(c.Object, c.After)
	before, unchanged := j.fleet.With(c.Object, c.Before)
	subjects := j.readers.of(slices.Concat(changed, unchanged))
	found, err := j.judge(ctx, after, subjects)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	known, err := j.judge(ctx, before, subjects)
	if err != nil {
		return nil, err
	}
	return introduced(before, known, after, found), nil
}

// judge judges the subjects that paths lead to in a fleet that shares most of its facts with the judged one.
func (j *Judgement) judge(ctx context.Context, f *fleet.Fleet, paths []fleet.Path) ([]fleet.Finding, error) {
	var subjects []fleet.Subject
	for _, path := range paths {
		if s, ok := f.SubjectAt(path); ok && len(j.rules[s.Kind].rules) > 0 {
			subjects = append(subjects, s)
		}
	}
	found, err := j.engine.judge(ctx, j.rules, j.facts.overlaid(f), subjects)
	return slices.DeleteFunc(found, func(finding fleet.Finding) bool { return j.excepted(f, finding) }), err
}

// excepted is true for a finding that an exception in Git allows, or an annotation of the object as it is in the fleet.
func (j *Judgement) excepted(f *fleet.Fleet, finding fleet.Finding) bool {
	object, _ := f.ObjectOf(finding.Object)
	return len(j.exceptions.of(finding)) > 0 ||
		slices.ContainsFunc(object.Exceptions(), func(x fleet.Exception) bool { return x.Rule == finding.Rule })
}

// introduced are the findings in one fleet that are not in the one before.
func introduced(before *fleet.Fleet, known []fleet.Finding, after *fleet.Fleet, found []fleet.Finding) []fleet.Finding {
	old := map[string]bool{}
	for _, finding := range known {
		old[before.Identity(finding)] = true
	}
	return slices.DeleteFunc(found, func(finding fleet.Finding) bool { return old[after.Identity(finding)] })
}

// recorder is a store that notes what is read from it.
type recorder struct {
	*facts
	paths []fleet.Path
}

// Read gives the term at a path.
func (r *recorder) Read(ctx context.Context, t storage.Transaction, path storage.Path) (any, error) {
	var fact fleet.Path // all there is
	if len(path) > 0 {
		fact = slices.Clone(fleet.Path(path[1:]))
	}
	r.paths = append(r.paths, fact)
	return r.facts.Read(ctx, t, path)
}

// readers are subjects by the facts that their verdicts rest on. A subject is the path that leads to it.
type readers struct {
	subjects []fleet.Path
	all      node
}

// node is what reads the fact that the steps to it lead to, and what lies below that.
type node struct {
	below map[string]*node
	by    []int32 // indexes of subjects
}

// add adds the subject that the first of its own facts leads to.
func (r *readers) add(own, read []fleet.Path) {
	index := int32(len(r.subjects))
	r.subjects = append(r.subjects, own[0])
	for _, path := range slices.Concat(own, read) {
		at := &r.all
		for _, step := range path {
			if at.below[step] == nil {
				if at.below == nil {
					at.below = map[string]*node{}
				}
				at.below[step] = &node{}
			}
			at = at.below[step]
		}
		if n := len(at.by); n == 0 || at.by[n-1] != index {
			at.by = append(at.by, index)
		}
	}
}

// of are the subjects that may be judged otherwise when facts have changed: those that have read one, something in it, or
// something that it is in; and those that the facts themselves are.
func (r *readers) of(changed []fleet.Path) []fleet.Path {
	found := map[int32]bool{}
	seen := map[string]bool{}
	var paths []fleet.Path
	for _, path := range changed {
		at := &r.all
		for i := 0; at != nil; i++ {
			at.note(found)
			if i == len(path) {
				at.noteBelow(found)
				break
			}
			at = at.below[path[i]]
		}
		if key := strings.Join(path, "\x00"); !seen[key] {
			seen[key] = true
			paths = append(paths, path)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(found)) {
		if path := r.subjects[index]; !seen[strings.Join(path, "\x00")] {
			paths = append(paths, path)
		}
	}
	return paths
}

func (n *node) note(found map[int32]bool) {
	for _, index := range n.by {
		found[index] = true
	}
}

func (n *node) noteBelow(found map[int32]bool) {
	for _, below := range n.below {
		below.note(found)
		below.noteBelow(found)
	}
}
