package rules

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
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Check judges the subjects of f. The findings are sorted by place, rule and message; what several clusters have from
// one shared file is found once. A finding's Place has no lines yet, but for findings about exceptions.
//
// An error means that the rules could not finish: ctx is done, a built-in failed, or a violation has not the form of one.
func (e *Engine) Check(ctx context.Context, f *fleet.Fleet) ([]fleet.Finding, error) {
	return e.check(ctx, f, f.Subjects())
}

func (e *Engine) check(ctx context.Context, f *fleet.Fleet, subjects []fleet.Subject) ([]fleet.Finding, error) {
	facts := newFacts(f)
	found, err := e.judge(ctx, facts, subjects)
	if err != nil {
		return nil, err
	}
	kept, exceptions := e.except(merge(found), f)
	about, err := e.judge(ctx, facts, exceptions)
	if err != nil {
		return nil, err
	}
	return merge(append(kept, about...)), nil
}

// judge evaluates the rules about each subject, on all processors.
func (e *Engine) judge(ctx context.Context, facts *facts, subjects []fleet.Subject) ([]fleet.Finding, error) {
	var judged []*fleet.Subject
	for i := range subjects {
		if len(e.kinds[subjects[i].Kind].rules) > 0 {
			judged = append(judged, &subjects[i])
		}
	}
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()

	var (
		next    atomic.Int64
		failed  atomic.Bool
		workers sync.WaitGroup
		found   = make([][]fleet.Finding, len(judged))
		errs    = make([]error, len(judged))
	)
	for range min(runtime.GOMAXPROCS(0), len(judged)) {
		workers.Go(func() {
			enc := newEncoder()
			// Subjects are taken in order, so that the first that fails is always among those that were tried.
			for i := int(next.Add(1)) - 1; i < len(judged) && !failed.Load(); i = int(next.Add(1)) - 1 {
				if found[i], errs[i] = e.judgeOne(ctx, cancel, facts, enc, judged[i]); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("check the rules: %w", err)
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("judge %s: %w", describe(judged[i]), err)
		}
	}
	return slices.Concat(found...), nil
}

func (e *Engine) judgeOne(ctx context.Context, cancel topdown.Cancel, facts *facts, enc *encoder, s *fleet.Subject) ([]fleet.Finding, error) {
	input, err := enc.encode(&s.Input)
	if err != nil {
		return nil, err
	}
	clear(enc.seen) // else every input would be kept to the end
	k := e.kinds[s.Kind]
	results, err := topdown.NewQuery(k.query).
		WithCompiler(e.compiler).
		WithStore(facts).
		WithTransaction(transaction{}).
		WithInput(input).
		WithStrictBuiltinErrors(true).
		WithCancel(cancel).
		WithMetrics(metrics.NoOp()).
		Run(ctx)
	if err != nil {
		return nil, err
	}
	if len(results) != 1 { // a partial set is never undefined
		return nil, errors.New("the rules have no result")
	}
	var found []fleet.Finding
	sets := results[0][violations].Value.(*ast.Array)
	for i, rule := range k.rules {
		for _, v := range sets.Elem(i).Value.(ast.Set).Slice() {
			finding, err := readViolation(v)
			if err != nil {
				return nil, fmt.Errorf("rule %q: %w", rule.ID, err)
			}
			found = append(found, e.complete(finding, rule, s))
		}
	}
	return found, nil
}

// complete fills in what a violation leaves to its rule and its subject.
func (e *Engine) complete(v violation, rule Rule, s *fleet.Subject) fleet.Finding {
	found := fleet.Finding{
		Rule:     rule.ID,
		Severity: cmp.Or(e.severity[rule.ID], v.severity, rule.Severity),
		Message:  v.message,
		Fix:      cmp.Or(v.fix, rule.Fix),
		Object:   s.Object,
		Field:    v.field,
		Place:    place(v.origin, s),
	}
	if v.line > 0 {
		found.Place.Line, found.Place.Column = v.line, max(v.column, 1)
	}
	for _, r := range v.related {
		found.Related = append(found.Related, fleet.Related{Message: r.message, Field: r.field, Place: place(r.origin, s)})
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
