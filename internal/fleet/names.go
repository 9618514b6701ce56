package fleet

import (
	"cmp"
	"slices"
	"strings"
)

// names match members with Flux clusters: a cluster's folder, its variables and the member it registers as are
// often three different names.
type names struct {
	clusters map[string]Cluster
	agents   map[string][]Agent         // reached, by the Flux cluster that they run in
	byAgent  map[string][]string        // clusters by the name that an agent there registers
	byValue  map[string]map[string]bool // clusters by the value of a variable that names them
	bySuffix map[string]map[string]bool // clusters by what follows a dash in their name
	strays   map[string]map[string]bool // names of stray agents by the cluster below whose folder they lie
	// ways in which the agents' names follow from their clusters, the commonest first
	conventions []string
	shortened   []string // what those names leave out of the clusters' names
}

func (f *Fleet) clusterNames(agents []Agent) names {
	n := names{
		clusters: f.Clusters,
		agents:   map[string][]Agent{},
		byAgent:  map[string][]string{},
		byValue:  map[string]map[string]bool{},
		bySuffix: map[string]map[string]bool{},
		strays:   map[string]map[string]bool{},
	}
	for _, agent := range agents {
		if agent.Cluster == "" {
			continue
		}
		n.agents[agent.Cluster] = append(n.agents[agent.Cluster], agent)
		if agent.NameState == Found && !slices.Contains(n.byAgent[agent.Name], agent.Cluster) {
			n.byAgent[agent.Name] = append(n.byAgent[agent.Name], agent.Cluster)
		}
	}
	for _, agent := range f.Agents {
		if !agent.Reached && agent.Cluster != "" && agent.NameState == Found {
			within(n.strays, agent.Cluster)[agent.Name] = true
		}
	}
	for name, cluster := range f.Clusters {
		for key, text := range cluster.Variables {
			if NamesCluster(key) {
				within(n.byValue, text)[name] = true
			}
		}
		for i, letter := range name {
			if letter == '-' && i+1 < len(name) {
				within(n.bySuffix, name[i+1:])[name] = true
			}
		}
	}
	n.learn()
	return n
}

// NamesCluster is true for variables by which a cluster calls itself: CLUSTER_NAME, location, KARMADA_MEMBER.
func NamesCluster(key string) bool {
	plain := separators.Replace(strings.ToUpper(key))
	plain = strings.TrimPrefix(plain, "KARMADA")
	return slices.Contains([]string{"CLUSTER", "CLUSTERNAME", "CLUSTERID", "LOCATION", "LOCATIONNAME", "REGION", "SITE",
		"SITENAME",
		"MEMBER", "MEMBERNAME", "MEMBERCLUSTER"}, plain)
}

// separators are what stands between the words of such a name.
var separators = strings.NewReplacer("_", "", "-", "")

// cluster is the Flux cluster that a member is; empty where nothing tells.
func (n names) cluster(member string) string {
	if _, ok := n.clusters[member]; ok {
		return member
	}
	named := only(n.byValue[member])
	if named == "" {
		named = only(n.bySuffix[member])
	}
	registering := n.byAgent[member]
	switch {
	case len(registering) == 0 || slices.Contains(registering, named):
		return named
	case named != "" && len(n.agents[named]) == 0:
		return named // the agent elsewhere has taken this cluster's name
	}
	return registering[0]
}

// only is the one entry of a set, empty where it has none or several.
func only(set map[string]bool) string {
	if len(set) != 1 {
		return ""
	}
	return sorted(set)[0]
}

// Customs other than the name of a variable. Of equally common ones the whole name comes first, the ending last.
const (
	asName   = ""
	asEnding = "~"
)

// learn counts how the agents' names follow from their clusters: by a variable, the whole name or its ending.
func (n *names) learn() {
	votes := map[string]int{}
	for _, cluster := range sorted(n.agents) {
		for _, agent := range n.agents[cluster] {
			if agent.NameState != Found || agent.Name == "" {
				continue
			}
			if agent.Name == cluster {
				votes[asName]++
			}
			for key, text := range n.clusters[cluster].Variables {
				if NamesCluster(key) && text == agent.Name {
					votes[key]++
				}
			}
			if front, ok := strings.CutSuffix(cluster, "-"+agent.Name); ok {
				votes[asEnding]++
				n.shortened = append(n.shortened, front+"-")
			}
		}
	}
	n.conventions = sorted(votes)
	slices.SortStableFunc(n.conventions, func(a, b string) int { return cmp.Compare(votes[b], votes[a]) })
}

// conventional is the name that a Flux cluster without a reached agent would register: what its own stray agent says,
// else what the other clusters' agents show, else the cluster's name.
func (n names) conventional(cluster Cluster) string {
	if name := only(n.strays[cluster.Name]); name != "" {
		return name
	}
	for _, convention := range n.conventions {
		switch convention {
		case asName:
			return cluster.Name
		case asEnding:
			for _, front := range n.shortened {
				if ending, ok := strings.CutPrefix(cluster.Name, front); ok && ending != "" {
					return ending
				}
			}
			if _, ending, ok := strings.Cut(cluster.Name, "-"); ok && ending != "" {
				return ending
			}
		default:
			if name := cluster.Variables[convention]; name != "" && !hasVariable(name) {
				return name
			}
		}
	}
	return cluster.Name
}
