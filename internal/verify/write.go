package verify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// WriteJSON writes the report as one JSON document.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteTable writes a row for each member, a row for each policy that is not as Git has it,
// and a line for each problem.
func (r Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprint(table, "MEMBER\tGIT\tLIVE\tREADY\tREASON\tSINCE\tKUBERNETES\tAGENT\n")
	for _, m := range r.Members {
		live := fleet.LiveMember{}
		if m.Live != nil {
			live = *m.Live
		}
		fmt.Fprintln(table, strings.Join([]string{secret.Name(m.Name), orDash(m.Git), orDash(live.Mode),
			orDash(live.Ready), orDash(live.Reason),
			orDash(live.Since), orDash(live.KubernetesVersion), orDash(m.AgentVersion)}, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	same := 0
	table = tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, p := range r.Policies {
		if p.State == "same" {
			same++
			continue
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Kind, orDash(p.Namespace), secret.Name(p.Name),
			p.State); err != nil {
			return err
		}
	}
	if len(r.Policies) > same {
		b.WriteByte('\n')
	}
	if err := table.Flush(); err != nil {
		return err
	}
	r.writeProblems(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeProblems writes them one a line, what is in a file with the file.
func (r Report) writeProblems(b *strings.Builder) {
	count := map[fleet.Severity]int{}
	for i, f := range r.Findings() {
		if i == 0 {
			b.WriteByte('\n')
		}
		count[f.Severity]++
		if f.Place.File != "" {
			fmt.Fprintf(b, "%s: ", secret.Printable(f.Place.File))
		}
		fmt.Fprintf(b, "%s: %s [%s]\n", f.Severity, f.Message, f.Rule)
	}
	fmt.Fprintf(b, "\n%s, %s: %s, %s\n", number(len(r.Members), "member"),
		plural(len(r.Policies), "policy", "policies"),
		number(count[fleet.Error], "error"), number(count[fleet.Warning], "warning"))
}

func number(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func orDash(text string) string { return cmp.Or(secret.Name(text), "–") }
