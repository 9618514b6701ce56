package failover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Application is a policy with one of its workloads, and what decides about its replicas beside it.
type Application struct {
	Policy Policy
	// Replicas is how many the workload asks for.
	Replicas int
	// Uncounted says why that is not known; empty where it is. Bare: it is no workload, or asks for no replicas, so
	// that it goes to every cluster that is selected.
	Uncounted string
	Bare      bool
	// Kind is the workload's, "Deployment.apps".
	Kind string
	// Standing is Idle, Refused or Unknown where Karmada does not place it by this policy, or may not; Idle says why.
	// Both are empty where it does.
	Standing Outcome
	Idle     string
	// Members are the member clusters, sorted by name. Strangers are clusters that the policy
	// names and that may be members.
	Members   []fleet.Member
	Strangers []string
	// Order is the order in which clusters are lost; members that it leaves out are lost one at a time only.
	Order []string
	// Minor is the control plane's Karmada version 1.Minor; 0 is unknown, and counts as the newest.
	Minor int
	// Switches are those of cluster failover, by what they are called; see Armed. Nil where the
	// control plane is not in Git.
	Switches map[string]fleet.State
	// Hosts are the members that run the control plane too.
	Hosts []string
	// Grouped: where other workloads run decides.
	Grouped bool
	// Capacity is for how many replicas a cluster has room, by name; a cluster that is not in it is unknown.
	Capacity map[string]int
}

// Scenario is what becomes of the replicas when clusters are lost, one after another, or something else happens.
type Scenario struct {
	// Steps are what happens, in words; none is the healthy fleet.
	Steps []string `json:"steps"`
	// Lost are the clusters that are lost, in the order in which they were.
	Lost []string `json:"lost"`
	// Replicas are the clusters' replicas, those on lost clusters included as long as Karmada leaves them there.
	// Nil where they are unknown.
	Replicas map[string]int `json:"replicas" jsonschema:"nullable"`
	// Alternatives are other ways in which it may come, each as likely: Karmada breaks ties by the object's UID.
	Alternatives []map[string]int `json:"alternatives,omitempty"`
	// Others are the clusters that objects without replicas go to: a Service, a ConfigMap. Nil where that is unknown.
	Others []string `json:"others" jsonschema:"nullable"`
	// Outcome is that of the last step.
	Outcome Outcome `json:"outcome"`
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
	// Idle: the policy is suspended, or another one claims the workload.
	Idle Outcome = "idle"
	// Refused: Karmada refuses the policy.
	Refused Outcome = "refused"
)

// Simulate gives the healthy fleet first, then the loss of each member that may hold replicas, then the loss of one
// after another in the application's order.
func Simulate(a Application) []Scenario {
	order := a.inOrder()
	all := a.Alone(order)
	n := 0
	for n < len(order) && slices.Contains(a.Order, order[n]) { // which come first
		n++
	}
	if n = min(n, maxSequence); n > 1 {
		all = append(all, a.AfterEach(losses(order[:n]))[2:]...)
	}
	return all
}

// maxSequence bounds the losses of one cluster after another.
const maxSequence = 16

// Alone is the scenario of the healthy fleet, and those in which each of the clusters is lost alone.
func (a *Application) Alone(names []string) []Scenario {
	var workloads [][]result
	if !a.Bare {
		for _, tie := range a.ties() {
			workloads = append(workloads, a.alone(&binding{workload: true, replicas: a.Replicas}, tie, names))
		}
	}
	others := a.alone(&binding{}, strings.Compare, names)
	all := []Scenario{a.scenario(nil, 0, workloads, others[0])}
	for n, name := range names {
		all = append(all, a.scenario(losses([]string{name}), n+1, workloads, others[n+1]))
	}
	return all
}

// Effect is what the loss of one member does to a workload that runs there, or may.
type Effect struct {
	Member  string
	Outcome Outcome
	Why     string
	// Moved is how many replicas are placed elsewhere, To where.
	Moved int
	To    map[string]int
}

