package report

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Text writes each finding, up to maxShown of a rule, for a person: where and what, the line with the range marked, what to do, and the other
// places that it speaks of. The lines are read from fsys, the tree; secret values in them are masked.
func (r *Report) Text(w io.Writer, fsys fs.FS, color bool) error {
	t := text{Report: r, frames: newFrames(fsys), style: style{color}}
	findings, leftOut := atMost(maxShown, r.shownFindings())
	for i, f := range findings {
		if i > 0 {
			t.b.WriteByte('\n')
		}
		t.finding(f)
	}
	for _, line := range more(leftOut) {
		t.b.WriteString("\n" + line + "\n")
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type text struct {
	*Report
	frames *frames
	style  style
	b      strings.Builder
}

func (t *text) finding(f stated) {
	fmt.Fprintf(&t.b, "%s %s %s %s\n", t.style.bold(t.at(f.Place)+":"), t.style.severity(f.Severity, string(f.Severity)+":"),
		t.style.bold(clean(f.Message)), t.style.dim("["+f.tag()+"]"))
	margin := "  "
	if frame, ok := t.frames.of(f.Finding); ok {
		number := fmt.Sprint(f.Place.Line)
		margin = strings.Repeat(" ", len(number)+1)
		fmt.Fprintf(&t.b, "%s\n", t.style.dim(margin+"|"))
		fmt.Fprintf(&t.b, "%s %s\n", t.style.dim(number+" |"), frame.line)
		fmt.Fprintf(&t.b, "%s %s%s\n", t.style.dim(margin+"|"), strings.Repeat(" ", frame.start),
			t.style.severity(f.Severity, strings.Repeat("^", frame.length)))
	}
	if f.Fix != "" {
		fmt.Fprintf(&t.b, "%s %s\n", t.style.dim(margin+"= fix:"), clean(f.Fix))
	}
	for _, other := range f.Related {
		fmt.Fprintf(&t.b, "%s %s: %s\n", t.style.dim(margin+"= see"), t.at(other.Place), clean(other.Message))
	}
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

// WriteSummary writes what was found, what was read, and how long that took.
func (r *Report) WriteSummary(w io.Writer, took time.Duration) error {
	s := r.Summary
	var b strings.Builder
	b.WriteString(r.found())
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
		fmt.Fprintf(&b, "%s could not be followed in this repository and counted as unknown (%s); \"rollcall facts --unknown\" lists them\n",
			count(total, "place"), kinds)
	}
	for _, line := range r.notes() {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// whatWasRead counts what the tree holds, with the part of the Kustomizations that was followed where that is not all.
func (r *Report) whatWasRead() string {
	s, k := r.Summary, r.Coverage.Kustomizations
	kustomizations := count(s.Kustomizations, "Kustomization")
	if k.Followed < k.InFiles {
		kustomizations = fmt.Sprintf("%d of %s", k.Followed, count(k.InFiles, "Kustomization"))
	}
	return fmt.Sprintf("%s, %s, %s and %s in %s", count(s.Clusters, "cluster"), count(s.Members, "member"), kustomizations,
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
		lines = append(lines, "nothing tells where Flux starts"+examples(unstarted)+"; the files there were read one by one")
	}
	total := 0
	var folders []string
	for _, u := range c.Unreached {
		total += u.Manifests
		folders = append(folders, fmt.Sprintf("%s %d", u.Folder, u.Manifests))
	}
	if total > 0 {
		lines = append(lines, count(total, "manifest")+" "+verb(total, "is", "are")+" reached by no cluster"+examples(folders))
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

// style colours text with the terminal's own colours.
type style struct{ on bool }

func (s style) bold(text string) string { return s.paint("1", text) }
func (s style) dim(text string) string  { return s.paint("2", text) }

func (s style) severity(severity fleet.Severity, text string) string {
	switch severity {
	case fleet.Error:
		return s.paint("1;31", text)
	case fleet.Warning:
		return s.paint("1;33", text)
	}
	return s.paint("1;36", text)
}

func (s style) paint(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
