package rules

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Judgement is what the rules say of a fleet as API servers have it, and what of the fleet each verdict rests on: so that
// after one object has changed only that is judged again which the change may bear on. Safe for concurrent use.
type Judgement struct {
	engine     *Engine
	rules      kinds // each with its rules alone
	fleet      *fleet.Fleet
	facts      *facts
	exceptions exceptions
	// subjects are those of the fleet, each as the fact that leads to it, and readers those that facts stand in, or whose rules
	// have read them.
	subjects []fleet.Path
	readers  readers
}

// Judge judges a fleet for admission: by the rules that make sense there.
func (e *Engine) Judge(ctx context.Context, f *fleet.Fleet) (*Judgement, error) {
	made, err := e.atAdmission()
	if err != nil {
		return nil, err
	}
	j := &Judgement{engine: e, rules: made.rules, fleet: f, facts: newFacts(f), exceptions: e.exceptions(f)}
	if j.subjects, j.readers, err = made.readersOf(ctx, f, j.facts); err != nil {
		return nil, err
	}
	return j, nil
}

// atAdmission is what an engine judges with at admission, whatever the fleet.
type atAdmission struct {
	rules kinds // each with its rules alone
	// watched are the same rules once more, and watching asks them: what they read is seen.
	watched  *Engine
	watching kinds
}

func (e *Engine) newAtAdmission() (*atAdmission, error) {
	rules, err := e.queries(AdmissionNever)
	if err != nil {
		return nil, err
	}
	if err := e.queryAlone(rules); err != nil {
		return nil, err
	}
	watched, err := e.watched()
	if err != nil {
		return nil, err
	}
	watching, err := watched.queries(AdmissionNever)
	return &atAdmission{rules, watched, watching}, err
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
	found, blamed, err := j.judge(ctx, after, j.concerned(slices.Concat(changed, unchanged)))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	known, _, err := j.judge(ctx, before, blamed)
	if err != nil {
		return nil, err
	}
	old := map[string]bool{}
	for _, finding := range known {
		old[before.Identity(finding)] = true
	}
	return slices.DeleteFunc(found, func(finding fleet.Finding) bool { return old[after.Identity(finding)] }), nil
}

// matter is what has to be judged: a subject, as the fact that leads to it, by the rules that are named; by all where none is.
type matter struct {
	subject fleet.Path
	rules   []string
}

// concerned are the matters that changes of facts may bear on: what has read them, and what they are themselves.
func (j *Judgement) concerned(changed []fleet.Path) []matter {
	var matters []matter
	seen := map[string]bool{}
	add := func(subject fleet.Path) {
		if key := strings.Join(subject, "\x00"); !seen[key] {
			seen[key] = true
			matters = append(matters, matter{subject: subject})
		}
	}
	for _, reader := range j.readers.of(changed) {
		add(j.subjects[reader])
	}
	for _, fact := range changed {
		add(fact)
	}
	return matters
}

// judge judges matters in a fleet that shares most of its facts with the judged one. It tells as well which of them, and which of
// their rules, have findings.
func (j *Judgement) judge(ctx context.Context, f *fleet.Fleet, matters []matter) (all []fleet.Finding, blamed []matter, err error) {
	var hearings []hearing
	for _, m := range matters {
		s, ok := f.SubjectAt(m.subject)
		k, judged := j.rules[s.Kind]
		switch {
		case !ok || !judged:
		case m.rules == nil:
			hearings = append(hearings, hearing{s, k})
		default:
			for i, rule := range k.rules {
				if slices.Contains(m.rules, rule.ID) {
					hearings = append(hearings, hearing{s, k.alone[i]})
				}
			}
		}
	}
	found, err := j.engine.judge(ctx, j.facts.overlaid(f), hearings)
	if err != nil {
		return nil, nil, err
	}
	for i, h := range hearings {
		found[i] = slices.DeleteFunc(found[i], func(finding fleet.Finding) bool { return j.excepted(f, finding) })
		if len(found[i]) == 0 {
			continue
		}
		m := matter{subject: h.subject.Facts()[0]}
		for _, finding := range found[i] {
			m.rules = append(m.rules, finding.Rule)
		}
		blamed = append(blamed, m)
	}
	return slices.Concat(found...), blamed, nil
}

// excepted is true for a finding that an exception in Git allows, or an annotation of the object as it is in the fleet.
func (j *Judgement) excepted(f *fleet.Fleet, finding fleet.Finding) bool {
	object, _ := f.ObjectOf(finding.Object)
	return len(j.exceptions.of(finding)) > 0 ||
		slices.ContainsFunc(object.Exceptions(), func(x fleet.Exception) bool { return x.Rule == finding.Rule })
}

// queryAlone makes queries that ask each rule alone.
func (e *Engine) queryAlone(all kinds) error {
	for name, k := range all {
		for _, rule := range k.rules {
			alone, err := e.query([]Rule{rule})
			if err != nil {
				return fmt.Errorf("query the rule %s: %w", rule.ID, err)
			}
			k.alone = append(k.alone, alone)
		}
		all[name] = k
	}
	return nil
}
