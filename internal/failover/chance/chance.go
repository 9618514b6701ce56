// Package chance makes up policies, fleets and losses, for the tests that hold package failover against Karmada's own
// scheduler.
package chance

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Case is one policy in one fleet, and what is lost.
type Case struct {
	// Spec is the policy's spec, as it is written.
	Spec map[string]any
	// Members are all member clusters; Lost are those that are lost, in this order.
	Members, Lost []string
	// Replicas of the workload.
	Replicas int
	// Capacity is for how many replicas each cluster has room; nil where that is unknown.
	Capacity map[string]int
}

// TaintKey is the key of the NoExecute taint that a lost cluster gets.
const TaintKey = "example.com/lost"

// New makes up a case, the same for the same seed. Minor is Karmada's version 1.minor: what it does not have is left out.
func New(seed uint64, minor int) Case {
	r := rand.New(rand.NewPCG(seed, 0))
	c := Case{Replicas: 1 + r.IntN(12)}
	for i := range 1 + r.IntN(5) {
		c.Members = append(c.Members, fmt.Sprintf("member-%d", i+1))
	}
	if r.IntN(2) == 0 {
		c.Capacity = map[string]int{}
		for _, name := range c.Members {
			c.Capacity[name] = r.IntN(2 + c.Replicas)
		}
	}
	m := maker{r, c.Members}
	scheduling := m.scheduling()
	placement := map[string]any{}
	if scheduling != nil {
		placement["replicaScheduling"] = scheduling
	}
	overflows := minor >= 18 && scheduling != nil && (scheduling["replicaDivisionPreference"] == "Aggregated" || isDynamic(scheduling))
	switch r.IntN(6) {
	case 0:
	case 1, 2, 3:
		placement["clusterAffinity"] = m.affinity()
	default:
		placement["clusterAffinities"] = m.groups(overflows)
	}
	if spread := m.spread(); spread != nil {
		placement["spreadConstraints"] = spread
	}
	if tolerations := m.tolerations(); tolerations != nil {
		placement["clusterTolerations"] = tolerations
	}
	c.Spec = map[string]any{"placement": placement}
	c.Lost = slices.Clone(c.Members)
	r.Shuffle(len(c.Lost), func(i, j int) { c.Lost[i], c.Lost[j] = c.Lost[j], c.Lost[i] })
	c.Lost = c.Lost[:r.IntN(1+min(3, len(c.Lost)))]
	return c
}

// Application is the case as package failover takes it: cluster failover is switched on.
func (c *Case) Application(minor int) (failover.Application, error) {
	p, err := failover.ParsePolicy(map[string]any{"spec": c.Spec})
	return failover.Application{Policy: p, Replicas: c.Replicas, Members: c.Members, Minor: minor, Capacity: c.Capacity,
		Switches:  map[string]fleet.State{"gate": fleet.Found, "eviction": fleet.Found, "taint": fleet.Found, "webhook": fleet.Found},
		TaintKeys: []string{TaintKey}}, err
}

type maker struct {
	*rand.Rand
	members []string
}

// some are some of the members, in any order, and at times a cluster that is none.
func (m maker) some() []any {
	var names []any
	for _, i := range m.Perm(len(m.members))[:1+m.IntN(len(m.members))] {
		names = append(names, m.members[i])
	}
	if m.IntN(8) == 0 {
		names = append(names, "no-member")
	}
	return names
}

func (m maker) affinity() map[string]any {
	a := map[string]any{}
	if m.IntN(6) > 0 {
		a["clusterNames"] = m.some()
	}
	if m.IntN(6) == 0 {
		a["exclude"] = m.some()
	}
	if m.IntN(10) == 0 {
		a["labelSelector"] = map[string]any{}
	}
	return a
}

func (m maker) groups(overflows bool) []any {
	var groups []any
	for i := range 1 + m.IntN(3) {
		group := m.affinity()
		group["affinityName"] = fmt.Sprintf("group-%d", i+1)
		if overflows && m.IntN(2) == 0 {
			var tiers []any
			for range 1 + m.IntN(2) {
				tiers = append(tiers, m.affinity())
			}
			group["overflowAffinities"] = tiers
		}
		groups = append(groups, group)
	}
	return groups
}

func (m maker) scheduling() map[string]any {
	switch m.IntN(9) {
	case 0:
		return nil
	case 1:
		return map[string]any{}
	case 2:
		return map[string]any{"replicaSchedulingType": "Duplicated"}
	case 3:
		return map[string]any{"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Aggregated"}
	case 4:
		return map[string]any{"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
			"weightPreference": map[string]any{"dynamicWeight": "AvailableReplicas"}}
	case 5:
		return map[string]any{"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted"}
	}
	var list []any
	for range 1 + m.IntN(5) {
		weight := []int{1, 1, 2, 3, 5, 10, 31, 100, 1000}[m.IntN(9)]
		list = append(list, map[string]any{"targetCluster": m.affinity(), "weight": weight})
	}
	return map[string]any{"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
		"weightPreference": map[string]any{"staticWeightList": list}}
}

func isDynamic(scheduling map[string]any) bool {
	preference, _ := scheduling["weightPreference"].(map[string]any)
	return preference["dynamicWeight"] != nil
}

func (m maker) spread() []any {
	switch m.IntN(12) {
	case 0:
		return []any{map[string]any{"spreadByLabel": "zone", "maxGroups": 1 + m.IntN(3)}}
	case 1, 2, 3, 4:
		constraint := map[string]any{}
		if m.IntN(2) == 0 {
			constraint["spreadByField"] = "cluster"
		}
		if m.IntN(6) > 0 {
			constraint["maxGroups"] = 1 + m.IntN(3)
		}
		if m.IntN(3) == 0 {
			constraint["minGroups"] = 1 + m.IntN(3)
		}
		return []any{constraint}
	}
	return nil
}

func (m maker) tolerations() []any {
	switch m.IntN(8) {
	case 0:
		return []any{map[string]any{"key": "cluster.karmada.io/unreachable", "operator": "Exists"}}
	case 1:
		return []any{map[string]any{"key": TaintKey, "operator": "Exists", "effect": "NoExecute"}}
	case 2:
		return []any{map[string]any{"key": TaintKey, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}}
	case 3:
		return []any{map[string]any{"operator": "Exists"}}
	}
	return nil
}
