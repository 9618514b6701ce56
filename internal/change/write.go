package change

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

const (
	// maxObjects bounds the objects of clusters that are shown, maxShared the files, and
	// maxTables the tables of failover.
	maxObjects = 200
	maxShared  = 20
	maxTables  = 10
	// maxShownValue bounds a value in a line, in bytes; maxShownFields and maxShownLines what is shown of
	// one object and of one text.
	maxShownValue  = 160
	maxShownFields = 40
	maxShownLines  = 30
)

// WriteJSON writes the document as JSON.
func (d *Document) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

// WriteText writes what happens in each cluster, those together in which the same does; then what is not known, which
// files concern several clusters, and what moves.
func (d *Document) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s: %s\n", d.Before, d.After, d.found())
	d.writeClusters(&b)
	d.writeUnknown(&b)
	d.writeFiles(&b)
	if len(d.Moves) > 0 {
		b.WriteString("\nwhat moves:\n")
	}
	for _, line := range d.says() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	writeTables(&b, d.Moves)
	_, err := io.WriteString(w, b.String())
	return err
}

// says are the moves' sentences, each once.
func (d *Document) says() (lines []string) {
	seen := map[string]bool{}
	for _, m := range d.Moves {
		if !seen[m.Says] {
			seen[m.Says] = true
			lines = append(lines, secret.Printable(m.Says))
		}
	}
	return lines
}

func (r Revision) String() string {
	switch {
	case r.Commit == "":
		return r.Name
	case strings.HasPrefix(r.Commit, r.Name):
		return r.Commit[:10]
	}
	return fmt.Sprintf("%s (%s)", secret.Name(r.Name), r.Commit[:10])
}

// found says how much changes.
func (d *Document) found() string {
	touched := 0
	for _, c := range d.Clusters {
		if c.State != Same {
			touched++
		}
	}
	if touched == 0 {
		return fmt.Sprintf("nothing changes in %s", count(len(d.Clusters), "cluster"))
	}
	counts := d.counts(func(Cluster) bool { return true })
	if counts == "" {
		counts = "no object changes"
	}
	return fmt.Sprintf("%s, in %d of %s", counts, touched, count(len(d.Clusters), "cluster"))
}

// counts are how many objects there are of each action, in some clusters; empty where nothing happens.
func (d *Document) counts(in func(Cluster) bool) string {
	n := map[Action]int{}
	for _, c := range d.Clusters {
		if in(c) {
			for _, s := range c.Servers {
				for _, o := range s.Objects {
					n[o.Action]++
				}
			}
		}
	}
	var parts []string
	for _, a := range []struct {
		action Action
		what   string
	}{{Create, "to create"}, {Change, "to change"}, {Prune, "to prune"}, {Orphan, "left alone"},
		{HandOver, "handed over"}} {
		if n[a.action] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[a.action], a.what))
		}
	}
	return strings.Join(parts, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// group are clusters in which the same happens.
type group struct {
	names []string
	body  string
}

func (d *Document) groups() (groups []group, same []string) {
	index := map[string]int{}
	for _, c := range d.Clusters {
		if c.State == Same {
			same = append(same, secret.Name(c.Name))
			continue
		}
		body := c.body()
		i, known := index[body]
		if !known {
			i, index[body] = len(groups), len(groups)
			groups = append(groups, group{body: body})
		}
		groups[i].names = append(groups[i].names, secret.Name(c.Name))
	}
	return groups, same
}

func (d *Document) writeClusters(b *strings.Builder) {
	groups, same := d.groups()
	for _, g := range groups {
		noun := "cluster"
		if len(g.names) > 1 {
			noun = "clusters"
		}
		fmt.Fprintf(b, "\n%s %s%s", noun, few(g.names, 8), g.body)
	}
	switch len(same) {
	case 0:
	case 1:
		fmt.Fprintf(b, "\n1 cluster is unchanged: %s\n", same[0])
	default:
		fmt.Fprintf(b, "\n%d clusters are unchanged: %s\n", len(same), few(same, 8))
	}
}

// few are the first names of a list, and how many more there are.
func few(all []string, most int) string {
	if len(all) > most+1 {
		all = append(slices.Clone(all[:most]), fmt.Sprintf("%d more", len(all)-most))
	}
	return strings.Join(all, ", ")
}

// body is what happens in a cluster, without its name.
func (c *Cluster) body() string {
	var b strings.Builder
	switch c.State {
	case New:
		b.WriteString(" (new)\n")
	case Gone:
		b.WriteString(
			" (gone)\n  ! no Flux finds the cluster here any more: nothing of what runs there changes or is deleted\n")
	default:
		b.WriteString("\n")
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "  ! Kustomization %s: %s", c.inside(n.Kustomization), secret.Message(n.Why))
		if n.Objects > 0 {
			fmt.Fprintf(&b, " (%s)", count(n.Objects, "object"))
		}
		b.WriteByte('\n')
	}
	left := maxObjects
	for _, s := range c.Servers {
		if s.ID != c.Name {
			fmt.Fprintf(&b, "  on the API server of %s (%s):\n", c.inside(s.ID), s.Kind)
		}
		for i, o := range s.Objects {
			if left == 0 {
				fmt.Fprintf(&b, "  … and %d more\n", len(s.Objects)-i)
				break
			}
			left--
			c.writeObject(&b, o)
		}
	}
	return b.String()
}

