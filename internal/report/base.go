package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/change"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Base is a revision that a report is compared with.
type Base struct {
	// Revision is as it was named, and Commit the hash of what is compared with: where the
	// revision and the work tree part.
	Revision, Commit string
	// Existing are found there too, Resolved are not found any more; both sorted like the
	// findings, which are the new ones.
	Existing, Resolved []fleet.Finding
	// Relaxed are sentences on what the change turns off, softens, excludes or excepts.
	Relaxed []string
	// Unread says why the base's configuration cannot be read; empty where it can.
	Unread string
	// Effect is what the change does to the fleet; nil where nobody asks.
	Effect *change.Effect
	// ShowExisting lists the existing ones beside the new ones.
	ShowExisting bool
}

// The states of a finding beside a base revision.
const (
	stateNew      = "new"
	stateExisting = "existing"
)

// Compare parts the findings into those that are new since the base and those that are not, by what they are about and
// not by where they stand. One that has become graver is new. A file that only one of the two has may have been moved:
// what is found in it is known by its rule and message.
func (r *Report) Compare(revision, commit string, base *Report, isHere, wasThere func(file string) bool) {
	known := map[string][]fleet.Finding{}
	keys := func(f fleet.Finding, other func(string) bool) []string {
		if f.Object.Kind == "File" && !other(f.Place.File) {
			return []string{f.Identity, "moved\x00" + f.Rule + "\x00" + f.Message}
		}
		return []string{f.Identity}
	}
	for _, f := range base.Findings {
		key := keys(f, isHere)
		known[key[len(key)-1]] = append(known[key[len(key)-1]], f)
	}
	take := func(f fleet.Finding, fits func(fleet.Finding) bool) bool {
		for _, key := range keys(f, wasThere) {
			if i := slices.IndexFunc(known[key], fits); i >= 0 {
				known[key] = slices.Delete(known[key], i, i+1)
				return true
			}
		}
		return false
	}
	r.Base = &Base{Revision: revision, Commit: commit}
	var found []fleet.Finding
	for _, f := range r.Findings {
		if take(f, func(before fleet.Finding) bool { return !isLess(before.Severity, f.Severity) }) {
			r.Base.Existing = append(r.Base.Existing, f)
		} else {
			found = append(found, f)
		}
	}
	r.Findings = found
	anyway := func(fleet.Finding) bool { return true }
	for _, f := range found { // it may have been there, and less grave
		take(f, anyway)
	}
	excepted := map[string]int{}
	for _, f := range base.Excepted {
		excepted[f.Identity]++
	}
	more := 0
	for _, f := range r.Excepted {
		if excepted[f.Identity]--; excepted[f.Identity] < 0 {
			more++
			take(f, anyway)
		}
	}
	if more > 0 {
		r.Base.Relaxed = append(r.Base.Relaxed, count(more, "finding")+" more "+verb(more, "is", "are")+" excepted")
	}
	for _, left := range known {
		r.Base.Resolved = append(r.Base.Resolved, left...)
	}
	slices.SortFunc(r.Base.Resolved, compare)
	r.Summary.count(r.Findings)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// only is the base with the findings that are wanted; nil where there is none.
func (b *Base) only(wanted func(fleet.Finding) bool) *Base {
	if b == nil {
		return nil
	}
	only := *b
	unwanted := func(f fleet.Finding) bool { return !wanted(f) }
	only.Existing = slices.DeleteFunc(slices.Clone(b.Existing), unwanted)
	only.Resolved = slices.DeleteFunc(slices.Clone(b.Resolved), unwanted)
	return &only
}

// stated is a finding with its state beside the base; empty without one.
type stated struct {
	fleet.Finding
	state string
}

// tag is the rule, and that the finding is not new.
func (s stated) tag() string {
	if s.state == stateExisting {
		return s.Rule + ", " + s.state
	}
	return s.Rule
}

// shownFindings are the findings for people and editors, each with its state.
func (r *Report) shownFindings() []stated { return r.listed(r.Base != nil && r.Base.ShowExisting) }

// listed are the findings that are listed, each with its state.
func (r *Report) listed(existing bool) []stated {
	state := ""
	if r.Base != nil {
		state = stateNew
	}
	all := make([]stated, 0, len(r.Findings))
	for _, f := range r.Findings {
		all = append(all, stated{f, state})
	}
	if existing {
		for _, f := range r.Base.Existing {
			all = append(all, stated{f, stateExisting})
		}
		slices.SortStableFunc(all, func(a, b stated) int { return compare(a.Finding, b.Finding) })
	}
	return all
}

// since says what the findings are compared with.
func (b *Base) since() string {
	if strings.HasPrefix(b.Commit, b.Revision) {
		return "since " + short(b.Commit)
	}
	return fmt.Sprintf("since %s (%s)", clean(b.Revision), short(b.Commit))
}

func short(commit string) string { return commit[:min(len(commit), 10)] }

// notes are sentences on what is not new, and on what the change relaxes.
func (b *Base) notes() (lines []string) {
	if b == nil {
		return nil
	}
	if n := len(b.Existing); n > 0 && !b.ShowExisting {
		lines = append(lines, count(n, "finding")+" "+verb(n, "was", "were")+
			" there before; \"--show existing\" lists "+verb(n, "it", "them"))
	}
	if n := len(b.Resolved); n > 0 {
		var rules []string
		for _, f := range b.Resolved {
			rules = append(rules, f.Rule)
		}
		lines = append(lines, count(n, "finding")+" "+verb(n, "is", "are")+" resolved"+
			examples(slices.Compact(slices.Sorted(slices.Values(rules)))))
	}
	if b.Unread != "" {
		lines = append(lines, "the configuration at the base cannot be read, and the change's own counts: "+
			clean(b.Unread))
	}
	for _, text := range b.Relaxed {
		lines = append(lines, "the change relaxes the checks: "+clean(text))
	}
	return lines
}
