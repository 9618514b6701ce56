package cli

import (
	"context"
	_ "embed" // of the messages
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "explain RULE",
		Short:             "Say what a rule checks, why, and what to do",
		SuggestFor:        []string{"why", "describe", "doc", "docs"},
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRule,
		RunE: func(cmd *cobra.Command, args []string) error {
			e, described, err := a.rulesHere(cmd.Context())
			if err != nil {
				return err
			}
			all := e.Rules()
			i := slices.IndexFunc(all, func(r engine.Rule) bool { return r.ID == args[0] })
			if i < 0 {
				return fmt.Errorf("no rule is called %q%s\nrun \"rollcall rules\" for all of them", args[0],
					spelling.DidYouMean(args[0], ids(all)))
			}
			_, err = io.WriteString(a.stdout, explanation(all[i], described[i].Doc))
			return err
		},
	}
}

func explanation(r engine.Rule, doc string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n%s\n", r.ID, r.Severity, r.Title)
	if text := strings.TrimSpace(r.Description); text != "" {
		fmt.Fprintf(&b, "\n%s\n", text)
	}
	if r.Fix != "" {
		fmt.Fprintf(&b, "\nFix: %s\n", r.Fix)
	}
	fmt.Fprintf(&b, "\nJudges: %s\n", strings.Join(r.Subjects, ", "))
	if r.Admission != "" {
		fmt.Fprintf(&b, "At admission: %s\n", r.Admission)
	}
	if r.Waits != "" {
		fmt.Fprintf(&b, "At admission it waits for: %s\n", r.Waits)
	}
	for _, list := range []struct {
		name  string
		lines []string
	}{{"Sources", r.Sources}, {"Links", slices.Concat(nonEmpty(doc), r.Refs)}} {
		if len(list.lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n  %s\n", list.name, strings.Join(list.lines, "\n  "))
		}
	}
	return b.String()
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func (a *app) rulesCommand() *cobra.Command {
	var format string
	var examples bool
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List the rules, with their severities in this tree",
		Long: `List the rules, with their severities in this tree.

--examples lists what each rule says of the faults in its own examples, and how to fix them.`,
		SuggestFor: []string{"list", "ls"},
		Args:       cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("-o %s: the format is none of text, json", format)
			}
			if examples {
				return writeMessages(a.stdout, format)
			}
			e, described, err := a.rulesHere(cmd.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.stdout, listed(e.Rules(), described))
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "RULE\tSEVERITY\tTITLE")
			for _, r := range e.Rules() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", r.ID, r.Severity, r.Title)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	cmd.Flags().BoolVar(&examples, "examples", false, "list every message that the rules give of their examples")
	complete(cmd, "output", "text", "json")
	return cmd
}

// messages are the rules' messages of their examples, made by go generate: a JSON array of objects.
//
//go:embed messages.json
var messages []byte

// writeMessages writes them, each with its fix.
func writeMessages(w io.Writer, format string) error {
	if format == "json" {
		_, err := w.Write(messages)
		return err
	}
	var all []struct {
		Rule, Message, Fix string
		Severity           fleet.Severity
	}
	if err := json.Unmarshal(messages, &all); err != nil {
		return err
	}
	var b strings.Builder
	rule := ""
	for _, m := range all {
		if m.Rule != rule {
			rule = m.Rule
			fmt.Fprintf(&b, "%s\n", rule)
		}
		fmt.Fprintf(&b, "  %-7s  %s\n  %7s  %s\n", m.Severity, m.Message, "fix:", m.Fix)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// listedRule is a rule in the JSON list.
type listedRule struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Severity    fleet.Severity `json:"severity"`
	Description string         `json:"description"`
	Fix         string         `json:"fix"`
	Admission   string         `json:"admission"`
	Subjects    []string       `json:"subjects"`
	Sources     []string       `json:"sources"`
	Refs        []string       `json:"refs"`
	Doc         string         `json:"doc"`
}

func listed(all []engine.Rule, described []report.Rule) []listedRule {
	out := []listedRule{}
	for i, r := range all {
		out = append(out, listedRule{r.ID, r.Title, r.Severity, strings.TrimSpace(r.Description), r.Fix, r.Admission,
			orEmpty(r.Subjects), orEmpty(r.Sources), orEmpty(r.Refs), described[i].Doc})
	}
	return out
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// rulesHere are the rules with the configuration at or above the working directory. The tree itself is not looked for:
// that takes reading, and there may be none.
func (a *app) rulesHere(ctx context.Context) (*engine.Engine, []report.Rule, error) {
	if a.root == "" {
		a.root = configured()
	}
	t, err := a.open([]string{a.root}, nil)
	if err != nil {
		return nil, nil, err
	}
	return a.ruleSet(ctx, t)
}

// configured is the nearest folder at or above the working directory with a configuration, else the working directory.
func configured() string {
	for dir, last := ".", ""; ; dir = filepath.Join("..", dir) {
		for _, name := range append([]string{config.Name}, config.Misnamed...) {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return dir
			}
		}
		abs, err := filepath.Abs(dir)
		if err != nil || abs == last {
			return "."
		}
		last = abs
	}
}

func ids(all []engine.Rule) []string {
	var out []string
	for _, r := range all {
		out = append(out, r.ID)
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