// inside is an ID without the cluster's name.
func (c *Cluster) inside(id string) string {
	id = strings.TrimPrefix(id, c.Name+"/")
	if id == "/" || id == "" {
		return "at the entry point"
	}
	return secret.Name(id)
}

func (c *Cluster) writeObject(b *strings.Builder, o Object) {
	name := secret.Name(o.Name)
	if o.Namespace != "" {
		name = secret.Name(o.Namespace) + "/" + name
	}
	by := ""
	switch {
	case o.Action == HandOver:
		by = fmt.Sprintf("from Kustomization %s to %s", c.inside(o.Before), c.inside(o.After))
	case o.After != "":
		by = "by " + c.inside(o.After)
	default:
		by = "by " + c.inside(o.Before)
	}
	fmt.Fprintf(b, "  %-9s %s %s, %s", o.Action, secret.Name(o.Kind), name, by)
	if o.File != "" {
		fmt.Fprintf(b, ", in %s", secret.Printable(o.File))
	}
	if o.Why != "" {
		b.WriteString(": " + o.Why)
	}
	b.WriteByte('\n')
	const lead = "            "
	if o.Waits != "" {
		fmt.Fprintf(b, "%s… it waits: %s\n", lead, o.Waits)
	}
	if o.Uncertain != "" {
		fmt.Fprintf(b, "%s? not certain: %s\n", lead, secret.Message(o.Uncertain))
	}
	for _, m := range o.Marks {
		text := secret.Message(m.Why)
		if m.Field != "" {
			text = secret.Printable(m.Field) + ": " + text
		}
		fmt.Fprintf(b, "%s! %s\n", lead, text)
	}
	for i, f := range o.Fields {
		if i == maxShownFields {
			fmt.Fprintf(b, "%s… and %d more fields\n", lead, len(o.Fields)-i+o.FieldsLeftOut)
			return
		}
		f.write(b, lead)
	}
	if o.FieldsLeftOut > 0 {
		fmt.Fprintf(b, "%s… and %d more fields\n", lead, o.FieldsLeftOut)
	}
}

