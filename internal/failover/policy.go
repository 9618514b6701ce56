// Package failover says where Karmada runs an application's replicas, and where after the loss of member clusters, by
// Karmada's own arithmetic: the scheduler's placement of a PropagationPolicy, and what evicts from a lost cluster.
//
// It is held against Karmada's scheduler by a module of its own, failovertest.
package failover

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Policy is what of a PropagationPolicy or ClusterPropagationPolicy decides where replicas run, with Karmada's defaults
// filled in. The names are the API's own.
//
// Source: karmada-io/karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go.
type Policy struct {
	Placement Placement `json:"placement"`
	Failover  struct {
		Application *struct {
			DecisionConditions struct {
				TolerationSeconds *int64 `json:"tolerationSeconds"`
			} `json:"decisionConditions"`
			PurgeMode         string    `json:"purgeMode"`
			StatePreservation *struct{} `json:"statePreservation"`
		} `json:"application"`
		Cluster *struct {
			PurgeMode string `json:"purgeMode"`
		} `json:"cluster"`
	} `json:"failover"`
	Suspension struct {
		DispatchingOnClusters struct {
			ClusterNames []string `json:"clusterNames"`
		} `json:"dispatchingOnClusters"`
	} `json:"suspension"`
	PropagateDeps bool   `json:"propagateDeps"`
	SchedulerName string `json:"schedulerName"`
}

// Placement is spec.placement.
type Placement struct {
	ClusterAffinity    *Affinity          `json:"clusterAffinity"`
	ClusterAffinities  []Term             `json:"clusterAffinities"`
	ClusterTolerations []fleet.Toleration `json:"clusterTolerations"`
	SpreadConstraints  []Spread           `json:"spreadConstraints"`
	ReplicaScheduling  *Scheduling        `json:"replicaScheduling"`
	WorkloadAffinity   *struct {
		Affinity     *Grouped `json:"affinity"`
		AntiAffinity *Grouped `json:"antiAffinity"`
	} `json:"workloadAffinity"`
}

// Grouped names the label by whose value workloads belong together, or apart.
type Grouped struct {
	GroupByLabelKey string `json:"groupByLabelKey"`
}

// Affinity selects clusters.
type Affinity = fleet.ClusterAffinity

// Term is one group of clusterAffinities, with the tiers that overflow from it (Karmada 1.18).
type Term struct {
	AffinityName string `json:"affinityName"`
	Affinity
	OverflowAffinities []struct {
		Affinity
	} `json:"overflowAffinities"`
}

// Spread is a spread constraint.
type Spread struct {
	SpreadByField string `json:"spreadByField"`
	SpreadByLabel string `json:"spreadByLabel"`
	MaxGroups     int    `json:"maxGroups"`
	MinGroups     int    `json:"minGroups"`
}

// Scheduling is how replicas are divided.
type Scheduling struct {
	ReplicaSchedulingType     string `json:"replicaSchedulingType"`
	ReplicaDivisionPreference string `json:"replicaDivisionPreference"`
	WeightPreference          *struct {
		StaticWeightList []Weight `json:"staticWeightList"`
		DynamicWeight    string   `json:"dynamicWeight"`
	} `json:"weightPreference"`
}

// Weight is the weight of the clusters that an affinity selects.
type Weight struct {
	TargetCluster Affinity `json:"targetCluster"`
	Weight        int64    `json:"weight"`
}

