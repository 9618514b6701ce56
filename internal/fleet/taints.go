package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Taint is a taint of a Cluster.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
	// By is the ClusterTaintPolicy that adds it; empty for one in the Cluster's own spec, and for Karmada's own.
	By string `json:"by"`
}

const (
	noExecute  = "NoExecute"
	noSchedule = "NoSchedule"
)

// Toleration is Kubernetes' own, of a cluster's taint.
type Toleration struct {
	Key               string `json:"key"`
	Operator          string `json:"operator"`
	Value             string `json:"value"`
	Effect            string `json:"effect"`
	TolerationSeconds *int64 `json:"tolerationSeconds"`
}

// Tolerates tells whether a taint is tolerated, for however long.
//
// Source: k8s.io/api v0.36.4 core/v1/toleration.go ToleratesTaint, which Karmada calls without comparison operators.
func (t Toleration) Tolerates(taint Taint) bool {
	return (t.Effect == "" || t.Effect == taint.Effect) && (t.Key == "" || t.Key == taint.Key) &&
		(t.Operator == "Exists" || (t.Operator == "" || t.Operator == "Equal") && t.Value == taint.Value)
}

// Tainted are the taints that a member has in some state.
type Tainted struct {
	// Ways are the sets of taints that it may have: one, unless Git leaves a doubt.
	Ways [][]Taint `json:"ways"`
	// Doubt is what Git does not show, in words; empty where there is one way and every policy can be read.
	Doubt string `json:"doubt"`
	// Without says in words why it has no NoExecute taint; empty where it has one in each way.
	Without string `json:"without"`
	// More: there it may have one all the same, from a ClusterTaintPolicy that Git does not show.
	More bool `json:"more"`
}

// Eviction is what becomes of a workload on a cluster with NoExecute taints.
type Eviction struct {
	// State is found where it is evicted, missing where it stays, unknown where Git does not tell.
	State State
	// Seconds is after how long it is evicted.
	Seconds int64
	// Why says in words why it stays, or what is unknown.
	Why string
	// Taint is one that is tolerated forever, By the index of the toleration; empty where nothing is.
	Taint Taint
	By    int
	// Policy is the ClusterTaintPolicy by whose taint it is evicted; empty where it is another's, or stays.
	Policy string
}

// Evicts tells what becomes of a workload with tolerations: all NoExecute taints must be tolerated, each by the first
// toleration that fits; of those that end, the first to end counts.
//
// Source: karmada v1.18.2 pkg/controllers/cluster/taint_manager.go:416, pkg/util/helper/taint.go:130 and 181. TimeAdded
// is there, since Karmada sets it with the taint, and its API server for one in the spec
// (pkg/registry/cluster/strategy.go).
func (t Tainted) Evicts(tolerations []Toleration) Eviction {
	var all []Eviction
	for _, way := range t.Ways {
		all = append(all, t.evicts(way, tolerations))
	}
	if len(all) == 0 {
		return Eviction{State: Unknown, Why: t.Doubt}
	}
	result := all[0]
	for _, other := range all[1:] {
		if other.State != result.State {
			return Eviction{State: Unknown, Why: t.Doubt}
		}
		result.Seconds = max(result.Seconds, other.Seconds)
	}
	return result
}

func (t Tainted) evicts(way []Taint, tolerations []Toleration) Eviction {
	stays := Eviction{State: Missing, Why: t.Without}
	if t.More {
		stays = Eviction{State: Unknown, Why: cmp.Or(t.Doubt, t.Without+" in Git, which may not show all of them")}
	}
	evicted := Eviction{State: Found}
	ends := false
	for _, taint := range way {
		if taint.Effect != noExecute {
			continue
		}
		i := slices.IndexFunc(tolerations, func(of Toleration) bool { return of.Tolerates(taint) })
		if i < 0 {
			return Eviction{State: Found, Policy: taint.By}
		}
		if seconds := tolerations[i].TolerationSeconds; seconds == nil && stays.Taint.Key == "" {
			stays = Eviction{State: Missing, Taint: taint, By: i,
				Why: fmt.Sprintf("the policy tolerates the taint %q forever", taint.Key)}
		} else if seconds != nil && (!ends || max(0, *seconds) < evicted.Seconds) {
			ends, evicted.Seconds, evicted.Policy = true, max(0, *seconds), taint.By
		}
	}
	if ends {
		return evicted
	}
	return stays
}

