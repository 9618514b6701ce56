package rules

import (
	"maps"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// commentDocument is the Document of an exception that is a comment: it excepts its whole file.
const commentDocument = -1

// notJudged is UsedException.Used of an exception from a rule that is off: whether it is needed cannot be told.
const notJudged = -1

// except leaves out the findings that an exception in the same place allows, and gives the exceptions as subjects. A
// finding's place is where the rule points, which need not be the object that it judged.
func (e *Engine) except(found []fleet.Finding, f *fleet.Fleet) ([]fleet.Finding, []fleet.Subject) {
	type key struct {
		rule, file string
		document   int
	}
	var subjects []fleet.Subject
	excepted := map[key][]*fleet.UsedException{}
	for _, path := range slices.Sorted(maps.Keys(f.Files)) {
		for _, x := range f.Files[path].Exceptions {
			origin := fleet.Origin{File: path, Document: x.Document}
			used := &fleet.UsedException{Exception: x, Origin: origin, Known: e.known(x.Rule)}
			if e.isOff(x.Rule) {
				used.Used = notJudged
			}
			excepted[key{x.Rule, path, x.Document}] = append(excepted[key{x.Rule, path, x.Document}], used)
			subjects = append(subjects, fleet.Subject{
				Kind:   "Exception",
				Object: fleet.ObjectRef{Kind: "Exception", Name: x.Rule},
				Origin: origin,
				Input:  fleet.Input{Subject: "Exception", Origin: origin, Exception: used},
			})
		}
	}
	kept := slices.DeleteFunc(found, func(finding fleet.Finding) bool {
		at := key{finding.Rule, finding.Place.File, finding.Place.Document}
		allowed := excepted[at]
		at.document = commentDocument
		if finding.Place.Document != commentDocument {
			allowed = slices.Concat(allowed, excepted[at])
		}
		for _, x := range allowed {
			x.Used++
		}
		return len(allowed) > 0
	})
	return kept, subjects
}

func (e *Engine) isOff(id string) bool {
	return e.severity[id] == fleet.Off
}
