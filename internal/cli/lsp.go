package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/lsp"
	"github.com/rollcall-dev/rollcall/internal/report"
)

func (a *app) lspCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lsp",
		Short: "Serve an editor by the Language Server Protocol, on stdin and stdout",
		Long: `The whole tree of every open file is read once and then followed as it is edited, before it is saved: findings come
back within a moment, for every file that they are in. What has one right answer is offered as a quick fix.

The rules of the tree's own (rulePaths in its configuration) run as in CI, so that both find the same; --no-own-rules
leaves them out, for a tree that is not trusted.`,
		SuggestFor: []string{"language-server", "langserver", "serve", "server", "editor"},
		Args:       cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.getenv("GOGC") == "" {
				debug.SetGCPercent(100) // a program that stays is not to take more than it needs; main has other aims
			}
			r := &workspaces{app: a, trees: map[string]*workspace{}}
			defer r.close()
			return lsp.Serve(cmd.Context(), io.NopCloser(a.stdin), a.stdout, r, version())
		},
	}
	cmd.Flags().Bool("stdio", true, "serve on stdin and stdout, which is the only way: many editors ask for it")
	return cmd
}

// workspaces are the trees of an editor's documents.
type workspaces struct {
	*app
	// trees are by their roots, or by the only file of one that belongs to no fleet.
	trees map[string]*workspace
	// homes are the trees of the documents.
	homes map[string]string
}

// workspace is a tree that stays from one change to the next.
type workspace struct {
	*tree
	checked
	last *engine.Checked
	// documents are those that it was linted with, and shown is what was found then; nil where that failed.
	documents map[string][]byte
	shown     []fleet.Finding
	// notes are sentences on documents that no cluster reads.
	notes []string
	// excluded is what the contents were read without, allowed the recipients that they were compared with, and
	// severities are what the rules were compiled with.
	excluded   []string
	allowed    []fleet.Recipients
	severities map[string]fleet.Severity
}

// Lint lints the trees of the documents.
func (r *workspaces) Lint(ctx context.Context, documents map[string][]byte, edited bool) (trees []lsp.Tree, err error) {
	defer r.survive(&err)
	var errs []error
	if !edited {
		errs = append(errs, r.settle(documents))
	}
	for _, home := range slices.Sorted(maps.Keys(r.trees)) {
		t := r.trees[home]
		mine := map[string][]byte{}
		for name, text := range documents {
			if inside, ok := below(t.root, name); ok && r.homes[name] == home {
				mine[inside] = text
			}
		}
		if !edited || t.documents == nil || !maps.EqualFunc(mine, t.documents, bytes.Equal) {
			var err error
			if t.shown, err = r.lint(ctx, t, mine, edited); err != nil {
				errs, mine = append(errs, err), nil
			}
			t.documents = mine
		}
		trees = append(trees, lsp.Tree{Root: t.root, Config: t.configPath, Findings: t.shown, Notes: t.notes,
			Followed: t.followed(), Doc: t.doc, Text: t.text})
	}
	return trees, errors.Join(errs...)
}

// survive makes an error of a panic, and begins anew with the next call.
func (r *workspaces) survive(err *error) {
	if p := recover(); p != nil {
		sayPanic(r.stderr, p)
		r.close()
		r.homes, r.trees = nil, map[string]*workspace{}
		*err = errors.New("internal error; what the server has written to stderr says where")
	}
}

