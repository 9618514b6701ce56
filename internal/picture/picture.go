// Package picture draws a fleet as Git has it: its Flux clusters, Karmada's control planes and members, what runs
// where, and where findings are.
package picture

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Schema is what a picture's JSON says that it is.
const Schema = "rollcall.dev/map/v1"

// Picture is a fleet.
type Picture struct {
	Schema   string    `json:"schema"`
	Clusters []Cluster `json:"clusters"`
	// Planes are Karmada's control planes that Git shows, Members its member clusters.
	Planes  []Plane  `json:"controlPlanes"`
	Members []Member `json:"members"`
	// Policies are those that place something, with one of their workloads each; LeftOut counts further ones.
	Policies []Policy `json:"policies"`
	LeftOut  int      `json:"policiesLeftOut"`
	// Unreached are folders with manifests that no cluster reconciles.
	Unreached []string `json:"unreached"`
	// Elsewhere are the findings that belong to none of the above.
	Elsewhere Findings `json:"findingsElsewhere"`
}

// Findings counts findings by their severity.
type Findings struct {
	Errors   int `json:"error"`
	Warnings int `json:"warning"`
	Infos    int `json:"info"`
}

// Cluster is a Flux cluster.
type Cluster struct {
	Name string `json:"name"`
	// Entry is the folder that Flux starts from; Started is false where nothing tells that.
	Entry   string `json:"entry"`
	Started bool   `json:"started"`
	// Kustomizations are those of Flux that are followed, Suspended some of them. Unknown counts places of which Git
	// does not show what they bring.
	Kustomizations int `json:"kustomizations"`
	Suspended      int `json:"suspended"`
	Unknown        int `json:"unknown"`
	// Objects are those that Flux applies to its own API server, by the number; Elsewhere those that it applies to
	// others, by the ID of the API server.
	Objects   int            `json:"objects"`
	Elsewhere map[string]int `json:"objectsElsewhere"`
	Findings  Findings       `json:"findings"`
}

// Plane is a control plane of Karmada.
type Plane struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Cluster string `json:"cluster"`
	Version string `json:"version"`
	// APIServers are the IDs of the API servers that it serves.
	APIServers []string `json:"apiServers"`
	Findings   Findings `json:"findings"`
}

// Member is a member cluster of Karmada.
type Member struct {
	Name string `json:"name"`
	// Cluster is the Flux cluster that runs its agent; empty where Git does not show one.
	Cluster string `json:"cluster"`
	// Mode is "Pull", "Push" or empty. Agents counts the agents in Git that register it.
	Mode   string `json:"mode"`
	Agents int    `json:"agents"`
	// Replicas are those that run there while all members are healthy, as far as that is known.
	Replicas int      `json:"replicas"`
	Findings Findings `json:"findings"`
}

// Policy is a policy of Karmada with one of its workloads.
type Policy struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Workload  string `json:"workload"`
	// Replicas are by member, while all are healthy; null where that is not known. Outcome is
	// "runs", or why it does not.
	Replicas map[string]int `json:"replicas"`
	Outcome  string         `json:"outcome"`
	Findings Findings       `json:"findings"`
}

// MaxPolicies bounds the policies of a picture.
const MaxPolicies = 5_000

