package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/report"
)

// output is one form in which findings are written; to stdout where it has no file.
type output struct{ format, file string }

func formats() []string { return []string{"text", "json", "sarif", "github", "oneline"} }

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
				return nil, fmt.Errorf("-o %s: stdout takes one format and has %s: write -o %s=FILE", text, other.format, format)
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

// write writes the report. What goes to stdout is last: whoever reads it there may go before its end.
func (l *lint) write(r *report.Report, t *tree, outputs []output) error {
	slices.SortStableFunc(outputs, func(a, b output) int { return cmp.Compare(b.file, "") - cmp.Compare(a.file, "") })
	for _, o := range outputs {
		var b bytes.Buffer
		if err := writeAs(o.format, r, t, &b, o.file == "" && l.colors()); err != nil {
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

func writeAs(format string, r *report.Report, t *tree, w io.Writer, color bool) error {
	switch format {
	case "json":
		return r.JSON(w)
	case "sarif":
		return r.SARIF(w)
	case "github":
		return r.GitHub(w)
	case "oneline":
		return r.Oneline(w)
	}
	return r.Text(w, t.FS, color)
}

// colors is true where stdout is a terminal that shows them, and nobody minds: https://no-color.org.
func (a *app) colors() bool {
	return !a.noColor && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" && a.isTerminal(a.stdout)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
