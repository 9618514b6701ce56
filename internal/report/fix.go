package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Fixes is what was fixed, or would be.
type Fixes struct {
	// Gone counts the findings that are no more, Files the files that change.
	Gone, Files int
	Refused     []Refusal
	// Uncovered are findings that only show now, on an object that was fixed.
	Uncovered []fleet.Finding
}

// Refusal is a fix that would do harm, or no good, and why.
type Refusal struct {
	Finding fleet.Finding
	Why     error
}

// WriteFixes writes on one line each what was not fixed and what was uncovered, and how many were fixed: "3 findings fixed in
// 1 file".
func (r *Report) WriteFixes(w io.Writer, f Fixes, verb string) error {
	var b strings.Builder
	slices.SortStableFunc(f.Refused, func(a, b Refusal) int { return compare(a.Finding, b.Finding) })
	for _, refused := range f.Refused {
		fmt.Fprintf(&b, "%s: not fixed: %s [%s]\n", r.at(refused.Finding.Place), clean(refused.Why.Error()), refused.Finding.Rule)
	}
	for _, found := range f.Uncovered {
		fmt.Fprintf(&b, "%s: uncovered: %s [%s]\n", r.at(found.Place), clean(found.Message), found.Rule)
	}
	switch {
	case f.Files > 0:
		fmt.Fprintf(&b, "%s %s in %s\n", count(f.Gone, "finding"), verb, count(f.Files, "file"))
	case len(f.Refused) == 0:
		b.WriteString("nothing to fix\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Diff writes how a file of the tree would change, as a unified diff. What the lines around a change hold of secrets is masked,
// as in a frame.
func (r *Report) Diff(w io.Writer, file string, old, new []byte, color bool) error {
	name := clean(r.shown(file))
	before, ok := masked(file, old)
	after, also := masked(file, new)
	text := string(diff.Diff("a/"+name, before, "b/"+name, after))
	if !ok || !also {
		text = fmt.Sprintf("--- a/%s\n+++ b/%s\nits lines cannot be shown\n", name, name)
	}
	s := style{color}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "diff ") {
			continue // says no more than the next two
		}
		line = strings.Map(steering, line)
		line, ended := strings.CutSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			line = s.bold(line)
		case strings.HasPrefix(line, "@@"):
			line = s.paint("36", line)
		case strings.HasPrefix(line, "-"):
			line = s.paint("31", line)
		case strings.HasPrefix(line, "+"):
			line = s.paint("32", line)
		}
		b.WriteString(line)
		if ended {
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// steering leaves out of a line what would steer a terminal or hide a part of it.
func steering(r rune) rune {
	if unicode.In(r, unicode.Cc, unicode.Cf) && !strings.ContainsRune("\t\r\n\ufeff", r) {
		return unicode.ReplacementChar
	}
	return r
}

// masked is a file's text without what is secret in it; false where its lines are not those that YAML counts.
func masked(file string, data []byte) ([]byte, bool) {
	if len(data) > maxFrameFile || !utf8.Valid(data) || hasOtherBreaks(data) {
		return nil, false
	}
	lines := strings.Split(string(data), "\n")
	m := newMask(file, data, lines)
	for i, line := range lines {
		text, crlf := strings.CutSuffix(line, "\r")
		runes := []rune(text)
		if visible, hide := m.visible(i+1, runes, ""); hide {
			lines[i] = string(runes[:visible]) + hidden
			if crlf {
				lines[i] += "\r"
			}
		}
	}
	return []byte(strings.Join(lines, "\n")), true
}
