// Package failover says where Karmada runs an application's replicas, and where after the loss of member clusters, by
// Karmada's own arithmetic: the scheduler's placement of a PropagationPolicy, and what evicts from a lost cluster.
//
// It is held against Karmada's scheduler by a module of its own, failovertest.
package failover

import (
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
		Application *struct{} `json:"application"`
		Cluster     *struct{} `json:"cluster"`
	} `json:"failover"`
	SchedulerName string `json:"schedulerName"`
}

// LabelSelector is Kubernetes' own.
type LabelSelector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []json.RawMessage `json:"matchExpressions"`
}

// Placement is spec.placement.
type Placement struct {
	ClusterAffinity    *Affinity    `json:"clusterAffinity"`
	ClusterAffinities  []Term       `json:"clusterAffinities"`
	ClusterTolerations []Toleration `json:"clusterTolerations"`
	SpreadConstraints  []Spread     `json:"spreadConstraints"`
	ReplicaScheduling  *Scheduling  `json:"replicaScheduling"`
	WorkloadAffinity   *struct{}    `json:"workloadAffinity"`
}

// Affinity selects clusters.
type Affinity struct {
	LabelSelector *LabelSelector `json:"labelSelector"`
	FieldSelector *struct {
		MatchExpressions []json.RawMessage `json:"matchExpressions"`
	} `json:"fieldSelector"`
	ClusterNames []string `json:"clusterNames"`
	Exclude      []string `json:"exclude"`
}

// Term is one group of clusterAffinities, with the tiers that overflow from it (Karmada 1.18).
type Term struct {
	AffinityName string `json:"affinityName"`
	Affinity
	OverflowAffinities []struct {
		Affinity
	} `json:"overflowAffinities"`
}

// Toleration is Kubernetes' own, of a cluster's taint.
type Toleration struct {
	Key               string `json:"key"`
	Operator          string `json:"operator"`
	Value             string `json:"value"`
	Effect            string `json:"effect"`
	TolerationSeconds *int64 `json:"tolerationSeconds"`
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
		s.MinGroups = max(s.MinGroups, 1)
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

// matches tells whether the affinity selects the cluster. What hangs on labels or fields of a Cluster object, which is
// seldom in Git, is unknown.
//
// Source: karmada-io/karmada v1.18.2 pkg/util/selector.go ClusterMatches.
func (a *Affinity) matches(cluster string) fleet.State {
	switch {
	case slices.Contains(a.Exclude, cluster), len(a.ClusterNames) > 0 && !slices.Contains(a.ClusterNames, cluster):
		return fleet.Missing
	case a.LabelSelector != nil && len(a.LabelSelector.MatchLabels)+len(a.LabelSelector.MatchExpressions) > 0,
		a.FieldSelector != nil && len(a.FieldSelector.MatchExpressions) > 0:
		return fleet.Unknown
	}
	return fleet.Found
}

// matches is where the cluster belongs in the term: 0 is the term itself, 1 and more its tiers, -1 nowhere.
func (t *Term) tier(cluster string, workload bool) (tier int, known bool) {
	affinities := []*Affinity{&t.Affinity}
	if workload { // what needs no capacity never overflows
		for i := range t.OverflowAffinities {
			affinities = append(affinities, &t.OverflowAffinities[i].Affinity)
		}
	}
	for i, a := range affinities {
		switch a.matches(cluster) {
		case fleet.Found:
			return i, true
		case fleet.Unknown:
			return -1, false
		}
	}
	return -1, true
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
		(s.WeightPreference == nil || len(s.WeightPreference.StaticWeightList) > 0 && s.WeightPreference.DynamicWeight == "")
}

// tolerates tells whether a taint of the key and the effect is tolerated, for however long.
//
// Source: k8s.io/api v0.36.4 core/v1/toleration.go ToleratesTaint.
func (p *Placement) tolerates(key, effect string) bool {
	return slices.ContainsFunc(p.ClusterTolerations, func(t Toleration) bool { return t.tolerates(key, effect) })
}

// toleratesForever tells whether a NoExecute taint of the key is tolerated without an end: of several tolerations the
// first counts.
//
// Source: karmada-io/karmada v1.18.2 pkg/controllers/cluster/taint_manager.go:181, pkg/util/helper/taint.go
// GetMatchingTolerations.
func (p *Placement) toleratesForever(key string) bool {
	i := slices.IndexFunc(p.ClusterTolerations, func(t Toleration) bool { return t.tolerates(key, "NoExecute") })
	return i >= 0 && p.ClusterTolerations[i].TolerationSeconds == nil
}

func (t Toleration) tolerates(key, effect string) bool {
	return (t.Effect == "" || t.Effect == effect) && (t.Key == "" || t.Key == key) && (t.Operator == "Exists" || t.Key != "" && t.Value == "")
}