// Admits tells whether a workload with tolerations may be placed on the cluster, and which taint keeps it off.
//
// Source: karmada v1.18.2 pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go:66.
func (t Tainted) Admits(tolerations []Toleration) (State, Taint) {
	state, by := Found, Taint{}
	for i, way := range t.Ways {
		in := slices.IndexFunc(way, func(taint Taint) bool {
			return (taint.Effect == noSchedule || taint.Effect == noExecute) &&
				!slices.ContainsFunc(tolerations, func(of Toleration) bool { return of.Tolerates(taint) })
		})
		admitted := Found
		if in >= 0 {
			admitted, by = Missing, way[in]
		}
		if i > 0 && admitted != state {
			return Unknown, Taint{}
		}
		state = admitted
	}
	return state, by
}

// taintPolicy is a ClusterTaintPolicy.
type taintPolicy struct {
	name                                string
	TargetClusters                      *ClusterAffinity `json:"targetClusters"`
	Taints                              []Taint          `json:"taints"`
	AddOnConditions, RemoveOnConditions []condition
	// unread: a variable stands in it, or something else that cannot be read.
	unread bool
}

// condition asks for a condition of a Cluster.
type condition struct {
	ConditionType string
	Operator      string
	StatusValues  []string
}

// holds tells whether all conditions are met; none are never met, nor is one of a type that the Cluster does not have.
//
// Source: karmada v1.18.2 pkg/controllers/taint/clustertaintpolicy_controller.go:123 (conditionMatches).
func holds(all []condition, status map[string]string) bool {
	return len(all) > 0 && failing(all, status) == nil
}

func failing(all []condition, status map[string]string) *condition {
	for i, c := range all {
		value, set := status[c.ConditionType]
		listed := slices.Contains(c.StatusValues, value)
		if !set || c.Operator != "In" && c.Operator != "NotIn" || listed != (c.Operator == "In") {
			return &all[i]
		}
	}
	return nil
}

func readTaintPolicy(object Object) taintPolicy {
	p := taintPolicy{name: object.Name}
	data, err := json.Marshal(object.Content["spec"])
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	p.unread = err != nil || hasVariable(string(data)) || hasVariable(object.Name)
	return p
}

// taintPolicies are those that reach a control plane, by name, and whether Git may show too few of them.
func (f *Fleet) taintPolicies(servers []string) (all []taintPolicy, more bool) {
	for _, server := range servers {
		more = more || f.receivesMore(server)
		for object := range f.ofKind(server, taintKind) {
			all = append(all, readTaintPolicy(object))
		}
	}
	return all, more || len(servers) == 0
}

// taintPlane is one control plane as far as taints go.
type taintPlane struct {
	minor    int
	policies []taintPolicy
	more     bool
}

// taintPlane is that of a member: of the control plane where its Cluster object is, else of the only one.
func (f *Fleet) taintPlane(m Member, registered map[string]Object) *taintPlane {
	if object, ok := registered[m.Name]; ok {
		if plane, ok := f.taintPlanes[f.APIServers[object.APIServer].ControlPlane]; ok {
			return plane
		}
	}
	return f.taintPlanes[""]
}

// taintMembers says of each member which taints it has while it is healthy and once it is lost.
func (f *Fleet) taintMembers() {
	f.taintPlanes = map[string]*taintPlane{}
	for id, c := range f.ControlPlanes {
		plane := &taintPlane{minor: MinorOf(c.Version)}
		plane.policies, plane.more = f.taintPolicies(c.APIServers)
		f.taintPlanes[id], f.taintPlanes[""] = plane, plane
	}
	if len(f.ControlPlanes) != 1 { // those that Karmada serves, whichever it is
		var servers []string
		for _, id := range sorted(f.APIServers) {
			if f.APIServers[id].Kind == "karmada" {
				servers = append(servers, id)
			}
		}
		plane := &taintPlane{minor: MinorOf(f.KarmadaVersion)}
		plane.policies, _ = f.taintPolicies(servers)
		plane.more = true
		f.taintPlanes[""] = plane
	}
	registered := f.registered()
	for name, m := range f.Members {
		f.Members[name] = f.tainted(m, registered)
	}
}