// ParsePolicy reads a policy's object. An error names what cannot be read, as a variable where a number belongs.
//
// Source of the defaults: karmada-io/karmada v1.18.2 propagation_types.go:737, pkg/util/helper/policy.go:30 and 121.
func ParsePolicy(object map[string]any) (Policy, error) {
	data, err := json.Marshal(object["spec"])
	if err != nil {
		return Policy{}, fmt.Errorf("read the policy: %w", err)
	}
	var p Policy
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &p); errors.As(err, &wrong) {
		return Policy{}, fmt.Errorf("spec.%s is a %s", wrong.Field, wrong.Value)
	} else if err != nil {
		return Policy{}, fmt.Errorf("read the policy: %w", err)
	}
	for i := range p.Placement.SpreadConstraints {
		s := &p.Placement.SpreadConstraints[i]
		if s.SpreadByField == "" && s.SpreadByLabel == "" {
			s.SpreadByField = "cluster"
		}
		s.MinGroups, s.MaxGroups = max(s.MinGroups, 1), max(s.MaxGroups, 0)
	}
	if s := p.Placement.ReplicaScheduling; s != nil {
		if s.ReplicaSchedulingType == "" {
			s.ReplicaSchedulingType = "Divided"
		}
		if s.ReplicaSchedulingType == "Divided" && s.ReplicaDivisionPreference == "" {
			s.ReplicaDivisionPreference = "Weighted"
		}
	}
	return p, nil
}

// tier is where the cluster belongs in the term: 0 is the term itself, 1 and more its tiers, -1 nowhere. Where that is
// not known, it hangs on the property that is named.
func (t *Term) tier(m *fleet.Member, workload bool, minor int) (tier int, unseen string) {
	affinities := []*Affinity{&t.Affinity}
	if workload { // what needs no capacity never overflows
		for i := range t.OverflowAffinities {
			affinities = append(affinities, &t.OverflowAffinities[i].Affinity)
		}
	}
	for i, a := range affinities {
		switch state, property := a.Matches(m, minor); state {
		case fleet.Found:
			return i, ""
		case fleet.Unknown:
			return -1, property
		}
	}
	return -1, ""
}

// strategies of dividing replicas.
const (
	duplicated = "Duplicated"
	static     = "static weights"
	dynamic    = "dynamic weights"
	aggregated = "Aggregated"
)

// strategy is how the placement divides replicas.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/assignment.go newAssignState.
func (p *Placement) strategy() string {
	s := p.ReplicaScheduling
	switch {
	case s == nil || s.ReplicaSchedulingType == "Duplicated":
		return duplicated
	case s.ReplicaDivisionPreference == "Aggregated":
		return aggregated
	case s.WeightPreference != nil && s.WeightPreference.DynamicWeight != "":
		return dynamic
	}
	return static
}

// ignoresSpread: static weights leave spread constraints out.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters.go:57.
func (p *Placement) ignoresSpread() bool {
	s := p.ReplicaScheduling
	return s != nil && s.ReplicaSchedulingType == "Divided" && s.ReplicaDivisionPreference == "Weighted" &&
		(s.WeightPreference == nil || len(s.WeightPreference.StaticWeightList) > 0 &&
			s.WeightPreference.DynamicWeight == "")
}

// WeightOrder is the order in which the policy's static weights rank clusters, the heaviest first. It is empty where
// they rank none: each weight must be of one cluster that is named, all of them must differ, and no reason may be
// given for running on several.
func WeightOrder(policy fleet.Object) []string {
	p, err := ParsePolicy(policy.Content)
	annotations, _ := policy.Content["metadata"].(map[string]any)["annotations"].(map[string]any)
	if err != nil || p.Placement.ReplicaScheduling == nil || p.Placement.strategy() != static ||
		annotations["rollcall.dev/active-active"] != nil {
		return nil
	}
	weights := p.Placement.ReplicaScheduling.WeightPreference
	if weights == nil {
		return nil
	}
	list := slices.SortedFunc(slices.Values(weights.StaticWeightList), func(a, b Weight) int {
		return cmp.Compare(b.Weight, a.Weight)
	})
	var names []string
	for i, w := range list {
		to := w.TargetCluster
		one := len(to.ClusterNames) == 1 && to.LabelSelector == nil && to.FieldSelector == nil && len(to.Exclude) == 0
		if !one || slices.Contains(names, to.ClusterNames[0]) || i > 0 && list[i-1].Weight == w.Weight {
			return nil
		}
		names = append(names, to.ClusterNames[0])
	}
	if len(names) < 2 {
		return nil
	}
	return names
}
