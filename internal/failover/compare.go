package failover

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Move is a workload for which the answer differs between two fleets.
type Move struct {
	// Says is the difference in a sentence.
	Says string `json:"says"`
	// Before and After are the answers; null where no policy places it.
	Before *Report `json:"before"`
	After  *Report `json:"after"`
}

// Compare are the workloads of policies for which the answer differs: where their replicas run, or what becomes of them
// when a member is lost. They are sorted by workload.
func Compare(before, after *fleet.Fleet) []Move {
	a, b := answers(before), answers(after)
	standing := sameSurroundings(before, after)
	solved := [2]map[string]Report{{}, {}}
	moves := []Move{}
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		x, y := a[key], b[key]
		if x != nil && y != nil && standing && x.key == y.key && x.report.Error == y.report.Error {
			continue
		}
		was, is := x.solve(solved[0]), y.solve(solved[1])
		if was != nil && is != nil && sameAnswer(was, is) {
			continue
		}
		if was == nil && is.placesNothing() || is == nil && was.placesNothing() {
			continue
		}
		moves = append(moves, Move{Says: says(was, is), Before: was, After: is})
	}
	return moves
}

// answers are the rows by workload, or by policy where that has no workload in Git. Of several policies that select a
// workload it is the one that places it.
func answers(f *fleet.Fleet) map[string]*row {
	all := map[string]*row{}
	for _, r := range rowsOf(f, Question{Policies: Policies(f)}) {
		p, key := r.report.Policy, ""
		if w := r.report.Workload; w != nil && w.Name != "" {
			key = fmt.Sprintf("%s %s %s/%s", p.APIServer, w.Kind, w.Namespace, w.Name)
		} else {
			key = fmt.Sprintf("%s policy %s %s/%s", p.APIServer, p.Kind, p.Namespace, p.Name)
		}
		if old := all[key]; old == nil || old.application.Standing == Idle && r.application.Standing != Idle {
			all[key] = &r
		}
	}
	return all
}

// sameSurroundings tells whether all that decides beside policies and workloads is the same.
func sameSurroundings(a, b *fleet.Fleet) bool {
	return reflect.DeepEqual(a.Members, b.Members) && reflect.DeepEqual(a.Membership, b.Membership) &&
		reflect.DeepEqual(a.ControlPlanes, b.ControlPlanes) &&
		reflect.DeepEqual(a.APIServers, b.APIServers) && slices.Equal(a.FailoverOrder, b.FailoverOrder) &&
		a.KarmadaVersion == b.KarmadaVersion
}

// solve is the report of a row with its scenarios; rows of one key are solved once. Nil for none.
func (r *row) solve(solved map[string]Report) *Report {
	if r == nil {
		return nil
	}
	report := r.report
	if report.Error == "" {
		known, ok := solved[r.key]
		if !ok {
			known = Report{Members: append([]string{}, r.application.inOrder()...), Scenarios: Simulate(r.application)}
			solved[r.key] = known
		}
		report.Members, report.Scenarios = known.Members, known.Scenarios
	}
	return &report
}

// placesNothing is true where the policy cannot be read, or does not place it.
func (r *Report) placesNothing() bool {
	return r.Error != "" || len(r.Scenarios) == 0 || r.Scenarios[0].Outcome == Idle
}

func sameAnswer(a, b *Report) bool {
	return a.Error == b.Error && slices.EqualFunc(a.Scenarios, b.Scenarios, func(x, y Scenario) bool {
		return slices.Equal(x.Steps, y.Steps) && x.same(&y)
	})
}

// same tells whether the replicas run in the same places, whatever the reason.
func (s *Scenario) same(other *Scenario) bool {
	return s.Outcome == other.Outcome && maps.Equal(nonzero(s.Replicas), nonzero(other.Replicas)) &&
		(s.Replicas == nil) == (other.Replicas == nil) &&
		slices.Equal(s.Others, other.Others) && slices.EqualFunc(
		s.Alternatives, other.Alternatives, func(a, b map[string]int) bool {
			return maps.Equal(nonzero(a), nonzero(b))
		})
}

func nonzero(replicas map[string]int) map[string]int {
	out := maps.Clone(replicas)
	maps.DeleteFunc(out, func(_ string, n int) bool { return n == 0 })
	return out
}