// tainted is a member with its taints. A Ready that is lost is Unknown where an agent reported it, and False where
// Karmada looked itself; no other condition changes then.
//
// Source: karmada v1.18.2 pkg/controllers/cluster/cluster_controller.go:523 and 578,
// pkg/controllers/status/cluster_status_controller.go:183.
func (f *Fleet) tainted(m Member, registered map[string]Object) Member {
	plane := f.taintPlane(m, registered)
	m.Healthy = plane.apply(m, [][]Taint{m.Taints}, "")
	var lost []Tainted
	for _, mode := range []string{"Pull", "Push"} {
		if m.Mode == mode || m.Mode != "Pull" && m.Mode != "Push" {
			lost = append(lost, plane.apply(m, m.Healthy.Ways, mode))
		}
	}
	if m.Lost = lost[0]; len(lost) > 1 {
		m.Lost.Ways = append(m.Lost.Ways, lost[1].Ways...)
		m.Lost.Doubt = cmp.Or(m.Lost.Doubt, lost[1].Doubt,
			fmt.Sprintf("it is not in Git whether %q is a push or a pull member", m.Name))
		m.Lost.Without, m.Lost.More = cmp.Or(m.Lost.Without, lost[1].Without), m.Lost.More || lost[1].More
	}
	m.Recovered = plane.apply(m, withoutOwn(m.Lost.Ways), "")
	return m
}

// withoutOwn are ways without the taints that Karmada takes away itself when a Cluster is ready.
func withoutOwn(ways [][]Taint) [][]Taint {
	left := make([][]Taint, len(ways))
	for i, way := range ways {
		left[i] = slices.DeleteFunc(slices.Clone(way), func(t Taint) bool {
			return t.Effect == noSchedule && t.By == "" && slices.Contains(ownTaints, t.Key)
		})
	}
	return left
}

// Stranger is a cluster of which nothing but the name is known, with its taints.
func (f *Fleet) Stranger(name string) Member {
	return f.tainted(Member{Name: name, Unseen: slices.Clone(properties)}, nil)
}

// ownTaints are the keys of the NoSchedule taints of a Cluster whose Ready is Unknown, and of one whose is False.
var ownTaints = []string{"cluster.karmada.io/unreachable", "cluster.karmada.io/not-ready"}

// maxDoubts bounds the ways that are told apart.
const maxDoubts = 4

