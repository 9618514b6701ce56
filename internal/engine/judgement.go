package engine

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Judgement is what the rules say of a fleet as API servers have it, and what of the fleet each verdict rests on: so
// that after one object has changed only that is judged again which the change may bear on. Safe for concurrent use.
type Judgement struct {
	engine *Engine
	*atAdmission
	fleet      *fleet.Fleet
	facts      *facts
	exceptions exceptions
	// subjects are those of the fleet, each as the fact that leads to it. readers are those whose rules have read a
	// fact, and owners those that have it in their own input.
	subjects        []fleet.Path
	readers, owners readers
	// known are the identities of what is found in the fleet.
	known map[string]bool
}

// atAdmission is what an engine judges with at admission, whatever the fleet.
type atAdmission struct {
	kinds kinds
	// mayRead is what a rule may read, by its ID.
	mayRead map[string][]fleet.Path
}

func (e *Engine) newAtAdmission() *atAdmission {
	a := &atAdmission{e.ruleSets(AdmissionNever), map[string][]fleet.Path{}}
	for _, r := range e.rules {
		a.mayRead[r.ID] = e.mayRead(r)
	}
	return a
}

// Judge judges a fleet for admission: by the rules that make sense there.
func (e *Engine) Judge(ctx context.Context, f *fleet.Fleet) (*Judgement, error) {
	j := &Judgement{engine: e, atAdmission: e.atAdmission(), fleet: f, facts: newFacts(f), exceptions: e.exceptions(f),
		known: map[string]bool{}}
	assignments := j.kinds.assign(f.SubjectsOf(j.kinds.judge))
	j.subjects = make([]fleet.Path, len(assignments))
	read, own, found := make([][]reading, len(assignments)), make([][]reading, len(assignments)),
		make([][]fleet.Finding, len(assignments))
	err := e.each(ctx, len(assignments), func(evaluate *evaluation, i int) (err error) {
		h := &assignments[i]
		facts := &recorder{facts: j.facts, read: f.ExceptionsAt(h.subject.Object)}
		evaluate.store = facts
		found[i], err = e.judgeOne(evaluate, h.ruleSet, h.subject)
		for _, fact := range facts.read {
			read[i] = append(read[i], reading{fact, int32(i)})
		}
		for _, fact := range h.subject.Facts() {
			own[i] = append(own[i], reading{fact, int32(i)})
		}
		j.subjects[i] = own[i][0].fact
		return err
	})
	if err != nil {
		return nil, err
	}
	j.readers, j.owners = newReaders(slices.Concat(read...)), newReaders(slices.Concat(own...))
	for _, finding := range slices.Concat(found...) {
		if !j.excepted(f, finding) {
			j.known[f.Identity(finding)] = true
		}
	}
	return j, nil
}

// Change is what happens to one object at an API server.
type Change struct {
	Object fleet.ObjectRef
	// Before and After are its content, without secrets; nil where it is not there.
	Before, After map[string]any
}

// IsNone is true where the object stays as it is, as when Flux applies once more what is there.
func (c Change) IsNone() bool { return c.Before != nil && reflect.DeepEqual(c.Before, c.After) }