// Of draws a fleet with its findings.
func Of(f *fleet.Fleet, findings []fleet.Finding) Picture {
	p := Picture{Schema: Schema, Clusters: []Cluster{}, Planes: []Plane{}, Members: []Member{}, Policies: []Policy{},
		Unreached: []string{}}
	clusters := map[string]*Cluster{}
	for _, name := range slices.Sorted(maps.Keys(f.Clusters)) {
		c := f.Clusters[name]
		clusters[name] = &Cluster{Name: name, Entry: c.Entry, Started: c.Declared, Unknown: len(c.Incomplete),
			Elsewhere: map[string]int{}}
	}
	for _, k := range f.Kustomizations {
		if c := clusters[k.Cluster]; c != nil {
			c.Kustomizations++
			if k.Suspended {
				c.Suspended++
			}
		}
	}
	for id, server := range f.APIServers {
		c, n := clusters[server.Cluster], objectsAt(f, id)
		switch {
		case c == nil || n == 0:
		case id == server.Cluster:
			c.Objects = n
		default:
			c.Elsewhere[id] = n
		}
	}
	planes, members := map[string]*Plane{}, map[string]*Member{}
	for _, id := range slices.Sorted(maps.Keys(f.ControlPlanes)) {
		c := f.ControlPlanes[id]
		planes[id] = &Plane{ID: id, Name: c.Name, Cluster: c.Cluster, Version: c.Version,
			APIServers: append([]string{}, c.APIServers...)}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Members)) {
		m := f.Members[name]
		members[name] = &Member{Name: name, Cluster: m.FluxCluster, Mode: m.Mode, Agents: len(m.Agents)}
	}
	policies := map[fleet.ObjectRef][]int{}
	survey := failover.Survey(f, failover.Question{Policies: failover.Policies(f), Most: MaxPolicies})
	p.LeftOut = survey.LeftOut
	for _, r := range survey.Policies {
		policies[r.Policy] = append(policies[r.Policy], len(p.Policies))
		p.Policies = append(p.Policies, policyOf(r))
		for name, n := range p.Policies[len(p.Policies)-1].Replicas {
			if m := members[name]; m != nil {
				m.Replicas += n
			}
		}
	}
	for _, found := range findings {
		switch to := found.Object; {
		case members[to.Name] != nil && to.Kind == "Member":
			members[to.Name].Findings.add(found.Severity)
		case to.Kind == "Agent" && members[agentMember(f, to)] != nil:
			members[agentMember(f, to)].Findings.add(found.Severity)
		case to.Kind == "ControlPlane" && planes[to.Name] != nil:
			planes[to.Name].Findings.add(found.Severity)
		case len(policies[to]) > 0:
			p.Policies[policies[to][0]].Findings.add(found.Severity)
		case clusters[to.Cluster] != nil:
			clusters[to.Cluster].Findings.add(found.Severity)
		default:
			p.Elsewhere.add(found.Severity)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		p.Clusters = append(p.Clusters, *clusters[name])
	}
	for _, id := range slices.Sorted(maps.Keys(planes)) {
		p.Planes = append(p.Planes, *planes[id])
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		p.Members = append(p.Members, *members[name])
	}
	for _, folder := range f.Coverage().Unreached {
		p.Unreached = append(p.Unreached, folder.Folder)
	}
	return p
}

func (f *Findings) add(s fleet.Severity) {
	switch s {
	case fleet.Error:
		f.Errors++
	case fleet.Warning:
		f.Warnings++
	case fleet.Info:
		f.Infos++
	}
}

func objectsAt(f *fleet.Fleet, server string) (n int) {
	for _, namespaces := range f.Objects[server] {
		for _, names := range namespaces {
			n += len(names)
		}
	}
	return n
}

// agentMember is the member that an agent registers.
func agentMember(f *fleet.Fleet, agent fleet.ObjectRef) string {
	for name, m := range f.Members {
		if slices.Contains(m.Agents, agent.Name) {
			return name
		}
	}
	return ""
}

func policyOf(r failover.Report) Policy {
	p := Policy{Kind: r.Policy.Kind, Namespace: r.Policy.Namespace, Name: r.Policy.Name,
		Outcome: string(failover.Unknown)}
	if r.Workload != nil {
		p.Workload = cmp.Or(r.Workload.Name, r.Workload.Kind)
	}
	for _, s := range r.Scenarios {
		if len(s.Steps) == 0 {
			p.Replicas, p.Outcome = s.Replicas, string(s.Outcome)
		}
	}
	return p
}
