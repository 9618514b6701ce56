package failover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Step is something that happens to the fleet or to a workload.
type Step struct {
	Kind StepKind
	// Clusters are those that it happens to: one, but for a region.
	Clusters []string
	// Region is the one that is lost, Replicas how many a workload is scaled to.
	Region   string
	Replicas int
}

// StepKind is what happens.
type StepKind string

// What may happen.
const (
	Lose       StepKind = "lose"        // a cluster is not reachable any more
	LoseRegion StepKind = "lose region" // all clusters of a region are not, at once
	Recover    StepKind = "recover"     // a cluster is ready again, and what was evicted from it is gone there
	Unhealthy  StepKind = "unhealthy"   // the workload is unhealthy on a cluster, for as long as it takes
	Rebalance  StepKind = "rebalance"   // a WorkloadRebalancer names the workload
	Scale      StepKind = "scale"       // the workload asks for another number of replicas
	Join       StepKind = "join"        // a cluster without labels, fields and taints becomes a member
)

func (s Step) String() string {
	switch s.Kind {
	case LoseRegion:
		return string(s.Kind) + " " + s.Region
	case Scale:
		return fmt.Sprintf("%s %d", s.Kind, s.Replicas)
	}
	return strings.TrimSpace(string(s.Kind) + " " + strings.Join(s.Clusters, ", "))
}

// lostAfter are the clusters that are lost after the steps.
func lostAfter(steps []Step) []string {
	lost := []string{}
	for _, s := range steps {
		switch s.Kind {
		case Lose, LoseRegion:
			lost = append(lost, s.Clusters...)
		case Recover:
			lost = slices.DeleteFunc(lost, func(name string) bool { return slices.Contains(s.Clusters, name) })
		}
	}
	return lost
}

func (a *Application) step(s *scheduler, b *binding, step Step) result {
	switch step.Kind {
	case Lose, LoseRegion:
		return a.lose(s, b, step.Clusters)
	case Recover:
		return a.recover(s, b, step.Clusters[0])
	case Unhealthy:
		return a.unhealthy(s, b, step.Clusters[0])
	case Rebalance:
		return rebalance(s, b)
	case Scale:
		return scale(s, b, step.Replicas)
	}
	return a.join(s, b, step.Clusters[0])
}

// lose takes clusters from the binding, which are lost at once.
//
// Source: karmada-io/karmada v1.18.2 pkg/controllers/cluster/taint_manager.go:346.
func (a *Application) lose(s *scheduler, b *binding, names []string) result {
	var evicted []string
	var after int64
	for _, name := range names {
		b.lost[name] = true
	}
	stays, by := "", ""
	for _, name := range names {
		if _, here := b.clusters[name]; !here {
			continue
		}
		off, uncertain := a.disarmed(name)
		if len(off) > 0 {
			stays = "nothing moves, because " + list(off)
			continue
		}
		if len(uncertain) > 0 {
			return result{Unknown, "it is not known whether " + list(uncertain), nil}
		}
		m, _ := a.member(name)
		e := m.Lost.Evicts(a.Policy.Placement.ClusterTolerations)
		after, by = max(after, e.Seconds), cmp.Or(by, e.Policy)
		evicted = append(evicted, name)
	}
	switch {
	case len(evicted) == 0 && stays != "":
		return result{Stays, stays, maps.Clone(b.clusters)}
	case len(evicted) == 0:
		return result{still, "nothing of it ran there", maps.Clone(b.clusters)}
	}
	why := "cluster failover evicts it"
	if by != "" {
		why = fmt.Sprintf("the ClusterTaintPolicy %q has it evicted", by)
	}
	if len(names) > 1 {
		why += " from " + quoted(evicted)
	}
	if after > 0 {
		why += fmt.Sprintf(" after %d s", after)
	}
	r := a.evict(s, b, evicted, why)
	if r.outcome == Stays {
		r.why = "cluster failover removes it there, and the other members run it as before"
	}
	if slices.ContainsFunc(evicted, func(name string) bool {
		return slices.Contains(a.Hosts, name)
	}) && r.outcome == Moves {
		r.why += ", unless the control plane is lost with it, which runs there too: then nothing moves"
	}
	return r
}

