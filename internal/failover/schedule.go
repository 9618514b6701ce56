package failover

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// scheduler places one binding, as Karmada's does.
type scheduler struct {
	placement *Placement
	// members are the member clusters, by name; strangers are clusters that may be members too.
	members   []fleet.Member
	strangers []string
	// capacity is how many replicas a cluster has room for, beside those that run there; false where that is not known.
	capacity func(cluster string) (int, bool)
	tie      order
	// minor is Karmada's version 1.minor.
	minor int
	// grouped: where other workloads run decides.
	grouped bool
	// weights are the clusters' static weights, as far as they were asked for; unknown ones are missing.
	weights map[string]int64
}

// binding is the state of one object's ResourceBinding.
type binding struct {
	// workload: the object has replicas. What has none goes to every cluster that is selected.
	workload bool
	replicas int
	// clusters are the ones that it is assigned to, with their replicas.
	clusters seats
	// group is the name of the affinity group that was taken last.
	group string
	// lost are clusters that are not ready; evicted those that it was evicted from; recovered are ready again.
	lost, evicted, recovered map[string]bool
	// fresh: it is placed as if it ran nowhere yet.
	fresh bool
}

// unknownError says what Karmada's choice hangs on that Git does not show.
type unknownError struct{ why string }

func (e *unknownError) Error() string { return e.why }

func unknown(format string, args ...any) error { return &unknownError{fmt.Sprintf(format, args...)} }

// errNoFit: no cluster is feasible. It alone clears what was assigned before.
var errNoFit = errors.New("no healthy cluster is left that the policy allows")

// schedule assigns the binding anew. An error other than *unknownError is why Karmada cannot, and the binding is
// then as Karmada leaves it.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/scheduler.go:588 and 618.
func (s *scheduler) schedule(b *binding) error {
	groups := s.placement.ClusterAffinities
	if len(groups) == 0 || s.placement.ClusterAffinity != nil {
		whole := Term{}
		if a := s.placement.ClusterAffinity; a != nil {
			whole.Affinity = *a
		}
		assigned, err := s.place(b, &whole)
		if err == nil {
			b.clusters = assigned
		} else if errors.Is(err, errNoFit) {
			b.clusters = seats{}
		}
		return err
	}
	start := max(0, slices.IndexFunc(groups, func(t Term) bool { return t.AffinityName == b.group }))
	if b.fresh && s.minor >= 19 { // v1.19.0-rc.0 pkg/scheduler/scheduler.go:635
		start = 0
	}
	var first error
	for i := range groups[start:] {
		group := &groups[start+i]
		assigned, err := s.place(b, group)
		if err == nil {
			b.clusters, b.group = assigned, group.AffinityName
			return nil
		}
		if isUnknown(err) {
			return err
		}
		first = cmp.Or(first, err)
	}
	if errors.Is(first, errNoFit) {
		b.clusters = seats{}
	}
	return first
}

func isUnknown(err error) bool {
	var u *unknownError
	return errors.As(err, &u)
}

// candidate is a feasible cluster.
type candidate struct {
	name   string
	tier   int
	region string
	// here: it runs the object already. assigned is how many replicas of it.
	here     bool
	assigned int
	// room is for how many more there is; known where that is known.
	room  int
	known bool
}

// place assigns the binding within one group of clusters.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/generic_scheduler.go:70.
func (s *scheduler) place(b *binding, group *Term) (seats, error) {
	candidates, err := s.feasible(b, group)
	if err != nil {
		return nil, err
	}
	if candidates, err = s.selected(b, candidates); err != nil {
		return nil, err
	}
	if len(candidates) == 0 {
		return nil, errors.New("no cluster is selected, since a spread constraint without maxGroups allows none")
	}
	return s.assign(b, group, candidates)
}

