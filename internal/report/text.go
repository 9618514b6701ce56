package report

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// TextOptions say for whom text is written.
type TextOptions struct {
	// Color and Links are true for a terminal that shows colours, and that opens links (OSC 8).
	Color, Links bool
	// Width is the terminal's, in columns; lines are never broken where it is 0.
	Width int
	// Infos lists findings of severity info too, which are counted otherwise.
	Infos bool
}

// Text writes the findings, up to maxShown of a rule, for a person: errors first. One fault in many places is said
// once, above the places, and a fix once for all findings of a rule that share it. The lines themselves are read
// from fsys, the tree; secret values in them are masked.
func (r *Report) Text(w io.Writer, fsys fs.FS, o TextOptions) error {
	short, root := r.fromRoot()
	t := text{Report: short, frames: newFrames(fsys), style: style{o.Color}, TextOptions: o}
	findings, leftOut := atMost(maxShown, r.shownFindings())
	groups := groupsOf(findings, o.Infos)
	if len(groups) > 0 && root != "" {
		t.b.WriteString("in " + root + ":\n\n")
	}
	for i, g := range groups {
		if i > 0 {
			t.b.WriteByte('\n')
		}
		t.group(g)
	}
	for _, line := range more(leftOut) {
		t.b.WriteString("\n" + line + "\n")
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

// fromRoot is the report with paths as the tree's root sees them, and the root, where the working directory is not
// in the tree; else the report itself.
func (r *Report) fromRoot() (*Report, string) {
	rel, err := filepath.Rel(r.RootDir, r.WorkDir)
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return r, ""
	}
	short := *r
	short.WorkDir = r.RootDir
	return &short, clean(r.shown("."))
}

// group are findings of one rule and severity with the same fix.
type group struct {
	severity fleet.Severity
	fix      string
	faults   []fault
}

// fault is one message, and all findings that have it.
type fault struct {
	tag, message string
	findings     []stated
}

// groupsOf are the groups of findings by severity, and then as their first findings are.
func groupsOf(findings []stated, infos bool) (groups []*group) {
	type key struct {
		severity  fleet.Severity
		rule, fix string
	}
	byKey := map[key]*group{}
	for _, f := range findings {
		if f.Severity == fleet.Info && !infos {
			continue
		}
		k := key{f.Severity, f.Rule, f.Fix}
		g := byKey[k]
		if g == nil {
			g = &group{severity: f.Severity, fix: f.Fix}
			byKey[k], groups = g, append(groups, g)
		}
		same := func(other fault) bool { return other.message == f.Message && other.tag == f.tag() }
		i := slices.IndexFunc(g.faults, same)
		if i < 0 {
			i, g.faults = len(g.faults), append(g.faults, fault{tag: f.tag(), message: f.Message})
		}
		g.faults[i].findings = append(g.faults[i].findings, f)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return b.severity.Rank() - a.severity.Rank() })
	return groups
}

type text struct {
	*Report
	TextOptions
	frames *frames
	style  style
	b      strings.Builder
}

func (t *text) group(g *group) {
	for i, f := range g.faults {
		if i > 0 {
			t.b.WriteByte('\n')
		}
		rule := f.findings[0].Rule
		t.line("", "  ",
			span{text: string(g.severity) + ":", code: severityCode(g.severity), whole: true},
			span{text: clean(f.message), code: bold},
			span{text: "[" + f.tag + "]", code: dim, whole: true, link: t.rule(rule).Doc})
		t.places(f.findings, g.severity)
	}
	if g.fix == "" {
		return
	}
	name := "fix:"
	if n := len(g.faults); n > 1 {
		name = fmt.Sprintf("fix for these %d:", n)
	}
	t.line("  ", "    ", span{text: name, code: dim, whole: true}, span{text: clean(g.fix)})
}