// evict places what ran on clusters elsewhere.
func (a *Application) evict(s *scheduler, b *binding, names []string, why string) result {
	before := b.group
	others := maps.Clone(b.clusters)
	for _, name := range names {
		b.evicted[name] = true
		delete(others, name)
	}
	for _, name := range names { // one task after another, and the scheduler runs after each
		delete(b.clusters, name)
		if err := s.schedule(b); err != nil {
			if isUnknown(err) || name == names[len(names)-1] {
				return failed(err, b.clusters)
			}
		}
	}
	if maps.Equal(b.clusters, others) {
		return result{Stays, why, others}
	}
	if b.group != before {
		why += fmt.Sprintf(", and the next group, %q, takes it for good", b.group)
	}
	return result{Moves, why, maps.Clone(b.clusters)}
}

// recover makes a lost cluster ready again. Divided replicas stay where they are unless some are not placed.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/event_handler.go:400 (enqueueAffectedBindings), scheduler.go:421.
func (a *Application) recover(s *scheduler, b *binding, name string) result {
	_, here := b.clusters[name]
	was := b.lost[name]
	delete(b.lost, name)
	delete(b.evicted, name)
	b.recovered[name] = true
	m, member := a.member(name)
	same := maps.Clone(b.clusters)
	switch state, taint := m.Recovered.Admits(s.placement.ClusterTolerations); {
	case !was || !member:
		return result{still, fmt.Sprintf("%q was not lost", name), same}
	case here:
		return result{Stays, fmt.Sprintf("it was never evicted from %q, and runs there again", name), same}
	case state == fleet.Unknown:
		return result{Unknown, m.Recovered.Doubt, nil}
	case state == fleet.Missing && taint.By != "":
		return result{Stays, fmt.Sprintf(
			"nothing goes back, because the ClusterTaintPolicy %q never removes its taint from %q", taint.By, name),
			same}
	case !s.enqueues(b, &m):
		return result{still, fmt.Sprintf("nothing goes back to %q, which is not in the group that runs it", name), same}
	case !b.rescheduled(s.placement):
		return result{still, fmt.Sprintf(
			"nothing goes back to %q until the workload is scaled or rebalanced, or the policy changes", name), same}
	}
	return again(s, b, same, fmt.Sprintf("Karmada places it on %q again", name),
		fmt.Sprintf("nothing goes back to %q", name))
}

// enqueues tells whether a change of a cluster makes the scheduler look at the binding.
func (s *scheduler) enqueues(b *binding, m *fleet.Member) bool {
	affinity := s.placement.ClusterAffinity
	if groups := s.placement.ClusterAffinities; affinity == nil && len(groups) > 0 {
		affinity = &groups[max(0, slices.IndexFunc(groups, func(t Term) bool {
			return t.AffinityName == b.group
		}))].Affinity
	}
	if affinity == nil {
		return true
	}
	state, _ := affinity.Matches(m, s.minor)
	return state != fleet.Missing
}

// rescheduled tells whether the scheduler places a binding anew when it looks at it.
func (b *binding) rescheduled(p *Placement) bool {
	return !b.workload || p.strategy() == duplicated || b.clusters.sum() != b.replicas
}

// again schedules a binding and says what has changed.
func again(s *scheduler, b *binding, before seats, moves, stays string) result {
	group := b.group
	if err := s.schedule(b); err != nil {
		return failed(err, b.clusters)
	}
	if maps.Equal(before, b.clusters) {
		return result{Stays, stays, before}
	}
	if b.group != group {
		moves += fmt.Sprintf(", in the group %q", b.group)
	}
	return result{Moves, moves, maps.Clone(b.clusters)}
}

// rebalance places a binding as if it ran nowhere; but up to Karmada 1.18 not in a group before the one that it is in.
//
// Source: karmada-io/karmada v1.18.2 pkg/scheduler/core/assignment.go:213; v1.19.0-rc.0 pkg/scheduler/scheduler.go:635.
func rebalance(s *scheduler, b *binding) result {
	b.fresh = true
	defer func() { b.fresh = false }()
	stays := "it is placed anew, as it was"
	if i := slices.IndexFunc(s.placement.ClusterAffinities, func(t Term) bool {
		return t.AffinityName == b.group
	}); i > 0 && s.minor < 19 {
		stays += fmt.Sprintf("; before Karmada 1.19 a WorkloadRebalancer does not lead back from the group %q", b.group)
	}
	return again(s, b, maps.Clone(b.clusters), "the WorkloadRebalancer has it placed anew", stays)
}

