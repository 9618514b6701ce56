// Package report writes findings: for people (text), for editors (oneline), for other programs (json, sarif) and for
// GitHub's annotations. It is the only place that knows a terminal, a code frame or SARIF.
package report

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Report is the outcome of a run.
type Report struct {
	// Root is the tree's root as it was given or found, with slashes.
	Root string
	// RootDir and WorkDir are the tree's root and the working directory, absolute: what a terminal or an editor opens
	// is relative to the latter.
	RootDir, WorkDir string
	// Version is the program's.
	Version string
	Summary Summary
	// Coverage is how much of the tree was followed.
	Coverage fleet.Coverage
	// Findings are sorted by file, line, column, rule and object.
	Findings []fleet.Finding
	// Excepted would be findings as well if there were no exceptions; sorted like them.
	Excepted []fleet.Finding
	// Rules are all rules there are, by ID.
	Rules []Rule
	// Base is what Findings are compared with, and then they are the new ones alone; nil for nothing.
	Base *Base
}

// maxExcluded is how many excluded files are counted.
const maxExcluded = 10_000

// maxShown is how many findings of one rule are written for people and editors, maxListed for other programs: GitHub's
// code scanning shows no more than 5,000 results.
//
// Source: https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support-for-code-scanning.
const (
	maxShown  = 1_000
	maxListed = 5_000
)

// atMost are the first findings of each rule, up to a number, and how many are left out, by rule.
func atMost(number int, findings []stated) (first []stated, leftOut map[string]int) {
	if len(findings) <= number {
		return findings, nil
	}
	leftOut = map[string]int{}
	seen := map[string]int{}
	for _, f := range findings {
		if seen[f.Rule]++; seen[f.Rule] > number {
			leftOut[f.Rule]++
		} else {
			first = append(first, f)
		}
	}
	return first, leftOut
}

// more are sentences on the findings that are left out.
func more(leftOut map[string]int) (lines []string) {
	for _, rule := range slices.Sorted(maps.Keys(leftOut)) {
		lines = append(lines, fmt.Sprintf("… and %d more of the rule %s", leftOut[rule], clean(rule)))
	}
	return lines
}

// Summary counts the findings in the report and what was read.
type Summary struct {
	Errors         int `json:"error"`
	Warnings       int `json:"warning"`
	Infos          int `json:"info"`
	Clusters       int `json:"clusters"`
	Members        int `json:"members"`
	Kustomizations int `json:"kustomizations"`
	Objects        int `json:"objects"`
	Files          int `json:"files"`
	// Unknown counts the places whose content this repository does not show, by kind.
	Unknown map[fleet.UnknownKind]int `json:"unknown"`
	// RulesOff are the rules that the configuration turns off, RulesSoftened those that it gives
	// a lesser severity, by ID.
	RulesOff      []string `json:"rulesOff,omitempty"`
	RulesSoftened []string `json:"rulesSoftened,omitempty"`
	// FilesExcluded counts the files that the configuration excludes, up to maxExcluded.
	FilesExcluded int `json:"filesExcluded,omitempty"`
	// FindingsExcepted counts the findings that comments and annotations except.
	FindingsExcepted int `json:"findingsExcepted,omitempty"`
	// FindingsLeftOut counts those of the findings that the JSON report does not list, for they are very many, by rule.
	FindingsLeftOut map[string]int `json:"findingsLeftOut,omitempty"`
	// OwnRules are those that the repository brings.
	OwnRules OwnRules `json:"ownRules,omitzero"`
	// Fixable counts those that --fix may mend.
	Fixable int `json:"-"`
	// Elsewhere counts the findings that were not asked for.
	Elsewhere int `json:"-"`
}

// OwnRules are the rules that a repository brings.
type OwnRules struct {
	// Rules are those that ran, by ID, and Folders hold them.
	Rules   []string `json:"rules,omitempty"`
	Folders []string `json:"folders,omitempty"`
	// LeftOut are the folders of those that did not run.
	LeftOut []string `json:"leftOut,omitempty"`
}

// IsZero is true where there are none.
func (o OwnRules) IsZero() bool { return len(o.Folders)+len(o.LeftOut) == 0 }

// Rule is what a report says of a rule, beside its findings.
type Rule struct {
	ID, Title, Description, Fix string
	// Severity is what the configuration says, else Default, the rule's own; that may be left out where it is the same.
	Severity, Default fleet.Severity
	// Doc is the address of the rule's documentation, empty where there is none.
	Doc  string
	Refs []string
}

