package failover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Application is a policy with what decides about its replicas beside it.
type Application struct {
	Policy Policy
	// Replicas is how many the policy's workload asks for.
	Replicas int
	// Members are the names of the member clusters, sorted.
	Members []string
	// Order is the order in which clusters are lost; members that it leaves out are lost one at a time only.
	Order []string
	// Minor is the control plane's Karmada version 1.Minor; 0 is unknown, and counts as the newest.
	Minor int
	// Switches are those of cluster failover, by what they are called; see Armed. Nil where the control plane is not in Git.
	Switches map[string]fleet.State
	// Hosts are the members that run the control plane too.
	Hosts []string
	// TaintKeys are the keys of the NoExecute taints that ClusterTaintPolicies add.
	TaintKeys []string
	// Capacity is for how many replicas a cluster has room, by name; a cluster that is not in it is unknown.
	Capacity map[string]int
}

// Scenario is what becomes of the replicas when clusters are lost, one after another.
type Scenario struct {
	// Lost are the clusters, in the order in which they are lost; none is the healthy fleet.
	Lost []string `json:"lost"`
	// Replicas are the clusters' replicas, those on lost clusters included as long as Karmada leaves them there. Nil where
	// they are unknown.
	Replicas map[string]int `json:"replicas"`
	// Alternatives are other ways in which it may come, each as likely: Karmada breaks ties by the object's UID.
	Alternatives []map[string]int `json:"alternatives,omitempty"`
	// Others are the clusters that objects without replicas go to: a Service, a ConfigMap.
	Others  []string `json:"others"`
	Outcome Outcome  `json:"outcome"`
	// Why is the outcome's reason, in a sentence.
	Why string `json:"why"`
}

// Outcome of a scenario.
type Outcome string

// Outcomes.
const (
	// Runs: nothing is lost, and replicas are placed.
	Runs Outcome = "runs"
	// Moves: what ran on the lost clusters runs elsewhere.
	Moves Outcome = "moves"
	// Stays: what ran there is not placed anew. Where nothing ran there, nothing is to move.
	Stays Outcome = "stays"
	// Pending: Karmada evicts it and can place it nowhere, or not at all to begin with.
	Pending Outcome = "pending"
	// Unknown: Git does not show what decides.
	Unknown Outcome = "unknown"
)

// Simulate gives the healthy fleet first, then the loss of each member that may hold replicas, then the loss of one after
// another in the application's order.
func Simulate(a Application) []Scenario {
	all := []Scenario{a.After()}
	for _, name := range a.inOrder() {
		all = append(all, a.After(name))
	}
	order := a.inOrder()
	n := 0
	for n < len(order) && slices.Contains(a.Order, order[n]) { // which come first
		n++
	}
	if n > 1 {
		all = append(all, a.afterEach(order[:n])[2:]...)
	}
	return all
}

// inOrder are the members that the policy may use: in the given order, then the others by name.
func (a *Application) inOrder() []string {
	var names []string
	for _, name := range slices.Concat(a.Order, a.Members) {
		if slices.Contains(a.Members, name) && !slices.Contains(names, name) && a.allows(name) {
			names = append(names, name)
		}
	}
	return names
}

func (a *Application) allows(name string) bool {
	p := &a.Policy.Placement
	if p.ClusterAffinity != nil {
		return p.ClusterAffinity.matches(name) != fleet.Missing
	}
	return len(p.ClusterAffinities) == 0 || slices.ContainsFunc(p.ClusterAffinities, func(t Term) bool {
		tier, known := t.tier(name, true)
		return tier >= 0 || !known
	})
}

// After is the scenario in which the clusters are lost one after another.
func (a *Application) After(lost ...string) Scenario {
	return a.afterEach(lost)[len(lost)]
}

// afterEach are the scenarios before the first of the clusters is lost, and after each of them.
func (a *Application) afterEach(lost []string) []Scenario {
	var workloads [][]result
	for _, tie := range a.ties() {
		workloads = append(workloads, a.run(&binding{workload: true, replicas: a.Replicas}, tie, lost))
	}
	others := a.run(&binding{}, strings.Compare, lost)
	all := make([]Scenario, len(lost)+1)
	for n := range all {
		all[n] = scenario(lost[:n], n, workloads, others[n])
	}
	return all
}

func scenario(lost []string, n int, workloads [][]result, others result) Scenario {
	s := Scenario{Lost: append([]string{}, lost...), Others: []string{}}
	var ways []map[string]int
	for _, results := range workloads {
		workload := results[n]
		if s.Outcome == "" || workload.outcome == Unknown {
			s.Outcome, s.Why = workload.outcome, workload.why
		}
		if workload.clusters != nil && !slices.ContainsFunc(ways, func(w map[string]int) bool { return maps.Equal(w, workload.clusters) }) {
			ways = append(ways, workload.clusters)
		}
	}
	if len(ways) > 0 {
		s.Replicas, s.Alternatives = ways[0], ways[1:]
		if len(ways) > 1 && s.Outcome != Stays {
			s.Why += "; who gets more is decided by a hash of the object's UID"
		}
	}
	if others.clusters != nil {
		s.Others = slices.Sorted(maps.Keys(others.clusters))
	}
	return s
}

// ties are the orders in which Karmada may break ties: up to 1.15 by chance.
func (a *Application) ties() []order {
	backward := func(x, y string) int { return strings.Compare(y, x) }
	all := []order{strings.Compare, backward}
	if a.Minor == 0 || a.Minor >= 16 {
		return all
	}
	for first := range a.Members {
		at := func(name string) int {
			return (slices.Index(a.Members, name) - first + len(a.Members)) % len(a.Members)
		}
		all = append(all, func(x, y string) int { return cmp.Compare(at(x), at(y)) })
	}
	return all
}