// scale asks for another number of replicas.
func scale(s *scheduler, b *binding, replicas int) result {
	if !b.workload {
		return result{still, "it has no replicas", maps.Clone(b.clusters)}
	}
	b.replicas = replicas
	before := maps.Clone(b.clusters)
	if !b.rescheduled(s.placement) {
		return result{still, "it has as many replicas already", before}
	}
	return again(s, b, before, fmt.Sprintf("%d replicas are placed", replicas),
		fmt.Sprintf("%d replicas are placed", replicas))
}

// healthKinds are the kinds whose health Karmada interprets, beside those of a ResourceInterpreterCustomization.
//
// Source: karmada-io/karmada v1.18.2 pkg/resourceinterpreter/default/native/healthy.go:33, default/thirdparty.
var healthKinds = []string{"Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "DaemonSet.apps", "Service",
	"Ingress.networking.k8s.io",
	"PersistentVolumeClaim", "Pod", "PodDisruptionBudget.policy", "CloneSet.apps.kruise.io",
	"StatefulSet.apps.kruise.io",
	"UnitedDeployment.apps.kruise.io", "BroadcastJob.apps.kruise.io", "Workflow.argoproj.io",
	"FlinkDeployment.flink.apache.org"}

// unhealthy is application failover.
//
// Source: karmada-io/karmada v1.18.2 pkg/controllers/applicationfailover/rb_application_failover_controller.go:219.
func (a *Application) unhealthy(s *scheduler, b *binding, name string) result {
	same := maps.Clone(b.clusters)
	of := a.Policy.Failover.Application
	if _, here := b.clusters[name]; !here {
		return result{still, fmt.Sprintf("nothing of it ran on %q", name), same}
	}
	switch {
	case !b.workload:
		return result{still, "an object without replicas has a health of its own", same}
	case of == nil:
		return result{Stays, "nothing moves, because the policy has no spec.failover.application", same}
	case !a.Policy.PropagateDeps:
		return result{Stays, "nothing moves, because failover.application requires propagateDeps to be true", same}
	case !slices.Contains(healthKinds, a.Kind):
		return result{Unknown, "it is not known whether Karmada can tell the health of this kind", nil}
	}
	seconds := int64(300)
	if of.DecisionConditions.TolerationSeconds != nil {
		seconds = *of.DecisionConditions.TolerationSeconds
	}
	why := fmt.Sprintf("application failover evicts it from %q after %d s", name, seconds)
	switch of.PurgeMode {
	case "Never":
		why += "; the old copy runs on until somebody removes it, since purgeMode is Never"
	case "Directly", "Immediately":
		why += "; the old copy is removed at once"
	default:
		why += "; the old copy is removed when the new one is healthy, or at the end of the grace period"
	}
	if of.StatePreservation != nil {
		why += "; the labels of statePreservation are handed on where the gate StatefulFailoverInjection is on and the copy is removed directly"
	}
	return a.evict(s, b, []string{name}, why)
}

// join makes a cluster a member of which nothing but the name is known.
func (a *Application) join(s *scheduler, b *binding, name string) result {
	same := maps.Clone(b.clusters)
	if _, member := a.member(name); member {
		return result{still, fmt.Sprintf("%q is a member already", name), same}
	}
	m := fleet.Member{Name: name, Healthy: fleet.Tainted{Ways: [][]fleet.Taint{{}}}}
	s.members = slices.SortedFunc(slices.Values(append(slices.Clone(s.members), m)), func(a, b fleet.Member) int {
		return strings.Compare(a.Name, b.Name)
	})
	s.strangers = slices.DeleteFunc(slices.Clone(s.strangers), func(stranger string) bool { return stranger == name })
	switch {
	case !s.enqueues(b, &m):
		return result{still, fmt.Sprintf("the policy does not select %q", name), same}
	case !b.rescheduled(s.placement):
		return result{still, fmt.Sprintf(
			"nothing goes to %q until the workload is scaled or rebalanced, or the policy changes", name), same}
	}
	return again(s, b, same, fmt.Sprintf("it goes to %q too", name), fmt.Sprintf("nothing goes to %q", name))
}

// quoted are names in quotes, the first few of many.
func quoted(names []string) string {
	var parts []string
	for i, name := range names {
		if i == 3 && len(names) > 4 {
			parts = append(parts, fmt.Sprintf("%d more", len(names)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%q", name))
	}
	return strings.Replace(list(parts), ", and ", " and ", 1)
}
