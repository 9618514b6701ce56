package loader

import (
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// findCycles finds the dependencies that lead back to the Kustomization that has them.
func findCycles(all []fleet.Kustomization) {
	open := map[string]*fleet.Kustomization{} // those from which dependencies lead on and on
	for i := range all {
		open[all[i].ID] = &all[i]
	}
	leadsOn := func(k *fleet.Kustomization) bool {
		return slices.ContainsFunc(k.DependsOn, func(r fleet.Reference) bool { return open[dependency(k, r)] != nil })
	}
	for before := len(open) + 1; len(open) < before; {
		before = len(open)
		for id, k := range open {
			if !leadsOn(k) {
				delete(open, id)
			}
		}
	}
	for _, k := range open {
		for i, r := range k.DependsOn {
			if way := cycle(open, k, r); way != nil {
				k.DependsOn[i].Cycle = way
			}
		}
	}
}

// dependency is the ID of what a Kustomization depends on.
func dependency(k *fleet.Kustomization, r fleet.Reference) string {
	return fleet.IDOf(k.Cluster, r.Namespace, r.Name)
}

// cycle is the shortest way from a Kustomization by one of its dependencies back to it; nil where none leads back.
func cycle(open map[string]*fleet.Kustomization, k *fleet.Kustomization, r fleet.Reference) []string {
	from := map[string]string{dependency(k, r): k.ID} // how each was first come to
	for next := []string{dependency(k, r)}; len(next) > 0; next = next[1:] {
		id := next[0]
		if id == k.ID {
			way := []string{}
			for at := from[id]; at != k.ID; at = from[at] {
				way = append(way, at)
			}
			way = append(way, k.ID)
			slices.Reverse(way)
			return way
		}
		if on := open[id]; on != nil {
			for _, r := range on.DependsOn {
				if to := dependency(on, r); from[to] == "" {
					from[to] = id
					next = append(next, to)
				}
			}
		}
	}
	return nil
}
