package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Check judges the subjects of f. The findings are sorted by place, rule and message; what several clusters have from
// one shared file is found once. A finding's Place has no lines yet, but for findings about exceptions.
// An error means that the rules could not finish: ctx is done, a built-in failed, or a violation has not the form of
// one. With a StoppedError the findings are those of the other rules.
func (e *Engine) Check(ctx context.Context, f *fleet.Fleet) ([]fleet.Finding, error) {
	return e.check(ctx, f, f.SubjectsOf(e.onFiles.judge))
}

func (e *Engine) check(ctx context.Context, f *fleet.Fleet, subjects []fleet.Subject) ([]fleet.Finding, error) {
	found, _, err := e.checkAll(ctx, f, subjects)
	return found, err
}

// CheckAll is Check, and what it would find as well if there were no exceptions.
func (e *Engine) CheckAll(ctx context.Context, f *fleet.Fleet) (found, excepted []fleet.Finding, err error) {
	return e.checkAll(ctx, f, f.SubjectsOf(e.onFiles.judge))
}

func (e *Engine) checkAll(
	ctx context.Context, f *fleet.Fleet, subjects []fleet.Subject,
) (found, excepted []fleet.Finding, err error) {
	facts, stopped := newFacts(f), &stopped{}
	each, err := e.judge(ctx, facts, stopped, e.onFiles.assign(subjects))
	if err != nil {
		return nil, nil, err
	}
	if found, excepted, err = e.conclude(ctx, f, facts, stopped, each); err != nil {
		return nil, nil, err
	}
	return found, excepted, stopped.err()
}

// conclude makes of what was found in each subject what is found in the fleet. What a rule found before it
// was stopped does not count.
func (e *Engine) conclude(
	ctx context.Context, f *fleet.Fleet, facts *facts, stopped *stopped, each [][]fleet.Finding,
) (found, excepted []fleet.Finding, err error) {
	all := slices.DeleteFunc(slices.Concat(each...), func(f fleet.Finding) bool { return stopped.has(f.Rule) })
	exceptions := e.exceptions(f)
	for _, x := range exceptions.all() {
		if stopped.has(x.Rule) {
			x.Used = notJudged
		}
	}
	found, excepted = exceptions.except(merge(all))
	about, err := e.judge(ctx, facts, stopped, e.onFiles.assign(exceptions.subjects()))
	if err != nil {
		return nil, nil, err
	}
	found = merge(append(found, slices.Concat(about...)...))
	nameClusters(found)
	return found, excepted, nil
}

// assignment is a subject with the rules that judge it.
type assignment struct {
	subject *fleet.Subject
	ruleSet
}

// judge tells whether a rule is about subjects of a kind.
func (all kinds) judge(kind string) bool {
	_, judged := all[kind]
	return judged
}

// assign gives each subject the rules of its kind; a subject that no rule is about is left out.
func (all kinds) assign(subjects []fleet.Subject) []assignment {
	assignments := make([]assignment, 0, len(subjects))
	for i := range subjects {
		if p, judged := all[subjects[i].Kind]; judged {
			assignments = append(assignments, assignment{&subjects[i], p})
		}
	}
	return assignments
}

// judge evaluates the rules of each assignment. The findings are in the order of the assignments.
func (e *Engine) judge(ctx context.Context, facts *facts, stopped *stopped,
	assignments []assignment) ([][]fleet.Finding, error) {
	found := make([][]fleet.Finding, len(assignments))
	err := e.each(ctx, len(assignments), func(evaluate *evaluation, i int) (err error) {
		evaluate.store, evaluate.stopped = facts, stopped
		found[i], err = e.judgeOne(evaluate, assignments[i].ruleSet, assignments[i].subject)
		return err
	})
	return found, err
}

// evaluation is what one goroutine evaluates queries with.
type evaluation struct {
	ctx   context.Context
	guard *guard
	enc   *encoder // of inputs
	store storage.Store
	// stopped are the rules that are left out; nil where a rule that goes beyond a limit is an error.
	stopped *stopped
}

// minPerWorker is how many evaluations a goroutine has to do to be worth its start: it has to be
// woken, and to grow its stack.
const minPerWorker = 8

// each does something n times, on all processors where that is worth it, and gives the error of the first that fails.
func (e *Engine) each(ctx context.Context, n int, do func(*evaluation, int) error) error {
	var (
		next    atomic.Int64
		failed  atomic.Bool
		done    atomic.Bool
		workers sync.WaitGroup
		errs    = make([]error, n)
		guards  = make([]*guard, max(1, min(runtime.GOMAXPROCS(0), n/minPerWorker)))
	)
	for i := range guards {
		guards[i] = &guard{all: &done}
	}
	defer context.AfterFunc(ctx, func() { done.Store(true) })()
	defer watch(guards)()
	work := func(g *guard) {
		evaluate := &evaluation{ctx: ctx, guard: g, enc: newEncoder()}
		// They are taken in order, so that the first that fails is always among those that were tried.
		for i := int(next.Add(1)) - 1; i < n && !failed.Load(); i = int(next.Add(1)) - 1 {
			if errs[i] = do(evaluate, i); errs[i] != nil {
				failed.Store(true)
			}
		}
	}
	for _, g := range guards[1:] {
		workers.Go(func() { work(g) })
	}
	work(guards[0])
	workers.Wait()
	switch err := cmp.Or(errs...); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil: // which tells where
		return fmt.Errorf("check the rules: %w: %w", context.Cause(ctx), err)
	case ctx.Err() != nil:
		return fmt.Errorf("check the rules: %w", context.Cause(ctx))
	default:
		return err
	}
}

