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
	Refused     []fleet.Refusal
	// NewlyVisible are findings that only show now, on an object that was fixed.
	NewlyVisible []fleet.Finding
}

// WriteFixes writes on one line each what was not fixed and what was uncovered, and how many were fixed: "3
// findings fixed in 1 file".
func (r *Report) WriteFixes(w io.Writer, f Fixes, verb string) error {
	var b strings.Builder
	slices.SortStableFunc(f.Refused, func(a, b fleet.Refusal) int { return compare(a.Finding, b.Finding) })
	for _, refused := range f.Refused {
		fmt.Fprintf(&b, "%s: not fixed: %s [%s]\n", r.at(refused.Finding.Place), clean(refused.Why.Error()),
			refused.Finding.Rule)
	}
	for _, found := range f.NewlyVisible {
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

// Diff writes how a file of the tree would change, as a unified diff. What its lines hold of secrets
// is masked, as in a frame.
func (r *Report) Diff(w io.Writer, file string, old, new []byte, color bool) error {
	name := clean(r.shown(file))
	before, ok := masked(file, old)
	after, also := masked(file, new)
	text := string(diff.Diff("a/"+name, old, "b/"+name, new))
	if !ok || !also {
		text = fmt.Sprintf("--- a/%s\n+++ b/%s\nits lines cannot be shown\n", name, name)
	}
	s := style{color}
	var b strings.Builder
	var from, to, size int // the next lines of both files, from 1, 0 before the first part; size is that of a part
	show := func(lines []string, line int) string {
		if line < 1 || line > len(lines) {
			return hidden
		}
		return commandless(strings.Map(stripControl, lines[line-1]))
	}
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(strings.Map(stripControl, line), "\n")
		switch {
		case strings.HasPrefix(line, "diff "):
			continue // says no more than the next two
		case strings.HasPrefix(line, "@@"):
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &from, &size, &to, &size); err != nil {
				return fmt.Errorf("write the diff of %s: %w", name, err)
			}
			line = s.paint("36", line)
		case from == 0 && (strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "+++ ")):
			line = s.bold(line)
		case from == 0, strings.HasPrefix(line, `\`): // no newline at the end of the file
		case strings.HasPrefix(line, "-"):
			line = s.paint("31", "-"+show(before, from))
			from++
		case strings.HasPrefix(line, "+"):
			line = s.paint("32", "+"+show(after, to))
			to++
		default:
			line = " " + show(after, to)
			from, to = from+1, to+1
		}
		b.WriteString(line)
		if ended {
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// commandless is a line that is no command to a CI system, whatever stands before it.
func commandless(line string) string {
	if text := strings.TrimLeft(line, " \t"); strings.HasPrefix(text, "::") {
		line = line[:len(line)-len(text)] + ":\ufffd" + text[2:]
	}
	return strings.ReplaceAll(line, "##[", "##\ufffd")
}

// stripControl leaves out of a line what would steer a terminal or hide a part of it.
func stripControl(r rune) rune {
	if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !strings.ContainsRune("\t\r\n\ufeff", r) {
		return unicode.ReplacementChar
	}
	return r
}

// masked are a file's lines without what is secret in them; false where they are not those that YAML counts.
func masked(file string, data []byte) ([]string, bool) {
	if len(data) > maxFrameFile || !utf8.Valid(data) || hasOtherBreaks(data) {
		return nil, false
	}
	lines := strings.Split(string(data), "\n")
	m := newMask(file, data, lines)
	shown := make([]string, len(lines))
	for i, line := range lines {
		text, crlf := strings.CutSuffix(line, "\r")
		runes := []rune(text)
		if visible, hide := m.visible(i+1, runes, false); hide {
			text = string(runes[:visible]) + hidden
		}
		if shown[i] = text; crlf {
			shown[i] += "\r"
		}
	}
	return shown, true
}
