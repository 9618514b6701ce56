package failover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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

// reader reads policies of a fleet, and keeps what several have in common.
type reader struct {
	f *fleet.Fleet
	// known are the members that a Cluster object, an agent or the configuration names, by name.
	known []fleet.Member
	// chosen are those of them that a placement may use, by the placement.
	chosen map[string][]fleet.Member
}

func newReader(f *fleet.Fleet) *reader {
	r := &reader{f: f, chosen: map[string][]fleet.Member{}}
	for _, name := range f.Membership.Names {
		m := f.Members[name]
		if m.Declared || m.Registered || m.Live != nil || len(m.Agents)+len(m.Suspended)+len(m.Stray) > 0 {
			r.known = append(r.known, m)
		}
	}
	return r
}

// of is a policy's application to a workload. An error says what of the policy cannot be read.
func (r *reader) of(policy fleet.Object, key string) (Application, fleet.State, error) {
	p, err := ParsePolicy(policy.Content)
	if err != nil {
		return Application{}, "", err
	}
	a := Application{Policy: p, Order: r.f.FailoverOrder, Minor: fleet.MinorOf(r.f.KarmadaVersion)}
	preferred := preference(&p.Placement)
	if len(a.Order) == 0 {
		a.Order = preferred
	}
	gated := fleet.Unknown
	if plane, ok := controlPlane(r.f, policy.APIServer); ok {
		a.Switches, a.Minor = plane.FailoverArmed, cmp.Or(fleet.MinorOf(plane.Version), a.Minor)
		gated = gate(plane, "WorkloadAffinity")
	}
	members, ok := r.chosen[key]
	if !ok {
		for i := range r.known {
			if a.allows(&r.known[i]) {
				members = append(members, r.known[i])
			}
		}
		r.chosen[key] = members
	}
	a.Members, a.Strangers = members, r.strangers(preferred)
	for i := range a.Members {
		if a.Members[i].Host {
			a.Hosts = append(a.Hosts, a.Members[i].Name)
		}
	}
	return a, gated, nil
}

// strangers are the clusters that a policy names and that may be members, where the list of these leaves a doubt.
func (r *reader) strangers(preferred []string) (all []string) {
	for _, name := range preferred {
		_, shown := slices.BinarySearchFunc(r.known, name, func(m fleet.Member, name string) int {
			return cmp.Compare(m.Name, name)
		})
		m, listed := r.f.Members[name]
		if !shown && (listed && !m.MereHost || !listed && !r.f.Membership.Certain) {
			all = append(all, name)
		}
	}
	return all
}

// gate is the state of a feature gate of the controller manager that is off by default.
func gate(plane fleet.ControlPlane, name string) fleet.State {
	switch on, set := plane.FeatureGates[name]; {
	case on:
		return fleet.Found
	case !set && plane.GatesState != fleet.Found:
		return fleet.Unknown
	}
	return fleet.Missing
}

// grouped tells whether the workload has one of the labels by which others are kept near it, or away.
//
// Source: karmada-io/karmada v1.18.2 pkg/detector/detector.go:794 (getWorkloadAffinityGroups).
func grouped(p *Placement, labels map[string]string) bool {
	if p.WorkloadAffinity == nil {
		return false
	}
	for _, by := range []*Grouped{p.WorkloadAffinity.Affinity, p.WorkloadAffinity.AntiAffinity} {
		if by != nil {
			if _, ok := labels[by.GroupByLabelKey]; ok {
				return true
			}
		}
	}
	return false
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
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name], once = true, append(once, name)
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

// Steps checks steps that somebody asks for against the fleet, and fills in the clusters of a region. An
// error says what is not there.
func Steps(f *fleet.Fleet, steps []Step) ([]Step, error) {
	checked := slices.Clone(steps)
	for i, s := range checked {
		if s.Kind != LoseRegion {
			continue
		}
		var regions []string
		for _, name := range f.Membership.Names {
			m := f.Members[name]
			regions = append(regions, m.Region)
			if m.Region == s.Region && s.Region != "" {
				checked[i].Clusters = append(checked[i].Clusters, name)
			}
		}
		if len(checked[i].Clusters) == 0 {
			slices.Sort(regions)
			regions = slices.DeleteFunc(slices.Compact(regions), func(r string) bool { return r == "" })
			return nil, fmt.Errorf("--lose-region %s: Git shows no member in that region; the fleet has %s", s.Region,
				cmp.Or(strings.Join(regions, ", "), "none"))
		}
	}
	return checked, nil
}
