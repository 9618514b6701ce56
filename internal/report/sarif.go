package report

import (
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

const (
	// Home is where the program and its documentation live.
	Home = "https://github.com/rollcall-dev/rollcall"
	// fingerprintName is versioned, as SARIF asks for: another way to make fingerprints has another name.
	fingerprintName = "rollcallIdentity/v1"
	// sourceRoot is the base that code scanning resolves against the repository's root.
	sourceRoot = "%SRCROOT%"
)

// SARIF writes the report, up to maxListed results of a rule, in the Static Analysis Results Interchange Format 2.1.0.
// Files are relative to the working directory, which in CI is the repository's root; to the tree's root where the
// working directory is inside the tree.
func (r *Report) SARIF(w io.Writer) error {
	run := sarif.NewRunWithInformationURI("rollcall", Home).WithColumnKind("unicodeCodePoints")
	if r.Version != "" {
		run.Tool.Driver.WithVersion(r.Version)
	}
	for _, rule := range r.Rules {
		describe(run.AddRule(rule.ID), rule)
	}
	results, leftOut := atMost(maxListed, r.results())
	if call := r.invocation(more(leftOut)); len(call.RuleConfigurationOverrides)+
		len(call.ToolConfigurationNotifications) > 0 {
		run.AddInvocation(call)
	}
	for _, f := range results {
		result := run.CreateResultForRule(f.Rule)
		if f.state != "" {
			result.WithBaselineState(f.state)
		}
		result.
			WithLevel(level(f.Severity)).
			WithMessage(sarif.NewTextMessage(f.WithFix())).
			WithPartialFingerprints(map[string]string{fingerprintName: f.Identity}).
			WithLocations([]*sarif.Location{r.location(f.Place).WithLogicalLocations(logical(f.Object))})
		for i, other := range f.Related {
			result.AddRelatedLocation(r.location(other.Place).WithID(i + 1).WithMessage(
				sarif.NewTextMessage(other.Message)))
		}
		for _, x := range f.Exceptions {
			at, kind := fleet.Place{Origin: fleet.Origin{File: f.Place.File}, Line: x.Line, Column: x.Column},
				"inSource"
			if x.Declared != nil {
				at.File, kind = x.Declared.File, "external"
			}
			result.AddSuppression(sarif.NewSuppression().WithKind(kind).
				WithJustification(justification(x)).WithLocation(r.location(at)))
		}
	}
	return writeJSON(w, "SARIF", evaluated(sarif.NewReport(), run), "  ")
}

// followed says what was judged.
func (r *Report) followed() []string {
	lines := []string{"read " + r.whatWasRead()}
	if total, kinds := unknown(r.Summary.Unknown); total > 0 {
		lines = append(lines, fmt.Sprintf("%s could not be followed in this repository (%s)", count(total, "place"),
			kinds))
	}
	return append(lines, coverageNotes(r.Coverage)...)
}

// results are the findings and what is excepted. Beside a base revision they are all there are, with the states that
// SARIF has for them: code scanning takes a finding that is not in a report for one that is mended.
func (r *Report) results() []stated {
	all := r.listed(r.Base != nil)
	for i := range all {
		if all[i].state == stateExisting {
			all[i].state = "unchanged"
		}
	}
	excepted := ""
	if r.Base != nil {
		excepted = "unchanged"
	}
	for _, f := range r.Excepted {
		all = append(all, stated{f, excepted})
	}
	if r.Base != nil {
		for _, f := range r.Base.Resolved {
			all = append(all, stated{f, "absent"})
		}
	}
	return all
}

// evaluated is the report of the run. Once a result has suppressions each must have some, if only none: SARIF 2.1.0
// §3.27.23. The library leaves an empty list out.
func evaluated(report *sarif.Report, run *sarif.Run) any {
	if !slices.ContainsFunc(run.Results, func(r *sarif.Result) bool { return len(r.Suppressions) > 0 }) {
		return report.AddRun(run)
	}
	type result struct {
		*sarif.Result
		Suppressions []*sarif.Suppression `json:"suppressions"`
	}
	type runOfResults struct {
		*sarif.Run
		Results []result `json:"results"`
	}
	all := runOfResults{Run: run}
	for _, r := range run.Results {
		all.Results = append(all.Results, result{r, append([]*sarif.Suppression{}, r.Suppressions...)})
	}
	return struct {
		*sarif.Report
		Runs []runOfResults `json:"runs"`
	}{report, []runOfResults{all}}
}

// justification is the reason of an exception, unless that looks like secret material: a comment may be no more than a
// line of a value.
func justification(x fleet.Exception) string {
	if class, _ := secret.Classify("", x.Reason); class != fleet.Plain && class != fleet.Empty {
		return hidden
	}
	return clean(x.Reason)
}

// invocation says what the configuration makes of the rules, what it leaves out, whether the repository's own rules
// ran, and what else there is to say.
func (r *Report) invocation(also []string) *sarif.Invocation {
	call := sarif.NewInvocation().WithExecutionSuccessful(true)
	for i, rule := range r.Rules {
		if rule.Severity != rule.own() {
			call.AddRuleConfigurationOverride(sarif.NewConfigurationOverride().
				WithDescriptor(sarif.NewReportingDescriptorReference().WithID(rule.ID).WithIndex(i)).
				WithConfiguration(configuration(rule.Severity)))
		}
	}
	for _, line := range slices.Concat(r.followed(), r.notes(), also) {
		call.AddToolConfigurationNotification(sarif.NewNotification().
			WithLevel(sarif.LevelNote).WithMessage(sarif.NewTextMessage(line)))
	}
	return call
}

func configuration(s fleet.Severity) *sarif.ReportingConfiguration {
	c := sarif.NewReportingConfiguration().WithLevel(level(s))
	c.Enabled = s != fleet.Off
	return c
}

func describe(d *sarif.ReportingDescriptor, rule Rule) {
	help := strings.TrimSpace(rule.Description)
	if rule.Fix != "" {
		help += "\n\nFix: " + rule.Fix
	}
	for _, ref := range rule.Refs {
		help += "\n\n<" + ref + ">"
	}
	help = strings.TrimSpace(help)
	if help == "" {
		help = rule.Title
	}
	d.WithDescription(rule.Title).WithMarkdownHelp(help).WithDefaultConfiguration(configuration(rule.own()))
	if rule.Doc != "" {
		d.WithHelpURI(rule.Doc)
	}
}

func level(s fleet.Severity) string {
	switch s {
	case fleet.Error:
		return sarif.LevelError
	case fleet.Warning:
		return sarif.LevelWarning
	case fleet.Off:
		return sarif.LevelNone
	}
	return sarif.LevelNote
}

// location is a place, or no more than the tree where the finding is in no file.
func (r *Report) location(p fleet.Place) *sarif.Location {
	if p.File == "" {
		return sarif.NewLocation()
	}
	file := p.File
	if root := r.shown(""); filepath.IsLocal(root) {
		file = path.Join(root, file)
	}
	physical := sarif.NewPhysicalLocation().WithArtifactLocation(
		sarif.NewSimpleArtifactLocation((&url.URL{Path: file}).String()).WithURIBaseID(sourceRoot))
	if p.Line > 0 {
		region := sarif.NewRegion().WithStartLine(p.Line).WithStartColumn(p.Column)
		if p.EndLine > 0 {
			region.WithEndLine(p.EndLine).WithEndColumn(p.EndColumn)
		}
		physical.WithRegion(region)
	}
	return sarif.NewLocationWithPhysicalLocation(physical)
}

// logical names the object in the cluster's own terms.
func logical(o fleet.ObjectRef) []*sarif.LogicalLocation {
	if o.Kind == "" && o.Name == "" {
		return nil
	}
	o = shownObject(o)
	kind := o.Kind
	if o.Group != "" {
		kind += "." + o.Group
	}
	var parts []string
	for _, part := range []string{o.APIServer, kind, o.Namespace, o.Name} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return []*sarif.LogicalLocation{sarif.NewLogicalLocation().
		WithName(o.Name).WithKind("object").WithFullyQualifiedName(strings.Join(parts, "/"))}
}