// settle finds out which trees the documents belong to, opens those and lets go of the others.
func (r *workspaces) settle(documents map[string][]byte) error {
	var errs []error
	homes, trees := map[string]string{}, map[string]*workspace{}
	for name, text := range documents {
		home, found, err := r.rootOf(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, inside := below(home, name); !inside {
			continue // of the tree that --root names
		}
		if !found {
			home = name
		}
		t := r.trees[home]
		if t == nil {
			t = trees[home]
		}
		if t == nil {
			opened, err := r.open([]string{name}, text)
			if opened == nil {
				errs = append(errs, err)
				continue
			}
			opened.named = []string{"."}
			t = &workspace{tree: opened}
		}
		homes[name], trees[home] = home, t
	}
	for home, t := range r.trees {
		if trees[home] == nil {
			t.close()
		}
	}
	r.homes, r.trees = homes, trees
	return errors.Join(errs...)
}

func (r *workspaces) close() {
	for _, t := range r.trees {
		t.close()
	}
}

// lint is what is found in a tree with the documents in the place of files. What is wrong with its
// configuration is found in it.
func (r *workspaces) lint(ctx context.Context, t *workspace, documents map[string][]byte, edited bool) ([]fleet.Finding,
	error) {
	names := slices.Sorted(maps.Keys(documents))
	t.FS = t.disk
	for _, name := range names {
		t.FS = loader.Overlay(t.FS, name, documents[name])
	}
	if err := r.prepare(ctx, t, edited && !slices.Contains(names, t.configFile)); err != nil {
		if found := t.misconfigured(err); len(found) > 0 {
			return found, nil
		}
		return nil, err
	}
	contents, err := t.contents, error(nil)
	switch {
	case contents == nil:
		contents, err = t.Contents(ctx, t.FS)
	case edited:
		contents = contents.With(t.FS, names...)
	default:
		contents, err = contents.Again(ctx, t.FS)
	}
	if err != nil {
		return nil, err
	}
	loaded, err := t.Follow(ctx, contents)
	if err != nil {
		return nil, err
	}
	built := t.Build(loaded)
	last, err := t.engine.CheckAgain(ctx, t.last, built)
	if err != nil {
		return nil, err
	}
	contents.Locate(last.Findings)
	t.judged = judged{loaded: loaded, fleet: built, found: report.New(built, last.Findings, t.rules).Findings}
	t.contents, t.last = contents, last
	return t.withAlone(ctx, names)
}

// withAlone are the findings, and those in documents that no cluster reads, taken by themselves.
// It notes which these are.
func (t *workspace) withAlone(ctx context.Context, documents []string) ([]fleet.Finding, error) {
	t.notes = nil
	files := slices.DeleteFunc(unreached(t.fleet), func(name string) bool { return !slices.Contains(documents, name) })
	for _, name := range documents {
		switch file, read := t.fleet.Files[name]; {
		case !read || name == t.configFile:
		case !t.fleet.IsFleet():
			t.notes = append(t.notes, name+" belongs to no fleet: nothing around it has to do with Flux or Karmada")
		case file.Unreached():
			t.notes = append(t.notes, name+" is reached by no cluster, and is judged by itself")
		}
	}
	found, err := t.alone(ctx, t.engine, t.fleet, files)
	if err != nil || len(found) == 0 {
		return t.found, err
	}
	for i := range found {
		found[i].Identity = t.fleet.Identity(found[i])
	}
	r := report.Report{Findings: t.found}
	r.Add(found)
	return r.Findings, nil
}

// prepare reads the configuration again and compiles the rules, unless all of that is as it was.
func (r *workspaces) prepare(ctx context.Context, t *workspace, asItWas bool) error {
	if asItWas && t.engine != nil {
		return nil
	}
	t.Date = r.today()
	if err := r.configure(t.tree); err != nil {
		t.engine = nil
		return err
	}
	allowed := t.Config.AllowedRecipients()
	if !slices.Equal(t.excluded, t.Config.Exclude) || !reflect.DeepEqual(t.allowed, allowed) {
		t.contents, t.excluded, t.allowed = nil, t.Config.Exclude, allowed
	}
	if t.engine != nil && len(r.ruleDirs)+len(t.Config.RulePaths) == 0 && maps.Equal(t.severities, t.Config.Rules) {
		return nil
	}
	var err error
	t.severities = t.Config.Rules
	t.engine, t.rules, err = r.ruleSet(ctx, t.tree)
	return err
}

// misconfigured are the errors of the configuration as findings.
func (t *workspace) misconfigured(err error) []fleet.Finding {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []fleet.Finding
		for _, err := range many.Unwrap() {
			all = append(all, t.misconfigured(err)...)
		}
		return all
	}
	var e *config.Error
	if !errors.As(err, &e) {
		return nil
	}
	return []fleet.Finding{{Rule: "configuration", Severity: fleet.Error, Message: e.Message,
		Place: fleet.Place{Origin: fleet.Origin{File: t.configFile}, Line: e.Line, Column: e.Column}}}
}

// followed counts what was read; nil where the rules are not compiled, for the configuration is wrong then.
func (t *workspace) followed() func() lsp.Followed {
	f := t.fleet
	if f == nil || t.engine == nil {
		return nil
	}
	return func() lsp.Followed {
		covered := f.Coverage()
		all := lsp.Followed{Clusters: len(covered.Clusters), Members: len(f.Membership.Names),
			Kustomizations: covered.Kustomizations, Unknown: len(f.Unknown())}
		for _, folder := range covered.Unreached {
			all.Unreached += folder.Manifests
		}
		return all
	}
}

// doc is the address of a rule's documentation.
func (t *workspace) doc(id string) string {
	for _, rule := range t.rules {
		if rule.ID == id {
			return rule.Doc
		}
	}
	return ""
}

// text is the content of a file, or of the document in its place.
func (t *workspace) text(name string) []byte {
	data, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return nil
	}
	return data
}

// Fix makes the edits of a finding and proves that they hold.
func (r *workspaces) Fix(ctx context.Context, root, identity string) (changes []lsp.Change, err error) {
	defer r.survive(&err)
	for _, t := range r.trees {
		if t.root != root || !slices.ContainsFunc(t.found, func(f fleet.Finding) bool {
			return f.Identity == identity
		}) {
			continue
		}
		fixes, err := makeFixes(ctx, t.tree, &t.checked, func(f fleet.Finding) bool { return f.Identity == identity })
		if err != nil {
			return nil, err
		}
		for _, refused := range fixes.Refused {
			return nil, refused.Why
		}
		for _, name := range fixes.Names() {
			changes = append(changes, lsp.Change{File: filepath.Join(t.root, filepath.FromSlash(name)),
				Old: fixes.Files[name].Old, New: fixes.Files[name].New})
		}
		return changes, nil
	}
	return nil, errors.New("it is not found any more")
}
