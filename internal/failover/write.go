package failover

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

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
	// Replicas is how many the workload asks for; Uncounted where that is not known.
	Replicas  int  `json:"replicas"`
	Uncounted bool `json:"uncounted,omitempty"`
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

// WriteJSON writes the document.
func WriteJSON(w io.Writer, d Document) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

// WriteTable writes the matrix of all single losses, and then a table for each workload: a row for each scenario, a
// column for each member in which the scenarios differ. Equal rows, and workloads with equal tables, are written once;
// reasons stand below, each once. Lines are at most width characters long where that is possible; 0 is no limit.
func WriteTable(w io.Writer, d Document, width int) error {
	var b strings.Builder
	n := notes{}
	if len(d.Matrix) > 0 {
		b.WriteString(fitting(width, func(most int) string { return matrixTable(d.Matrix, most, &n) }))
	}
	if text := d.besides(); text != "" && len(d.Policies) > 1 {
		b.WriteString(text + "\n")
	}
	for _, g := range groupsOf(d.Policies, width, &n) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		writeHeading(&b, g.reports)
		b.WriteString(g.table)
	}
	if d.LeftOut > 0 {
		fmt.Fprintf(&b, "\n%d more workloads: name a policy to see them, or ask for some outcomes with --only\n",
			d.LeftOut)
	}
	n.write(&b, width)
	_, err := io.WriteString(w, b.String())
	return err
}