func (f *Field) write(b *strings.Builder, lead string) {
	path := secret.Printable(f.Path)
	switch {
	case f.Hidden:
		fmt.Fprintf(b, "%s~ %s: another value, %s\n", lead, path, shown(f.After))
	case f.Lines != nil:
		fmt.Fprintf(b, "%s~ %s:\n", lead, path)
		for i, line := range f.Lines {
			if i == maxShownLines {
				fmt.Fprintf(b, "%s    … and %d more lines\n", lead, len(f.Lines)-i)
				break
			}
			fmt.Fprintf(b, "%s    %s\n", lead, secret.Printable(cut(line, maxShownValue)))
		}
	case f.Before == nil:
		fmt.Fprintf(b, "%s+ %s: %s\n", lead, path, shown(f.After))
	case f.After == nil:
		fmt.Fprintf(b, "%s- %s: %s\n", lead, path, shown(f.Before))
	default:
		fmt.Fprintf(b, "%s~ %s: %s → %s\n", lead, path, shown(f.Before), shown(f.After))
	}
}

// shown is a value on one line.
func shown(value any) string {
	if r, ok := fleet.ReadRedacted(value); ok {
		return fmt.Sprintf("(%s, %d bytes)", r.Class, r.Length)
	}
	if text, ok := value.(string); ok && text != "" && !strings.ContainsAny(text, "\n\"") {
		return secret.Printable(cut(text, maxShownValue))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "…"
	}
	return secret.Printable(cut(strings.TrimSpace(b.String()), maxShownValue))
}

func (d *Document) writeUnknown(b *strings.Builder) {
	if len(d.Unknown) == 0 {
		return
	}
	fmt.Fprintf(b, "\nnot all is known of %s:\n", count(len(d.Unknown), "Kustomization"))
	for i, n := range d.Unknown {
		if i == maxShared {
			fmt.Fprintf(b, "  … and %d more\n", len(d.Unknown)-i)
			break
		}
		fmt.Fprintf(b, "  %s: %s\n", secret.Name(n.Kustomization), secret.Message(n.Why))
	}
}

// writeFiles writes the files that concern more than one cluster or Kustomization.
func (d *Document) writeFiles(b *strings.Builder) {
	lines := d.shared()
	if len(lines) == 0 {
		return
	}
	b.WriteString("\nshared files:\n")
	for i, line := range lines {
		if i == maxShared {
			fmt.Fprintf(b, "  … and %d more\n", len(lines)-i)
			break
		}
		fmt.Fprintf(b, "  %s\n", line)
	}
}

func (d *Document) shared() (lines []string) {
	for _, f := range d.Files {
		if len(f.Kustomizations) < 2 && len(f.Clusters) < 2 {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s concerns %s in %s", secret.Printable(f.Path),
			count(len(f.Kustomizations), "Kustomization"), count(len(f.Clusters), "cluster")))
	}
	return lines
}

// writeTables writes the tables of failover before and after.
func writeTables(b *strings.Builder, moves []failover.Move) {
	for _, side := range []struct {
		title string
		of    func(failover.Move) *failover.Report
	}{{"before", func(m failover.Move) *failover.Report {
		return m.Before
	}}, {"after", func(m failover.Move) *failover.Report { return m.After }}} {
		var reports []failover.Report
		for _, m := range moves {
			if r := side.of(m); r != nil && len(reports) < maxTables {
				reports = append(reports, *r)
			}
		}
		if len(reports) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s:\n", side.title)
		_ = failover.WriteTable(b, failover.Document{Policies: reports}, 0) // a Builder takes all
	}
}

// Effect is what a comment on a change says of it: few lines, and more to unfold.
type Effect struct {
	Moves []string
	Folds []Fold
}

// Fold is a text with its title.
type Fold struct{ Title, Text string }

// Effect sums the document up.
func (d *Document) Effect() Effect {
	var e Effect
	e.Moves = d.says()
	var b strings.Builder
	if writeTables(&b, d.Moves); b.Len() > 0 {
		e.Folds = append(e.Folds, Fold{"Where replicas run, before and after", strings.TrimPrefix(b.String(), "\n")})
	}
	b.Reset()
	d.writeClusters(&b)
	d.writeUnknown(&b)
	d.writeFiles(&b)
	e.Folds = append(e.Folds, Fold{"What Flux does: " + d.found(), strings.TrimPrefix(b.String(), "\n")})
	return e
}