// New reports findings about f. It sorts them, and counts what f holds.
func New(f *fleet.Fleet, findings []fleet.Finding, rules []Rule) *Report {
	for i := range findings {
		findings[i].Identity = f.Identity(findings[i])
	}
	r := &Report{Root: ".", Findings: findings, Rules: rules}
	slices.SortStableFunc(r.Findings, compare)
	r.Coverage = f.Coverage()
	r.Summary = Summary{
		Clusters: len(r.Coverage.Clusters),
		Members:  len(f.Members),
		Files:    len(f.Files),
		Unknown:  map[fleet.UnknownKind]int{},
	}
	for _, k := range f.Kustomizations {
		if !k.Implicit {
			r.Summary.Kustomizations++
		}
	}
	for _, kinds := range f.Objects {
		for _, namespaces := range kinds {
			for _, names := range namespaces {
				r.Summary.Objects += len(names)
			}
		}
	}
	for _, inc := range f.Unknown() {
		r.Summary.Unknown[inc.Kind]++
	}
	r.Summary.count(findings)
	for _, rule := range rules {
		softened := func(f fleet.Finding) bool { return f.Rule == rule.ID && f.Softened != "" }
		switch {
		case rule.Severity == fleet.Off && rule.own() != fleet.Off:
			r.Summary.RulesOff = append(r.Summary.RulesOff, rule.ID)
		case isLess(rule.Severity, rule.own()) || slices.ContainsFunc(findings, softened):
			r.Summary.RulesSoftened = append(r.Summary.RulesSoftened, rule.ID)
		}
	}
	return r
}

// own is the rule's own severity.
func (r Rule) own() fleet.Severity { return cmp.Or(r.Default, r.Severity) }

func isLess(a, b fleet.Severity) bool { return a.Rank() < b.Rank() }

// Except takes over what would be findings about f as well if there were no exceptions.
func (r *Report) Except(f *fleet.Fleet, excepted []fleet.Finding) {
	for i := range excepted {
		excepted[i].Identity = f.Identity(excepted[i])
	}
	slices.SortStableFunc(excepted, compare)
	r.Excepted, r.Summary.FindingsExcepted = excepted, len(excepted)
}

// Add adds findings.
func (r *Report) Add(findings []fleet.Finding) {
	r.Findings = slices.Concat(r.Findings, findings)
	slices.SortStableFunc(r.Findings, compare)
}

// Only is the report of the findings that are wanted; of the others the summary tells how many there are.
func (r *Report) Only(wanted func(fleet.Finding) bool) *Report {
	only := *r
	only.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f fleet.Finding) bool { return !wanted(f) })
	only.Excepted = slices.DeleteFunc(slices.Clone(r.Excepted), func(f fleet.Finding) bool { return !wanted(f) })
	only.Base = r.Base.only(wanted)
	only.Summary.count(only.Findings)
	only.Summary.FindingsExcepted = len(only.Excepted)
	only.Summary.Elsewhere = len(r.Findings) - len(only.Findings)
	return &only
}

// count counts the findings.
func (s *Summary) count(findings []fleet.Finding) {
	s.Errors, s.Warnings, s.Infos, s.Fixable = 0, 0, 0, 0
	for _, finding := range findings {
		if len(finding.Edits) > 0 {
			s.Fixable++
		}
		switch finding.Severity {
		case fleet.Error:
			s.Errors++
		case fleet.Warning:
			s.Warnings++
		default:
			s.Infos++
		}
	}
}

// Fails is true where a finding is at least as severe as the given severity; fleet.Off stands for never.
func (r *Report) Fails(at fleet.Severity) bool {
	s := r.Summary
	switch at {
	case fleet.Error:
		return s.Errors > 0
	case fleet.Warning:
		return s.Errors+s.Warnings > 0
	case fleet.Info:
		return s.Errors+s.Warnings+s.Infos > 0
	}
	return false
}

func compare(a, b fleet.Finding) int {
	return cmp.Or(
		cmp.Compare(a.Place.File, b.Place.File),
		cmp.Compare(a.Place.Line, b.Place.Line),
		cmp.Compare(a.Place.Column, b.Place.Column),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(identity(a.Object), identity(b.Object)),
		cmp.Compare(a.Message, b.Message),
	)
}

func identity(o fleet.ObjectRef) string {
	return strings.Join([]string{o.Cluster, o.APIServer, o.Group, o.Kind, o.Namespace, o.Name}, "\x00")
}

// shown is a file's path as the working directory sees it, with slashes. The root stands for what is in no file, and a
// replacement character for what is no UTF-8.
func (r *Report) shown(file string) string {
	name := filepath.Join(r.RootDir, filepath.FromSlash(file))
	if rel, err := filepath.Rel(r.WorkDir, name); err == nil {
		name = rel
	}
	return strings.ToValidUTF8(filepath.ToSlash(name), "\ufffd")
}

func (r *Report) rule(id string) Rule {
	i, found := slices.BinarySearchFunc(r.Rules, id, func(rule Rule, id string) int { return cmp.Compare(rule.ID, id) })
	if !found {
		return Rule{ID: id}
	}
	return r.Rules[i]
}
