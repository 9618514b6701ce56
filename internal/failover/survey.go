package failover

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Schema names the form of the document. A field is added within a version, never renamed or removed.
const Schema = "rollcall.dev/failover/v1"

// Document is what is known of some policies.
type Document struct {
	Schema string `json:"schema"`
	// Matrix has a row for each member whose loss concerns one of the policies' workloads, members with equal rows
	// together. Empty where somebody asked for certain steps.
	Matrix []Lost `json:"matrix"`
	// Aside counts the workloads that are in no row of the matrix, since they run on no member while all are ready, by
	// what becomes of them: refused, pending or unknown.
	Aside map[Outcome]int `json:"aside"`
	// Policies has an entry for each policy and workload: all, or those that fit.
	Policies []Report `json:"policies"`
	// LeftOut counts the others.
	LeftOut int `json:"leftOut"`

	asked bool // for certain steps
}

// Lost is what the loss of each of some members alone does.
type Lost struct {
	Members []string `json:"members"`
	// Workloads run there, or may; of these Pending, Stays and Unknown have that outcome, and the others move.
	Workloads int `json:"workloads"`
	// Moved counts the replicas that are placed elsewhere, To where most of them.
	Moved   int        `json:"replicasMoved"`
	Pending int        `json:"pending"`
	Stays   int        `json:"stays"`
	Unknown int        `json:"unknown"`
	To      []Receiver `json:"to"`
	// ControlPlane: Karmada's control plane runs there too. What is said is so as long as that goes on.
	ControlPlane bool `json:"controlPlane"`
}

// Receiver is a member that gets replicas.
type Receiver struct {
	Member   string `json:"member"`
	Replicas int    `json:"replicas"`
}

// Question is what somebody wants to know.
type Question struct {
	Policies []fleet.Object
	// Names are those of policies and workloads, as they are or as namespace/name; a workload's may be
	// Kind/name. Nil asks for all.
	Names []string
	// Capacity is for how many more replicas a cluster has room.
	Capacity map[string]int
	// Steps are what happens; none asks for all single losses, and for one after another.
	Steps []Step
	// Only are the outcomes of single losses that a workload must have one of; nil for any.
	Only []Outcome
	// Most bounds the cells of all tables; 0 is no bound.
	Most int
}

// aside are the outcomes of a workload that runs on no member.
var aside = []Outcome{Refused, Pending, Unknown}

// row is a policy with one of its workloads.
type row struct {
	report      Report
	workload    fleet.Workload
	application Application
	healthy     Outcome // while all members are ready
	effects     []Effect
	// key is the same for rows that become of the same.
	key string
}

// Survey answers a question.
func Survey(f *fleet.Fleet, q Question) Document {
	d := Document{Schema: Schema, Matrix: []Lost{}, Aside: map[Outcome]int{}, Policies: []Report{},
		asked: len(q.Steps) > 0}
	rows := rowsOf(f, q)
	scenarios := map[string][]Scenario{}
	if len(q.Steps) == 0 {
		type answer struct {
			healthy Outcome
			effects []Effect
		}
		known := map[string]answer{}
		for i := range rows {
			r := &rows[i]
			if r.report.Error != "" {
				d.Aside[Unknown]++
				continue
			}
			if r.application.Bare && len(q.Only) == 0 {
				continue
			}
			of, ok := known[r.key]
			if !ok {
				of.healthy, of.effects = r.application.Effects()
				known[r.key] = of
			}
			r.healthy, r.effects = of.healthy, of.effects
			if !r.application.Bare && len(r.effects) == 0 && slices.Contains(aside, r.healthy) {
				d.Aside[r.healthy]++
			}
		}
		d.Matrix = matrix(rows)
	}
	cells := 0
	for i := range rows {
		r := &rows[i]
		if !r.has(q.Only) {
			continue
		}
		size := (len(r.application.Members) + 1) * (len(r.application.Members) + len(q.Steps) + 1)
		if q.Most > 0 && cells+size > q.Most && len(d.Policies) > 0 {
			d.LeftOut++
			continue
		}
		cells += size
		if r.report.Error == "" {
			all, ok := scenarios[r.key]
			if !ok {
				if len(q.Steps) > 0 {
					all = r.application.AfterEach(q.Steps)
				} else {
					all = Simulate(r.application)
				}
				scenarios[r.key] = all
			}
			r.report.Scenarios = all
			r.report.Members = append(r.report.Members, r.application.inOrder()...)
		}
		d.Policies = append(d.Policies, r.report)
	}
	return d
}

