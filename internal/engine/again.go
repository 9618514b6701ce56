package engine

import (
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Checked is a fleet that the rules have checked, and what each verdict rests on: so that when some of the fleet has
// changed only that is judged again which the change may bear on.
type Checked struct {
	// Findings are what Check finds, and Excepted what it would find as well if there were no exceptions. They share
	// nothing with what is kept.
	Findings, Excepted []fleet.Finding

	engine *Engine
	fleet  *fleet.Fleet
	// facts are those of the first fleet of the row: most of them are in the others too, and are converted once.
	facts    *facts
	paths    *pathTable
	verdicts map[subjectKey]*verdict
}

// subjectKey tells a subject from all others of its fleet. The id is that of an entity that no object of the fleet is.
type subjectKey struct {
	kind   string
	object fleet.ObjectRef
	id     string
}

func keyOf(s *fleet.Subject) subjectKey {
	key := subjectKey{kind: s.Kind, object: s.Object}
	switch in := &s.Input; {
	case in.Object != nil:
	case in.ControlPlane != nil:
		key.id = in.ControlPlane.ID
	case in.Kustomization != nil:
		key.id = in.Kustomization.ID
	}
	return key
}

// verdict is what the rules have found in a subject, and the facts that it rests on, as numbers of Checked.paths: those
// that stand, or may come to stand, in the subject's own input, and those that the rules have read.
type verdict struct {
	found []fleet.Finding
	facts []int
}

// maxChanged is how many facts may change before it is quicker to begin anew.
const maxChanged = 1000

// CheckAgain is Check of a fleet that shares most of its facts with the one that was checked last; last may be nil.
func (e *Engine) CheckAgain(ctx context.Context, last *Checked, f *fleet.Fleet) (*Checked, error) {
	var assignments []assignment
	var meanwhile errgroup.Group // it hands a panic on
	meanwhile.Go(func() error {
		assignments = e.onFiles.assign(f.SubjectsOf(e.onFiles.judge))
		return nil
	})
	next := &Checked{engine: e, fleet: f, facts: newFacts(f), paths: newPathTable()}
	facts, kept, touched := next.facts, map[subjectKey]*verdict(nil), []bool(nil)
	if last != nil && last.engine == e {
		if changed := last.fleet.Differences(f); len(changed) <= maxChanged {
			next.facts, next.paths = last.facts, last.paths
			facts, kept, touched = last.facts.overlaid(f), last.verdicts, last.paths.meeting(changed)
		}
	}
	if err := meanwhile.Wait(); err != nil {
		return nil, err
	}
	verdicts, found := make([]*verdict, len(assignments)), make([][]fleet.Finding, len(assignments))
	err := e.each(ctx, len(assignments), func(evaluate *evaluation, i int) (err error) {
		h := &assignments[i]
		if v := kept[keyOf(h.subject)]; v != nil && v.stands(touched) {
			verdicts[i], found[i] = v, v.found
			return nil
		}
		recorder := &recorder{facts: facts, read: h.subject.Facts()}
		evaluate.store = recorder
		if found[i], err = e.judgeOne(evaluate, h.ruleSet, h.subject); err != nil {
			return err
		}
		verdicts[i] = &verdict{found[i], next.paths.numbers(recorder.read)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	next.verdicts = make(map[subjectKey]*verdict, len(assignments))
	for i, v := range verdicts {
		next.verdicts[keyOf(assignments[i].subject)] = v
	}
	if next.Findings, next.Excepted, err = e.conclude(ctx, f, facts, nil, found); err != nil {
		return nil, err
	}
	for i := range next.Findings {
		next.Findings[i].Related = slices.Clone(next.Findings[i].Related)
	}
	return next, nil
}

// stands tells whether the rules would say the same of the subject: nothing that it rests on is touched.
func (v *verdict) stands(touched []bool) bool {
	return !slices.ContainsFunc(v.facts, func(number int) bool { return touched[number] })
}

// pathTable numbers paths of facts: subjects read the same ones. Safe for concurrent use.
type pathTable struct {
	mu     sync.Mutex
	paths  []fleet.Path
	number map[string]int
}

func newPathTable() *pathTable { return &pathTable{number: map[string]int{}} }

// numbers are those of the paths, each once.
func (t *pathTable) numbers(paths []fleet.Path) []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	numbers := make([]int, 0, len(paths))
	for _, path := range paths {
		key := strings.Join(path, "\x00")
		n, known := t.number[key]
		if !known {
			n = len(t.paths)
			t.number[key], t.paths = n, append(t.paths, path)
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return slices.Clip(slices.Compact(numbers))
}

// meeting tells of each path, by its number, whether it leads to one of the facts, or to something in it or around it.
func (t *pathTable) meeting(facts []fleet.Path) []bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	meets := make([]bool, len(t.paths))
	for i, path := range t.paths {
		meets[i] = slices.ContainsFunc(facts, path.Meets)
	}
	return meets
}
