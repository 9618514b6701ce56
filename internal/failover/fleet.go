package failover

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// policyKinds are the kinds that place objects.
var policyKinds = []string{"ClusterPropagationPolicy.policy.karmada.io", "PropagationPolicy.policy.karmada.io"}

// Policies are all policies of the fleet, by API server, namespace and name.
func Policies(f *fleet.Fleet) []fleet.Object {
	var all []fleet.Object
	for _, server := range slices.Sorted(maps.Keys(f.Objects)) {
		for _, kind := range policyKinds {
			namespaces := f.Objects[server][kind]
			for _, namespace := range slices.Sorted(maps.Keys(namespaces)) {
				for _, name := range slices.Sorted(maps.Keys(namespaces[namespace])) {
					all = append(all, *namespaces[namespace][name])
				}
			}
		}
	}
	return all
}

// Of is the application of a policy, as far as the fleet shows it. An error says what of the policy cannot be read.
func Of(f *fleet.Fleet, policy fleet.Object) (Application, error) {
	p, err := ParsePolicy(policy.Content)
	if err != nil {
		return Application{}, err
	}
	a := Application{Policy: p, Members: members(f, &p.Placement), Replicas: replicas(f, policy), Order: f.FailoverOrder}
	if len(a.Order) == 0 {
		a.Order = preference(&p.Placement)
	}
	if plane, ok := controlPlane(f, policy.APIServer); ok {
		a.Switches, a.Minor = plane.FailoverArmed, minor(plane.Version)
		a.TaintKeys = taintKeys(f, plane)
	}
	for _, name := range a.Members {
		if f.Members[name].Host {
			a.Hosts = append(a.Hosts, name)
		}
	}
	return a, nil
}

// members are the fleet's; where the list leaves a doubt, or there is none, the clusters that the policy names too.
func members(f *fleet.Fleet, p *Placement) []string {
	names := slices.Clone(f.Membership.Names)
	if !f.Membership.Certain && f.Membership.Basis != "declared" {
		for _, name := range preference(p) {
			if !strings.Contains(name, "$") {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// preference is the order in which a policy prefers the clusters that it names.
func preference(p *Placement) []string {
	var names []string
	if s := p.ReplicaScheduling; s != nil && s.WeightPreference != nil && p.strategy() == static {
		weights := slices.Clone(s.WeightPreference.StaticWeightList)
		slices.SortStableFunc(weights, func(a, b Weight) int { return cmp.Compare(b.Weight, a.Weight) })
		for _, w := range weights {
			names = append(names, w.TargetCluster.ClusterNames...)
		}
	}
	if p.ClusterAffinity != nil {
		names = append(names, p.ClusterAffinity.ClusterNames...)
	}
	for _, group := range p.ClusterAffinities {
		names = append(names, group.ClusterNames...)
		for _, tier := range group.OverflowAffinities {
			names = append(names, tier.ClusterNames...)
		}
	}
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// controlPlane is the one that serves the API server; where nothing tells, the only one there is.
func controlPlane(f *fleet.Fleet, server string) (fleet.ControlPlane, bool) {
	if plane, ok := f.ControlPlanes[f.APIServers[server].ControlPlane]; ok {
		return plane, true
	}
	if len(f.ControlPlanes) == 1 {
		for _, plane := range f.ControlPlanes {
			return plane, true
		}
	}
	return fleet.ControlPlane{}, false
}

// minor is y of a version 1.y; 0 where it is unknown.
func minor(version string) int {
	rest, ok := strings.CutPrefix(version, "1.")
	text, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		return 0
	}
	return n
}

// taintKeys are the keys of the NoExecute taints that the control plane's ClusterTaintPolicies add.
func taintKeys(f *fleet.Fleet, plane fleet.ControlPlane) (keys []string) {
	for _, server := range plane.APIServers {
		for _, names := range f.Objects[server]["ClusterTaintPolicy.policy.karmada.io"] {
			for _, policy := range names {
				spec, _ := policy.Content["spec"].(map[string]any)
				taints, _ := spec["taints"].([]any)
				for _, taint := range taints {
					if t, _ := taint.(map[string]any); t["effect"] == "NoExecute" {
						if key, _ := t["key"].(string); key != "" {
							keys = append(keys, key)
						}
					}
				}
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// workloads are the kinds that have replicas, with the field that says how many.
var workloads = map[string]string{"Deployment.apps": "replicas", "StatefulSet.apps": "replicas", "ReplicaSet.apps": "replicas", "Job.batch": "parallelism"}

// assumed is how many replicas a workload that is not in Git has here: the fewest that can be split.
const assumed = 2

// replicas is how many the largest workload asks for that the policy selects.
func replicas(f *fleet.Fleet, policy fleet.Object) int {
	most := 0
	for _, selection := range f.Policies[fleet.PolicyID(policy)].Selections {
		field, ok := workloads[selection.Kind]
		if ok && len(selection.Objects) == 0 {
			most = max(most, assumed)
		}
		for _, o := range selection.Objects {
			object := f.Objects[policy.APIServer][o.Kind][o.Namespace][o.Name]
			if spec, _ := object.Content["spec"].(map[string]any); ok {
				most = max(most, count(spec[field]))
			}
		}
	}
	return cmp.Or(most, assumed)
}

// count is a number of replicas; one where nothing is said. Kubernetes has an int32 there, and refuses what is none.
func count(v any) int {
	switch n := v.(type) {
	case int:
		return min(max(n, 0), math.MaxInt32)
	case int64:
		return int(min(max(n, 0), math.MaxInt32))
	case float64:
		return int(min(max(n, 0), math.MaxInt32))
	}
	return 1
}