// says is the difference in a sentence: "my-app: ottawa 3 → 1, robbinsdale 2; losing ottawa now leaves it pending".
func says(was, is *Report) string {
	name := cmp.Or(is, was).called()
	switch {
	case was == nil:
		return fmt.Sprintf("%s: a policy places it now: %s", name, is.Scenarios[0].where())
	case is == nil:
		return fmt.Sprintf("%s: no policy places it any more (before: %s)", name, was.Scenarios[0].where())
	case is.Error != "":
		return fmt.Sprintf("%s: where it runs is no longer known, since its policy cannot be read", name)
	case was.Error != "":
		return fmt.Sprintf("%s: its policy can be read again: %s", name, is.Scenarios[0].where())
	}
	var parts []string
	a, b := &was.Scenarios[0], &is.Scenarios[0]
	switch {
	case b.Outcome == Unknown && a.Outcome != Unknown:
		parts = append(parts, "where it runs is no longer known")
	case b.Outcome != Runs && a.Outcome != b.Outcome:
		parts = append(parts, "it is "+string(b.Outcome)+" now")
	case a.Replicas == nil && b.Replicas != nil:
		parts = append(parts, "it runs on "+b.where())
	default:
		if text := shifts(was, is, a, b); text != "" {
			parts = append(parts, text)
		}
		if !slices.Equal(a.Others, b.Others) {
			parts = append(parts, "what has no replicas goes to "+others(*b))
		}
	}
	return name + ": " + strings.Join(append(parts, losings(was, is)...), "; ")
}

// called is what the workload is called, or its policy.
func (r *Report) called() string {
	if w := r.Workload; w != nil && w.Name != "" {
		return secret.Name(w.Name)
	}
	return secret.Name(r.Policy.Name)
}

// where says where replicas run.
func (s *Scenario) where() string {
	switch {
	case s.Outcome == Pending && len(nonzero(s.Replicas)) == 0:
		return "pending"
	case s.Replicas == nil && s.Others != nil:
		return others(*s)
	case s.Replicas == nil:
		return "it is unknown where it runs"
	}
	return s.placed(slices.Sorted(maps.Keys(s.Replicas)))
}

// shifts are the members' replicas, those that change with both numbers; empty where none does.
func shifts(was, is *Report, a, b *Scenario) string {
	var parts []string
	changed := false
	members := slices.Clone(is.Members)
	for _, m := range was.Members {
		if !slices.Contains(members, m) {
			members = append(members, m)
		}
	}
	for _, m := range members {
		switch x, y := a.cell(m), b.cell(m); {
		case x != y:
			changed = true
			parts = append(parts, fmt.Sprintf("%s %s → %s", secret.Name(m), orNone(x), orNone(y)))
		case x != "–":
			parts = append(parts, secret.Name(m)+" "+y)
		}
	}
	if !changed {
		return ""
	}
	return strings.Join(parts, ", ")
}

func orNone(cell string) string {
	if cell == "–" {
		return "0"
	}
	return cell
}

// losings say what the loss of single members does now, where it did something else; members of which the
// same is said stand together.
func losings(was, is *Report) (all []string) {
	before := map[string]*Scenario{}
	for i := range was.Scenarios {
		if s := &was.Scenarios[i]; len(s.Steps) == 1 && len(s.Lost) == 1 {
			before[s.Lost[0]] = s
		}
	}
	members := map[string][]string{}
	var order []string
	for i := range is.Scenarios {
		s := &is.Scenarios[i]
		if len(s.Steps) != 1 || len(s.Lost) != 1 {
			continue
		}
		old := before[s.Lost[0]]
		if old != nil && old.Outcome == s.Outcome && (s.Outcome != Moves ||
			maps.Equal(nonzero(old.Replicas), nonzero(s.Replicas))) {
			continue
		}
		if old == nil && len(nonzero(is.Scenarios[0].Replicas)) > 0 && is.Scenarios[0].Replicas[s.Lost[0]] == 0 {
			continue // nothing runs there
		}
		text := ""
		switch s.Outcome {
		case Pending:
			text = "now leaves it pending"
		case Moves:
			text = "now moves it: " + s.where()
		case Stays:
			text = "now moves nothing"
		case Unknown:
			text = "now has an unknown outcome"
		default:
			text = "now has the outcome " + string(s.Outcome)
		}
		if members[text] == nil {
			order = append(order, text)
		}
		members[text] = append(members[text], s.Lost[0])
	}
	for _, text := range order {
		all = append(all, fmt.Sprintf("losing %s %s", strings.Join(names(members[text]), " or "), text))
	}
	return all
}
