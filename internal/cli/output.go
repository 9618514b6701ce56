package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/edit"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/revision"
)

// output is one form in which findings are written; to stdout where it has no file.
type output struct{ format, file string }

func formats() []string {
	return []string{"text", "json", "sarif", "github", "oneline", "markdown", "gitlab", "junit", "checkstyle",
		"rdjsonl"}
}

// parseOutputs reads the -o flags, FORMAT or FORMAT=FILE each.
func parseOutputs(flags []string) ([]output, error) {
	if len(flags) == 0 {
		flags = []string{"text"}
	}
	var all []output
	for _, text := range flags {
		format, file, named := strings.Cut(text, "=")
		switch {
		case !slices.Contains(formats(), format):
			return nil, fmt.Errorf("-o %s: the format is none of %s", text, strings.Join(formats(), ", "))
		case named && file == "":
			return nil, fmt.Errorf("-o %s: the file's name is missing", text)
		case file == "-":
			file = ""
		}
		for _, other := range all {
			if other.file == file && file == "" {
				return nil, fmt.Errorf("-o %s: stdout takes one format and has %s: write -o %s=FILE", text,
					other.format, format)
			}
			if other.file == file {
				return nil, fmt.Errorf("-o %s: the file is written already, as %s", text, other.format)
			}
		}
		all = append(all, output{format, file})
	}
	return all, nil
}

// wantsSummary is true unless stdout is for a program, which may read stderr along with it.
func wantsSummary(outputs []output) bool {
	return !slices.ContainsFunc(outputs, func(o output) bool {
		return o.file == "" && o.format != "text" && o.format != "github"
	})
}

// wantsEffect is true where a comment is written, which says as well what the change does to the fleet.
func (l *lint) wantsEffect() bool {
	return slices.ContainsFunc(l.outputs, func(o string) bool {
		return o == "markdown" || strings.HasPrefix(o, "markdown=")
	}) || l.stepSummary() != ""
}

// write writes the report. What goes to stdout is last: whoever reads it there may go before its end.
func (l *lint) write(r *report.Report, t *tree, outputs []output) error {
	slices.SortStableFunc(outputs, func(a, b output) int { return cmp.Compare(b.file, "") - cmp.Compare(a.file, "") })
	for _, o := range outputs {
		var b bytes.Buffer
		if err := l.writeAs(o.format, r, t, &b, o.file == "" && l.isTerminal(l.stdout)); err != nil {
			return err
		}
		if o.file == "" {
			if _, err := l.stdout.Write(b.Bytes()); err != nil {
				return fmt.Errorf("write to stdout: %w", checkout.Cause(err))
			}
			continue
		}
		if err := t.writeFile(o.file, b.Bytes()); err != nil {
			return fmt.Errorf("write %s: %w", o.file, checkout.Cause(err))
		}
	}
	return nil
}

// writeStepSummary adds the report to the page of a GitHub workflow's run, where annotations are written in one.
//
// Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary.
func (l *lint) writeStepSummary(r *report.Report, t *tree) error {
	name := l.stepSummary()
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("GITHUB_STEP_SUMMARY: %w", err)
	}
	if err := l.writeAs("markdown", r, t, file, false); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}

// stepSummary is the file of that page; empty where there is none, or no annotation is written.
func (l *lint) stepSummary() string {
	annotates := func(o string) bool { return o == "github" || strings.HasPrefix(o, "github=") }
	if l.getenv("GITHUB_ACTIONS") != "true" || !slices.ContainsFunc(l.outputs, annotates) {
		return ""
	}
	return l.getenv("GITHUB_STEP_SUMMARY")
}

// writeAs writes the report in a format, to a terminal or elsewhere.
func (l *lint) writeAs(format string, r *report.Report, t *tree, w io.Writer, terminal bool) error {
	switch format {
	case "json":
		return r.JSON(w)
	case "sarif":
		return r.SARIF(w)
	case "oneline":
		return r.Oneline(w)
	case "text":
		o := report.TextOptions{Infos: l.showsInfos()}
		if terminal {
			o.Color, o.Links, o.Width = l.colors(), l.colors() && l.opensLinks(), width(l.stdout)
		}
		return r.Text(w, t.FS, o)
	}
	inRepository := *r
	if top, ok := revision.Top(t.root); ok { // where a forge's paths begin
		inRepository.WorkDir = top
	}
	switch r = &inRepository; format {
	case "github":
		return r.GitHub(w)
	case "markdown":
		return r.Markdown(w)
	case "gitlab":
		return r.GitLab(w)
	case "checkstyle":
		return r.Checkstyle(w)
	case "rdjsonl":
		return r.RDJSONL(w, t.FS, t.suggest)
	}
	failOn, err := parseFailOn(l.failOn)
	if err != nil {
		return err
	}
	return r.JUnit(w, failOn)
}

// suggest is what the edits of a finding change in its file; false where they change another
// one too, or cannot be made.
func (t *tree) suggest(f fleet.Finding) (report.Suggestion, bool) {
	if len(f.Edits) == 0 || slices.ContainsFunc(f.Edits, func(e fleet.Edit) bool {
		return e.Origin.File != f.Place.File
	}) {
		return report.Suggestion{}, false
	}
	before, err := fs.ReadFile(t.FS, f.Place.File)
	if err != nil {
		return report.Suggestion{}, false
	}
	after, err := edit.Apply(before, f.Edits)
	if err != nil {
		return report.Suggestion{}, false
	}
	return report.Suggest(before, after), true
}

// colors is true where stdout is a terminal that shows them, and nobody minds: https://no-color.org.
func (a *app) colors() bool {
	return !a.noColor && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" && a.isTerminal(a.stdout)
}

// opensLinks is true for the terminals that are known to open links in text (OSC 8), and where FORCE_HYPERLINK says so.
// A multiplexer between may drop them.
//
// Source: https://github.com/Alhadis/OSC8-Adoption.
func (a *app) opensLinks() bool {
	if force := a.getenv("FORCE_HYPERLINK"); force != "" {
		return force != "0"
	}
	name := a.getenv("TERM")
	if strings.HasPrefix(name, "screen") || strings.HasPrefix(name, "tmux") {
		return false
	}
	vte, err := strconv.Atoi(a.getenv("VTE_VERSION"))
	return err == nil && vte >= 5000 || a.getenv("WT_SESSION") != "" || a.getenv("KONSOLE_VERSION") != "" ||
		slices.Contains([]string{"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "kitty"},
			a.getenv("TERM_PROGRAM")) ||
		slices.Contains([]string{"xterm-kitty", "alacritty", "foot", "xterm-ghostty"}, name)
}

// width is that of a terminal, in columns; 0 where it is not known.
func width(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
