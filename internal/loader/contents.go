package loader

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Contents are a tree whose files are known, and in which Flux is not followed yet.
type Contents struct {
	tree *tree
	fsys fs.FS
	opts Options
	// previous is what Flux was followed to in the contents that these were made from; nil for none.
	previous *previous
	// follower is what Follow has followed Flux with; nil before.
	follower *follower
	// places are those that Locate has found, by file, content and field.
	places map[string]fleet.Place
}

// Read lists the tree in fsys and reads its files; those that are as an earlier run with the same cache has seen them
// are not even opened. An error means that the tree could not be read at all, or that ctx is done.
func Read(ctx context.Context, fsys fs.FS, opts Options) (*Contents, error) {
	c := &Contents{tree: newTree(fsys, &opts), fsys: fsys, opts: opts}
	if opts.Cache != nil {
		opts.Cache.Get("versions", &c.tree.versions)
	}
	if err := c.tree.readAll(ctx, opts); err != nil {
		return nil, err
	}
	if opts.Cache != nil {
		c.tree.keepVersions(opts.Cache)
	}
	return c, nil
}

// Again reads the tree once more, in a file system that may hold other files by now. Of what is as it was nothing is
// read, parsed or built a second time, once Follow has done so here.
func (c *Contents) Again(ctx context.Context, fsys fs.FS) (*Contents, error) {
	next := c.next(fsys)
	next.tree.versions = c.tree.allVersions()
	if c.previous != nil {
		next.tree.kept = c.previous.tree.readings()
	}
	if err := next.tree.readAll(ctx, c.opts); err != nil {
		return nil, err
	}
	return next, nil
}

// With is Again where only files of these names may have another content: the rest of the tree is not even looked
// at. No file comes or goes.
func (c *Contents) With(fsys fs.FS, names ...string) *Contents {
	next := c.next(fsys)
	next.tree.listAgain(c.tree)
	for _, name := range names {
		if old := c.tree.files[name]; old != nil && !old.symlink {
			f := newFile(name, false)
			f.tree, next.tree.files[name] = next.tree, f
			f.safely((*file).look)
		}
	}
	return next
}

// next are contents that are still to be read, and what is known from these.
func (c *Contents) next(fsys fs.FS) *Contents {
	next := &Contents{tree: newTree(fsys, &c.opts), fsys: fsys, opts: c.opts, previous: c.previous, places: c.places}
	next.tree.matchers = c.tree.matchers
	if c.previous != nil {
		next.opts.Cache = nil // what is in memory is newer
	}
	return next
}

// Excluded counts the files that Options.Exclude leaves out, up to maxExcluded.
func (c *Contents) Excluded() int { return c.tree.excluded }

// Changed are the files that are others in other contents, or that only one of the two has; sorted.
func (c *Contents) Changed(other *Contents) (names []string) {
	for p, f := range c.tree.files {
		if o := other.tree.files[p]; o == nil || f.hash != o.hash || f.symlink != o.symlink {
			names = append(names, p)
		}
	}
	for p := range other.tree.files {
		if c.tree.files[p] == nil {
			names = append(names, p)
		}
	}
	slices.Sort(names)
	return names
}

// Digest identifies the contents: of two with the same digest, Follow makes the same, and Excluded is the same.
func (c *Contents) Digest() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%d\n", c.tree.excluded)
	for _, p := range c.tree.paths {
		f := c.tree.files[p]
		fmt.Fprintf(sum, "%q %t %s\n", p, f.symlink, f.hash)
	}
	for _, dir := range slices.Sorted(maps.Keys(c.tree.dirs)) {
		fmt.Fprintf(sum, "%q\n", dir)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// maxTime is far more than the largest trees take: ten thousand files take seconds.
const maxTime = 5 * time.Minute

// Follow follows Flux through the tree. What is wrong with it is in the result; an error means that ctx is done, or
// that it takes longer than Options.MaxTime, and then names the Kustomization that does, if it is one.
func (c *Contents) Follow(ctx context.Context) (*fleet.Tree, error) {
	limit := cmp.Or(c.opts.MaxTime, maxTime)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it takes longer than %v", limit))
	defer cancel()
	out, err := c.followTwice(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return out, err
}

func (c *Contents) followTwice(ctx context.Context) (*fleet.Tree, error) {
	out, err := c.follow(ctx)
	if err != nil || !c.tree.changed.Load() {
		return out, err
	}
	// A file has been written since it was looked at: everything is read once more, and nothing trusted.
	c.tree = newTree(c.fsys, &c.opts)
	if err := c.tree.readAll(ctx, c.opts); err != nil {
		return nil, err
	}
	return c.follow(ctx)
}

func (c *Contents) follow(ctx context.Context) (*fleet.Tree, error) {
	if c.opts.Cache != nil {
		c.opts.Cache.Get("documents", &c.tree.kept)
	}
	if err := c.tree.parseFiles(ctx); err != nil {
		return nil, err
	}
	if c.opts.Cache != nil && !c.tree.changed.Load() {
		c.tree.keepReadings(c.opts.Cache)
	}
	var err error
	if c.tree.pins, err = newPins(c.opts.Recipients); err != nil {
		return nil, err
	}
	changes := c.previous.changes(c.tree)
	c.tree.readLists(changes.lists(c.tree))
	f := newFollower(c.tree, c.opts.Cache, c.previous)
	entries := changes.entries(c.tree)
	if err := f.followAll(ctx, entries, changes.reusable(entries)); err != nil {
		return nil, err
	}
	c.previous = &previous{c.tree, entries, f.results}
	out := f.result()
	f.builder, f.written = nil, nil // what it has built is in the renderings
	c.follower = f
	return out, nil
}

// version is a file's content as the file system tells it apart.
type version struct {
	// State is its inode, size and times; empty where these do not tell one content from another.
	State string
	Hash  string
}

// minFileAge is how long a file must have been left alone for its times to tell that it is the same: two writes within
// one tick of a file system's clock look alike. The coarsest clocks tick every 2 s.
const minFileAge = 3 * time.Second

// keepVersions keeps what tells the files' contents apart, if that is something new.
func (t *tree) keepVersions(cache Cache) {
	if all := t.allVersions(); !maps.Equal(all, t.versions) {
		cache.Put("versions", all)
	}
}

func (t *tree) allVersions() map[string]version {
	all := make(map[string]version, len(t.files))
	for p, f := range t.files {
		if f.state != "" {
			all[p] = version{f.state, f.hash}
		}
	}
	return all
}