func (e *Engine) judgeOne(evaluate *evaluation, p ruleSet, s *fleet.Subject) ([]fleet.Finding, error) {
	p = evaluate.stopped.outOf(p)
	found, over, err := e.evaluate(evaluate, p, s)
	if over != "" {
		found, err = e.oneByOne(evaluate, p, s)
	}
	if err != nil {
		return nil, fmt.Errorf("judge %s: %w", describe(s), err)
	}
	return found, nil
}

// evaluate judges a subject within the limits; over tells which one it takes more than that.
func (e *Engine) evaluate(evaluate *evaluation, p ruleSet, s *fleet.Subject) (found []fleet.Finding, over string,
	err error) {
	evaluate.guard.start()
	found, err = e.violations(evaluate, p, s)
	return found, evaluate.guard.end(), err
}

func (e *Engine) violations(evaluate *evaluation, p ruleSet, s *fleet.Subject) ([]fleet.Finding, error) {
	input, err := evaluate.enc.encode(&s.Input)
	if err != nil {
		return nil, err
	}
	clear(evaluate.enc.seen) // else every input would be kept to the end
	var failures []topdown.Error
	results, err := topdown.NewQuery(p.query).
		WithCompiler(e.compiler).
		WithStore(evaluate.store).
		WithTransaction(transaction{}).
		WithInput(input).
		WithBuiltinErrorList(&failures).
		WithCancel(evaluate.guard).
		WithMetrics(metrics.NoOp()).
		Run(evaluate.ctx)
	var failed *topdown.Error
	if errors.As(err, &failed) && failed.Code != topdown.CancelErr {
		return nil, &Failure{Place: placeOf(failed), err: failed}
	}
	if err != nil {
		return nil, err
	}
	// Objects hold what their authors wrote: null or a text where Karmada has a list makes an expression undefined, as
	// a field that is not there does. Any other failure is the rule's.
	for i := range failures {
		if failures[i].Code != topdown.TypeErr {
			return nil, &Failure{Place: placeOf(&failures[i]), err: &failures[i]}
		}
	}
	if len(results) != 1 { // a partial set is never undefined
		return nil, errors.New("the rules have no result")
	}
	var found []fleet.Finding
	for _, rule := range p.rules {
		for _, v := range results[0][ast.Var(rule.ID)].Value.(ast.Set).Slice() {
			finding, err := readViolation(v)
			if err != nil {
				return nil, fmt.Errorf("rule %q: %w", rule.ID, err)
			}
			found = append(found, e.complete(finding, rule, s))
		}
	}
	return found, nil
}

// Failure is an error of a rule. Its text may quote the object that was judged; Place says no more than where in the
// rules it is, and of what kind: "policy-active.rego:12: eval_builtin_error".
type Failure struct {
	Place string
	err   error
}

func (f *Failure) Error() string { return f.err.Error() }
func (f *Failure) Unwrap() error { return f.err }

func placeOf(e *topdown.Error) string {
	if e.Location == nil {
		return e.Code
	}
	return fmt.Sprintf("%s:%d: %s", e.Location.File, e.Location.Row, e.Code)
}

// complete fills in what a violation leaves to its rule and its subject.
func (e *Engine) complete(v violation, rule *Rule, s *fleet.Subject) fleet.Finding {
	found := fleet.Finding{
		Rule:     rule.ID,
		Severity: cmp.Or(e.severity[rule.ID], v.severity, rule.Severity),
		Message:  secret.Message(v.message),
		Fix:      cmp.Or(secret.Message(v.fix), rule.Fix),
		Object:   s.Object,
		Field:    v.field,
		Place:    place(v.origin, s),
	}
	if own := cmp.Or(v.severity, e.origins[rule.ID].Severity); own.Rank() > found.Severity.Rank() {
		found.Softened = own
	}
	if v.line > 0 {
		found.Place.Line, found.Place.Column = v.line, max(v.column, 1)
	}
	for _, r := range v.related {
		found.Related = append(found.Related, fleet.Related{
			Message: secret.Message(r.message), Field: r.field, Place: place(r.origin, s)})
	}
	for _, e := range v.edits {
		origin := found.Place.Origin
		if e.origin != nil {
			origin = *e.origin
		}
		found.Edits = append(found.Edits, fleet.Edit{Origin: origin, Field: e.field, Value: e.value})
	}
	return found
}

// place is where an origin lies, by default the subject's. Only an exception knows its line: it is in no object.
func place(origin *fleet.Origin, s *fleet.Subject) fleet.Place {
	if origin != nil {
		return fleet.Place{Origin: *origin}
	}
	p := fleet.Place{Origin: s.Origin}
	if x := s.Input.Exception; x != nil {
		p.Line, p.Column = x.Line, x.Column
	}
	return p
}

// describe names a subject in an error.
func describe(s *fleet.Subject) string {
	text := s.Kind
	for _, part := range []string{s.Object.Cluster, s.Object.Namespace, s.Object.Name} {
		if part != "" {
			text += " " + part
		}
	}
	if s.Origin.File != "" && s.Origin.File != s.Object.Name {
		text += " in " + s.Origin.File
	}
	return text
}