// feasible are the clusters that the filters let through: those that the group matches and whose taints are tolerated,
// or that run the object already and were not told to evict it.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/framework/plugins: clusteraffinity, tainttoleration:59,
// clustereviction:50, spreadconstraint:55, workloadaffinity, workloadantiaffinity.
func (s *scheduler) feasible(b *binding, group *Term) ([]candidate, error) {
	if s.grouped {
		return nil, unknown("where other workloads run decides (workloadAffinity)")
	}
	for _, name := range s.strangers {
		if tier, unseen := group.tier(&fleet.Member{Name: name}, b.workload, s.minor); tier >= 0 || unseen != "" {
			return nil, unknown("no Cluster object, agent or configuration says that %q is a member", name)
		}
	}
	var found []candidate
	var kept error
	for i := range s.members {
		m := &s.members[i]
		tier, unseen := group.tier(m, b.workload, s.minor)
		_, here := b.clusters[m.Name]
		switch {
		case unseen != "":
			return nil, unknown("the %s of the Cluster %q are not in Git", unseen, m.Name)
		case tier < 0 || b.evicted[m.Name]:
			continue
		}
		if missing, unseen := s.lacks(m); unseen != "" {
			return nil, unknown("the %s of the Cluster %q is not in Git", unseen, m.Name)
		} else if missing {
			continue
		}
		if !here {
			switch state, taint := b.taints(m).Admits(s.placement.ClusterTolerations); state {
			case fleet.Unknown:
				return nil, unknown("%s", b.taints(m).Doubt)
			case fleet.Missing:
				if !b.lost[m.Name] {
					kept = cmp.Or(kept, fmt.Errorf("%w: the taint %q of %q is not tolerated", errNoFit, taint.Key,
						m.Name))
				}
				continue
			}
		}
		c := candidate{name: m.Name, tier: tier, region: m.Region, here: here, assigned: b.clusters[m.Name]}
		if c.room, c.known = s.capacity(m.Name); !b.workload {
			c.room, c.known = 0, true // no room is needed
		}
		found = append(found, c)
	}
	if len(found) == 0 {
		return nil, cmp.Or(kept, errNoFit)
	}
	return found, nil
}

// taints are those that the member has now.
func (b *binding) taints(m *fleet.Member) *fleet.Tainted {
	switch {
	case b.lost[m.Name]:
		return &m.Lost
	case b.recovered[m.Name]:
		return &m.Recovered
	}
	return &m.Healthy
}

// lacks tells whether a cluster has none of what the placement spreads by; unseen names it where that is not known.
func (s *scheduler) lacks(m *fleet.Member) (missing bool, unseen string) {
	for _, c := range s.placement.SpreadConstraints {
		property, empty := "", false
		switch c.SpreadByField {
		case "provider":
			property, empty = fleet.ProviderProperty, m.Provider == ""
		case "region":
			property, empty = fleet.RegionProperty, m.Region == ""
		case "zone":
			property, empty = fleet.ZonesProperty, len(m.Zones) == 0
		}
		if property != "" && slices.Contains(m.Unseen, property) {
			return false, property
		}
		missing = missing || empty
	}
	return missing, ""
}

// selected are the clusters that the spread constraints leave, in the scheduler's order.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters.go:29 and
// select_clusters_by_cluster.go:24; util.go sortClusters.
func (s *scheduler) selected(b *binding, all []candidate) ([]candidate, error) {
	slices.SortFunc(all, byPreference)
	if len(s.placement.SpreadConstraints) == 0 || s.placement.ignoresSpread() {
		return all, nil
	}
	if region, ok := s.placement.spread("region"); ok {
		cluster, _ := s.placement.spread("cluster")
		return s.byRegion(b, all, region, cluster)
	}
	c, ok := s.placement.spread("cluster")
	if !ok {
		return nil, errors.New("the scheduler spreads by cluster and by region alone, and places nothing")
	}
	if len(all) < c.MinGroups {
		return nil, fmt.Errorf("fewer clusters are healthy (%d) than minGroups asks for (%d)", len(all), c.MinGroups)
	}
	need := min(len(all), c.MaxGroups)
	if need < len(all) && need > 0 && !decided(all, need) {
		return nil, unknown("which clusters are chosen depends on live capacity")
	}
	if s.placement.strategy() == duplicated {
		return all[:need], nil
	}
	return withRoom(all, need, b.replicas)
}