// places are where a fault is, each file on one line, and what else there is to see. The first of them is shown
// itself.
func (t *text) places(findings []stated, severity fleet.Severity) {
	for i, shown := 0, false; i < len(findings); {
		first := findings[i]
		places := []span{{text: t.at(first.Place), whole: true}}
		for i++; i < len(findings) && t.continues(first, findings[i]); i++ {
			places[len(places)-1].text += ","
			p := findings[i].Place
			places = append(places, span{text: fmt.Sprintf("%d:%d", p.Line, p.Column), whole: true})
		}
		if first.Place.File != "" {
			t.line("  ", "    ", places...)
		}
		if frame, ok := t.frames.of(first.Finding, t.Width); ok && !shown {
			shown = true
			number := fmt.Sprint(first.Place.Line)
			fmt.Fprintf(&t.b, "  %s %s\n", t.style.paint(dim, number+" |"), frame.line)
			margin, mark := strings.Repeat(" ", len(number))+" |", strings.Repeat("^", frame.length)
			fmt.Fprintf(&t.b, "  %s %s%s\n", t.style.paint(dim, margin), strings.Repeat(" ", frame.start),
				t.style.paint(severityCode(severity), mark))
		}
		for _, other := range first.Related {
			t.line("  ", "    ", span{text: "see", code: dim, whole: true},
				span{text: t.at(other.Place) + ":", whole: true},
				span{text: clean(other.Message)})
		}
	}
}

// continues is true for a finding in the same file that leads to nothing but the last one does.
func (t *text) continues(last, next stated) bool {
	return next.Place.File == last.Place.File && next.Place.Line > 0 && last.Place.Line > 0 &&
		slices.EqualFunc(last.Related, next.Related, func(a, b fleet.Related) bool {
			return a.Message == b.Message && t.at(a.Place) == t.at(b.Place)
		})
}

// span is a part of a line: text, its colour, and what it leads to. A whole one is never broken.
type span struct {
	text, code, link string
	whole            bool
}

// line writes spans with a space between them, and breaks the line where the terminal ends.
func (t *text) line(indent, hanging string, spans ...span) {
	t.b.WriteString(indent)
	column, empty := len(indent), true
	for _, s := range spans {
		words := []string{s.text}
		if !s.whole {
			words = strings.Split(s.text, " ")
		}
		for len(words) > 0 {
			n, room := 0, column
			for n < len(words) {
				need := utf8.RuneCountInString(words[n])
				if !empty || n > 0 {
					need++
				}
				if t.Width > 0 && room+need > t.Width && !(empty && n == 0) {
					break
				}
				room, n = room+need, n+1
			}
			if n > 0 {
				if !empty {
					t.b.WriteByte(' ')
				}
				t.b.WriteString(t.style.link(s.link, t.Links, t.style.paint(s.code, strings.Join(words[:n], " "))))
				column, empty, words = room, false, words[n:]
			}
			if len(words) > 0 {
				t.b.WriteString("\n" + hanging)
				column, empty = len(hanging), true
			}
		}
	}
	t.b.WriteByte('\n')
}

// found says how many findings of each severity there are, and since when.
func (r *Report) found() string {
	s := r.Summary
	var found []string
	for _, c := range []struct {
		n    int
		name string
	}{{s.Errors, "error"}, {s.Warnings, "warning"}, {s.Infos, "info"}} {
		if c.n > 0 {
			found = append(found, count(c.n, c.name))
		}
	}
	switch {
	case len(found) == 0 && r.Base != nil:
		found = []string{"no new findings"}
	case len(found) == 0:
		found = []string{"no findings"}
	}
	text := strings.Join(found, ", ")
	if r.Base != nil {
		text += " " + r.Base.since()
	}
	return text
}

