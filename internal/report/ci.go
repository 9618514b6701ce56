package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/internal/change"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// GitLab writes the report as a Code Quality report, up to maxListed findings of a rule. Paths are relative
// to the working directory.
//
// Source: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
func (r *Report) GitLab(w io.Writer) error {
	type lines struct {
		Begin int `json:"begin"`
		End   int `json:"end,omitempty"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		CheckName   string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	severities := map[fleet.Severity]string{fleet.Error: "major", fleet.Warning: "minor", fleet.Info: "info"}
	all, seen := []issue{}, map[string]int{}
	findings, _ := atMost(maxListed, r.shownFindings())
	for _, f := range findings {
		// GitLab shows one of those with the same fingerprint.
		print := f.Identity
		if seen[print]++; seen[print] > 1 {
			print += fmt.Sprintf("-%d", seen[f.Identity])
		}
		all = append(all, issue{clean(f.Message), f.Rule, print, severities[f.Severity],
			location{steerless(r.shown(f.Place.File)), lines{max(f.Place.Line, 1), f.Place.EndLine}}})
	}
	return writeJSON(w, "GitLab's Code Quality", all, "  ")
}

// JUnit writes the report as a test suite with a test for each rule that ran: one that fails has its
// findings, up to maxListed, as its text. What is below the given severity does not fail a test, and neither
// does what a base revision has.
//
// Source: https://github.com/testmoapp/junitxml, which is what CI systems take.
func (r *Report) JUnit(w io.Writer, failOn fleet.Severity) error {
	type failure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	type test struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		Failure *failure `xml:"failure,omitempty"`
		Out     string   `xml:"system-out,omitempty"`
	}
	type suite struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Cases    []test `xml:"testcase"`
	}
	findings, leftOut := atMost(maxListed, r.shownFindings())
	texts, failing := map[string][]string{}, map[string]int{}
	for _, f := range findings {
		texts[f.Rule] = append(texts[f.Rule], fmt.Sprintf("%s: %s: %s", r.at(f.Place), f.Severity, clean(f.Message)))
		if f.state != stateExisting && failOn != fleet.Off && !isLess(f.Severity, failOn) {
			failing[f.Rule]++
		}
	}
	s := suite{Name: "rollcall"}
	for _, rule := range r.Rules {
		if rule.Severity == fleet.Off && len(texts[rule.ID]) == 0 {
			continue
		}
		if n := leftOut[rule.ID]; n > 0 {
			texts[rule.ID] = append(texts[rule.ID], fmt.Sprintf("… and %d more", n))
		}
		t, text := test{Name: rule.ID, Class: "rollcall"}, strings.Join(texts[rule.ID], "\n")
		if n := failing[rule.ID]; n > 0 {
			t.Failure = &failure{count(n, "finding"), string(rule.Severity), text}
			s.Failures++
		} else {
			t.Out = text
		}
		s.Cases = append(s.Cases, t)
	}
	s.Tests = len(s.Cases)
	type suites struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Suites   []suite  `xml:"testsuite"`
	}
	return writeXML(w, "JUnit", suites{Tests: s.Tests, Failures: s.Failures, Suites: []suite{s}})
}

// Checkstyle writes the report, up to maxListed findings of a rule, as Checkstyle does.
//
// Source: checkstyle/checkstyle 10 src/main/java/com/puppycrawl/tools/checkstyle/XMLLogger.java.
func (r *Report) Checkstyle(w io.Writer) error {
	type problem struct {
		Line     int    `xml:"line,attr"`
		Column   int    `xml:"column,attr,omitempty"`
		Severity string `xml:"severity,attr"`
		Message  string `xml:"message,attr"`
		Source   string `xml:"source,attr"`
	}
	type file struct {
		Name     string    `xml:"name,attr"`
		Problems []problem `xml:"error"`
	}
	type checkstyle struct {
		XMLName xml.Name `xml:"checkstyle"`
		Version string   `xml:"version,attr"`
		Files   []file   `xml:"file"`
	}
	out := checkstyle{Version: "10.0"}
	findings, _ := atMost(maxListed, r.shownFindings())
	for _, f := range findings {
		name := r.shown(f.Place.File)
		if n := len(out.Files); n == 0 || out.Files[n-1].Name != name { // they are sorted by file
			out.Files = append(out.Files, file{Name: name})
		}
		last := &out.Files[len(out.Files)-1]
		last.Problems = append(last.Problems, problem{max(f.Place.Line, 1), f.Place.Column, string(f.Severity),
			clean(f.Message), "rollcall." + f.Rule})
	}
	return writeXML(w, "Checkstyle", out)
}

func writeXML(w io.Writer, what string, value any) error {
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	_, err := io.WriteString(w, xml.Header)
	if err == nil {
		err = enc.Encode(value)
	}
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	if err != nil {
		return fmt.Errorf("write the report as %s: %w", what, err)
	}
	return nil
}

// Suggestion is a text in the place of what stands in a finding's file from one place to another, which is not part of
// it. Lines and columns count from 1, columns in bytes.
type Suggestion struct {
	Line, Column, EndLine, EndColumn int
	Text                             string
}

// Suggest is what makes one text of another: the part in which they differ.
func Suggest(before, after []byte) Suggestion {
	n := min(len(before), len(after))
	start := 0
	for start < n && before[start] == after[start] {
		start++
	}
	end := 0
	for end < n-start && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	s := Suggestion{Text: string(after[start : len(after)-end])}
	s.Line, s.Column = positionIn(before, start)
	s.EndLine, s.EndColumn = positionIn(before, len(before)-end)
	return s
}

func positionIn(text []byte, at int) (line, column int) {
	begin := bytes.LastIndexByte(text[:at], '\n') + 1
	return bytes.Count(text[:begin], []byte{'\n'}) + 1, at - begin + 1
}

// RDJSONL writes the report, up to maxListed findings of a rule, as reviewdog reads it, a finding on each line. Columns
// count bytes there, so the lines are read from fsys, the tree. suggest is what would mend a finding in its file; false
// where it has no one right answer.
//
// Source: reviewdog/reviewdog v0.20 proto/rdf/reviewdog.proto.
func (r *Report) RDJSONL(w io.Writer, fsys fs.FS, suggest func(fleet.Finding) (Suggestion, bool)) error {
	type position struct {
		Line   int `json:"line"`
		Column int `json:"column,omitempty"`
	}
	type textRange struct {
		Start position  `json:"start"`
		End   *position `json:"end,omitempty"`
	}
	type location struct {
		Path  string     `json:"path"`
		Range *textRange `json:"range,omitempty"`
	}
	type code struct {
		Value string `json:"value"`
		URL   string `json:"url,omitempty"`
	}
	type suggestion struct {
		Range textRange `json:"range"`
		Text  string    `json:"text"`
	}
	type source struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	type diagnostic struct {
		Message     string       `json:"message"`
		Location    location     `json:"location"`
		Severity    string       `json:"severity"`
		Source      source       `json:"source"`
		Code        code         `json:"code"`
		Suggestions []suggestion `json:"suggestions,omitempty"`
	}
	read := newFrames(fsys)
	findings, _ := atMost(maxListed, r.shownFindings())
	for _, f := range findings {
		message := clean(f.Message)
		if f.Fix != "" {
			message += "\nfix: " + clean(f.Fix)
		}
		d := diagnostic{Message: message, Location: location{Path: r.shown(f.Place.File)},
			Severity: strings.ToUpper(string(f.Severity)),
			Source:   source{"rollcall", Home}, Code: code{f.Rule, r.rule(f.Rule).Doc}}
		if p := f.Place; p.Line > 0 {
			d.Location.Range = &textRange{Start: position{p.Line, read.byteColumn(p.File, p.Line, p.Column)}}
			if p.EndLine > 0 {
				d.Location.Range.End = &position{p.EndLine, read.byteColumn(p.File, p.EndLine, p.EndColumn)}
			}
		}
		// What stands between two edits is in the text as well.
		if s, ok := suggest(f.Finding); ok && (len(f.Edits) == 1 || read.isPublic(f.Place.File, s.Line, s.EndLine)) {
			d.Suggestions = []suggestion{{textRange{position{s.Line, s.Column}, &position{s.EndLine, s.EndColumn}},
				s.Text}}
		}
		if err := writeJSON(w, "lines for reviewdog", d, ""); err != nil {
			return err
		}
	}
	return nil
}

// byteColumn is a column, which counts Unicode code points, in bytes; 0 where the line is not known.
func (fr *frames) byteColumn(file string, line, column int) int {
	lines := fr.page(file).lines
	if line < 1 || line > len(lines) {
		return 0
	}
	bytes := 1
	for _, c := range lines[line-1] {
		if column--; column < 1 {
			break
		}
		bytes += utf8.RuneLen(c)
	}
	return bytes
}

// isPublic is true for lines in which nothing is masked.
func (fr *frames) isPublic(file string, from, to int) bool {
	page := fr.page(file)
	for number := from; number <= to; number++ {
		if number > len(page.lines) || page.line(number, true).masked {
			return false
		}
	}
	return true
}

const (
	// maxInComment is how many findings a comment lists, and maxComment how long it is, in bytes:
	// GitHub takes 65,536 characters.
	maxInComment = 50
	maxComment   = 60_000
)

// CommentMark begins the Markdown report, so that a comment with it can be found and written anew.
const CommentMark = "<!-- rollcall -->"

// Markdown writes the report as a comment on a pull request: how many there are, the gravest first, then, folded, what
// is resolved and what was read. What stands in the repository is escaped.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n### Rollcall: %s\n", CommentMark, change.Escape(r.found()))
	findings := r.shownFindings()
	slices.SortStableFunc(findings, func(a, b stated) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(b.state, a.state))
	})
	r.markdownTable(&b, findings)
	if r.Base != nil && len(r.Base.Resolved) > 0 {
		var resolved []stated
		for _, f := range r.Base.Resolved {
			resolved = append(resolved, stated{Finding: f})
		}
		fmt.Fprintf(&b, "\n<details><summary>%d resolved</summary>\n", len(resolved))
		r.markdownTable(&b, resolved)
		b.WriteString("\n</details>\n")
	}
	if r.Base != nil && r.Base.Effect != nil {
		r.Base.Effect.WriteMarkdown(&b)
	}
	fmt.Fprintf(&b, "\n<details><summary>What was read</summary>\n\n- %s\n", r.whatWasRead())
	if total, kinds := unknown(r.Summary.Unknown); total > 0 {
		fmt.Fprintf(&b, "- %s could not be followed in this repository (%s)\n", count(total, "place"), kinds)
	}
	for _, line := range slices.Concat(coverageNotes(r.Coverage), r.notes()) {
		fmt.Fprintf(&b, "- %s\n", change.Escape(line))
	}
	b.WriteString("\n</details>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) markdownTable(b *strings.Builder, findings []stated) {
	if len(findings) == 0 {
		return
	}
	b.WriteString("\n| | Where | What |\n|---|---|---|\n")
	for i, f := range findings {
		row := fmt.Sprintf("| %s | %s | %s", f.Severity, change.Escape(r.at(f.Place)), change.Escape(clean(f.Message)))
		if f.Fix != "" && f.state != stateExisting {
			row += "<br>Fix: " + change.Escape(clean(f.Fix))
		}
		doc := change.Escape(f.Rule)
		if url := r.rule(f.Rule).Doc; url != "" {
			doc = fmt.Sprintf("[%s](%s)", doc, url)
		}
		row += " (" + doc
		if f.state == stateExisting {
			row += ", " + f.state
		}
		row += ") |\n"
		if i == maxInComment || b.Len()+len(row) > maxComment {
			fmt.Fprintf(b, "\n… and %d more\n", len(findings)-i)
			return
		}
		b.WriteString(row)
	}
}