// spread is the constraint on a field; of several the last counts.
func (p *Placement) spread(field string) (found Spread, ok bool) {
	for _, c := range p.SpreadConstraints {
		if c.SpreadByField == field {
			found, ok = c, true
		}
	}
	return found, ok
}

// byPreference sorts clusters as the scheduler does: by tier, those that run the object first, then by room and name.
func byPreference(a, b candidate) int {
	return cmp.Or(cmp.Compare(a.tier, b.tier), -compareBool(a.here, b.here), cmp.Compare(b.available(), a.available()),
		cmp.Compare(a.name, b.name))
}

// available is the room for replicas, those included that are there.
func (c candidate) available() int { return c.room + c.assigned }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// decided tells whether the first n of the sorted clusters are the first ones whatever room there is.
func decided(all []candidate, n int) bool {
	a, b := all[n-1], all[n]
	if a.tier != b.tier || a.here != b.here {
		return true
	}
	return !slices.ContainsFunc(all, func(c candidate) bool { return c.tier == a.tier && c.here == a.here && !c.known })
}

// withRoom are the first n clusters; where they have too little room, the last of them gives way to the roomiest other.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters_by_cluster.go:58.
func withRoom(all []candidate, n, replicas int) ([]candidate, error) {
	if slices.ContainsFunc(all, func(c candidate) bool { return !c.known }) {
		if n < len(all) {
			return nil, unknown("which clusters are chosen depends on live capacity")
		}
		return all, nil // all of them, if there is room at all
	}
	chosen, rest := all[:n], slices.Clone(all[n:])
	enough := func() bool {
		sum := 0
		for _, c := range chosen {
			sum += c.available()
		}
		return sum >= replicas
	}
	for i := n - 1; i >= 0 && !enough(); i-- {
		best := -1
		for j, c := range rest {
			if most := chosen[i].available(); c.available() > most &&
				(best < 0 || c.available() > rest[best].available()) {
				best = j
			}
		}
		if best >= 0 {
			chosen[i], rest[best] = rest[best], chosen[i]
		}
	}
	if !enough() || n == 0 {
		return nil, fmt.Errorf("%d clusters have too little room", n)
	}
	return chosen, nil
}

// assign divides the replicas among the clusters.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/common.go:54 and 80.
func (s *scheduler) assign(b *binding, group *Term, clusters []candidate) (seats, error) {
	if !b.workload {
		everywhere := seats{}
		for _, c := range clusters {
			everywhere[c.name] = 0
		}
		return everywhere, nil
	}
	if len(group.OverflowAffinities) == 0 {
		return s.divide(b, b.replicas, clusters)
	}
	assigned, left := seats{}, b.replicas
	for tier := range len(group.OverflowAffinities) + 1 {
		of := slices.DeleteFunc(slices.Clone(clusters), func(c candidate) bool { return c.tier != tier })
		if len(of) == 0 || left == 0 {
			continue
		}
		room := 0
		for _, c := range of {
			if !c.known {
				return nil, unknown("how many replicas overflow depends on live capacity")
			}
			room += c.available()
		}
		part := min(left, room)
		more, err := s.divide(b, part, of)
		if err != nil {
			return nil, err
		}
		for name, n := range more {
			assigned[name] += n
		}
		left -= part
	}
	if left > 0 {
		return nil, errors.New("the clusters have too little room")
	}
	return assigned, nil
}

// divide divides n replicas by the placement's strategy. Clusters without a replica are left out.
func (s *scheduler) divide(b *binding, n int, clusters []candidate) (seats, error) {
	var assigned seats
	var err error
	switch s.placement.strategy() {
	case duplicated:
		assigned = seats{}
		for _, c := range clusters {
			assigned[c.name] = n
		}
	case static:
		assigned, err = s.byStaticWeight(b, n, clusters)
	default:
		if clusters = slices.Clone(clusters); b.fresh {
			for i, c := range clusters {
				clusters[i].room, clusters[i].assigned = c.available(), 0
			}
		}
		assigned, err = s.byCapacity(n, clusters)
	}
	for name, replicas := range assigned {
		if replicas == 0 {
			delete(assigned, name)
		}
	}
	return assigned, err
}