// besides says in a sentence which workloads are in no row of the matrix; empty where all are in one.
func (d *Document) besides() string {
	var parts []string
	for _, outcome := range aside {
		if n := d.Aside[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "in no row, since they run nowhere while all members are ready: " + strings.Join(parts, ", ")
}

// hosting is what to know of a member that runs the control plane.
const hosting = "Karmada's control plane runs there too: where that is lost with it, nothing moves until it is back"

// hangsOnPlane: something moves, or is to, only as long as the control plane that runs there goes on.
func (l *Lost) hangsOnPlane() bool { return l.ControlPlane && l.Moved+l.Pending > 0 }

// fitting is a table with so many names to a cell that its lines fit, at most three and at least one. Width 0 fits all.
func fitting(width int, table func(most int) string) string {
	most := 3
	text := table(most)
	for ; width > 0 && most > 1 && widest(text) > width; text = table(most) {
		most--
	}
	return text
}

// matrixTable has a row for each lost member; members with equal rows stand together. A cell has at most
// so many names, or one more.
func matrixTable(rows []Lost, most int, n *notes) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprint(table, "lost\tworkloads\treplicas moved\tpending\tstays\tunknown\tmostly to\n")
	for _, r := range rows {
		var to []string
		for _, receiver := range r.To[:min(most, len(r.To))] {
			to = append(to, fmt.Sprintf("%s %d", secret.Name(receiver.Member), receiver.Replicas))
		}
		note := ""
		if r.hangsOnPlane() {
			note = n.add(hosting)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", either(names(r.Members), most)+note, r.Workloads,
			orDash(count(r.Moved)), orDash(count(r.Pending)),
			orDash(count(r.Stays)), orDash(count(r.Unknown)), orDash(strings.Join(to, ", ")))
	}
	table.Flush()
	return b.String()
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// few are the first of a list, and how many more there are.
func few(all []string, most int) string { return strings.Join(firstOf(all, most), ", ") }

// either is the same of members that are lost alone, each another time: "a, b or 3 more".
func either(all []string, most int) string {
	shown := firstOf(all, most)
	if len(shown) < 2 {
		return strings.Join(shown, "")
	}
	last := len(shown) - 1
	return strings.Join(shown[:last], ", ") + " or " + shown[last]
}

func firstOf(all []string, most int) []string {
	if len(all) <= most+1 {
		return all
	}
	return append(all[:most:most], fmt.Sprintf("%d more", len(all)-most))
}

// notes are the reasons, by number.
type notes struct {
	all   []string
	index map[string]int
}

func (n *notes) add(why string) string {
	if why == "" {
		return ""
	}
	i, known := n.index[why]
	if !known {
		if n.index == nil {
			n.index = map[string]int{}
		}
		n.all = append(n.all, why)
		i = len(n.all)
		n.index[why] = i
	}
	return fmt.Sprintf(" [%d]", i)
}

func (n *notes) write(b *strings.Builder, width int) {
	if len(n.all) > 0 {
		b.WriteByte('\n')
	}
	for i, why := range n.all {
		lead := fmt.Sprintf("[%d] ", i+1)
		wrap(b, lead, secret.Message(why), width)
	}
}

// wrap writes a text in lines, the first with a lead and the others as far in.
func wrap(b *strings.Builder, lead, text string, width int) {
	b.WriteString(lead)
	at := utf8.RuneCountInString(lead)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && width > 0 && at+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", len(lead)))
			at = len(lead)
		case i > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}

// group are reports with one table.
type group struct {
	reports []Report
	table   string
}

func groupsOf(reports []Report, width int, n *notes) []group {
	var groups []group
	index := map[string]int{}
	for _, r := range reports {
		table := r.table(width, n)
		shape := fmt.Sprint(r.Replicas, "\x00", table)
		i, known := index[shape]
		if !known {
			i, index[shape] = len(groups), len(groups)
			groups = append(groups, group{table: table})
		}
		groups[i].reports = append(groups[i].reports, r)
	}
	return groups
}

// writeHeading names the policies and workloads of a table.
func writeHeading(b *strings.Builder, reports []Report) {
	name := func(r Report) string {
		return fmt.Sprintf("%s %s in %s", r.Policy.Kind, qualified(r.Policy), secret.Printable(r.File))
	}
	for i, r := range reports {
		if i == 5 && len(reports) > 6 {
			fmt.Fprintf(b, "and %d more\n", len(reports)-i)
			return
		}
		of := name(r)
		// a file for several clusters
		if slices.ContainsFunc(reports, func(other Report) bool {
			return other.Policy != r.Policy && name(other) == of
		}) {
			of += " on " + secret.Printable(r.Policy.APIServer)
		}
		fmt.Fprintf(b, "%s: %s\n", of, r.what())
	}
}

// what says what is placed.
func (r *Report) what() string {
	if r.Error != "" {
		return "cannot be read"
	}
	if r.Workload == nil {
		return "objects without replicas"
	}
	kind, _, _ := strings.Cut(r.Workload.Kind, ".")
	text := kind
	if r.Workload.Name != "" {
		text += " " + secret.Name(r.Workload.Name)
	}
	if r.Uncounted {
		return text + ", its replicas unknown"
	}
	noun := "replicas"
	if r.Replicas == 1 {
		noun = "replica"
	}
	text += fmt.Sprintf(", %d %s", r.Replicas, noun)
	if r.Workload.Scaler != "" {
		text += fmt.Sprintf(" (%d to %d by %s)", r.Workload.Least, r.Workload.Most, secret.Message(r.Workload.Scaler))
	}
	return text
}

// table are the rows of a report, those with equal cells as one.
func (r *Report) table(width int, n *notes) string {
	if r.Error != "" {
		return fmt.Sprintf("  unknown: %s\n", secret.Message(r.Error))
	}
	if outcome, why := r.always(); outcome != "" {
		return fmt.Sprintf("  %s%s\n", outcome, n.add(why))
	}
	columns := slices.DeleteFunc(slices.Clone(r.Members), func(m string) bool {
		return !slices.ContainsFunc(r.Scenarios, func(s Scenario) bool { c := s.cell(m); return c != "–" && c != "?" })
	})
	first, says := "lost", func(step string) string {
		return secret.Message(strings.TrimPrefix(step, string(Lose)+" "))
	}
	// not losses alone
	if slices.ContainsFunc(r.Scenarios, func(s Scenario) bool { return len(s.Steps) != len(s.Lost) }) {
		first, says = "after", secret.Message
	}
	type row struct {
		steps []string // several alone, or one sequence
		cells []string
	}
	var rows []row
	for _, s := range r.Scenarios {
		var cells []string
		for _, m := range columns {
			cells = append(cells, s.cell(m))
		}
		cells = append(cells, others(s), string(s.Outcome)+n.add(s.Why))
		i := slices.IndexFunc(rows, func(of row) bool {
			return len(s.Steps) == 1 && len(of.steps) > 0 && slices.Equal(of.cells, cells)
		})
		switch {
		case i >= 0:
			rows[i].steps = append(rows[i].steps, says(s.Steps[0]))
		case len(s.Steps) == 0:
			rows = append(rows, row{cells: cells})
		default:
			var steps []string
			for _, step := range s.Steps {
				steps = append(steps, says(step))
			}
			rows = append(rows, row{[]string{strings.Join(steps, then)}, cells})
		}
	}
	lines := [][]string{append(append([]string{first}, names(columns)...), "without replicas", "outcome")}
	for _, of := range rows {
		lines = append(lines, append([]string{orDash(either(of.steps, 3))}, of.cells...))
	}
	if text := render(lines); width <= 0 || widest(text) <= width {
		return text
	}
	return fitting(width, func(most int) string { // one column says where it runs
		narrow := [][]string{{first, "runs on", "outcome"}}
		for i, line := range lines[1:] {
			var on []string
			for j, cell := range line[1 : len(line)-2] {
				if cell != "–" {
					on = append(on, secret.Name(columns[j])+" "+cell)
				}
			}
			steps := either(rows[i].steps, most)
			if parts := strings.Split(steps, then); len(parts) > max(most, 2) { // the row above it has the others
				steps = "…" + then + parts[len(parts)-1]
			}
			narrow = append(narrow, []string{orDash(steps), orDash(few(on, 3)), line[len(line)-1]})
		}
		return render(narrow)
	})
}

// then joins what happens one after another.
const then = ", then "

// aside is the outcome of what runs on no member while all are ready, and why; empty otherwise.
func (r *Report) aside() (Outcome, string) {
	outcome, why := Unknown, r.Error
	if len(r.Scenarios) > 0 {
		outcome, why = r.Scenarios[0].Outcome, r.Scenarios[0].Why
	}
	if !slices.Contains(aside, outcome) {
		return "", ""
	}
	return outcome, why
}

// always is the outcome of all scenarios, and why, where nothing tells where the workload is; empty otherwise.
func (r *Report) always() (Outcome, string) {
	if len(r.Scenarios) == 0 {
		return "", ""
	}
	for _, s := range r.Scenarios {
		if first := r.Scenarios[0]; s.Outcome != first.Outcome || s.Why != first.Why || s.Replicas != nil ||
			s.Others != nil {
			return "", ""
		}
	}
	return r.Scenarios[0].Outcome, r.Scenarios[0].Why
}

func widest(text string) (most int) {
	for line := range strings.SplitSeq(text, "\n") {
		most = max(most, utf8.RuneCountInString(line))
	}
	return most
}

func render(lines [][]string) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, line := range lines {
		fmt.Fprintf(table, "  %s\n", strings.Join(line, "\t"))
	}
	table.Flush()
	return b.String()
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

// WriteMermaid writes the matrix as a graph: each member once, in the colour of the worst that its loss does, and
// where replicas go from it. Where somebody asked for certain steps it is a graph for each report: what runs
// where after each of them.
func WriteMermaid(w io.Writer, d Document) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	if d.asked {
		writeSteps(&b, d.Policies)
	} else {
		d.writeGraph(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeGraph writes the members, and what leads from one to another when it is lost.
func (d *Document) writeGraph(b *strings.Builder) {
	ids := map[string]string{}
	node := func(name, shows string) string {
		id, known := ids[name]
		if !known {
			id = fmt.Sprintf("m%d", len(ids))
			ids[name] = id
			fmt.Fprintf(b, "  %s[%s]%s\n", id, label(secret.Name(name)), shows)
		}
		return id
	}
	for _, l := range d.Matrix {
		for _, name := range l.Members {
			id := node(name, ":::"+string(l.worst()))
			if l.ControlPlane {
				fmt.Fprintf(b, "  plane([\"Karmada control plane\"]) -.- %s\n", id)
			}
		}
	}
	for _, l := range d.Matrix {
		for _, name := range l.Members {
			for _, to := range l.To {
				fmt.Fprintf(b, "  %s -->|%d| %s\n", ids[name], to.Replicas, node(to.Member, ""))
			}
			if l.Pending > 0 {
				fmt.Fprintf(b, "  %s -->|%d pending| nowhere:::pending\n", ids[name], l.Pending)
			}
		}
	}
	for i, r := range d.Policies {
		if outcome, _ := r.aside(); outcome != "" {
			fmt.Fprintf(b, "  a%d[%s]:::pending\n", i, label(r.what()+": "+string(outcome)))
		}
	}
	for _, c := range []struct {
		outcome Outcome
		colour  string
	}{{Moves, "#c8e6c9"}, {Stays, "#fff3c4"}, {Unknown, "#e0e0e0"}, {Pending, "#ffcdd2"}} {
		fmt.Fprintf(b, "  classDef %s fill:%s,color:#000\n", c.outcome, c.colour)
	}
}

// worst is the worst outcome that a loss has.
func (l *Lost) worst() Outcome {
	switch {
	case l.Pending > 0:
		return Pending
	case l.Unknown > 0:
		return Unknown
	case l.Stays > 0:
		return Stays
	}
	return Moves
}

func writeSteps(b *strings.Builder, reports []Report) {
	for i, r := range reports {
		fmt.Fprintf(b, "  subgraph p%d[%s]\n", i, label(r.Policy.Kind+" "+qualified(r.Policy)))
		ids := map[string]string{}
		for j, s := range r.Scenarios {
			if j > 0 && len(s.Steps) == 0 {
				continue
			}
			id := fmt.Sprintf("p%ds%d", i, j)
			ids[strings.Join(s.Steps, "\x00")] = id
			fmt.Fprintf(b, "    %s[%s]\n", id, label(s.placed(r.Members)))
			if len(s.Steps) > 0 {
				last := len(s.Steps) - 1
				fmt.Fprintf(b, "    %s -->|%s| %s\n", ids[strings.Join(s.Steps[:last], "\x00")],
					label(secret.Message(s.Steps[last])+": "+string(s.Outcome)), id)
			}
		}
		b.WriteString("  end\n")
	}
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
	return orDash(few(names(s.Others), 3))
}
