package fleet

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// ClusterAffinity selects member clusters. The names are the API's own.
//
// Source: karmada v1.18.2 pkg/apis/policy/v1alpha1/propagation_types.go (ClusterAffinity).
type ClusterAffinity struct {
	LabelSelector *metav1.LabelSelector `json:"labelSelector"`
	FieldSelector *struct {
		MatchExpressions []FieldRequirement `json:"matchExpressions"`
	} `json:"fieldSelector"`
	ClusterNames []string `json:"clusterNames"`
	Exclude      []string `json:"exclude"`
}

// FieldRequirement asks for the provider, the region or a zone of a Cluster.
type FieldRequirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

// Properties of a Cluster that an affinity may ask for.
const (
	LabelsProperty   = "labels"
	ProviderProperty = "provider"
	RegionProperty   = "region"
	ZonesProperty    = "zones"
)

var properties = []string{LabelsProperty, ProviderProperty, RegionProperty, ZonesProperty}

// Matches tells whether the affinity selects a member in Karmada 1.minor, where 0 is unknown and counts as the newest.
// Where that is unknown, it hangs on the property that is named.
//
// Source: karmada v1.18.2 pkg/util/selector.go:97 (ClusterMatches); v1.17.5 pkg/util/selector.go matchZones: there all
// zones of a Cluster had to be among the values.
func (a *ClusterAffinity) Matches(m *Member, minor int) (State, string) {
	if slices.Contains(a.Exclude, m.Name) || len(a.ClusterNames) > 0 && !slices.Contains(a.ClusterNames, m.Name) {
		return Missing, ""
	}
	unseen := ""
	if s := a.LabelSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
		chosen, err := metav1.LabelSelectorAsSelector(s)
		switch {
		case err != nil:
			return Missing, ""
		case slices.Contains(m.Unseen, LabelsProperty):
			unseen = LabelsProperty
		case !chosen.Matches(labels.Set(m.Labels)):
			return Missing, ""
		}
	}
	if a.FieldSelector != nil {
		for _, r := range a.FieldSelector.MatchExpressions {
			switch property, fits := r.matches(m, minor); {
			case slices.Contains(m.Unseen, property):
				unseen = property
			case !fits:
				return Missing, ""
			}
		}
	}
	if unseen != "" {
		return Unknown, unseen
	}
	return Found, ""
}

// matches tells which property the requirement asks for, and whether the member has it.
func (r *FieldRequirement) matches(m *Member, minor int) (property string, fits bool) {
	if r.Key == "zone" {
		return ZonesProperty, r.matchesZones(m.Zones, minor)
	}
	fields := labels.Set{}
	if m.Provider != "" {
		fields[ProviderProperty] = m.Provider
	}
	if m.Region != "" {
		fields[RegionProperty] = m.Region
	}
	operator, ok := map[string]selection.Operator{"In": selection.In, "NotIn": selection.NotIn,
		"Exists":       selection.Exists,
		"DoesNotExist": selection.DoesNotExist, "Gt": selection.GreaterThan, "Lt": selection.LessThan}[r.Operator]
	requirement, err := labels.NewRequirement(r.Key, operator, r.Values)
	return r.Key, ok && err == nil && requirement.Matches(fields)
}

func (r *FieldRequirement) matchesZones(zones []string, minor int) bool {
	listed := func(zone string) bool { return slices.Contains(r.Values, zone) }
	switch r.Operator {
	case "In":
		if minor > 0 && minor < 18 {
			return len(zones) > 0 && !slices.ContainsFunc(zones, func(zone string) bool { return !listed(zone) })
		}
		return slices.ContainsFunc(zones, listed)
	case "NotIn":
		return !slices.ContainsFunc(zones, listed)
	case "Exists":
		return len(zones) > 0
	case "DoesNotExist":
		return len(zones) == 0
	}
	return false
}
