package failover

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// regionOf are the clusters of one region, in the scheduler's order, and how it counts among the regions.
type regionOf struct {
	name     string
	clusters []candidate
	score    int64
}

// maxCombinations bounds the combinations of regions that are tried.
const maxCombinations = 100_000

// byRegion chooses regions that have enough clusters, of each the first cluster, and then the
// first of those that are left.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_clusters_by_region.go:27.
func (s *scheduler) byRegion(b *binding, all []candidate, region, cluster Spread) ([]candidate, error) {
	regions := s.regions(b, all, region, cluster)
	if len(regions) < region.MinGroups {
		return nil, fmt.Errorf("fewer regions have a healthy cluster (%d) than minGroups asks for (%d)", len(regions),
			region.MinGroups)
	}
	combinations, ok := feasibleRegions(regions, region, cluster.MinGroups)
	switch {
	case !ok:
		return nil, unknown("the fleet has too many regions to tell which are chosen")
	case len(combinations) == 0:
		return nil, errors.New("no regions that the spread constraints allow have enough healthy clusters")
	case len(combinations) > 1 && b.workload && slices.ContainsFunc(all, func(c candidate) bool { return !c.known }):
		return nil, unknown("which regions are chosen depends on live capacity")
	}
	var chosen, rest []candidate
	open := false // which is the first of a region hangs on room that is not known
	for _, r := range best(combinations) {
		open = open || len(r.clusters) > 1 && !decided(r.clusters, 1)
		chosen, rest = append(chosen, r.clusters[0]), append(rest, r.clusters[1:]...)
	}
	need := min(len(chosen)+len(rest), cluster.MaxGroups) - len(chosen)
	if need < len(rest) && open {
		return nil, unknown("which clusters are chosen depends on live capacity")
	}
	if need <= 0 {
		return chosen, nil
	}
	slices.SortFunc(rest, byPreference)
	if need < len(rest) && !decided(rest, need) {
		return nil, unknown("which clusters are chosen depends on live capacity")
	}
	return append(chosen, rest[:need]...), nil
}

// regions are those of the clusters, with their scores, in the order in which combinations are tried.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/group_clusters.go:237
// and 255 (calcGroupScore).
func (s *scheduler) regions(b *binding, all []candidate, region, cluster Spread) []regionOf {
	var regions []regionOf
	for _, c := range all {
		i := slices.IndexFunc(regions, func(r regionOf) bool { return r.name == c.region })
		if i < 0 {
			i, regions = len(regions), append(regions, regionOf{name: c.region})
		}
		regions[i].clusters = append(regions[i].clusters, c)
	}
	for i, r := range regions {
		if s.placement.strategy() == duplicated {
			regions[i].score = duplicatedScore(r.clusters, int64(b.replicas))
		} else {
			groups := int64(region.MinGroups)
			regions[i].score = dividedScore(r.clusters, (int64(b.replicas)+groups-1)/groups,
				max(cluster.MinGroups, region.MinGroups))
		}
	}
	slices.SortFunc(regions, func(a, b regionOf) int {
		return cmp.Or(cmp.Compare(len(a.clusters), len(b.clusters)), cmp.Compare(b.score, a.score),
			cmp.Compare(a.name, b.name))
	})
	return regions
}

// unit is how much more room counts than what runs there already.
const unit = 1000

// locality is the score of a cluster that runs the object already.
func (c candidate) locality() int64 {
	if c.here {
		return 100
	}
	return 0
}

func duplicatedScore(clusters []candidate, replicas int64) int64 {
	var valid, sum int64
	for _, c := range clusters {
		if int64(c.available()) >= replicas {
			valid, sum = valid+1, sum+c.locality()
		}
	}
	if valid == 0 {
		return 0
	}
	return valid*unit + sum/valid
}

func dividedScore(clusters []candidate, replicas int64, groups int) int64 {
	var room, sum, valid int64
	for _, c := range clusters {
		room, sum, valid = room+int64(c.available()), sum+c.locality(), valid+1
		if valid >= int64(groups) && room >= replicas {
			break
		}
	}
	if room < replicas {
		return room*unit + sum/int64(len(clusters))
	}
	return replicas*unit + sum/valid
}

// feasibleRegions are the combinations of regions that have enough clusters together, none with another of them inside
// it; false where there are too many.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_groups.go:135 (findFeasiblePaths).
func feasibleRegions(regions []regionOf, constraint Spread, clusters int) (found [][]regionOf, ok bool) {
	var path []regionOf
	steps := 0
	var try func(sum, begin int)
	try = func(sum, begin int) {
		if steps++; steps > maxCombinations {
			return
		}
		if sum >= clusters && len(path) >= constraint.MinGroups && len(path) <= constraint.MaxGroups {
			found = append(found, slices.Clone(path))
			return
		}
		if len(path) >= constraint.MaxGroups {
			return
		}
		for i := begin; i < len(regions); i++ {
			path = append(path, regions[i])
			sum += len(regions[i].clusters)
			try(sum, i+1)
			if len(regions) == constraint.MinGroups { // all of them are needed
				break
			}
			sum -= len(regions[i].clusters)
			path = path[:len(path)-1]
		}
	}
	try(0, 0)
	return found, steps <= maxCombinations
}

// best is the combination with the highest scores, then with the most clusters, then the first; or a
// shorter one that it begins with.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/spreadconstraint/select_groups.go:187 (prioritizePaths).
func best(combinations [][]regionOf) []regionOf {
	weight := func(path []regionOf) (score int64, clusters int) {
		for _, r := range path {
			score, clusters = score+r.score, clusters+len(r.clusters)
		}
		return score, clusters
	}
	for _, path := range combinations {
		slices.SortFunc(path, func(a, b regionOf) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.name, b.name))
		})
	}
	slices.SortStableFunc(combinations, func(a, b []regionOf) int {
		scoreA, clustersA := weight(a)
		scoreB, clustersB := weight(b)
		return cmp.Or(cmp.Compare(scoreB, scoreA), cmp.Compare(clustersB, clustersA))
	})
	chosen := combinations[0]
	for _, path := range combinations[1:] {
		begins := len(path) < len(chosen) && slices.EqualFunc(path, chosen[:len(path)], func(a, b regionOf) bool {
			return a.name == b.name
		})
		if begins {
			chosen = path
		}
	}
	return chosen
}