// Effects are the outcome while all members are ready, and the effects of the loss of each member alone. Where Karmada
// breaks a tie by the object's UID it is one of the ways.
func (a *Application) Effects() (Outcome, []Effect) {
	b := &binding{workload: !a.Bare, replicas: a.Replicas}
	s, early := a.begin(b, strings.Compare)
	first := result{}
	if early != nil {
		first = *early
	} else {
		first = a.place(s, b)
	}
	var effects []Effect
	if first.outcome == Idle || first.outcome == Refused {
		return first.outcome, nil
	}
	if first.outcome == Unknown {
		for _, m := range a.Members {
			r := a.unplaced(first, losses([]string{m.Name})[0])
			effects = append(effects, Effect{Member: m.Name, Outcome: r.outcome, Why: r.why})
		}
		return Unknown, effects
	}
	healthy := *b
	for _, name := range slices.Sorted(maps.Keys(first.clusters)) {
		if off, _ := a.disarmed(name); len(off) > 0 {
			effects = append(effects, Effect{Member: name, Outcome: Stays, Why: "nothing moves, because " + list(off)})
			continue
		}
		b.clusters, b.lost, b.evicted, b.group = maps.Clone(healthy.clusters), map[string]bool{},
			maps.Clone(healthy.evicted), healthy.group
		r := a.follow(s, b, first, losses([]string{name}))[1]
		e := Effect{Member: name, Outcome: r.outcome, Why: r.why, To: map[string]int{}}
		for cluster, n := range r.clusters {
			if more := n - first.clusters[cluster]; more > 0 && r.outcome == Moves {
				e.To[cluster], e.Moved = more, e.Moved+more
			}
		}
		effects = append(effects, e)
	}
	return first.outcome, effects
}

// inOrder are the members that the policy may use: in the given order, then the others by name.
func (a *Application) inOrder() []string {
	var names []string
	used := map[string]bool{}
	for i := range a.Members {
		used[a.Members[i].Name] = a.allows(&a.Members[i])
	}
	add := func(name string) {
		if used[name] {
			used[name], names = false, append(names, name)
		}
	}
	for _, name := range a.Order {
		add(name)
	}
	for _, m := range a.Members {
		add(m.Name)
	}
	return names
}

func (a *Application) allows(m *fleet.Member) bool {
	p := &a.Policy.Placement
	if p.ClusterAffinity != nil {
		state, _ := p.ClusterAffinity.Matches(m, a.Minor)
		return state != fleet.Missing
	}
	return len(p.ClusterAffinities) == 0 || slices.ContainsFunc(p.ClusterAffinities, func(t Term) bool {
		tier, unseen := t.tier(m, true, a.Minor)
		return tier >= 0 || unseen != ""
	})
}

// After is the scenario in which the clusters are lost one after another.
func (a *Application) After(lost ...string) Scenario {
	return a.AfterEach(losses(lost))[len(lost)]
}

func losses(names []string) []Step {
	steps := make([]Step, len(names))
	for i, name := range names {
		steps[i] = Step{Kind: Lose, Clusters: []string{name}}
	}
	return steps
}

// AfterEach are the scenarios before the first step, and after each of them.
func (a *Application) AfterEach(steps []Step) []Scenario {
	var workloads [][]result
	if !a.Bare {
		for _, tie := range a.ties() {
			workloads = append(workloads, a.run(&binding{workload: true, replicas: a.Replicas}, tie, steps))
		}
	}
	others := a.run(&binding{}, strings.Compare, steps)
	all := make([]Scenario, len(steps)+1)
	for n := range all {
		all[n] = a.scenario(steps[:n], n, workloads, others[n])
	}
	return all
}