// apply gives the taints after all policies have seen a member: lost as a pull or push member, or healthy where mode is
// empty. Karmada goes through the policies by age, which Git does not show.
//
// Source: karmada v1.18.2 pkg/controllers/taint/clustertaintpolicy_controller.go:58 (Reconcile).
func (p *taintPlane) apply(m Member, before [][]Taint, mode string) Tainted {
	status := map[string]string{"CompleteAPIEnablements": "True",
		"Ready": map[string]string{"": "True", "Pull": "Unknown", "Push": "False"}[mode]}
	own := map[string]string{"Pull": ownTaints[0], "Push": ownTaints[1]}[mode]
	var acting, doubtful []taintPolicy
	var why []string
	result, unread := Tainted{}, false
	for _, policy := range p.policies {
		state, reason := policy.concerns(m, p.minor, status, mode)
		adds := slices.ContainsFunc(policy.Taints, func(t Taint) bool { return t.Effect == noExecute })
		switch {
		case state == Found:
			acting = append(acting, policy)
		case policy.unread:
			unread, result.Doubt = true, reason
		case state == Unknown && len(doubtful) < maxDoubts:
			doubtful = append(doubtful, policy)
			result.Doubt = cmp.Or(result.Doubt, reason)
		}
		if adds && reason != "" && len(why) < 3 {
			why = append(why, reason)
		}
	}
	for choice := range 1 << len(doubtful) {
		policies := slices.Clone(acting)
		for i, policy := range doubtful {
			if choice&(1<<i) != 0 {
				policies = append(policies, policy)
			}
		}
		orders := [][]taintPolicy{policies}
		if other := conflict(policies, status); other != "" {
			backward := slices.Clone(policies)
			slices.Reverse(backward)
			orders = append(orders, backward)
			result.Doubt = cmp.Or(result.Doubt, other)
		}
		for _, start := range before {
			for _, order := range orders {
				way := slices.Clone(start)
				if taint := (Taint{Key: own, Effect: noSchedule}); own != "" && !slices.ContainsFunc(way, taint.same) {
					way = append(way, taint)
				}
				for _, policy := range order {
					way = policy.change(way, status)
				}
				if !slices.ContainsFunc(result.Ways, func(known []Taint) bool { return slices.Equal(known, way) }) {
					result.Ways = append(result.Ways, orEmpty(way))
				}
			}
		}
	}
	if len(result.Ways) == 1 && !unread {
		result.Doubt = ""
	}
	bare := func(way []Taint) bool {
		return !slices.ContainsFunc(way, func(t Taint) bool { return t.Effect == noExecute })
	}
	if mode == "" || !slices.ContainsFunc(result.Ways, bare) {
		return result
	}
	result.Without = cmp.Or(strings.Join(why, ", and "), "no ClusterTaintPolicy adds a NoExecute taint")
	result.More = p.more || unread
	return result
}

// concerns tells whether a policy acts on a member: it targets the member, and adds or
// removes; and why it adds nothing.
func (p *taintPolicy) concerns(m Member, minor int, status map[string]string, mode string) (State, string) {
	if p.unread {
		return Unknown, fmt.Sprintf("the ClusterTaintPolicy %q cannot be read", p.name)
	}
	if p.TargetClusters != nil {
		switch state, property := p.TargetClusters.Matches(&m, minor); state {
		case Missing:
			return Missing, fmt.Sprintf("the ClusterTaintPolicy %q does not target it", p.name)
		case Unknown:
			if !holds(p.AddOnConditions, status) && !holds(p.RemoveOnConditions, status) {
				break
			}
			return Unknown, fmt.Sprintf("the ClusterTaintPolicy %q chooses clusters by %s, which are not in Git for %q",
				p.name, property, m.Name)
		}
	}
	adds, removes := holds(p.AddOnConditions, status), holds(p.RemoveOnConditions, status)
	switch c := failing(p.AddOnConditions, status); {
	case adds && removes:
		return Found, fmt.Sprintf("the ClusterTaintPolicy %q removes its taint at once", p.name)
	case adds:
		return Found, ""
	case len(p.AddOnConditions) == 0:
		return p.acts(removes), fmt.Sprintf("the ClusterTaintPolicy %q has no addOnConditions", p.name)
	case status[c.ConditionType] == "":
		return p.acts(removes), fmt.Sprintf("nothing sets the condition %q that the ClusterTaintPolicy %q requires",
			c.ConditionType, p.name)
	default:
		return p.acts(removes), fmt.Sprintf(
			"the ClusterTaintPolicy %q requires another status of %q than the %q of a lost %s member",
			p.name, c.ConditionType, status[c.ConditionType], cmp.Or(strings.ToLower(mode), "healthy"))
	}
}

func (p *taintPolicy) acts(removes bool) State {
	if removes {
		return Found
	}
	return Missing
}

// change adds and then removes the policy's taints; of one key and effect there is only one.
func (p *taintPolicy) change(way []Taint, status map[string]string) []Taint {
	if holds(p.AddOnConditions, status) {
		for _, taint := range p.Taints {
			if !slices.ContainsFunc(way, taint.same) {
				way = append(way, Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect, By: p.name})
			}
		}
	}
	if holds(p.RemoveOnConditions, status) {
		for _, taint := range p.Taints {
			way = slices.DeleteFunc(way, taint.same)
		}
	}
	return way
}

func (t Taint) same(other Taint) bool { return t.Key == other.Key && t.Effect == other.Effect }