func rowsOf(f *fleet.Fleet, q Question) (rows []row) {
	read, standings := newReader(f), f.Standings()
	policies := map[string]bool{} // names that are a policy's are no workload's
	for _, policy := range q.Policies {
		policies[policy.Name], policies[policy.Namespace+"/"+policy.Name] = true, true
	}
	for _, policy := range q.Policies {
		var of []row
		for _, w := range f.Policies[fleet.PolicyID(policy)].Workloads {
			r := row{workload: w, report: reportOf(policy)}
			if r.report.Replicas, r.report.Uncounted = w.Replicas, w.Uncounted != ""; w.Kind != "" {
				r.report.Workload = &WorkloadRef{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, Least: w.Least,
					Most: w.Most, Scaler: w.Scaler}
			}
			if r.named(q.Names, policies) {
				of = append(of, r)
			}
		}
		if len(of) == 0 {
			continue
		}
		spec, _ := policy.Content["spec"].(map[string]any)
		decides, _ := json.Marshal([]any{policy.APIServer, spec["placement"], spec["failover"], spec["schedulerName"],
			spec["propagateDeps"], spec["suspension"]})
		a, gated, err := read.of(policy, string(decides))
		if refused, _ := standings(policy, of[0].workload); err != nil && refused != fleet.Refused {
			of[0].report = reportOf(policy)
			of[0].report.Error = err.Error()
			rows = append(rows, of[0])
			continue
		}
		a.Capacity = q.Capacity
		for _, r := range of {
			w := r.workload
			r.application = a
			r.application.Kind, r.application.Replicas, r.application.Uncounted, r.application.Bare = w.Kind,
				w.Replicas, w.Uncounted, w.Bare
			standing, why := standings(policy, w)
			r.application.Standing, r.application.Idle = Outcome(standing), why
			r.application.Grouped = gated != fleet.Missing && grouped(&a.Policy.Placement, w.Labels)
			r.key = fmt.Sprint(string(decides), w.Replicas, w.Bare, r.application.Grouped, w.Kind, "\x00", w.Uncounted,
				"\x00", r.application.Idle)
			rows = append(rows, r)
		}
	}
	return rows
}

func reportOf(policy fleet.Object) Report {
	return Report{File: policy.Origin.File, Members: []string{}, Scenarios: []Scenario{},
		Policy: fleet.ObjectRef{Cluster: policy.Cluster,
			APIServer: policy.APIServer, Group: policy.Group, Kind: policy.Kind, Namespace: policy.Namespace,
			Name: policy.Name}}
}

// named tells whether one of the names is that of the row's policy or workload.
func (r *row) named(all []string, policies map[string]bool) bool {
	policy, workload := r.names()
	return len(all) == 0 || slices.ContainsFunc(all, func(name string) bool {
		return slices.Contains(policy, name) || !policies[name] && slices.Contains(workload, name)
	})
}

func (r *row) names() (policy, workload []string) {
	p := r.report.Policy
	policy = []string{p.Name, p.Namespace + "/" + p.Name}
	if w := r.report.Workload; w != nil && w.Name != "" {
		kind, _, _ := strings.Cut(w.Kind, ".")
		workload = []string{w.Name, w.Namespace + "/" + w.Name, kind + "/" + w.Name}
	}
	return policy, workload
}

// Names are those that a question may have.
func Names(f *fleet.Fleet, policies []fleet.Object) (all []string) {
	for _, policy := range policies {
		for _, w := range f.Policies[fleet.PolicyID(policy)].Workloads {
			r := row{report: reportOf(policy)}
			r.report.Workload = &WorkloadRef{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
			policy, workload := r.names()
			all = append(append(all, policy...), workload...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// has tells whether the loss of some member has one of the outcomes.
func (r *row) has(only []Outcome) bool {
	return len(only) == 0 || slices.Contains(only, Unknown) && r.report.Error != "" ||
		slices.Contains(only, r.healthy) && len(r.effects) == 0 ||
		slices.ContainsFunc(r.effects, func(e Effect) bool { return slices.Contains(only, e.Outcome) })
}

// matrix adds up what the loss of each member does to workloads with replicas.
func matrix(rows []row) []Lost {
	lost := map[string]*Lost{}
	to := map[string]map[string]int{}
	for _, r := range rows {
		if r.application.Bare {
			continue
		}
		for _, e := range r.effects {
			l := lost[e.Member]
			if l == nil {
				l = &Lost{Members: []string{e.Member}, To: []Receiver{},
					ControlPlane: slices.Contains(r.application.Hosts, e.Member)}
				lost[e.Member], to[e.Member] = l, map[string]int{}
			}
			l.Workloads++
			l.Moved += e.Moved
			switch e.Outcome {
			case Pending:
				l.Pending++
			case Stays:
				l.Stays++
			case Unknown:
				l.Unknown++
			}
			for member, n := range e.To {
				to[e.Member][member] += n
			}
		}
	}
	all := []Lost{}
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		l := lost[name]
		for member, n := range to[name] {
			l.To = append(l.To, Receiver{member, n})
		}
		slices.SortFunc(l.To, func(a, b Receiver) int {
			return cmp.Or(cmp.Compare(b.Replicas, a.Replicas), cmp.Compare(a.Member, b.Member))
		})
		l.To = l.To[:min(3, len(l.To))]
		i := slices.IndexFunc(all, func(other Lost) bool { return other.same(*l) })
		if i >= 0 {
			all[i].Members = append(all[i].Members, name)
			continue
		}
		all = append(all, *l)
	}
	return all
}

func (l Lost) same(other Lost) bool {
	return l.Workloads == other.Workloads && l.Moved == other.Moved && l.Pending == other.Pending &&
		l.Stays == other.Stays &&
		l.Unknown == other.Unknown && l.ControlPlane == other.ControlPlane && slices.Equal(l.To, other.To)
}
