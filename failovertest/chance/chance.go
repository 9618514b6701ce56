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
	// Members are the names of all member clusters; Lost are those that are lost, in this order.
	Members, Lost []string
	// Clusters are the Cluster objects by name, TaintPolicies the ClusterTaintPolicies by age, as they are written.
	Clusters      map[string]map[string]any
	TaintPolicies []map[string]any
	// Replicas of the workload.
	Replicas int
	// Capacity is for how many replicas each cluster has room; nil where that is unknown.
	Capacity map[string]int
}

// TaintKey is the key of the NoExecute taint that a lost cluster mostly gets.
const TaintKey = "example.com/lost"

// New makes up a case, the same for the same seed. Minor is Karmada's version 1.minor: what it
// does not have is left out.
func New(seed uint64, minor int) Case {
	r := rand.New(rand.NewPCG(seed, 0))
	c := Case{Replicas: 1 + r.IntN(12), Clusters: map[string]map[string]any{}}
	for i := range 1 + r.IntN(5) {
		c.Members = append(c.Members, fmt.Sprintf("member-%d", i+1))
	}
	if r.IntN(2) == 0 {
		c.Capacity = map[string]int{}
		for _, name := range c.Members {
			c.Capacity[name] = r.IntN(2 + c.Replicas)
		}
	}
	m := maker{r, c.Members, r.IntN(3) > 0}
	for _, name := range c.Members {
		c.Clusters[name] = m.cluster(name)
	}
	c.TaintPolicies = m.taintPolicies()
	scheduling := m.scheduling()
	placement := map[string]any{}
	if scheduling != nil {
		placement["replicaScheduling"] = scheduling
	}
	overflows := minor >= 18 && scheduling != nil && (scheduling["replicaDivisionPreference"] == "Aggregated" ||
		isDynamic(scheduling))
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

// Application is the case as package failover takes it: cluster failover is switched on, and the
// fleet is built of the objects.
func (c *Case) Application(minor int) (failover.Application, error) {
	p, err := failover.ParsePolicy(map[string]any{"spec": c.Spec})
	a := failover.Application{Policy: p, Replicas: c.Replicas, Minor: minor, Capacity: c.Capacity,
		Switches: map[string]fleet.State{"gate": fleet.Found, "eviction": fleet.Found, "taint": fleet.Found,
			"webhook": fleet.Found}}
	f := c.fleet(minor)
	for _, name := range c.Members {
		a.Members = append(a.Members, f.Members[name])
	}
	return a, err
}

// fleet has the objects at one API server, which Karmada's operator brings.
func (c *Case) fleet(minor int) *fleet.Fleet {
	tree := &fleet.Tree{Clusters: []fleet.Cluster{{Name: "hub", Entry: "clusters/hub"}}}
	add := func(group, kind, namespace, name string, content map[string]any) {
		tree.Objects = append(tree.Objects, &fleet.Object{
			ID: kind + "/" + name, Cluster: "hub", APIServer: "hub", Group: group, Kind: kind,
			Namespace: namespace, Name: name, Content: content})
	}
	add("operator.karmada.io", "Karmada", "karmada-system", "karmada", map[string]any{"spec": map[string]any{}})
	for name, content := range c.Clusters {
		add("cluster.karmada.io", "Cluster", "", name, content)
	}
	for i, content := range c.TaintPolicies {
		add("policy.karmada.io", "ClusterTaintPolicy", "", fmt.Sprintf("taint-%d", i), content)
	}
	return fleet.Build(tree, fleet.Declared{KarmadaVersion: fmt.Sprintf("1.%d", minor)})
}

type maker struct {
	*rand.Rand
	members []string
	// plain: nothing but names and one taint policy.
	plain bool
}

func (m maker) pick(texts ...string) string { return texts[m.IntN(len(texts))] }

// cluster is a Cluster object.
func (m maker) cluster(name string) map[string]any {
	spec := map[string]any{"syncMode": m.pick("Push", "Pull")}
	labels := map[string]any{}
	if !m.plain {
		for _, key := range []string{"tier", "site"} {
			if m.IntN(2) == 0 {
				labels[key] = m.pick("a", "b")
			}
		}
		if m.IntN(4) > 0 {
			spec["region"] = m.pick("r1", "r2", "r3")
		}
		if m.IntN(3) > 0 {
			spec["provider"] = m.pick("p1", "p2")
		}
		var zones []any
		for _, zone := range []string{"z1", "z2", "z3"} {
			if m.IntN(3) == 0 {
				zones = append(zones, zone)
			}
		}
		if zones != nil {
			spec["zones"] = zones
		}
		if m.IntN(5) == 0 {
			spec["taints"] = []any{m.taint(m.pick("NoSchedule", "PreferNoSchedule"))}
		}
	}
	return map[string]any{"metadata": map[string]any{"name": name, "labels": labels}, "spec": spec}
}

func (m maker) taint(effect string) map[string]any {
	taint := map[string]any{"key": m.pick(TaintKey, "example.com/gone"), "effect": effect}
	if m.IntN(3) == 0 {
		taint["value"] = m.pick("x", "y")
	}
	return taint
}

// taintPolicies are mostly the one that is meant; else any.
func (m maker) taintPolicies() []map[string]any {
	condition := func(kind, operator string, values ...any) any {
		return map[string]any{"conditionType": kind, "operator": operator, "statusValues": values}
	}
	if m.plain || m.IntN(2) == 0 {
		return []map[string]any{{"spec": map[string]any{"addOnConditions": []any{condition("Ready", "NotIn", "True")},
			"removeOnConditions": []any{condition("Ready", "In", "True")},
			"taints":             []any{map[string]any{"key": TaintKey, "effect": "NoExecute"}}}}}
	}
	conditions := func() []any {
		var all []any
		for range 1 + m.IntN(2) {
			c := condition(m.pick("Ready", "Ready", "Ready", "CompleteAPIEnablements", "Other"), m.pick("In", "NotIn"),
				m.pick("True", "False", "Unknown"))
			if m.IntN(3) == 0 {
				c.(map[string]any)["statusValues"] = []any{"False", "Unknown"}
			}
			all = append(all, c)
		}
		return all
	}
	var all []map[string]any
	for range 1 + m.IntN(3) {
		spec := map[string]any{"taints": []any{m.taint(m.pick("NoExecute", "NoExecute", "NoSchedule"))}}
		if m.IntN(8) > 0 {
			spec["addOnConditions"] = conditions()
		}
		if m.IntN(3) == 0 {
			spec["removeOnConditions"] = conditions()
		}
		if m.IntN(2) == 0 {
			spec["targetClusters"] = m.affinity()
		}
		all = append(all, map[string]any{"spec": spec})
	}
	return all
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
	if !m.plain && m.IntN(3) == 0 {
		a["labelSelector"] = m.pickMap(
			map[string]any{"matchLabels": map[string]any{m.pick("tier", "site"): m.pick("a", "b")}},
			map[string]any{"matchExpressions": []any{map[string]any{
				"key": m.pick("tier", "site"), "operator": m.pick("Exists", "DoesNotExist")}}},
			map[string]any{"matchExpressions": []any{map[string]any{
				"key": m.pick("tier", "site"), "operator": m.pick("In", "NotIn"),
				"values": []any{m.pick("a", "b")}}}})
	}
	if !m.plain && m.IntN(3) == 0 {
		var all []any
		for range 1 + m.IntN(2) {
			key := m.pick("provider", "region", "zone")
			values := map[string][]any{"provider": {"p1", "p3"}, "region": {"r1", "r2"}, "zone": {"z1", "z2"}}[key]
			all = append(all, map[string]any{"key": key, "operator": m.pick("In", "NotIn"),
				"values": values[:1+m.IntN(2)]})
		}
		a["fieldSelector"] = map[string]any{"matchExpressions": all}
	}
	return a
}

func (m maker) pickMap(maps ...map[string]any) map[string]any { return maps[m.IntN(len(maps))] }

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
	if !m.plain && m.IntN(3) == 0 {
		field := m.pick("region", "region", "region", "zone", "provider")
		least := 1 + m.IntN(2)
		all := []any{map[string]any{"spreadByField": field, "minGroups": least, "maxGroups": least + m.IntN(2)}}
		if m.IntN(8) > 0 {
			least = 1 + m.IntN(3)
			all = append(all, map[string]any{"spreadByField": "cluster", "minGroups": least,
				"maxGroups": least + m.IntN(3)})
		}
		return all
	}
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
		return []any{map[string]any{"key": TaintKey, "operator": "Exists", "effect": "NoExecute",
			"tolerationSeconds": 60}}
	case 3:
		return []any{map[string]any{"operator": "Exists"}}
	case 4:
		if m.plain {
			break
		}
		var all []any
		for range 1 + m.IntN(3) {
			t := map[string]any{"key": m.pick(TaintKey, "example.com/gone", "cluster.karmada.io/not-ready"),
				"operator": m.pick("Equal", "Exists", "Exists")}
			if t["operator"] == "Equal" && m.IntN(2) == 0 {
				t["value"] = m.pick("x", "y")
			}
			if m.IntN(2) == 0 {
				t["effect"] = m.pick("NoExecute", "NoSchedule")
			}
			if m.IntN(3) == 0 {
				t["effect"], t["tolerationSeconds"] = "NoExecute", m.IntN(3)*30
			}
			all = append(all, t)
		}
		return all
	}
	return nil
}
