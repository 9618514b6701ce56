package fleet

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Standing is whether a policy places a workload at all.
type Standing string

// Standings. Places is one where nothing tells otherwise.
const (
	Places   Standing = ""
	Refused  Standing = "refused" // Karmada refuses the policy
	Idle     Standing = "idle"    // it is suspended, or another policy claims the workload
	Doubtful Standing = "unknown" // Karmada refuses it or not, by its version, which is not known
)

// Standings gives a function that tells whether a policy places a workload, and why not. It remembers the
// policies that it was asked about.
func (f *Fleet) Standings() func(policy Object, w Workload) (Standing, string) {
	type verdict struct {
		standing Standing
		why      string
	}
	known := map[string]verdict{}
	accepted := func(policy Object) verdict {
		id := PolicyID(policy)
		v, ok := known[id]
		if !ok {
			v.standing, v.why = f.accepted(policy)
			known[id] = v
		}
		return v
	}
	return func(policy Object, w Workload) (Standing, string) {
		if v := accepted(policy); v.standing != Places {
			return v.standing, v.why
		}
		if namespace := cmp.Or(w.Namespace, policy.Namespace); f.skips(policy.APIServer, namespace) {
			return Idle, fmt.Sprintf("Karmada propagates nothing from namespace %q", namespace)
		}
		if suspended, _ := at(policy.Content, "spec", "suspension", "dispatching").(bool); suspended {
			return Idle, "spec.suspension.dispatching holds everything back"
		}
		if of := f.Policies[PolicyID(policy)].Selections; len(of) > 0 &&
			!slices.ContainsFunc(of, func(s Selection) bool { return s.State != Missing }) {
			return Idle, "there is nothing of what it selects"
		}
		claims := f.Claims[policy.APIServer][w.Kind][w.Namespace][w.Name]
		if len(claims) < 2 {
			return Places, ""
		}
		claims = slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool {
			object, ok := f.object(key{policy.APIServer, GroupKind(policyGroup, c.Kind), c.Namespace, c.Name})
			return ok && accepted(object).standing == Refused
		})
		first := slices.MinFunc(claims, precedes)
		if first.Policy == PolicyID(policy) {
			return Places, ""
		}
		return Idle, fmt.Sprintf("the %s %q claims it first", first.Kind, first.Name)
	}
}

// accepted tells whether Karmada takes a policy, and the first reason why not.
func (f *Fleet) accepted(policy Object) (Standing, string) {
	doubt := ""
	for _, p := range f.invalid(policy) {
		if p.NotBefore == 0 {
			return Refused, "Karmada refuses the policy: " + p.Message
		}
		if doubt == "" {
			doubt = fmt.Sprintf(
				"Karmada 1.%d refuses the policy, older versions do not, and the version is not in Git: %s",
				p.NotBefore, p.Message)
		}
	}
	if doubt != "" {
		return Doubtful, doubt
	}
	return Places, ""
}

// skips tells whether Karmada leaves a namespace alone.
//
// Source: karmada v1.18.2 pkg/detector/detector.go:276, pkg/util/names/names.go:189 (IsReservedNamespace).
func (f *Fleet) skips(server, namespace string) bool {
	return namespace == systemNamespace || namespace == "karmada-cluster" ||
		strings.HasPrefix(namespace, "karmada-es-") ||
		slices.ContainsFunc(f.controlPlaneOf(server).SkippedNamespaces, func(pattern string) bool {
			of, err := regexp.Compile("^" + pattern + "$")
			return err == nil && of.MatchString(namespace)
		})
}

// precedes orders the claims of one object: a PropagationPolicy's before a ClusterPropagationPolicy's, then by
// spec.priority, by how telling the selector is, and by name.
//
// Source: karmada v1.18.2 pkg/detector/detector.go:245 (propagateResource), pkg/detector/compare.go:40
// (getHighestPriorityPropagationPolicy).
func precedes(a, b Claim) int {
	telling := []string{byName, byLabels, byKind}
	return cmp.Or(-cmp.Compare(a.Kind, b.Kind), -cmp.Compare(a.Priority, b.Priority),
		cmp.Compare(slices.Index(telling, a.By), slices.Index(telling, b.By)), cmp.Compare(a.Name, b.Name))
}
