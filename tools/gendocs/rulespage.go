package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// rulesPage is docs/rules.md: the record of each rule, with what it really says of its example.
func rulesPage(ctx context.Context, e *engine.Engine) ([]byte, error) {
	var page bytes.Buffer
	page.WriteString("<!-- Made by go generate ./... from rules/*.rego and testdata/rules/*.txtar. -->\n\n# Rules\n\n")
	for i, area := range areas {
		var rows strings.Builder
		for _, r := range e.Rules() {
			if areaOf(r) == i {
				fmt.Fprintf(&rows, "| [%s](#%[1]s) | %s | %s |\n", r.ID, r.Severity, r.Title)
			}
		}
		if rows.Len() > 0 {
			fmt.Fprintf(&page, "**%s**\n\n| Rule | Severity | Holds |\n|---|---|---|\n%s\n", area.name, rows.String())
		}
	}
	seen, flux, err := readSeen()
	if err != nil {
		return nil, err
	}
	for _, r := range e.Rules() {
		if err := writeRule(ctx, &page, e, r); err != nil {
			return nil, fmt.Errorf("document rule %q: %w", r.ID, err)
		}
		writeSeen(&page, seen[r.ID], flux)
		writeList(&page, "Read from the source", r.Sources, func(s string) string { return s })
		writeList(&page, "Further reading", r.Refs, func(s string) string { return "<" + s + ">" })
	}
	return page.Bytes(), nil
}

// area is a part of the table of rules. IDs and subjects are nil for any.
type area struct {
	name          string
	ids, subjects *regexp.Regexp
}

// areas are those that the table of rules is divided into. A rule is in the first whose IDs or subjects it fits.
var areas = []area{
	{"Secrets and SOPS", regexp.MustCompile(`^secret-|decrypt|^variable-holds`), nil},
	{"Members and agents", nil, regexp.MustCompile(`^(Agent|Member|ControlPlane)$`)},
	{"Flux", nil, regexp.MustCompile(`\.toolkit\.fluxcd\.io$`)},
	{"Workloads", nil, regexp.MustCompile(`^(Deployment|StatefulSet|DaemonSet|Job|CronJob)\.(apps|batch)$|^Service$`)},
	{"Files and exceptions", nil, regexp.MustCompile(`^(File|Exception)$`)},
	{"Webhooks", nil, regexp.MustCompile(`WebhookConfiguration\.admissionregistration`)},
	{"Placement and failover", regexp.MustCompile(
		`failover|affinit|spread|weight|lost-|preserv|application-stays|preempt|purge`), nil},
	{"Policies and other objects of Karmada", nil, nil},
}

func areaOf(r engine.Rule) int {
	return slices.IndexFunc(areas, func(a area) bool {
		return (a.ids == nil || a.ids.MatchString(r.ID)) &&
			(a.subjects == nil || slices.ContainsFunc(r.Subjects, a.subjects.MatchString))
	})
}

func writeRule(ctx context.Context, page *bytes.Buffer, e *engine.Engine, r engine.Rule) error {
	fmt.Fprintf(page, "\n## %s\n\n**%s** (%s). %s\n", r.ID, r.Title, r.Severity, looksAt(r.Subjects))
	if r.Description != "" {
		fmt.Fprintf(page, "\n%s\n", strings.TrimSpace(r.Description))
	}
	if r.Fix != "" {
		fmt.Fprintf(page, "\nTo fix it: %s\n", r.Fix)
	}
	if text := atAdmission[r.Admission]; text != "" {
		fmt.Fprintf(page, "\nAt admission: %s\n", text)
	}
	if text := atWaiting[r.Waits]; text != "" {
		fmt.Fprintf(page, "\nAt admission: %s\n", text)
	}
	return writeExample(ctx, page, e, r)
}

// atWaiting says what METADATA's custom.waits means.
var atWaiting = map[string]string{
	engine.WaitsOrder:    "it warns and never refuses, since the next object of the same apply may correct it.",
	engine.WaitsRevision: "it warns while the source has a newer revision than the one that is checked against, which may correct it.",
}