// result is what became of one binding.
type result struct {
	outcome  Outcome
	why      string
	clusters seats
}

// run gives what becomes of a binding before the first of the clusters is lost, and after each of them.
func (a *Application) run(b *binding, tie order, lost []string) []result {
	always := func(r result) []result { return slices.Repeat([]result{r}, len(lost)+1) }
	b.clusters, b.lost, b.evicted = seats{}, map[string]bool{}, map[string]bool{}
	s := &scheduler{placement: &a.Policy.Placement, members: a.Members, tie: tie, minor: cmp.Or(a.Minor, newestMinor), taintKeys: a.TaintKeys,
		capacity: func(cluster string) (int, bool) {
			n, ok := a.Capacity[cluster]
			return max(0, n-b.clusters[cluster]), ok
		}}
	if a.Minor > 0 && a.Minor < oldestMinor {
		return always(result{outcome: Unknown, why: fmt.Sprintf("Karmada 1.%d fails over in another way than 1.%d and later, which are known here", a.Minor, oldestMinor)})
	}
	if name := a.Policy.SchedulerName; name != "" && name != "default-scheduler" {
		return always(result{outcome: Unknown, why: fmt.Sprintf("the scheduler %q is not Karmada's own", name)})
	}
	if err := s.schedule(b); err != nil {
		all := always(failed(err, seats{}))
		if off, _ := a.disarmed(); isUnknown(err) && len(off) > 0 {
			for i := range lost {
				all[i+1] = result{Stays, err.Error() + ", and nothing moves, because " + list(off), nil}
			}
		}
		return all
	}
	whole := result{Runs, a.healthy(b), maps.Clone(b.clusters)}
	all := []result{whole}
	for i, name := range lost {
		step := a.lose(s, b, name)
		if step.outcome == Unknown {
			return append(all, slices.Repeat([]result{step}, len(lost)-i)...)
		}
		if i == 0 || tells[step.outcome] >= tells[whole.outcome] {
			whole.outcome, whole.why = step.outcome, step.why
		}
		whole.clusters = step.clusters
		all = append(all, whole)
		if whole.outcome == idle {
			all[i+1].outcome = Stays
		}
	}
	return all
}

// idle: nothing ran on what was lost.
const idle Outcome = "idle"

// tells orders the outcomes of single losses by what they say of all of them.
var tells = map[Outcome]int{idle: 1, Moves: 2, Stays: 3, Pending: 4}

const (
	// newestMinor is the version that is assumed where none is known.
	newestMinor = 18
	// oldestMinor is the oldest whose failover is simulated.
	oldestMinor = 15
)

func failed(err error, clusters seats) result {
	if isUnknown(err) {
		return result{Unknown, err.Error(), nil}
	}
	return result{Pending, err.Error(), maps.Clone(clusters)}
}

// lose takes one more cluster from the binding.
func (a *Application) lose(s *scheduler, b *binding, name string) result {
	b.lost[name] = true
	if _, here := b.clusters[name]; !here {
		return result{idle, fmt.Sprintf("nothing of it ran on %q", name), maps.Clone(b.clusters)}
	}
	if off, uncertain := a.disarmed(); len(off) > 0 {
		return result{Stays, "nothing moves, because " + list(off), maps.Clone(b.clusters)}
	} else if len(uncertain) > 0 {
		return result{Unknown, "it is not known whether " + list(uncertain), nil}
	}
	delete(b.clusters, name)
	b.evicted[name] = true
	before, others := b.group, maps.Clone(b.clusters)
	if err := s.schedule(b); err != nil {
		return failed(err, b.clusters)
	}
	if maps.Equal(b.clusters, others) {
		return result{Stays, fmt.Sprintf("cluster failover takes it from %q, and the others go on as before", name), others}
	}
	why := fmt.Sprintf("cluster failover evicts it from %q", name)
	if b.group != before {
		why += fmt.Sprintf(", and the next group, %q, takes it for good", b.group)
	}
	if slices.Contains(a.Hosts, name) {
		why += ", unless the control plane is lost with it, which runs there too: then nothing moves"
	}
	return result{Moves, why, maps.Clone(b.clusters)}
}

// healthy says how the replicas of a healthy fleet are divided.
func (a *Application) healthy(b *binding) string {
	p := &a.Policy.Placement
	why := "by " + p.strategy()
	if p.strategy() == duplicated {
		why = "each selected cluster gets all of them"
	}
	if b.group != "" {
		why += fmt.Sprintf(", in the first group, %q", b.group)
	}
	if p.ignoresSpread() && len(p.SpreadConstraints) > 0 {
		why += "; static weights leave the spread constraints out"
	}
	return why
}

// disarmed says why a lost cluster evicts nothing: what is certainly so, and what may be.
func (a *Application) disarmed() (off, uncertain []string) {
	if a.Switches == nil {
		return nil, []string{"cluster failover is switched on, since the control plane is not in Git"}
	}
	for _, s := range fleet.FailoverSwitches {
		switch a.Switches[s.Name] {
		case fleet.Missing:
			off = append(off, s.Off)
		case fleet.Unknown:
			uncertain = append(uncertain, s.Off)
		}
	}
	for _, key := range a.TaintKeys {
		if a.Policy.Placement.toleratesForever(key) {
			off = append(off, fmt.Sprintf("the policy tolerates the taint %s for ever", key))
		}
	}
	return off, uncertain
}

// list joins parts of a sentence.
func list(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + ", and " + parts[last]
}
