package fleet

import "strings"

// Apart tells, of a fact that is an override policy, which other override policies it is nothing to: those that select
// none of the objects that it selects in one of the fleets.
func Apart(fact Path, fleets ...*Fleet) func(Subject) bool {
	if len(fact) < 5 || fact[0] != "objects" || !isOverride(fact[2]) {
		return func(Subject) bool { return false }
	}
	selected := map[key]bool{}
	each := func(p *Policy, do func(key) bool) bool {
		if p == nil {
			return false
		}
		for _, selection := range p.Selections {
			for _, o := range selection.Objects {
				if do(key{fact[1], o.Kind, o.Namespace, o.Name}) {
					return true
				}
			}
		}
		return false
	}
	kind, _, _ := strings.Cut(fact[2], ".")
	id := policyIDOf(ObjectRef{APIServer: fact[1], Kind: kind, Namespace: fact[3], Name: fact[4]})
	for _, f := range fleets {
		each(lookUp(f.Policies, id), func(k key) bool { selected[k] = true; return false })
	}
	return func(s Subject) bool {
		return isOverride(s.Kind) && s.Object.APIServer == fact[1] &&
			policyIDOf(s.Object) != id &&
			!each(s.Input.Policy, func(k key) bool { return selected[k] })
	}
}
