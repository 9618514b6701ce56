package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/shape"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// maxShapes bounds the findings that a report of false ones describes.
const maxShapes = 3

func (a *app) reportFalseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report-false RULE [PATH...]",
		Short: "Print what a report of a false finding needs, without anything that is written in your files",
		Long: `Print what a report of a false finding needs: the versions, the rule, and the shape of the first objects that it reports in
PATH. Of a shape the keys that Rollcall's rules know are shown; other keys, and all texts, have a number, the same one for the
same text. No name, no message, no value, no path of a file is in it. Nothing is sent: read it, then paste it into an issue.`,
		Example: `  rollcall report-false weights-encode-order clusters/ottawa`,
		Args:    cobra.MinimumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return a.completeRule(cmd, args, start)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.reportFalse(cmd.Context(), args[0], args[1:]) },
	}
}

func (a *app) reportFalse(ctx context.Context, id string, paths []string) error {
	t, err := a.open(paths, nil)
	if err != nil {
		return err
	}
	defer t.close()
	p := a.startProgress()
	defer p.stop()
	c, err := (&lint{app: a}).check(ctx, t, nil, p)
	if err != nil {
		return err
	}
	p.stop()
	all := c.engine.Rules()
	i := slices.IndexFunc(all, func(r engine.Rule) bool { return r.ID == id })
	switch {
	case i < 0:
		return fmt.Errorf("no rule is called %q%s", id, spelling.DidYouMean(id, ids(all)))
	case all[i].Doc == "":
		return fmt.Errorf("rule %q is not one of Rollcall's own: report it to whoever wrote it", id)
	}
	words, err := engine.Words()
	if err != nil {
		return err
	}
	v := c.verdict()
	var found []fleet.Finding
	for _, f := range slices.Concat(v.Report.Findings, v.Report.Excepted, v.Alone) {
		if f.Rule == id && t.concerns(f, v.Reach) {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("rule %q has no finding in %s", id, strings.Join(t.paths, ", "))
	}
	_, err = io.WriteString(a.stdout, falseReport(c, all[i], found, words))
	return err
}

// falseReport is the report of the findings of a rule.
func falseReport(c *checked, rule engine.Rule, found []fleet.Finding, words map[string]bool) string {
	var b strings.Builder
	fmt.Fprintf(&b,
		"Paste this into %s/issues/new?template=false-finding.yml, and say what makes the finding false.\n\n",
		report.Home)
	b.WriteString(checkout.Versions("rollcall"))
	fmt.Fprintf(&b, "\nrule: %s, %s\nfindings: %d\n", rule.ID, rule.Severity, len(found))
	d := shape.New(words)
	for i, f := range found[:min(len(found), maxShapes)] {
		fmt.Fprintf(&b, "\nfinding %d\nsubject: %s\nfield: %s\n", i+1, subjectOf(rule, f.Object), d.Path(f.Field))
		fmt.Fprintf(&b, "related places: %d\nedits: %d\nexceptions: %d\n", len(f.Related), len(f.Edits),
			len(f.Exceptions))
		object, ok := c.fleet.ObjectOf(f.Object)
		if !ok {
			b.WriteString("shape: it is not one object\n")
			continue
		}
		b.WriteString("shape:\n")
		for line := range strings.Lines(d.Object(object.Content)) {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}

// subjectOf is the kind that a finding is about, where the rule names it; any other may be one of somebody's own.
func subjectOf(rule engine.Rule, ref fleet.ObjectRef) string {
	if kind := fleet.GroupKind(ref.Group, ref.Kind); slices.Contains(rule.Subjects, kind) {
		return kind
	}
	return "another kind"
}
