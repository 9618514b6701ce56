package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Oneline writes each finding, up to maxShown of a rule, on one line, file:line:column: severity: message [rule], as
// editors and grep read it.
func (r *Report) Oneline(w io.Writer) error {
	var b strings.Builder
	findings, leftOut := atMost(maxShown, r.shownFindings())
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %s: %s [%s]\n", r.at(f.Place), f.Severity, clean(f.Message), f.tag())
	}
	for _, line := range more(leftOut) {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// at is file:line:column, or the file alone where no line is known.
func (r *Report) at(p fleet.Place) string {
	file := clean(filepath.FromSlash(r.shown(p.File)))
	if p.Line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
}

// clean keeps what stands in somebody's repository from stripControl a terminal or a program that reads along,
// and a message on its line.
func clean(text string) string { return secret.Printable(text) }

// GitHub writes each finding, up to maxShown of a rule, as a workflow command, which GitHub shows at
// its line in a pull request.
//
// Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands; the escapes are those
// of actions/toolkit packages/core/src/command.ts.
func (r *Report) GitHub(w io.Writer) error {
	var b strings.Builder
	findings, leftOut := atMost(maxShown, r.shownFindings())
	for _, f := range findings {
		command := "error"
		switch f.Severity {
		case fleet.Warning:
			command = "warning"
		case fleet.Info:
			command = "notice"
		}
		b.WriteString("::" + command + " ")
		if p := f.Place; p.File != "" {
			fmt.Fprintf(&b, "file=%s,", propertyEscapes.Replace(steerless(r.shown(p.File))))
			if p.Line > 0 {
				fmt.Fprintf(&b, "line=%d,endLine=%d,col=%d,", p.Line, max(p.Line, p.EndLine), p.Column)
			}
		}
		message := clean(f.Message)
		if f.Fix != "" {
			message += "\nfix: " + clean(f.Fix)
		}
		fmt.Fprintf(&b, "title=%s::%s\n", propertyEscapes.Replace(f.Rule), messageEscapes.Replace(message))
	}
	for _, line := range more(leftOut) {
		fmt.Fprintf(&b, "::notice ::%s\n", messageEscapes.Replace(line))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// steerless is a path without what steers a terminal, and without the older form of a command.
func steerless(path string) string {
	return strings.NewReplacer("##[", "##\ufffd", "##vso[", "##vso\ufffd").Replace(strings.Map(stripControl, path))
}

var (
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