// WriteSummary writes what was found, what was read, and how long that took. Where infos are only counted, it says
// how to list them.
func (r *Report) WriteSummary(w io.Writer, took time.Duration, infos bool) error {
	s := r.Summary
	var b strings.Builder
	b.WriteString(r.found())
	if s.Infos > 0 && !infos {
		b.WriteString(" that \"--show info\" lists")
	}
	if s.Fixable > 0 {
		fmt.Fprintf(&b, ", %d of them with a fix that --diff shows", s.Fixable)
	}
	if s.Elsewhere > 0 {
		fmt.Fprintf(&b, ", and %d elsewhere in the fleet", s.Elsewhere)
	}
	fmt.Fprintf(&b, "\nread %s, in %.2fs\n", r.whatWasRead(), took.Seconds())
	for _, line := range coverageNotes(r.Coverage) {
		b.WriteString(line + "\n")
	}
	if total, kinds := unknown(s.Unknown); total > 0 {
		fmt.Fprintf(&b,
			"%s could not be followed in this repository and counted as unknown (%s); \"rollcall facts --unknown\" lists them\n",
			count(total, "place"), kinds)
	}
	for _, line := range r.notes() {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// whatWasRead counts what the tree holds, with the part of the Kustomizations that was followed where that is not
// all.
func (r *Report) whatWasRead() string {
	s, k := r.Summary, r.Coverage.Kustomizations
	kustomizations := count(s.Kustomizations, "Kustomization")
	if k.Followed < k.InFiles {
		kustomizations = fmt.Sprintf("%d of %s", k.Followed, count(k.InFiles, "Kustomization"))
	}
	return fmt.Sprintf("%s, %s, %s and %s in %s", count(s.Clusters, "cluster"), count(s.Members, "member"),
		kustomizations,
		count(s.Objects, "object"), count(s.Files, "file"))
}

// coverageNotes are sentences on what was not followed.
func coverageNotes(c fleet.Coverage) (lines []string) {
	var unstarted []string
	for _, cluster := range c.Clusters {
		if !cluster.Started {
			unstarted = append(unstarted, cluster.Entry)
		}
	}
	if len(unstarted) > 0 {
		lines = append(lines, "nothing tells where Flux starts"+examples(unstarted)+
			"; the files there were read one by one")
	}
	total := 0
	var folders []string
	for _, u := range c.Unreached {
		total += u.Manifests
		folders = append(folders, fmt.Sprintf("%s %d", u.Folder, u.Manifests))
	}
	if total > 0 {
		lines = append(lines, count(total, "manifest")+" "+verb(total, "is", "are")+" reached by no cluster"+
			examples(folders))
	}
	return lines
}

// notes are sentences on what the report leaves out, and who has a say in it.
func (r *Report) notes() []string {
	return slices.Concat(r.Base.notes(), r.Summary.notes())
}

// notes are sentences on what the repository itself has a say in: what keeps findings back or softens them, and whose
// rules ran.
func (s Summary) notes() (lines []string) {
	var parts []string
	if n := len(s.RulesOff); n > 0 {
		parts = append(parts, count(n, "rule")+" off"+examples(s.RulesOff))
	}
	if n := len(s.RulesSoftened); n > 0 {
		parts = append(parts, count(n, "rule")+" softened"+examples(s.RulesSoftened))
	}
	if s.FilesExcluded > 0 {
		excluded := count(s.FilesExcluded, "file") + " excluded"
		if s.FilesExcluded >= maxExcluded {
			excluded = "at least " + excluded
		}
		parts = append(parts, excluded)
	}
	if s.FindingsExcepted > 0 {
		parts = append(parts, count(s.FindingsExcepted, "finding")+" excepted")
	}
	if len(parts) > 0 {
		lines = append(lines, "relaxed by the configuration or an exception: "+strings.Join(parts, ", "))
	}
	if own := s.OwnRules; len(own.Folders) > 0 {
		lines = append(lines, count(len(own.Rules), "rule")+" of the repository's own ran"+examples(own.Folders))
	}
	if folders := s.OwnRules.LeftOut; len(folders) > 0 {
		lines = append(lines, "the repository's own rules were left out"+examples(folders))
	}
	return lines
}

// examples are the first few of some names, in parentheses.
func examples(names []string) string {
	const few = 3
	if len(names) > few {
		names = slices.Concat(names[:few], []string{"…"})
	}
	return " (" + clean(strings.Join(names, ", ")) + ")"
}

// unknown is the number of all, and the kinds with their numbers, the most frequent first.
func unknown(counts map[fleet.UnknownKind]int) (total int, kinds string) {
	var all []string
	for _, kind := range slices.SortedFunc(maps.Keys(counts), func(a, b fleet.UnknownKind) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		total += counts[kind]
		all = append(all, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return total, strings.Join(all, ", ")
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// The terminal's own colours.
const (
	bold = "1"
	dim  = "2"
)

func severityCode(severity fleet.Severity) string {
	switch severity {
	case fleet.Error:
		return "1;31"
	case fleet.Warning:
		return "1;33"
	}
	return "1;36"
}

// style colours text with the terminal's own colours.
type style struct{ on bool }

func (s style) bold(text string) string { return s.paint(bold, text) }

func (s style) paint(code, text string) string {
	if !s.on || text == "" || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// link is text that leads to an address in a terminal that opens links.
//
// Source: https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda (OSC 8).
func (style) link(address string, on bool, text string) string {
	if address == "" || !on {
		return text
	}
	return "\x1b]8;;" + address + "\x1b\\" + text + "\x1b]8;;\x1b\\"
}
