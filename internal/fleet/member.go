package fleet

import (
	"cmp"
	"slices"
	"strings"
)

// memberBuilder finds out the members of a fleet.
type memberBuilder struct {
	*Fleet
	declared   map[string]DeclaredMember
	registered map[string]Object // cluster.karmada.io Cluster objects by name
	hosts      map[string]bool   // Flux clusters that run a control plane
	agents     []Agent           // reached, by ID
	names      names
	members    map[string]Member
}

// callTheRoll finds the members: the declared ones; else those that agents, Cluster objects and Flux clusters show.
func (f *Fleet) callTheRoll(declared []DeclaredMember) {
	r := &memberBuilder{Fleet: f, declared: map[string]DeclaredMember{}, registered: f.registered(),
		hosts: map[string]bool{}, members: f.Members}
	for _, c := range f.ControlPlanes {
		r.hosts[c.Cluster] = true
	}
	for _, member := range declared {
		if _, listed := r.declared[member.Name]; !listed {
			r.declared[member.Name] = member
		}
	}
	for _, id := range sorted(f.Agents) {
		if agent := f.Agents[id]; agent.Reached {
			r.agents = append(r.agents, agent)
		}
	}
	r.names = f.clusterNames(r.agents)
	if declared != nil {
		for name := range r.declared {
			r.add(name, r.names.cluster(name))
		}
	} else {
		r.addFromTree()
	}
	r.addLive()
	r.takeAgents()
	f.taintMembers()
	f.Membership = r.membership(declared != nil)
}

// registered are the Cluster objects whose name can be read, at any API server; the first of each name.
func (f *Fleet) registered() map[string]Object {
	found := map[string]Object{}
	for _, server := range sorted(f.Objects) {
		for object := range f.ofKind(server, memberKind) {
			if _, known := found[object.Name]; !known && !hasVariable(object.Name) {
				found[object.Name] = object
			}
		}
	}
	return found
}

// addFromTree adds what Cluster objects register, then what agents register, then the Flux clusters that are left.
func (r *memberBuilder) addFromTree() {
	taken := map[string]bool{} // Flux clusters that are a member
	for name := range r.registered {
		cluster := r.names.cluster(name)
		r.add(name, cluster)
		taken[cluster] = cluster != ""
	}
	for _, agent := range r.agents {
		// An agent in a cluster that is registered under another name has a wrong name; it makes no member of it.
		_, known := r.members[agent.Name]
		if !known && agent.NameState == Found && agent.Name != "" && !taken[agent.Cluster] {
			r.add(agent.Name, r.names.cluster(agent.Name))
		}
	}
	// Where Cluster objects are in Git, they are the list. A fleet without a control plane in Git may have clusters
	// that have nothing to do with Karmada.
	if len(r.registered) == 0 && len(r.ControlPlanes) > 0 {
		r.addFluxClusters()
	}
}

// addFluxClusters makes members of the Flux clusters that are none yet, except a control plane's host without an agent.
func (r *memberBuilder) addFluxClusters() {
	taken, armed := map[string]bool{}, map[string]bool{}
	for _, member := range r.members {
		taken[member.FluxCluster] = true
	}
	for _, agent := range r.agents {
		armed[agent.Cluster] = true
	}
	for _, cluster := range sorted(r.Clusters) {
		if taken[cluster] || r.hosts[cluster] && !armed[cluster] {
			continue
		}
		name := r.names.conventional(r.Clusters[cluster])
		if _, other := r.members[name]; other {
			name = cluster
		}
		if _, other := r.members[name]; !other {
			r.add(name, cluster)
		}
	}
}

