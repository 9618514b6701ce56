package loader

import (
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// maxCycle bounds what is kept of a cycle, in Kustomizations: each of its members keeps a way of its own.
const maxCycle = 10

// findCycles finds the dependencies that lead back to the Kustomization that has them.
func findCycles(all []fleet.Kustomization) {
	g := newDependencies(all)
	groups := g.groups()
	steps := make([]int, len(all)) // how many lead from a Kustomization to the present one, counted from 1; 0 for none
	for k := range all {
		clear(steps)
		steps[k] = 1
		for next := []int{k}; len(next) > 0; next = next[1:] {
			for _, from := range g.backward[next[0]] {
				if groups[from] == groups[k] && steps[from] == 0 {
					steps[from] = steps[next[0]] + 1
					next = append(next, from)
				}
			}
		}
		for i, to := range g.forward[k] {
			if to < 0 || groups[to] != groups[k] {
				continue
			}
			r := &all[k].DependsOn[i]
			r.CycleLength = steps[to]
			r.Cycle = append(r.Cycle, all[k].ID)
			for at := to; at != k && len(r.Cycle) < maxCycle; at = g.closer(at, steps) {
				r.Cycle = append(r.Cycle, all[at].ID)
			}
		}
	}
}

// dependencies is the graph of Kustomizations by their numbers; forward has one entry for each of dependsOn, -1
// where it names none of them.
type dependencies struct {
	forward, backward [][]int
}

func newDependencies(all []fleet.Kustomization) dependencies {
	numbers := make(map[string]int, len(all))
	for i := range all {
		numbers[all[i].ID] = i
	}
	g := dependencies{make([][]int, len(all)), make([][]int, len(all))}
	for i := range all {
		k := &all[i]
		for _, r := range k.DependsOn {
			to, ok := numbers[fleet.IDOf(k.Cluster, r.Namespace, r.Name)]
			if !ok {
				to = -1
			} else {
				g.backward[to] = append(g.backward[to], i)
			}
			g.forward[i] = append(g.forward[i], to)
		}
	}
	return g
}

// closer is the first dependency from which fewer steps lead to where steps are counted to.
func (g *dependencies) closer(from int, steps []int) int {
	return g.forward[from][slices.IndexFunc(g.forward[from], func(to int) bool {
		return to >= 0 && steps[to] == steps[from]-1
	})]
}

// groups number the Kustomizations so that those have the same number of which each depends on every other, through
// others too; one that does not depend on itself in this way has a number of its own.
//
// Source: Kosaraju's algorithm for strongly connected components.
func (g *dependencies) groups() []int {
	var order []int
	done := make([]bool, len(g.forward))
	type visit struct{ at, next int }
	for start := range g.forward {
		if done[start] {
			continue
		}
		done[start] = true
		for stack := []visit{{start, 0}}; len(stack) > 0; {
			v := &stack[len(stack)-1]
			if v.next == len(g.forward[v.at]) {
				order = append(order, v.at)
				stack = stack[:len(stack)-1]
				continue
			}
			to := g.forward[v.at][v.next]
			v.next++
			if to >= 0 && !done[to] {
				done[to] = true
				stack = append(stack, visit{to, 0})
			}
		}
	}
	groups := make([]int, len(g.forward))
	for number, start := range slices.Backward(order) {
		if groups[start] != 0 {
			continue
		}
		groups[start] = number + 1
		for next := []int{start}; len(next) > 0; next = next[1:] {
			for _, from := range g.backward[next[0]] {
				if groups[from] == 0 {
					groups[from] = number + 1
					next = append(next, from)
				}
			}
		}
	}
	return groups
}
