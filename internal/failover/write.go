package failover

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Report is a policy with one of its workloads, and the scenarios.
type Report struct {
	Policy fleet.ObjectRef `json:"policy"`
	// File is where the policy is.
	File string `json:"file"`
	// Workload is the one that is placed; null where the policy selects no object with replicas.
	Workload *WorkloadRef `json:"workload"`
	// Replicas is how many the workload asks for.
	Replicas int `json:"replicas"`
	// Members are the clusters that the policy may use, in the order of failover.
	Members   []string   `json:"members"`
	Scenarios []Scenario `json:"scenarios"`
	// Error says why the policy cannot be read; then there is no scenario.
	Error string `json:"error,omitempty"`
}

// WorkloadRef names a workload, and says what may change its replicas.
type WorkloadRef struct {
	// Kind is "Deployment.apps". Name is empty where it is not in Git.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Least and Most are what its autoscalers may make of the replicas, Scaler one of them; empty where there is none.
	Least  int    `json:"least"`
	Most   int    `json:"most"`
	Scaler string `json:"scaler,omitempty"`
}

// NewReports simulates a policy of the fleet, for each of its workloads: all its scenarios, or those of the steps.
func NewReports(f *fleet.Fleet, policy fleet.Object, capacity map[string]int, steps []Step) []Report {
	r := Report{File: policy.Origin.File, Members: []string{}, Scenarios: []Scenario{}, Policy: fleet.ObjectRef{Cluster: policy.Cluster,
		APIServer: policy.APIServer, Group: policy.Group, Kind: policy.Kind, Namespace: policy.Namespace, Name: policy.Name}}
	applications, workloads, err := Of(f, policy)
	if err != nil {
		r.Error = err.Error()
		return []Report{r}
	}
	var all []Report
	for i, a := range applications {
		of := r
		a.Capacity = capacity
		of.Replicas, of.Members = a.Replicas, append([]string{}, a.inOrder()...)
		if w := workloads[i]; w.Kind != "" {
			of.Workload = &WorkloadRef{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, Least: w.Least, Most: w.Most, Scaler: w.Scaler}
		}
		if len(steps) > 0 {
			of.Scenarios = a.AfterEach(steps)
		} else {
			of.Scenarios = Simulate(a)
		}
		all = append(all, of)
	}
	return all
}

// WriteJSON writes the reports as one JSON document.
func WriteJSON(w io.Writer, reports []Report) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string][]Report{"policies": append([]Report{}, reports...)})
}

// WriteTable writes a table for each report: a row for each scenario, a column for each member.
func WriteTable(w io.Writer, reports []Report) error {
	var b strings.Builder
	for i, r := range reports {
		if i > 0 {
			b.WriteByte('\n')
		}
		noun := "replicas"
		if r.Replicas == 1 {
			noun = "replica"
		}
		fmt.Fprintf(&b, "%s %s in %s: %d %s\n", r.Policy.Kind, qualified(r.Policy), secret.Printable(r.File), r.Replicas, noun)
		if r.Error != "" {
			fmt.Fprintf(&b, "  unknown: %s\n", secret.Message(r.Error))
			continue
		}
		table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
		fmt.Fprintf(table, "  lost\t%s\twithout replicas\toutcome\n", strings.Join(names(r.Members), "\t"))
		for _, s := range r.Scenarios {
			fmt.Fprintf(table, "  %s\t", orDash(strings.Join(names(s.Lost), ", then ")))
			for _, member := range r.Members {
				fmt.Fprintf(table, "%s\t", s.cell(member))
			}
			fmt.Fprintf(table, "%s\t%s: %s\n", others(s), s.Outcome, secret.Message(s.Why))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func qualified(o fleet.ObjectRef) string {
	if o.Namespace == "" {
		return secret.Name(o.Name)
	}
	return secret.Name(o.Namespace) + "/" + secret.Name(o.Name)
}

// names are names as they may be shown.
func names(all []string) []string {
	shown := make([]string, len(all))
	for i, name := range all {
		shown[i] = secret.Name(name)
	}
	return shown
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// cell is the number of a member's replicas, a range where it may come in several ways.
func (s *Scenario) cell(member string) string {
	if s.Replicas == nil {
		return "?"
	}
	least, most := s.Replicas[member], s.Replicas[member]
	for _, way := range s.Alternatives {
		least, most = min(least, way[member]), max(most, way[member])
	}
	text := strconv.Itoa(least)
	if most > least {
		text += "–" + strconv.Itoa(most)
	}
	if text == "0" {
		text = "–"
	}
	if slices.Contains(s.Lost, member) && text != "–" {
		text += " (lost)"
	}
	return text
}

// WriteMermaid writes a graph for each report: what runs where, and where it goes when clusters are lost one after
// another.
func WriteMermaid(w io.Writer, reports []Report) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, r := range reports {
		fmt.Fprintf(&b, "  subgraph p%d[%s]\n", i, label(r.Policy.Kind+" "+qualified(r.Policy)))
		ids := map[string]string{}
		for j, s := range r.Scenarios {
			if j > 0 && len(s.Lost) == 0 {
				continue
			}
			id := fmt.Sprintf("p%ds%d", i, j)
			ids[strings.Join(s.Lost, "\x00")] = id
			fmt.Fprintf(&b, "    %s[%s]\n", id, label(s.placed(r.Members)))
			if len(s.Lost) > 0 {
				last := len(s.Lost) - 1
				fmt.Fprintf(&b, "    %s -->|%s| %s\n", ids[strings.Join(s.Lost[:last], "\x00")], label(secret.Name(s.Lost[last])+" lost: "+string(s.Outcome)), id)
			}
		}
		b.WriteString("  end\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// label is a text as Mermaid quotes it.
func label(text string) string {
	return `"` + strings.NewReplacer(`"`, "#quot;", "\n", " ").Replace(text) + `"`
}

// placed says in a few words where the replicas are.
func (s *Scenario) placed(members []string) string {
	if s.Replicas == nil {
		return "unknown"
	}
	var parts []string
	for _, member := range members {
		if cell := s.cell(member); cell != "–" {
			parts = append(parts, secret.Name(member)+" "+cell)
		}
	}
	if len(parts) == 0 {
		return "nowhere"
	}
	return strings.Join(parts, ", ")
}

// others are the clusters that objects without replicas go to.
func others(s Scenario) string {
	if s.Others == nil {
		return "?"
	}
	return orDash(strings.Join(names(s.Others), ", "))
}