func (r *memberBuilder) add(name, cluster string) {
	declared, listed := r.declared[name]
	object, registered := r.registered[name]
	spec := mapAt(object.Content, "spec")
	member := Member{
		Name:        name,
		Declared:    listed,
		Registered:  registered,
		Mode:        cmp.Or(declared.Mode, textAt(spec, "syncMode")),
		FluxCluster: cluster,
		Host:        cluster != "" && r.hosts[cluster],
		Agents:      []string{},
		Suspended:   []string{},
		Stray:       []string{},
		Misnamed:    []string{},
		Unnamed:     []string{},
		Labels:      map[string]string{},
		Provider:    cmp.Or(declared.Provider, textAt(spec, "provider")),
		Region:      cmp.Or(declared.Region, textAt(spec, "region")),
		Zones:       textsAt(spec, "zones"),
		Taints:      orEmpty(declared.Taints),
		Unseen:      []string{},
	}
	if zone := textAt(spec, "zone"); zone != "" && !slices.Contains(member.Zones, zone) {
		member.Zones = append(member.Zones, zone)
	}
	if declared.Zones != nil {
		member.Zones = declared.Zones
	}
	for key, label := range mapAt(object.Content, "metadata", "labels") {
		if text, ok := scalar(label); ok {
			member.Labels[key] = text
		}
	}
	if declared.Labels != nil {
		member.Labels = declared.Labels
	}
	if declared.Taints == nil {
		member.Taints = taintsOf(spec)
	}
	for property, text := range map[string]string{LabelsProperty: jsonOf(member.Labels),
		ProviderProperty: member.Provider,
		RegionProperty:   member.Region, ZonesProperty: jsonOf(member.Zones)} {
		given := map[string]bool{LabelsProperty: declared.Labels != nil, ProviderProperty: declared.Provider != "",
			RegionProperty: declared.Region != "", ZonesProperty: declared.Zones != nil}[property]
		if hasVariable(text) || !given && !registered {
			member.Unseen = append(member.Unseen, property)
		}
	}
	slices.Sort(member.Unseen)
	switch {
	case listed:
		member.Origin = declared.Origin
	case registered:
		member.Origin = object.Origin
	}
	r.members[name] = member
}

// takeAgents gives every agent to the members that it concerns.
func (r *memberBuilder) takeAgents() {
	byName, byCluster := map[string][]Agent{}, map[string][]Agent{}
	for _, id := range sorted(r.Agents) {
		agent := r.Agents[id]
		if agent.NameState == Found {
			byName[agent.Name] = append(byName[agent.Name], agent)
		}
		if agent.Reached && agent.Cluster != "" {
			byCluster[agent.Cluster] = append(byCluster[agent.Cluster], agent)
		}
	}
	for name, member := range r.members {
		for _, agent := range byName[name] {
			if !agent.Reached {
				member.Stray = append(member.Stray, agent.ID)
				continue
			}
			if member.Origin.File == "" {
				member.Origin = agent.Origin
			}
			member.Mode = cmp.Or(member.Mode, "Pull")
			member.takeFlags(agent)
			if agent.Suspended {
				member.Suspended = append(member.Suspended, agent.ID)
			} else {
				member.Agents = append(member.Agents, agent.ID)
			}
		}
		for _, agent := range byCluster[member.FluxCluster] {
			other, known := r.members[agent.Name]
			switch {
			case agent.NameState == Unknown:
				member.Unnamed = append(member.Unnamed, agent.ID)
			case agent.Name != name && !(known && other.FluxCluster == member.FluxCluster):
				member.Misnamed = append(member.Misnamed, agent.ID)
			}
		}
		if member.Origin.File == "" {
			member.Origin = r.Clusters[member.FluxCluster].Origin
		}
		member.MereHost = member.Host && !member.Declared && !member.Registered &&
			len(member.Agents)+len(member.Suspended) == 0
		r.members[name] = member
	}
}

// takeFlags takes what an agent says of its cluster, where nothing else does.
func (m *Member) takeFlags(agent Agent) {
	said := map[string]string{ProviderProperty: agent.Provider, RegionProperty: agent.Region,
		ZonesProperty: strings.Join(agent.Zones, ",")}
	m.Unseen = slices.DeleteFunc(m.Unseen, func(property string) bool {
		if text := said[property]; text == "" || hasVariable(text) {
			return false
		}
		switch property {
		case ProviderProperty:
			m.Provider = agent.Provider
		case RegionProperty:
			m.Region = agent.Region
		case ZonesProperty:
			m.Zones = agent.Zones
		}
		return true
	})
}

// taintsOf are the taints of a Cluster's spec, as far as they can be read.
func taintsOf(spec any) []Taint {
	taints := []Taint{}
	for _, entry := range listAt(spec, "taints") {
		taint := Taint{Key: textAt(entry, "key"), Value: textAt(entry, "value"), Effect: textAt(entry, "effect")}
		if taint.Key != "" {
			taints = append(taints, taint)
		}
	}
	return taints
}

func (r *memberBuilder) membership(declared bool) Membership {
	m := Membership{Basis: "tree", Certain: declared, Names: orEmpty(sorted(r.members))}
	switch {
	case declared:
		m.Basis = "declared"
	case r.Live != nil:
		m.Basis, m.Certain = "live", true
	case len(r.members) == 0:
		m.Basis = "none"
	default:
		unread := func(agent Agent) bool { return agent.NameState != Found }
		m.Certain = len(r.ControlPlanes) > 0 && len(r.agents) > 0 && !slices.ContainsFunc(r.agents, unread)
	}
	return m
}
