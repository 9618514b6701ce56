package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// CheckAlone judges Karmada's objects by themselves, as far as the rules can: by those that read nothing but the object
// that they judge. What else the fleet has, and whether a cluster reconciles the objects, is nothing to them.
func (e *Engine) CheckAlone(ctx context.Context, f *fleet.Fleet) ([]fleet.Finding, error) {
	subjects := slices.DeleteFunc(f.SubjectsOf(e.onFiles.judge), func(s fleet.Subject) bool {
		return !strings.HasSuffix(s.Kind, ".karmada.io")
	})
	assignments := e.onFiles.assign(subjects)
	for i := range assignments {
		assignments[i].ruleSet = newRuleSet(slices.DeleteFunc(slices.Clone(assignments[i].rules), func(r *Rule) bool {
			return !e.readsOnlyItsObject(*r)
		}))
	}
	facts, stopped := newFacts(f), &stopped{}
	found, err := e.judge(ctx, facts, stopped, slices.DeleteFunc(assignments, func(h assignment) bool {
		return len(h.rules) == 0
	}))
	if err != nil {
		return nil, err
	}
	kept, _ := e.exceptions(f).except(merge(slices.Concat(found...)))
	nameClusters(kept)
	return kept, stopped.err()
}

// readsOnlyItsObject is true for a rule whose verdict hangs on the object alone.
func (e *Engine) readsOnlyItsObject(r Rule) bool {
	return !slices.ContainsFunc(e.mayRead(r), func(p fleet.Path) bool {
		if len(p) == 0 {
			return true
		}
		if p[0] == inputRoot {
			return len(p) == 1 || !slices.Contains([]string{"apiServer", "invalid", "object", "origin", "subject"},
				p[1])
		}
		// Whether a suspended Kustomization applies it.
		return p[0] == factsRoot && (len(p) != 7 || p[1] != "objects" || p[6] != "suspended")
	})
}