var atAdmission = map[string]string{
	engine.AdmissionDeny:  "an error refuses also the change of another object that brings it about.",
	engine.AdmissionWarn:  "it warns and never refuses.",
	engine.AdmissionNever: "it is not checked; it makes sense on files only.",
	engine.AdmissionOnly:  "it is checked there alone; in Git there is nothing wrong with it.",
}

func looksAt(subjects []string) string {
	quoted := make([]string, len(subjects))
	for i, s := range subjects {
		quoted[i] = "`" + s + "`"
	}
	return "Looks at " + strings.Join(quoted, ", ") + "."
}

func writeList(page *bytes.Buffer, title string, items []string, form func(string) string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(page, "\n%s:\n", title)
	for _, item := range items {
		fmt.Fprintf(page, "- %s\n", form(item))
	}
}

// maxFiles bounds the files that an example shows.
const maxFiles = 3

// writeExample shows the first broken tree: the files with findings of the rule, and what the rule says of them.
func writeExample(ctx context.Context, page *bytes.Buffer, e *engine.Engine, rule engine.Rule) error {
	archive, err := os.ReadFile("testdata/rules/" + rule.ID + ".txtar")
	if err != nil {
		return err
	}
	trees, err := example.Parse(archive)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(trees, example.Tree.Broken)
	if i < 0 {
		return fmt.Errorf("the example has no broken tree")
	}
	found, err := example.Check(ctx, e, rule, trees[i])
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(f fleet.Finding) bool { return f.Rule != rule.ID })

	page.WriteString("\nFor example:\n")
	lines := map[string][]int{}
	var files []string
	for _, f := range found {
		if !slices.Contains(files, f.Place.File) && len(files) < maxFiles && trees[i].Files[f.Place.File] != nil {
			files = append(files, f.Place.File)
		}
		lines[f.Place.File] = append(lines[f.Place.File], f.Place.Line)
	}
	for _, file := range files {
		text := excerpt(string(trees[i].Files[file].Data), lines[file])
		fmt.Fprintf(page, "\n`%s`\n\n```yaml\n%s```\n", file, text)
	}
	page.WriteString("\n```text\n")
	for _, f := range found {
		if slices.Contains(files, f.Place.File) {
			fmt.Fprintf(page, "%s: %s: %s [%s]\n", position(f.Place), f.Severity, f.Message, f.Rule)
		}
	}
	page.WriteString("```\n")
	fixable, err := hasEdits(ctx, e, rule, trees)
	if fixable {
		page.WriteString("\nWhere there is one right answer, `rollcall --fix` writes it.\n")
	}
	return err
}

// hasEdits is true where a finding of the rule says what to write.
func hasEdits(ctx context.Context, e *engine.Engine, rule engine.Rule, trees []example.Tree) (bool, error) {
	for _, tree := range trees {
		if !tree.Broken() {
			continue
		}
		found, err := example.Check(ctx, e, rule, tree)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(found, func(f fleet.Finding) bool { return f.Rule == rule.ID && len(f.Edits) > 0 }) {
			return true, nil
		}
	}
	return false, nil
}

func position(p fleet.Place) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

const (
	maxWhole = 30 // lines of a file that is shown whole
	around   = 6  // lines shown before and after a finding in a longer one
)

// excerpt is the text around the lines of findings, with "# …" for what is left out of a long one.
func excerpt(text string, findings []int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n")+"\n", "\n")
	lines = lines[:len(lines)-1]
	if len(lines) <= maxWhole {
		return strings.Join(lines, "")
	}
	var out strings.Builder
	gap := false
	for i, line := range lines {
		near := slices.ContainsFunc(findings, func(at int) bool { return i+1 >= at-around && i+1 <= at+around })
		if near {
			out.WriteString(line)
		} else if !gap {
			out.WriteString("# …\n")
		}
		gap = !near
	}
	return out.String()
}