// conflict is what hangs on the age of the policies, in words: one adds a taint that another removes,
// or gives it another value.
func conflict(policies []taintPolicy, status map[string]string) string {
	for i, p := range policies {
		for j, q := range policies {
			if i == j || !holds(p.AddOnConditions, status) {
				continue
			}
			for _, taint := range p.Taints {
				k := slices.IndexFunc(q.Taints, taint.same)
				if k >= 0 && (holds(q.RemoveOnConditions, status) ||
					holds(q.AddOnConditions, status) && q.Taints[k].Value != taint.Value) {
					return fmt.Sprintf(
						"the ClusterTaintPolicies %q and %q contradict each other, and the younger one wins", p.name,
						q.name)
				}
			}
		}
	}
	return ""
}

// Loss is what becomes of a policy's workloads on some of its clusters when these are lost, the switches
// of cluster failover aside.
type Loss struct {
	// Members are the first few of the clusters, by name; Count is how many there are.
	Members []string `json:"members"`
	Count   int      `json:"count"`
	// State is found where they are evicted, missing where they stay, unknown where Git does not tell;
	// Why says in words why not.
	State State  `json:"state"`
	Why   string `json:"why"`
	// Taint is the key of a taint that is tolerated forever, Toleration the index of the toleration;
	// empty and -1 where nothing is.
	Taint      string `json:"taint"`
	Toleration int    `json:"toleration"`
}

// placementFields are those of a placement that decide who is evicted.
type placementFields struct {
	ClusterAffinity    *ClusterAffinity
	ClusterAffinities  []affinityTerm
	ClusterTolerations []Toleration
}

type affinityTerm struct {
	ClusterAffinity
	OverflowAffinities []ClusterAffinity
}

// losses are what becomes of a policy's workloads, by reason. None where the policy does not mean
// failover, or cannot be read.
func (f *Fleet) losses(object Object) []Loss {
	losses := []Loss{}
	var p placementFields
	data, err := json.Marshal(at(object.Content, "spec", "placement"))
	if mapAt(object.Content, "spec", "failover") == nil || err != nil || hasVariable(string(data)) ||
		json.Unmarshal(data, &p) != nil {
		return losses
	}
	index := map[Eviction]int{}
	for _, m := range f.candidates(&p) {
		e := m.Lost.Evicts(p.ClusterTolerations)
		e.Seconds, e.Policy = 0, ""
		i, known := index[e]
		if !known {
			i, index[e] = len(losses), len(losses)
			loss := Loss{Members: []string{}, State: e.State, Why: e.Why, Toleration: -1}
			if e.Taint.Key != "" {
				loss.Taint, loss.Toleration = e.Taint.Key, e.By
			}
			losses = append(losses, loss)
		}
		losses[i].Count++
		if len(losses[i].Members) < 3 {
			losses[i].Members = append(losses[i].Members, m.Name)
		}
	}
	return losses
}

// candidates are the members that a placement may use, by name, and the clusters that it names and that may be members.
func (f *Fleet) candidates(p *placementFields) []Member {
	var affinities []*ClusterAffinity
	if p.ClusterAffinity != nil {
		affinities = append(affinities, p.ClusterAffinity)
	} else {
		for i := range p.ClusterAffinities {
			affinities = append(affinities, &p.ClusterAffinities[i].ClusterAffinity)
			for j := range p.ClusterAffinities[i].OverflowAffinities {
				affinities = append(affinities, &p.ClusterAffinities[i].OverflowAffinities[j])
			}
		}
	}
	all := map[string]Member{}
	for _, a := range affinities {
		names := a.ClusterNames
		if len(names) == 0 {
			names = f.Membership.Names
		}
		for _, name := range names {
			m, known := f.Members[name]
			if !known && f.Membership.Certain {
				continue
			}
			if !known {
				m = f.Stranger(name)
			}
			if state, _ := a.Matches(&m, 0); state != Missing {
				all[name] = m
			}
		}
	}
	if len(affinities) == 0 {
		all = f.Members
	}
	return slices.Collect(func(yield func(Member) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !yield(all[name]) {
				return
			}
		}
	})
}
