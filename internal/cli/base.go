package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/revision"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// defaultBranch is the value of --base where none is given. It is no name of a branch.
const defaultBranch = "the default branch"

// before is the tree at the revision that a change is compared with.
type before struct {
	*tree
	// revision is as it was named, commit what is compared with.
	revision, commit string
	// unread says why its configuration cannot be read, so that the change's own counts; empty where it can.
	unread string
}

// joinBase makes "--base=REV" of "--base REV", where REV is no path: the flag may stand alone, and pflag takes no value
// for it then but after "=".
func joinBase(args []string) []string {
	for i, arg := range args {
		if arg == "--" || i+1 == len(args) {
			break
		}
		next := args[i+1]
		if _, err := os.Lstat(next); arg != "--base" || err == nil || strings.HasPrefix(next, "-") {
			continue
		}
		joined := append([]string{}, args[:i]...)
		return append(append(joined, arg+"="+next), args[i+2:]...)
	}
	return args
}

// openBase opens the tree at the commit where the named revision and HEAD part, with the configuration that it has
// there. From then on the tree itself is judged as that configuration says.
func (l *lint) openBase(t *tree) (*before, error) {
	repository, err := revision.Open(t.root)
	if err != nil {
		return nil, fmt.Errorf("--base: %s: %w", t.dir, err)
	}
	b := &before{revision: l.base}
	if b.revision == defaultBranch {
		if b.revision, err = repository.Default(); err != nil {
			return nil, fmt.Errorf("--base: %w", err)
		}
	}
	commit, err := parted(repository, b.revision, "HEAD")
	if err != nil {
		return nil, fmt.Errorf("--base %w", err)
	}
	b.commit = commit.ID()
	if b.tree, err = t.at(repository, commit); err != nil {
		return nil, fmt.Errorf("--base %s: %w", b.revision, err)
	}
	if l.config != "" {
		return b, nil
	}
	if err := l.configure(b.tree); err != nil && !errors.Is(err, config.ErrMisnamed) { // nothing was read of it there
		// A base that nobody can mend any more must not keep a change from being judged.
		b.Config = t.Config
		b.unread = secret.Message(err.Error())
		return b, nil
	}
	t.relaxed = t.Config.Relaxes(b.Config)
	t.Config = t.Config.Under(b.Config)
	return b, nil
}

// parted is the commit at which two revisions part; an empty one is HEAD.
func parted(r *revision.Repository, one, other string) (revision.Commit, error) {
	theirs, err := r.Resolve(one)
	if err != nil {
		return revision.Commit{}, err
	}
	ours, err := r.Resolve(cmp.Or(other, "HEAD"))
	if err != nil {
		return revision.Commit{}, err
	}
	return r.MergeBase(theirs, ours)
}

// compare judges the base by the same rules, and parts what is found into what is new and what is not.
func (l *lint) compare(ctx context.Context, c *checked, t *tree, b *before, v *verdict, p *progress) error {
	p.say("reading " + b.Name)
	contents, err := b.contents(ctx, c)
	if err != nil {
		return err
	}
	loaded, err := b.Follow(ctx, contents)
	if err != nil {
		return err
	}
	old := b.Build(loaded)
	p.say("checking the rules")
	last, err := c.engine.CheckAgain(ctx, c.last, old)
	if err != nil {
		return fmt.Errorf("%s: %w", b.Name, err)
	}
	contents.Locate(last.Findings)
	r := report.New(old, last.Findings, c.rules)
	r.Except(old, last.Excepted)
	has := func(f *fleet.Fleet) func(string) bool {
		return func(name string) bool { _, ok := f.Files[name]; return ok }
	}
	v.Report.Compare(b.revision, b.commit, r, has(c.fleet), has(old))
	v.Report.Base.Relaxed, v.Report.Base.Unread = append(v.Report.Base.Relaxed, t.relaxed...), b.unread
	if l.wantsEffect() {
		p.say("comparing")
		v.Report.Base.Effect = effect(b, t, c, loaded, old, contents)
	}
	alone, err := b.alone(ctx, c.engine, old, unreached(old))
	if err != nil {
		return fmt.Errorf("%s: %w", b.Name, err)
	}
	v.Alone = slices.DeleteFunc(v.Alone, func(f fleet.Finding) bool {
		return slices.ContainsFunc(alone, func(before fleet.Finding) bool { return old.Identity(before) == f.Identity })
	})
	gone := reachOf(old, v.Report.Base.Resolved)
	maps.Copy(gone.Entries, v.Reach.Entries)
	maps.Copy(gone.Readers, v.Reach.Readers)
	v.Reach = gone
	return nil
}

// contents are the base's. Where both are read in the same way, what they share is not read,
// parsed or built a second time.
func (b *before) contents(ctx context.Context, c *checked) (*loader.Contents, error) {
	if b.readAs(c.config) {
		return c.contents.Again(ctx, b.FS)
	}
	return b.Contents(ctx, b.FS)
}

// readAs tells whether files are read in the same way by another configuration.
func (t *tree) readAs(other config.Config) bool {
	return reflect.DeepEqual(t.Config.Clusters, other.Clusters) && reflect.DeepEqual(t.Config.Sources, other.Sources) &&
		slices.Equal(t.Config.Exclude, other.Exclude) && reflect.DeepEqual(t.Config.Recipients, other.Recipients)
}

// judgeAll is CheckAll, and what it rests on where the fleet is judged again as it was before.
func (l *lint) judgeAll(ctx context.Context, c *checked) (err error) {
	if l.base == "" {
		c.found, c.excepted, c.stopped = c.engine.CheckAll(ctx, c.fleet)
		if over := (*engine.StoppedError)(nil); !errors.As(c.stopped, &over) {
			return c.stopped
		}
		return nil
	}
	if c.last, err = c.engine.CheckAgain(ctx, nil, c.fleet); err == nil {
		c.found, c.excepted = c.last.Findings, c.last.Excepted
	}
	return err
}
