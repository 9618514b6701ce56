package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/change"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/revision"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

func (a *app) diffCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "diff [REV[..REV]]",
		Short: "Show what Flux does once a change is merged, and where replicas run then",
		Long: `Show what Flux does once a change is merged, cluster by cluster: the objects that it creates, changes, prunes, leaves alone or hands from
one Kustomization to another, as they are applied, with variables and patches in; what of that cannot be done in place; how many
Kustomizations and clusters a changed file concerns. And what moves: the workloads of Karmada's policies whose replicas run elsewhere then,
or do so once a member is lost.

The change is that of the work tree since HEAD left REV, by default the branch that changes are merged into; REV..REV compares two
revisions, REV...REV the second one with where the two part. A secret's value is never shown, only its class and length. What a chart makes
of its values is not rendered.`,
		Example: `  rollcall diff                        # what this branch and the work tree change
  rollcall diff HEAD                   # what is not committed yet
  rollcall diff v1.4..v1.5 -o json     # two revisions, for a program
  rollcall diff main -o markdown       # a comment on a pull request`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := map[string]func(*change.Document) error{
				"text":     func(d *change.Document) error { return d.WriteText(a.stdout) },
				"json":     func(d *change.Document) error { return d.WriteJSON(a.stdout) },
				"markdown": func(d *change.Document) error { return d.WriteMarkdown(a.stdout) },
			}[output]
			if !ok {
				return fmt.Errorf("-o %s: the format is none of text, json, markdown", output)
			}
			asked := defaultBranch
			if len(args) > 0 {
				asked = args[0]
			}
			d, err := a.diff(cmd.Context(), asked)
			if err != nil {
				return err
			}
			return write(&d)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "the `format`: text, json or markdown")
	complete(cmd, "output", "text", "json", "markdown")
	return cmd
}

// workTree is the name of the files as they lie there.
const workTree = "the work tree"

// diff compares what is asked for: REV, REV..REV or REV...REV.
func (a *app) diff(ctx context.Context, asked string) (change.Document, error) {
	var none change.Document
	var paths []string
	if a.root != "" {
		paths = []string{a.root}
	}
	t, err := a.open(paths, nil)
	if err != nil {
		return none, err
	}
	defer t.close()
	repository, err := revision.Open(t.root)
	if err != nil {
		return none, fmt.Errorf("%s: %w", t.dir, err)
	}
	first, second, two := strings.Cut(asked, "..")
	second, parting := strings.CutPrefix(second, ".")
	if first == defaultBranch || first == "" {
		if first, err = repository.Default(); err != nil {
			return none, err
		}
	}
	if two && second == "" {
		second = "HEAD"
	}
	var commit revision.Commit
	if two && !parting {
		commit, err = repository.Resolve(first)
	} else {
		commit, err = parted(repository, first, second)
	}
	if err != nil {
		return none, err
	}
	old, err := t.at(repository, commit)
	if err != nil {
		return none, fmt.Errorf("%s: %w", first, err)
	}
	after, name := t, change.Revision{Name: workTree}
	if two {
		to, err := repository.Resolve(second)
		if err != nil {
			return none, err
		}
		if after, err = t.at(repository, to); err != nil {
			return none, fmt.Errorf("%s: %w", second, err)
		}
		name = change.Revision{Name: second, Commit: to.ID()}
		if err := a.reconfigure(after, t); err != nil {
			return none, fmt.Errorf("%s: %w", second, err)
		}
	}
	if err := a.reconfigure(old, after); err != nil {
		return none, fmt.Errorf("%s: %w", first, err)
	}
	p := a.startProgress()
	defer p.stop()
	p.say("reading " + after.Name)
	is, contents, err := after.side(ctx, name, nil, nil)
	if err != nil {
		return none, err
	}
	p.say("reading " + old.Name)
	was, before, err := old.side(ctx, change.Revision{Name: first, Commit: commit.ID()}, after, contents)
	if err != nil {
		return none, err
	}
	p.say("comparing")
	return change.Compare(was, is, before.Changed(contents)), nil
}

// at is the tree at a commit, with the configuration of t and without a cache.
func (t *tree) at(r *revision.Repository, commit revision.Commit) (*tree, error) {
	inside, err := filepath.Rel(r.Top, t.root)
	if err != nil {
		return nil, err
	}
	other := *t
	other.Name += "@" + commit.ID()[:10]
	other.Cache, other.cache = nil, nil
	other.FS, err = commit.FS(filepath.ToSlash(inside))
	return &other, err
}

// reconfigure reads the configuration that a tree has itself. One that cannot be read counts as that of
// another tree, which is said.
func (a *app) reconfigure(t, other *tree) error {
	if a.config != "" {
		return nil
	}
	if err := a.configure(t); err != nil {
		fmt.Fprintf(a.stderr, "%s: its configuration cannot be read, and that of %s counts: %s\n", t.Name, other.Name,
			secret.Message(err.Error()))
		t.Config = other.Config
	}
	return nil
}

// side reads the tree. What it shares with another one, whose contents are given, is not read or built a second time.
func (t *tree) side(ctx context.Context, r change.Revision, other *tree, contents *loader.Contents) (change.Side,
	*loader.Contents, error) {
	none := change.Side{}
	var own *loader.Contents
	var err error
	if other != nil && t.readAs(other.Config) {
		own, err = contents.Again(ctx, t.FS)
	} else {
		own, err = t.Contents(ctx, t.FS)
	}
	if err != nil {
		return none, nil, err
	}
	read, err := t.Follow(ctx, own)
	if err != nil {
		return none, nil, err
	}
	return change.Side{Revision: r, FS: t.FS, Tree: read, Fleet: t.Build(read)}, own, nil
}

// effect is what a change does to the fleet, for a comment.
func effect(b *before, t *tree, c *checked, loaded *fleet.Tree, old *fleet.Fleet,
	contents *loader.Contents) *change.Effect {
	d := change.Compare(change.Side{Revision: change.Revision{Name: b.revision, Commit: b.commit}, FS: b.FS,
		Tree: loaded, Fleet: old},
		change.Side{Revision: change.Revision{Name: workTree}, FS: t.FS, Tree: c.loaded, Fleet: c.fleet},
		contents.Changed(c.contents))
	e := d.Effect()
	return &e
}