// Introduced are the findings that a change brings about: those that the fleet has after it and not before, whatever
// else of the object is in Git. They are about the object itself or about others that hang on it.
func (j *Judgement) Introduced(ctx context.Context, c Change) ([]fleet.Finding, error) {
	if c.IsNone() {
		return nil, nil
	}
	after, changed := j.fleet.With(c.Object, c.After)
	before, unchanged := j.fleet.With(c.Object, c.Before)
	found, failing, err := j.judge(ctx, after, j.affected(slices.Concat(changed, unchanged), after, before))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	known := j.known
	if before != j.fleet {
		if known, err = j.identities(ctx, before, failing); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(found, func(finding fleet.Finding) bool { return known[after.Identity(finding)] }), nil
}

// identities are those of what is found in a fleet.
func (j *Judgement) identities(ctx context.Context, f *fleet.Fleet, pending []pendingCheck) (map[string]bool, error) {
	found, _, err := j.judge(ctx, f, pending)
	all := map[string]bool{}
	for _, finding := range found {
		all[f.Identity(finding)] = true
	}
	return all, err
}

// pendingCheck is a subject that has to be judged, as the fact that leads to it, and the rules to
// judge it by; nil for all.
type pendingCheck struct {
	subject fleet.Path
	rules   []string
}

// affected are the checks that changes of facts may bear on: the subjects that have read one or have it in their input,
// by the rules that may have done so, and those that have come to be. The fleets are those before and after.
func (j *Judgement) affected(changed []fleet.Path, fleets ...*fleet.Fleet) []pendingCheck {
	touched := map[int32][]fleet.Path{} // what has changed of what a subject's rules may read, by the subject
	for _, fact := range changed {
		for _, i := range j.readers.of(fact) {
			touched[i] = append(touched[i], slices.Concat(fleet.Path{factsRoot}, fact))
		}
		apart := fleet.Apart(fact, append(fleets, j.fleet)...)
		for _, i := range j.owners.of(fact) {
			s, _ := j.fleet.BareSubjectAt(j.subjects[i])
			if apart(s) {
				continue
			}
			for _, field := range s.FieldsAt(fact) {
				touched[i] = append(touched[i], slices.Concat(fleet.Path{inputRoot}, field))
			}
		}
	}
	var pending []pendingCheck
	seen := map[string]bool{}
	add := func(m pendingCheck) {
		if key := strings.Join(m.subject, "\x00"); !seen[key] {
			seen[key] = true
			pending = append(pending, m)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(touched)) {
		add(pendingCheck{j.subjects[i], j.rulesOn(j.subjects[i], touched[i])})
	}
	for _, fact := range changed {
		add(pendingCheck{subject: fact})
	}
	return pending
}

// rulesOn are the rules of a subject that may read one of the paths; all of them, nil, where
// an exception stands at one.
func (j *Judgement) rulesOn(subject fleet.Path, paths []fleet.Path) []string {
	s, _ := j.fleet.BareSubjectAt(subject)
	for _, fact := range j.fleet.ExceptionsAt(s.Object) {
		if slices.ContainsFunc(paths, slices.Concat(fleet.Path{factsRoot}, fact).Meets) {
			return nil
		}
	}
	ids := []string{}
	for _, r := range j.kinds[s.Kind].rules {
		if slices.ContainsFunc(j.mayRead[r.ID], func(read fleet.Path) bool {
			return slices.ContainsFunc(paths, read.Meets)
		}) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// judge makes the checks in a fleet that shares most of its facts with the judged one. It tells as well which of them,
// and which of their rules, have findings.
func (j *Judgement) judge(ctx context.Context, f *fleet.Fleet, pending []pendingCheck) (all []fleet.Finding,
	failing []pendingCheck, err error) {
	var assignments []assignment
	for _, m := range pending {
		s, ok := f.BareSubjectAt(m.subject)
		set, judged := j.kinds[s.Kind]
		if !ok || !judged {
			continue
		}
		if m.rules != nil {
			set = set.only(m.rules)
		}
		if len(set.rules) > 0 {
			s, _ = f.SubjectAt(m.subject)
			assignments = append(assignments, assignment{&s, set})
		}
	}
	found, err := j.engine.judge(ctx, j.facts.overlaid(f), nil, assignments)
	if err != nil {
		return nil, nil, err
	}
	for i, h := range assignments {
		found[i] = slices.DeleteFunc(found[i], func(finding fleet.Finding) bool { return j.excepted(f, finding) })
		for k := range found[i] {
			soften(&found[i][k], j.exceptions.of(found[i][k]))
		}
		if len(found[i]) == 0 {
			continue
		}
		m := pendingCheck{subject: h.subject.Facts()[0]}
		for _, finding := range found[i] {
			m.rules = append(m.rules, finding.Rule)
		}
		failing = append(failing, m)
	}
	return slices.Concat(found...), failing, nil
}

// excepted is true for a finding that an exception in Git allows, or an annotation of the object as it is in the fleet.
func (j *Judgement) excepted(f *fleet.Fleet, finding fleet.Finding) bool {
	object, _ := f.ObjectOf(finding.Object)
	return !soften(&finding, j.exceptions.of(finding)) ||
		slices.ContainsFunc(object.Exceptions(), func(x fleet.Exception) bool {
			return x.Rule == finding.Rule && !x.Expired(f.Date)
		})
}
