package fleet

import (
	"cmp"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/karmada"
)

const (
	overrideKind        = "OverridePolicy.policy.karmada.io"
	clusterOverrideKind = "ClusterOverridePolicy.policy.karmada.io"
)

func isOverride(kind string) bool { return kind == overrideKind || kind == clusterOverrideKind }

// maxTried is how many bytes of objects all instructions of all override policies are tried on, each
// policy with the same share.
const maxTried = 1 << 30

// effects are what the instructions of an override policy come to, each once, on the first object where it does.
func (f *Fleet) effects(policy Object) []OverrideEffect {
	var all []OverrideEffect
	idle, tried, left := map[string]int{}, 0, f.share(policy.APIServer) // how often an instruction changes nothing
	for _, selected := range f.selectedBy(policy) {
		object, ok := f.object(key{policy.APIServer, selected.Kind, selected.Namespace, selected.Name})
		if left -= costOf(object, policy); !ok || left < 0 {
			continue
		}
		tried++
		seen := map[string]bool{}
		for _, effect := range f.effectsOn(object, policy) {
			of := OverrideEffect{Field: effect.Field, Effect: string(effect.Kind), Message: effect.Message,
				Object: selected}
			id := jsonOf(effect.Field) + of.Effect
			if effect.Kind == karmada.Idle && !seen[id] {
				idle[id]++
			}
			seen[id] = true
			if !slices.ContainsFunc(all, func(o OverrideEffect) bool { return jsonOf(o.Field)+o.Effect == id }) {
				all = append(all, of)
			}
		}
	}
	return slices.DeleteFunc(all, func(o OverrideEffect) bool {
		return o.Effect == string(karmada.Idle) && idle[jsonOf(o.Field)+o.Effect] < tried
	})
}

// share is how much one override policy may cost.
func (f *Fleet) share(server string) int {
	policies := 1
	for _, kind := range []string{overrideKind, clusterOverrideKind} {
		for _, names := range f.Objects[server][kind] {
			policies += len(names)
		}
	}
	return maxTried / policies
}

// costOf is what it costs to try the instructions of a policy on an object: each writes the whole object anew.
func costOf(object, policy Object) int {
	instructions := 1
	for _, rule := range rulesOf(policy) {
		for _, list := range rule.overriders {
			entries, _ := list.([]any)
			for _, entry := range entries {
				instructions += 1 + len(listAt(entry, "yaml")) + len(listAt(entry, "json"))
			}
		}
	}
	return instructions * len(jsonOf(object.Content))
}

// selectedBy are the objects that a policy selects by its selectors, each once.
func (f *Fleet) selectedBy(policy Object) []Selected {
	var all []Selected
	for _, selection := range f.Policies[PolicyID(policy)].Selections {
		for _, selected := range selection.Objects {
			if !slices.ContainsFunc(all, func(s Selected) bool {
				return s.Kind == selected.Kind && s.Namespace == selected.Namespace && s.Name == selected.Name
			}) {
				all = append(all, selected)
			}
		}
	}
	return all
}

// effectsOn are those of a policy on one object. What fails on the object as Git has it, and not after all other
// overrides, is none: they may be for the same cluster.
func (f *Fleet) effectsOn(object, policy Object) []karmada.Effect {
	var effects []karmada.Effect
	for i, rule := range rulesOf(policy) {
		of := karmada.NewTemplate(object.Content).Apply(rule.overriders, rule.field)
		if slices.ContainsFunc(of, func(e karmada.Effect) bool { return e.Kind == karmada.Fails }) {
			template, known := f.afterOthers(object, policy, i)
			after := template.Apply(rule.overriders, rule.field)
			of = slices.DeleteFunc(of, func(e karmada.Effect) bool {
				return e.Kind == karmada.Fails && (!known || !slices.ContainsFunc(
					after, func(other karmada.Effect) bool {
						return other.Kind == karmada.Fails && slices.Equal(e.Field, other.Field)
					}))
			})
		}
		effects = append(effects, of...)
	}
	return effects
}

// afterOthers is the object after all overrides but one rule of a policy, in Karmada's order; false where
// one of them is not known.
//
// Source: karmada v1.18.2 pkg/util/overridemanager/overridemanager.go:96 and 204.
func (f *Fleet) afterOthers(object, policy Object, but int) (template karmada.Template, known bool) {
	template, known = karmada.NewTemplate(object.Content), true
	place := keyOf(object)
	left := f.share(place.server)
	others := append(f.maySelect(place), f.bySelector[selectorKey{server: place.server}]...)
	slices.SortFunc(others, key.compare) // those for the cluster first
	for _, by := range slices.Compact(others) {
		other, ok := f.object(by)
		if !ok || !isOverride(by.kind) ||
			by.kind == overrideKind && cmp.Or(other.Namespace, defaultNamespace) != cmp.Or(
				object.Namespace, defaultNamespace) {
			continue
		}
		own, spec := by == keyOf(policy), mapAt(other.Content, "spec")
		known = known && (own || !steers(spec["resourceSelectors"])) && !isText(spec["overrideRules"]) &&
			!isText(spec["overriders"])
		if len(listAt(spec, "resourceSelectors")) > 0 && !slices.ContainsFunc(
			f.selectedBy(other), func(s Selected) bool {
				return s.Kind == place.kind && s.Namespace == place.namespace && s.Name == place.name
			}) {
			continue
		}
		if left -= costOf(object, other); left < 0 {
			return template, false
		}
		for i, rule := range rulesOf(other) {
			if !own || i != but {
				known = known && !steers(rule.source)
				template.Apply(rule.overriders, rule.field)
			}
		}
	}
	return template, known
}

// steers is true where what an override does hangs on a variable: not where only a value has one.
func steers(part any) bool {
	switch part := part.(type) {
	case string:
		return hasVariable(part)
	case []any:
		return slices.ContainsFunc(part, steers)
	case map[string]any:
		for name, entry := range part {
			if name != "value" && steers(entry) {
				return true
			}
		}
	}
	return false
}

func isText(part any) bool {
	_, ok := part.(string)
	return ok
}

// overrideRule is one rule of an override policy, its overriders, and the field that leads to them.
type overrideRule struct {
	source     any
	overriders map[string]any
	field      []any
}

// rulesOf are the rules of an override policy; of the old form the one that it is.
func rulesOf(policy Object) []overrideRule {
	var rules []overrideRule
	for i, rule := range listAt(policy.Content, "spec", "overrideRules") {
		rules = append(rules, overrideRule{rule, mapAt(rule, "overriders"),
			[]any{"spec", "overrideRules", i, "overriders"}})
	}
	if len(rules) == 0 {
		rules = append(rules, overrideRule{at(policy.Content, "spec", "overriders"),
			mapAt(policy.Content, "spec", "overriders"), []any{"spec", "overriders"}})
	}
	return rules
}