func (a *Application) scenario(steps []Step, n int, workloads [][]result, others result) Scenario {
	s := Scenario{Steps: []string{}, Lost: lostAfter(steps)}
	for _, step := range steps {
		s.Steps = append(s.Steps, step.String())
	}
	if a.Bare {
		s.Outcome, s.Why, s.Replicas = others.outcome, others.why, others.clusters
	}
	var ways []map[string]int
	for _, results := range workloads {
		workload := results[n]
		if s.Outcome == "" || workload.outcome == Unknown {
			s.Outcome, s.Why = workload.outcome, workload.why
		}
		if workload.clusters != nil && !slices.ContainsFunc(ways, func(w map[string]int) bool {
			return maps.Equal(w, workload.clusters)
		}) {
			ways = append(ways, workload.clusters)
		}
	}
	if len(ways) > 0 {
		s.Replicas, s.Alternatives = ways[0], ways[1:]
		if len(ways) > 1 && s.Outcome != Stays {
			s.Why += "; who gets more is decided by a hash of the object's UID"
		}
	}
	for _, name := range a.Policy.Suspension.DispatchingOnClusters.ClusterNames {
		if slices.ContainsFunc(append(ways, s.Replicas), func(way map[string]int) bool {
			_, placed := way[name]
			return placed
		}) {
			s.Why += fmt.Sprintf("; spec.suspension holds back what goes to %q", name)
		}
	}
	if others.clusters != nil {
		s.Others = append([]string{}, slices.Sorted(maps.Keys(others.clusters))...)
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
	index := map[string]int{}
	for i, m := range a.Members {
		index[m.Name] = i
	}
	for first := range min(len(a.Members), maxTies) {
		at := func(name string) int { return (index[name] - first + len(a.Members)) % len(a.Members) }
		all = append(all, func(x, y string) int { return cmp.Compare(at(x), at(y)) })
	}
	return all
}

// maxTies bounds the orders that are tried where Karmada breaks ties by chance.
const maxTies = 16

// result is what became of one binding.
type result struct {
	outcome  Outcome
	why      string
	clusters seats
}

const (
	// newestMinor is the version that is assumed where none is known.
	newestMinor = 18
	// oldestMinor is the oldest whose failover is simulated.
	oldestMinor = 15
)

// begin makes the scheduler of a binding that runs nowhere yet; or the result, where that is
// certain or unknown without one.
func (a *Application) begin(b *binding, tie order) (*scheduler, *result) {
	b.clusters, b.lost, b.evicted, b.recovered = seats{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	s := &scheduler{placement: &a.Policy.Placement, members: a.Members, strangers: a.Strangers, tie: tie,
		minor:   cmp.Or(a.Minor, newestMinor),
		grouped: a.Grouped && b.workload,
		capacity: func(cluster string) (int, bool) {
			n, ok := a.Capacity[cluster]
			return max(0, n-b.clusters[cluster]), ok
		}}
	switch name := a.Policy.SchedulerName; {
	case a.Idle != "":
		return s, &result{outcome: a.Standing, why: a.Idle}
	case a.Minor > 0 && a.Minor < oldestMinor:
		return s, &result{outcome: Unknown, why: fmt.Sprintf(
			"Karmada 1.%d fails over in another way than 1.%d and later, which are known here", a.Minor, oldestMinor)}
	case name != "" && name != "default-scheduler":
		return s, &result{outcome: Unknown, why: fmt.Sprintf("the scheduler %q is not Karmada's own", name)}
	case a.Uncounted != "" && b.workload:
		return s, &result{outcome: Unknown, why: a.Uncounted}
	}
	return s, nil
}

// run gives what becomes of a binding before the first step, and after each of them.
func (a *Application) run(b *binding, tie order, steps []Step) []result {
	s, early := a.begin(b, tie)
	if early != nil {
		return slices.Repeat([]result{*early}, len(steps)+1)
	}
	return a.follow(s, b, a.place(s, b), steps)
}

// alone gives what becomes of a binding before the loss of the first cluster, and after the loss of each one alone.
func (a *Application) alone(b *binding, tie order, names []string) []result {
	s, early := a.begin(b, tie)
	if early != nil {
		return slices.Repeat([]result{*early}, len(names)+1)
	}
	all := []result{a.place(s, b)}
	healthy := *b
	for _, name := range names {
		b.clusters, b.lost, b.evicted = maps.Clone(healthy.clusters), map[string]bool{}, maps.Clone(healthy.evicted)
		b.group = healthy.group
		all = append(all, a.follow(s, b, all[0], losses([]string{name}))[1])
	}
	return all
}

// follow gives the first result, and what becomes of the binding after each step.
func (a *Application) follow(s *scheduler, b *binding, first result, steps []Step) []result {
	all := []result{first}
	open := first // what is not known, once that is so
	for _, step := range steps {
		last := all[len(all)-1]
		if last.outcome == Unknown {
			open = last
		}
		if open.outcome == Unknown {
			all = append(all, a.unplaced(open, step))
			continue
		}
		next := a.step(s, b, step)
		if next.outcome == still {
			next.outcome = Stays
			if last.outcome == Pending { // it was not placed before, and is not now
				next.outcome, next.why = Pending, last.why
			}
		}
		all = append(all, next)
	}
	return all
}

// still: the step changes nothing.
const still Outcome = "still"

// place is the healthy fleet.
func (a *Application) place(s *scheduler, b *binding) result {
	if err := s.schedule(b); err != nil {
		return failed(err, seats{})
	}
	r := result{Runs, a.healthy(b), nil}
	var err error
	for name, seconds := a.unbearable(b); name != ""; name, seconds = a.unbearable(b) {
		off, uncertain := a.disarmed("")
		if len(off) > 0 {
			break
		}
		if len(uncertain) > 0 {
			return result{Unknown, "it is not known whether " + list(uncertain), nil}
		}
		b.evicted[name] = true
		delete(b.clusters, name)
		if err = s.schedule(b); isUnknown(err) {
			return failed(err, nil)
		}
		r.why += fmt.Sprintf("; it is evicted from %q after %d s, whose taint it does not tolerate for longer", name,
			seconds)
	}
	if err != nil {
		return failed(err, b.clusters)
	}
	r.clusters = maps.Clone(b.clusters)
	return r
}

// unbearable is the first cluster, by name, whose NoExecute taint a binding tolerates for some time alone;
// empty where there is none.
func (a *Application) unbearable(b *binding) (name string, seconds int64) {
	for _, name := range slices.Sorted(maps.Keys(b.clusters)) {
		m, _ := a.member(name)
		if e := m.Healthy.Evicts(a.Policy.Placement.ClusterTolerations); e.State == fleet.Found {
			return name, e.Seconds
		}
	}
	return "", 0
}

// unplaced is a step where it is not known what ran where. A loss moves nothing where cluster
// failover is off all the same.
func (a *Application) unplaced(last result, step Step) result {
	if step.Kind != Lose && step.Kind != LoseRegion {
		return last
	}
	off, _ := a.disarmed(step.Clusters[0])
	if len(off) == 0 {
		return last
	}
	return result{Stays, last.why + ", and nothing moves, because " + list(off), nil}
}

func failed(err error, clusters seats) result {
	if isUnknown(err) {
		return result{Unknown, err.Error(), nil}
	}
	return result{Pending, err.Error(), maps.Clone(clusters)}
}

// member is the one of the name.
func (a *Application) member(name string) (fleet.Member, bool) {
	i, ok := slices.BinarySearchFunc(a.Members, name, func(m fleet.Member, name string) int {
		return cmp.Compare(m.Name, name)
	})
	if !ok {
		return fleet.Member{}, false
	}
	return a.Members[i], true
}

// healthy says how the replicas of a healthy fleet are divided.
func (a *Application) healthy(b *binding) string {
	p := &a.Policy.Placement
	why := "by " + p.strategy()
	switch {
	case !b.workload:
		why = "what has no replicas goes to each selected cluster"
	case p.strategy() == duplicated:
		why = "each selected cluster gets all of them"
	}
	if b.group != "" {
		why += fmt.Sprintf(", in the first group, %q", b.group)
		if i := slices.IndexFunc(p.ClusterAffinities, func(t Term) bool { return t.AffinityName == b.group }); i > 0 {
			why = strings.Replace(why, "in the first group", "in the first group that fits", 1)
		}
	}
	if p.ignoresSpread() && len(p.SpreadConstraints) > 0 {
		why += "; static weights leave the spread constraints out"
	}
	return why
}

// disarmed says why the loss of a cluster evicts nothing: what is certainly so, and what may be.
func (a *Application) disarmed(cluster string) (off, uncertain []string) {
	if a.Switches == nil {
		return nil, []string{"cluster failover is switched on, since the control plane is not in Git"}
	}
	m, member := a.member(cluster)
	for _, s := range fleet.FailoverSwitches {
		state, text := a.Switches[s.Name], s.Off
		if s.Name == fleet.TaintSwitch {
			if !member {
				continue
			}
			e := m.Lost.Evicts(a.Policy.Placement.ClusterTolerations)
			state, text = e.State, e.Why
		}
		switch state {
		case fleet.Missing:
			off = append(off, text)
		case fleet.Unknown:
			uncertain = append(uncertain, text)
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
