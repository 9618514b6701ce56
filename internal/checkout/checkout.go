// Package checkout reads a fleet's repository as it lies in a folder: its configuration, the rules that it is judged
// by, and the fleet itself.
package checkout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Checkout is the content of a repository.
type Checkout struct {
	FS fs.FS
	// Name is what errors and reports call the root, with slashes.
	Name string
	// Config is what the configuration says; ConfigName is what errors call its file.
	Config     config.Config
	ConfigName string
	// Date is the day on which the fleet is judged, as fleet.Declared has it.
	Date string
	// Cache is what an earlier run has read of it; nil for none.
	Cache loader.Cache
	// NoOwnRules leaves out the rules that the configuration names.
	NoOwnRules bool
	// Live is what a Karmada API server of the fleet has; nil where nobody has asked.
	Live *fleet.Live
	// Follower is that of the contents that were followed, where Build is to have it; nil for none.
	Follower fleet.Follower
}

// Configure reads the configuration in a file system, which need not be the repository's own, and the
// baseline that it names in that.
func (c *Checkout) Configure(fsys fs.FS, name string) (err error) {
	if c.Config, err = config.Read(fsys, name); err != nil {
		return c.placed(err)
	}
	c.Config, err = c.Config.WithBaseline(c.FS)
	return err
}

// placed says of each error in the configuration where its file is.
func (c *Checkout) placed(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range many.Unwrap() {
			all = append(all, c.placed(err))
		}
		return errors.Join(all...)
	}
	var e *config.Error
	if !errors.As(err, &e) {
		return err
	}
	return &config.Error{File: filepath.FromSlash(c.ConfigName), Line: e.Line, Column: e.Column, Message: e.Message}
}

// RuleDirs are the folders of further rules that the configuration names; nil for each with NoOwnRules.
func (c *Checkout) RuleDirs() ([]fs.FS, error) {
	if c.NoOwnRules {
		return make([]fs.FS, len(c.Config.RulePaths)), nil
	}
	var dirs []fs.FS
	for _, name := range c.Config.RulePaths {
		dir, err := subfolder(c.FS, name)
		if err != nil {
			return nil, fmt.Errorf("rulePaths: %s: %w", path.Join(c.Name, name), Cause(err))
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

func subfolder(fsys fs.FS, name string) (fs.FS, error) {
	name = path.Clean(name)
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, errors.New("not a folder")
	}
	return fs.Sub(fsys, name)
}

// Rules compiles the rules: those of the program and of the folders, with the severities of the configuration.
func (c *Checkout) Rules(ctx context.Context, dirs []fs.FS) (*engine.Engine, error) {
	e, err := engine.New(ctx, engine.Options{Dirs: dirs, Severities: c.Config.Rules})
	if err != nil {
		return nil, c.misspelt(ctx, dirs, err)
	}
	return e, nil
}

// misspelt tells where the configuration names rules that are none, if that is why the rules have an error.
func (c *Checkout) misspelt(ctx context.Context, dirs []fs.FS, err error) error {
	e, plain := engine.New(ctx, engine.Options{Dirs: dirs})
	if plain != nil {
		return err
	}
	var ids []string
	for _, rule := range e.Rules() {
		ids = append(ids, rule.ID)
	}
	if misspelt := c.Config.CheckRules(ids); misspelt != nil {
		return c.placed(misspelt)
	}
	return err
}

// Fleet reads the whole fleet.
func (c *Checkout) Fleet(ctx context.Context) (*fleet.Fleet, error) {
	read, err := c.Read(ctx, c.FS)
	if err != nil {
		return nil, err
	}
	return c.Build(read), nil
}

// Read reads the tree with the files of fsys, its own or some of them as they would be.
func (c *Checkout) Read(ctx context.Context, fsys fs.FS) (*fleet.Tree, error) {
	contents, err := c.Contents(ctx, fsys)
	if err != nil {
		return nil, err
	}
	return c.Follow(ctx, contents)
}

// Contents are the files, before Flux is followed through them.
func (c *Checkout) Contents(ctx context.Context, fsys fs.FS) (*loader.Contents, error) {
	opts := loader.Options{Exclude: c.Config.Exclude, Recipients: c.Config.AllowedRecipients(), Cache: c.Cache}
	for _, cluster := range c.Config.Clusters {
		opts.Clusters = append(opts.Clusters, loader.Cluster{
			Name: cluster.Name, Path: cluster.Path, Root: cmp.Or(cluster.Root, "."), Variables: cluster.Variables,
			Origin: c.Config.At(cluster.Entry())})
	}
	for _, source := range c.Config.Sources {
		opts.Sources = append(opts.Sources, loader.Source{
			Kind: source.Kind, Namespace: source.Namespace, Name: source.Name, Path: source.Path})
	}
	if err := c.foldersExist(fsys); err != nil {
		return nil, err
	}
	contents, err := loader.Read(ctx, fsys, opts)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c.Name, err)
	}
	return contents, nil
}

// foldersExist tells whether the folders are there from which the configuration says that Flux starts.
func (c *Checkout) foldersExist(fsys fs.FS) error {
	for _, folder := range c.Config.Folders() {
		if info, err := fs.Stat(fsys, folder.Path); err != nil || !info.IsDir() {
			return fmt.Errorf("%s: %s: %s: no such folder", filepath.FromSlash(c.ConfigName), folder.Key, folder.Path)
		}
	}
	return nil
}

// Follow is the tree that Flux makes of the files.
func (c *Checkout) Follow(ctx context.Context, contents *loader.Contents) (*fleet.Tree, error) {
	read, err := contents.Follow(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c.Name, err)
	}
	read.Root = c.Name
	return read, nil
}

// Build makes the fleet of what was read and of what the configuration declares.
func (c *Checkout) Build(read *fleet.Tree) *fleet.Fleet {
	declared := c.Config.Declared()
	declared.Date, declared.Live, declared.Follower = c.Date, c.Live, c.Follower
	return fleet.Build(read, declared)
}

// Cause is what went wrong with a path, without the path and the system call.
func Cause(err error) error {
	var e *fs.PathError
	if !errors.As(err, &e) {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no such file or folder")
	}
	return e.Err
}
