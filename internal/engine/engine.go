// Package engine judges a fleet by rules written in Rego: those of package rules and the user's own. It is the only
// importer of OPA.
//
// A rule is one file, rules/<id>.rego, with the package rules["<id>"], and METADATA as its only record. It exports one
// partial set, violation, of objects:
//
//	message   what is wrong, one sentence
//	field     leads from the object to it, an array of names and indexes; the object itself by default
//	fix       what to do about it; METADATA's custom.fix by default
//	severity  error, warning or info; METADATA's custom.severity by default
//	origin    {file, document, field}: where to look; the subject's origin by default
//	line      with column, for what no field leads to: a file that does not parse; both count from 1
//	related   an array of {message, origin, field}: other places that the message speaks of
//	edits     an array of {field, value, origin}: what to write where, if there is one right answer, for --fix; the
//	          origin is the violation's by default, and "-" at the end of field adds an entry to a list
//
// input is the subject that the rule judges, data.fleet everything else that is known; docs/input.schema.json and
// docs/facts.schema.json describe them. Helpers that rules share are in rules/lib/<name>.rego, package lib.<name>.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/spelling"
	"github.com/rollcall-dev/rollcall/rules"
)

// Options are the user's part in the rules.
type Options struct {
	// Dirs hold further rules, laid out like the folder rules. nil stands for a folder that is left out: a rule that
	// Severities or an exception name and that does not exist may be one of its.
	Dirs []fs.FS
	// Severities are by rule id. They replace METADATA's severity and that of each violation; Off turns a rule off.
	Severities map[string]fleet.Severity
}

// Engine is a compiled set of rules. It may be used by several goroutines.
type Engine struct {
	rules    []Rule // by ID
	severity map[string]fleet.Severity
	partial  bool
	// origins are where the rules come from, by ID.
	origins  map[string]Origin
	compiler *ast.Compiler
	onFiles  kinds // the rules that judge what is in Git
	// atAdmission is what judges what API servers have, made when it is first asked for.
	atAdmission func() *atAdmission
}

// kinds are the rules that judge subjects, by the kind of subject.
type kinds map[string]ruleSet

// ruleSet holds the rules that judge a subject together: a query that gives the violations of each
// under a variable with its ID.
type ruleSet struct {
	rules []*Rule
	query ast.Body
}

func newRuleSet(rules []*Rule) ruleSet {
	p := ruleSet{rules: rules}
	for _, r := range rules {
		p.query.Append(ast.Equality.Expr(ast.NewTerm(ast.Var(r.ID)), ast.NewTerm(violations(r.ID))))
	}
	return p
}

// only is the part of the rules that are named.
func (p ruleSet) only(ids []string) ruleSet {
	return newRuleSet(slices.DeleteFunc(slices.Clone(p.rules), func(r *Rule) bool {
		return !slices.Contains(ids, r.ID)
	}))
}

// violations is where a rule has them.
func violations(id string) ast.Ref {
	return ast.Ref{ast.DefaultRootDocument, ast.InternedTerm("rules"), ast.StringTerm(id),
		ast.InternedTerm("violation")}
}

// New compiles the rules. A rule that does not compile is an error with its file, row and column.
func New(ctx context.Context, opts Options) (*Engine, error) {
	sources := []source{{name: "rules", fsys: rules.Files, checked: true}}
	for _, dir := range opts.Dirs {
		sources = append(sources, source{fsys: dir})
	}
	return newEngine(ctx, sources, opts.Severities)
}

func newEngine(ctx context.Context, sources []source, severities map[string]fleet.Severity) (*Engine, error) {
	modules, err := readModules(ctx, sources)
	if err != nil {
		return nil, err
	}
	compiler, err := compile(modules, !slices.ContainsFunc(sources, func(s source) bool { return !s.checked }))
	if err != nil {
		return nil, fmt.Errorf("compile the rules: %w", err)
	}
	e := &Engine{compiler: compiler, severity: severities, origins: map[string]Origin{}}
	e.partial = slices.ContainsFunc(sources, func(s source) bool { return s.fsys == nil })
	for _, m := range modules {
		if !m.isRule() {
			continue
		}
		rule, err := readRule(m)
		if err != nil {
			return nil, err
		}
		e.origins[rule.ID] = Origin{m.folder, rule.Severity}
		if s, ok := severities[rule.ID]; ok {
			rule.Severity = s
		}
		if _, err := fs.Stat(rules.Files, rule.ID+".rego"); err == nil {
			rule.Doc = rules.Docs + rule.ID
		}
		e.rules = append(e.rules, rule)
	}
	slices.SortFunc(e.rules, func(a, b Rule) int { return cmp.Compare(a.ID, b.ID) })
	if err := e.checkSeverities(); err != nil {
		return nil, err
	}
	e.atAdmission = sync.OnceValue(e.newAtAdmission)
	e.onFiles = e.ruleSets(AdmissionOnly)
	return e, nil
}

// Rules are all rules by ID, with the severity that the options give them; those that are off included.
func (e *Engine) Rules() []Rule {
	return slices.Clone(e.rules)
}

// Origin is where a rule comes from.
type Origin struct {
	// Folder is the one of Options.Dirs that holds the rule, from 1; 0 for the program's own.
	Folder int
	// Severity is that of its METADATA, whatever the options say.
	Severity fleet.Severity
}

// Origin is where the rule of an ID comes from.
func (e *Engine) Origin(id string) Origin { return e.origins[id] }

// ruleSets are those of the rules that are on, but for those whose METADATA has the given admission.
func (e *Engine) ruleSets(except string) kinds {
	rules := map[string][]*Rule{}
	for i := range e.rules {
		r := &e.rules[i]
		if r.Severity == fleet.Off || r.Admission == except {
			continue
		}
		for _, kind := range r.Subjects {
			rules[kind] = append(rules[kind], r)
		}
	}
	all := kinds{}
	for kind := range rules {
		all[kind] = newRuleSet(rules[kind])
	}
	return all
}

func (e *Engine) checkSeverities() error {
	for _, id := range slices.Sorted(maps.Keys(e.severity)) {
		if !e.known(id) && !e.partial {
			return fmt.Errorf("no rule is called %q%s", id, spelling.DidYouMean(id, e.ids()))
		}
		switch s := e.severity[id]; s {
		case fleet.Error, fleet.Warning, fleet.Info, fleet.Off:
		default:
			return fmt.Errorf("rule %q: severity %q is none of error, warning, info, off", id, s)
		}
	}
	return nil
}

func (e *Engine) ids() []string {
	ids := make([]string, len(e.rules))
	for i, r := range e.rules {
		ids[i] = r.ID
	}
	return ids
}

func (e *Engine) known(id string) bool {
	return slices.ContainsFunc(e.rules, func(r Rule) bool { return r.ID == id })
}