// byStaticWeight divides anew, whatever ran where: a cluster has the best weight of those that name it, and where none
// has a weight each counts one.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/assignment.go:199, division_algorithm.go:37.
func (s *scheduler) byStaticWeight(b *binding, n int, clusters []candidate) (seats, error) {
	v := votes{}
	if preference := s.placement.ReplicaScheduling.WeightPreference; preference != nil {
		for _, c := range clusters {
			weight, unseen := s.weight(preference.StaticWeightList, c.name)
			if unseen != "" {
				return nil, unknown("the %s of the Cluster %q are not in Git", unseen, c.name)
			}
			if weight > 0 {
				v[c.name] = weight
			}
		}
	}
	if len(v) == 0 {
		for _, c := range clusters {
			v[c.name] = 1
		}
	}
	return s.apportion(n, v, b.clusters), nil
}

// weight is the best of those that select a cluster.
func (s *scheduler) weight(list []Weight, cluster string) (best int64, unseen string) {
	best, known := s.weights[cluster]
	if known {
		return best, ""
	}
	i, _ := slices.BinarySearchFunc(s.members, cluster, func(m fleet.Member, name string) int {
		return cmp.Compare(m.Name, name)
	})
	for j := range list {
		switch state, property := list[j].TargetCluster.Matches(&s.members[i], s.minor); state {
		case fleet.Unknown:
			return 0, property
		case fleet.Found:
			best = max(best, list[j].Weight)
		}
	}
	if s.weights == nil {
		s.weights = map[string]int64{}
	}
	s.weights[cluster] = best
	return best, ""
}

func (s *scheduler) apportion(n int, v votes, last seats) seats {
	if s.minor < 16 {
		return remainder(n, v, last, s.tie)
	}
	return webster(n, v, s.tie)
}

// byCapacity keeps what runs and places the rest by the room that the clusters have: all of them by its share, or, for
// Aggregated, as few as hold it, those first that run some already.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/assignment.go:213, division_algorithm.go:75.
func (s *scheduler) byCapacity(n int, clusters []candidate) (seats, error) {
	kept := seats{}
	for _, c := range clusters {
		if c.assigned > 0 {
			kept[c.name] = c.assigned
		}
	}
	missing := n - kept.sum()
	switch {
	case missing == 0:
		return kept, nil
	case missing < 0:
		return s.scaledDown(n, clusters), nil
	case len(clusters) == 1 && !clusters[0].known:
		return seats{clusters[0].name: n}, nil // if it has room
	}
	slices.SortStableFunc(clusters, func(a, b candidate) int { return cmp.Compare(b.room, a.room) })
	room := 0
	for _, c := range clusters {
		if !c.known {
			return nil, unknown("who gets how many depends on live capacity")
		}
		room += c.room
	}
	if room < missing {
		return nil, errors.New("the clusters have too little room")
	}
	if s.placement.strategy() == aggregated {
		clusters = fewest(clusters, missing)
	}
	v := votes{}
	for _, c := range clusters {
		v[c.name] = int64(c.room)
	}
	for name, more := range s.apportion(missing, v, nil) {
		kept[name] += more
	}
	return kept, nil
}

// scaledDown divides fewer replicas than there are by how many run where.
func (s *scheduler) scaledDown(n int, clusters []candidate) seats {
	running := slices.DeleteFunc(slices.Clone(clusters), func(c candidate) bool { return c.assigned == 0 })
	slices.SortStableFunc(running, func(a, b candidate) int { return cmp.Compare(b.assigned, a.assigned) })
	for i := range running {
		running[i].room = running[i].assigned
	}
	if s.placement.strategy() == aggregated {
		running = fewest(running, n)
	}
	v := votes{}
	for _, c := range running {
		v[c.name] = int64(c.room)
	}
	return s.apportion(n, v, nil)
}

// fewest are the first clusters that hold n replicas together, those first that run some already.
func fewest(clusters []candidate, n int) []candidate {
	slices.SortStableFunc(clusters, func(a, b candidate) int { return -compareBool(a.assigned > 0, b.assigned > 0) })
	sum := 0
	for i, c := range clusters {
		if sum += c.room; sum >= n {
			return clusters[:i+1]
		}
	}
	return clusters
}
