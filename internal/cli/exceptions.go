package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/revision"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// exceptionEntry is an exception in the list.
type exceptionEntry struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Until  string `json:"until,omitempty"`
	Owner  string `json:"owner,omitempty"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	// Uses counts the findings that it excepts.
	Uses    int  `json:"uses"`
	Expired bool `json:"expired"`
	// Since is the day of the oldest commit, without a break, whose file has the exception;
	// empty where Git does not tell.
	Since string `json:"since,omitempty"`
}

func (a *app) exceptionsCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:        "exceptions [PATH]",
		Short:      "List what the tree excepts from the rules: why, since when, until when, and how often",
		SuggestFor: []string{"ignore", "ignores", "ignored", "suppressions"},
		Args:       cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("-o %s: the format is none of text, json", format)
			}
			t, err := a.open(args, nil)
			if err != nil {
				return err
			}
			defer t.close()
			p := a.startProgress()
			defer p.stop()
			c, err := (&lint{app: a}).check(cmd.Context(), t, nil, p)
			if err != nil {
				return err
			}
			p.stop()
			all := t.exceptionsOf(c)
			if format == "json" {
				return writeJSON(a.stdout, all)
			}
			return writeExceptions(a.stdout, all, t)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "`FORMAT`: text or json")
	complete(cmd, "output", "text", "json")
	return cmd
}

// exceptionsOf are the exceptions of the tree, by place.
func (t *tree) exceptionsOf(c *checked) []exceptionEntry {
	type place struct {
		file, rule   string
		line, column int
	}
	at := func(file string, x fleet.Exception) place {
		if x.Declared != nil {
			file = x.Declared.File
		}
		return place{file, x.Rule, x.Line, x.Column}
	}
	uses := map[place]int{}
	for _, f := range c.excepted {
		for _, x := range f.Exceptions {
			uses[at(f.Place.File, x)]++
		}
	}
	for _, f := range c.found {
		for _, x := range c.fleet.DeclaredExceptions() {
			if f.Softened != "" && x.Severity != "" && c.fleet.Allows(x, f) {
				uses[at(f.Place.File, x.Exception)]++
			}
		}
	}
	repository, err := revision.Open(t.root)
	all := []exceptionEntry{}
	add := func(file string, x fleet.Exception) {
		p := at(file, x)
		entry := exceptionEntry{Rule: x.Rule, Reason: x.Reason, Until: x.Until, Owner: x.Owner, File: p.file,
			Line: x.Line, Uses: uses[p],
			Expired: x.Expired(c.fleet.Date)}
		if err == nil && p.file != "" {
			entry.Since = t.since(repository, p.file, x.Rule)
		}
		all = append(all, entry)
	}
	for name, file := range c.fleet.Files {
		for _, x := range file.Exceptions {
			add(name, x)
		}
	}
	for _, x := range c.fleet.DeclaredExceptions() {
		add("", x.Exception)
	}
	slices.SortFunc(all, func(a, b exceptionEntry) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return all
}

// since is the day since which the file speaks of the rule and of an exception.
func (t *tree) since(r *revision.Repository, file, rule string) string {
	inside, err := filepath.Rel(r.Top, filepath.Join(t.root, filepath.FromSlash(file)))
	if err != nil || rule == "" {
		return ""
	}
	day, ok := r.Since(filepath.ToSlash(inside), func(content []byte) bool {
		return bytes.Contains(content, []byte(rule)) && (file == t.configFile ||
			bytes.Contains(content, []byte("rollcall:ignore")) ||
			bytes.Contains(content, []byte(fleet.IgnoreAnnotation)))
	})
	if !ok {
		return ""
	}
	return day
}

func writeExceptions(out io.Writer, all []exceptionEntry, t *tree) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tUSES\tSINCE\tUNTIL\tOWNER\tWHERE\tREASON")
	for _, x := range all {
		until := cmp.Or(x.Until, "-")
		if x.Expired {
			until += " (ended)"
		}
		where := fmt.Sprintf("%s:%d", t.seen(filepath.Join(t.root, filepath.FromSlash(x.File))), x.Line)
		row := []string{x.Rule, fmt.Sprint(x.Uses), cmp.Or(x.Since, "-"), until, cmp.Or(x.Owner, "-"), where,
			cmp.Or(x.Reason, "-")}
		for i := range row {
			row[i] = secret.Printable(row[i])
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}
