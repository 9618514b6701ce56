package engine

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// commentDocument is the Document of an exception that is a comment: it excepts its whole file.
const commentDocument = -1

// notJudged is UsedException.Used of an exception from a rule that is off or left out, or that judges objects, in a
// file of which no cluster has any: whether it is needed cannot be told.
const notJudged = -1

// exceptions are what a fleet excepts.
type exceptions struct {
	// at are those of its files, by rule and place.
	at map[exceptionKey][]*fleet.UsedException
	// declared are those of its configuration, each with what it allows.
	declared []declaredException
	// baseline are those from single findings, by their identities.
	baseline map[string][]*fleet.UsedException
	identity func(fleet.Finding) string
}

type exceptionKey struct {
	rule, file string
	document   int
}

type declaredException struct {
	*fleet.UsedException
	allows func(fleet.Finding) bool
}

func (e *Engine) exceptions(f *fleet.Fleet) exceptions {
	all := exceptions{at: map[exceptionKey][]*fleet.UsedException{}, baseline: map[string][]*fleet.UsedException{}}
	use := func(x fleet.Exception, at fleet.Origin) *fleet.UsedException {
		used := &fleet.UsedException{Exception: x, Origin: at, Known: e.known(x.Rule), Expired: x.Expired(f.Date)}
		if e.isOff(x.Rule) || e.partial && !used.Known {
			used.Known, used.Used = true, notJudged
		}
		return used
	}
	for path, file := range f.Files {
		for _, x := range file.Exceptions {
			at := exceptionKey{x.Rule, path, x.Document}
			used := use(x, fleet.Origin{File: path, Document: x.Document})
			if used.Known && file.Unreached() && !e.judgesFiles(x.Rule) {
				used.Used = notJudged
			}
			all.at[at] = append(all.at[at], used)
		}
	}
	for _, x := range f.DeclaredExceptions() {
		used := use(x.Exception, *x.Declared)
		if x.Identity != "" {
			all.baseline[x.Identity] = append(all.baseline[x.Identity], used)
			continue
		}
		all.declared = append(all.declared, declaredException{used, func(found fleet.Finding) bool {
			return f.Allows(x, found)
		}})
	}
	all.identity = f.Identity
	return all
}

// judgesFiles is true for a rule about files, whoever reads them.
func (e *Engine) judgesFiles(id string) bool {
	return slices.ContainsFunc(e.rules, func(r Rule) bool { return r.ID == id && slices.Contains(r.Subjects, "File") })
}

// of are the exceptions that allow a finding. Its place is where the rule points, which need not be
// the object that it judged.
func (all exceptions) of(finding fleet.Finding) []*fleet.UsedException {
	at := exceptionKey{finding.Rule, finding.Place.File, finding.Place.Document}
	allowed := slices.Clone(all.at[at])
	at.document = commentDocument
	if finding.Place.Document != commentDocument {
		allowed = append(allowed, all.at[at]...)
	}
	for _, x := range all.declared {
		if x.allows(finding) {
			allowed = append(allowed, x.UsedException)
		}
	}
	if len(all.baseline) > 0 {
		for _, x := range all.baseline[all.identity(finding)] {
			if x.Rule == finding.Rule {
				allowed = append(allowed, x)
			}
		}
	}
	return slices.DeleteFunc(allowed, func(x *fleet.UsedException) bool { return x.Expired })
}

// all are the exceptions of both kinds.
func (all exceptions) all() []*fleet.UsedException {
	every := slices.Concat(slices.Concat(slices.Collect(maps.Values(all.at))...),
		slices.Concat(slices.Collect(maps.Values(all.baseline))...))
	for _, x := range all.declared {
		every = append(every, x.UsedException)
	}
	return every
}

// except sets the findings apart that an exception in the same place allows, and counts them there.
func (all exceptions) except(found []fleet.Finding) (kept, excepted []fleet.Finding) {
	for _, finding := range found {
		allowed := all.of(finding)
		for _, x := range allowed {
			x.Used++
		}
		if soften(&finding, allowed) {
			kept = append(kept, finding)
			continue
		}
		for _, x := range allowed {
			finding.Exceptions = append(finding.Exceptions, x.Exception)
		}
		excepted = append(excepted, finding)
	}
	return kept, excepted
}

// soften gives a finding the least severity of the exceptions that fit it; false where one of them leaves it out.
func soften(finding *fleet.Finding, fitting []*fleet.UsedException) bool {
	for _, x := range fitting {
		switch {
		case x.Severity == "":
			return false
		case x.Severity.Rank() < finding.Severity.Rank():
			finding.Softened = cmp.Or(finding.Softened, finding.Severity)
			finding.Severity = x.Severity
		}
	}
	return true
}

// subjects are the exceptions as rules judge them, in the order of their places.
func (all exceptions) subjects() []fleet.Subject {
	used := all.all()
	slices.SortFunc(used, func(a, b *fleet.UsedException) int {
		return cmp.Or(cmp.Compare(a.Origin.File, b.Origin.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	subjects := make([]fleet.Subject, len(used))
	for i, x := range used {
		subjects[i] = fleet.Subject{
			Kind:   "Exception",
			Object: fleet.ObjectRef{Kind: "Exception", Name: x.Rule},
			Origin: x.Origin,
			Input:  fleet.Input{Subject: "Exception", Origin: x.Origin, Exception: x},
		}
	}
	return subjects
}

func (e *Engine) isOff(id string) bool {
	return e.severity[id] == fleet.Off
}
