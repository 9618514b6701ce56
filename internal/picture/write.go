package picture

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/rollcall-dev/rollcall/internal/secret"
)

// WriteJSON writes the picture for other programs.
func WriteJSON(w io.Writer, p Picture) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(p)
}

// maxRows bounds each table in a terminal, maxFolders the folders.
const maxRows, maxFolders = 20, 5

// WriteText writes the picture for a terminal, in some forty lines.
func WriteText(w io.Writer, p Picture) error {
	var b strings.Builder
	table := func(head string, rows, most int, row func(t io.Writer, i int)) {
		if rows == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
		fmt.Fprintln(t, strings.ReplaceAll(head, " | ", "\t"))
		for i := range min(rows, most) {
			row(t, i)
		}
		_ = t.Flush() // a strings.Builder takes everything
		if rows > most {
			fmt.Fprintf(&b, "… and %d more\n", rows-most)
		}
	}
	table("CLUSTER | STARTS AT | KUSTOMIZATIONS | OBJECTS | UNKNOWN | FINDINGS", len(p.Clusters), maxRows,
		func(t io.Writer, i int) {
			c := p.Clusters[i]
			entry := name(c.Entry)
			if !c.Started {
				entry += " (nothing tells)"
			}
			objects := fmt.Sprint(c.Objects)
			for _, server := range slices.Sorted(maps.Keys(c.Elsewhere)) {
				objects += fmt.Sprintf(", %d to %s", c.Elsewhere[server], name(strings.TrimPrefix(server, c.Name+"/")))
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", name(c.Name), entry,
				of(c.Kustomizations, c.Suspended, "suspended"),
				objects, orDash(c.Unknown), c.Findings)
		})
	table("CONTROL PLANE | CLUSTER | KARMADA | FINDINGS", len(p.Planes), maxRows, func(t io.Writer, i int) {
		c := p.Planes[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", name(c.Name), name(c.Cluster), word(c.Version), c.Findings)
	})
	table("MEMBER | CLUSTER | AGENT | REPLICAS | FINDINGS", len(p.Members), maxRows, func(t io.Writer, i int) {
		m := p.Members[i]
		agent := "none"
		switch {
		case m.Mode == "Push":
			agent = "push"
		case m.Agents > 0:
			agent = "yes"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", name(m.Name), word(m.Cluster), agent, orDash(m.Replicas), m.Findings)
	})
	table("POLICY | WORKLOAD | REPLICAS | FINDINGS", len(p.Policies), maxRows, func(t io.Writer, i int) {
		c := p.Policies[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", name(strings.TrimPrefix(c.Namespace+"/"+c.Name, "/")), word(c.Workload),
			c.runs(), c.Findings)
	})
	if p.LeftOut > 0 {
		fmt.Fprintf(&b, "… and %d more workloads\n", p.LeftOut)
	}
	table("NO CLUSTER RECONCILES", len(p.Unreached), maxFolders, func(t io.Writer, i int) {
		fmt.Fprintln(t, name(p.Unreached[i]))
	})
	if p.Elsewhere != (Findings{}) {
		fmt.Fprintf(&b, "\nin files, and in what clusters share: %s\n", p.Elsewhere)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMermaid writes the picture as a flow chart, which GitHub draws.
func WriteMermaid(w io.Writer, p Picture) error {
	return p.graph(w, "flowchart LR\n", "  %s[%s]\n", "  %s -->|%s| %s\n", "  %s --> %s\n", "",
		func(text string) string {
			return `"` + strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "&",
				"#amp;").Replace(
				text) + `"`
		})
}

// WriteDot writes the picture as a graph for Graphviz.
func WriteDot(w io.Writer, p Picture) error {
	return p.graph(w, "digraph fleet {\n  rankdir=LR\n  node [shape=box]\n", "  %s [label=%s]\n",
		"  %s -> %[3]s [label=%[2]s]\n", "  %s -> %s\n", "}\n", func(text string) string {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		})
}

// graph writes clusters, control planes and members, and what leads from one to another: objects that a cluster applies
// to Karmada, and replicas.
func (p Picture) graph(w io.Writer, head, node, labelled, edge, end string, quote func(string) string) error {
	var b strings.Builder
	b.WriteString(head)
	clusters, serves := map[string]string{}, map[string]string{}
	for i, c := range p.Clusters {
		clusters[c.Name] = fmt.Sprintf("c%d", i)
		fmt.Fprintf(&b, node, clusters[c.Name], quote(strings.Join(told("cluster "+name(c.Name), c.Findings), ", ")))
	}
	for i, c := range p.Planes {
		id := fmt.Sprintf("k%d", i)
		for _, server := range c.APIServers {
			serves[server] = id
		}
		fmt.Fprintf(&b, node, id, quote(strings.Join(told("control plane "+name(c.Name), c.Findings), ", ")))
		if at := clusters[c.Cluster]; at != "" {
			fmt.Fprintf(&b, edge, at, id)
		}
	}
	for _, c := range p.Clusters {
		for _, server := range slices.Sorted(maps.Keys(c.Elsewhere)) {
			if to := serves[server]; to != "" {
				fmt.Fprintf(&b, labelled, clusters[c.Name], quote(count(c.Elsewhere[server], "object")), to)
			}
		}
	}
	for i, m := range p.Members {
		id := fmt.Sprintf("m%d", i)
		text := "member " + name(m.Name)
		if m.Agents == 0 && m.Mode != "Push" {
			text += " without an agent"
		}
		fmt.Fprintf(&b, node, id, quote(strings.Join(told(text, m.Findings), ", ")))
		for k := range p.Planes {
			fmt.Fprintf(&b, labelled, fmt.Sprintf("k%d", k), quote(count(m.Replicas, "replica")), id)
		}
		if at := clusters[m.Cluster]; at != "" {
			fmt.Fprintf(&b, labelled, at, quote("agent"), id)
		}
	}
	b.WriteString(end)
	_, err := io.WriteString(w, b.String())
	return err
}

func told(text string, f Findings) []string {
	if f == (Findings{}) {
		return []string{text}
	}
	return []string{text, f.String()}
}

// runs is where the replicas are: "ottawa 3, robbinsdale 1".
func (c Policy) runs() string {
	var parts []string
	for _, member := range slices.Sorted(maps.Keys(c.Replicas)) {
		if n := c.Replicas[member]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name(member), n))
		}
	}
	if len(parts) == 0 {
		return c.Outcome
	}
	return strings.Join(parts, ", ")
}

// String is "2 errors, 1 warning", or a dash.
func (f Findings) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{f.Errors, "error"}, {f.Warnings, "warning"}, {f.Infos, "info"}} {
		if part.n > 0 {
			parts = append(parts, count(part.n, part.word))
		}
	}
	return word(strings.Join(parts, ", "))
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func of(n, some int, what string) string {
	if some == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d, %d %s", n, some, what)
}

func orDash(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func word(text string) string {
	if text == "" {
		return "–"
	}
	return name(text)
}

// maxName bounds a name, in characters.
const maxName = 80

// name is a name as it may be shown: on one line, bounded, and no secret.
func name(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, secret.Name(text))
	if r := []rune(text); len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return text
}
