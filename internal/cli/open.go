package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/rollcall-dev/rollcall/internal/cache"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/report"
)

// tree is a tree on disk with what was named of it.
type tree struct {
	// root is the tree's root, cwd the working directory, both absolute.
	root, cwd string
	// dir leads from the working directory to the root, with slashes.
	dir string
	// Checkout calls the root as --root gives it, or as the working directory sees it, and so the configuration's file.
	checkout.Checkout
	// disk is the Checkout's file system without an editor's buffer.
	disk fs.FS
	// cache is the Checkout's, to be closed; nil for none.
	cache *cache.Store
	// cacheLeftOut is the folder of a cache that is not used, because it lies in the checkout.
	cacheLeftOut string
	// paths are what the user named, as given; named are the same, relative to the root, with
	// slashes; "." is the whole tree.
	paths, named []string
	// configFile is the configuration's path, relative to the root; empty where it lies outside.
	// configPath is the absolute one.
	configFile, configPath string
	// lone: what was named are files of no fleet.
	lone bool
	// judge is the tree whose configuration brings the rules: the base's; nil for the tree itself.
	judge *tree
	// relaxed are sentences on what the configuration allows and the base's does not.
	relaxed []string
}

// open finds and opens the tree that the paths belong to, and reads its configuration. A buffer that is not nil takes
// the place of the only path, a file that need not exist.
func (a *app) open(paths []string, buffer []byte) (*tree, error) {
	if len(paths) == 0 {
		paths = []string{a.defaultPath()}
	}
	cwd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the working directory: %w", checkout.Cause(err))
	}
	// Relative paths start from the folder itself, whatever links $PWD goes through.
	if cwd, err = filepath.EvalSymlinks(cwd); err != nil {
		return nil, fmt.Errorf("find the working directory: %w", checkout.Cause(err))
	}
	t := &tree{cwd: cwd, paths: paths}
	t.Date, t.NoOwnRules = a.today(), a.noOwnRules
	first, lone := "", true
	for _, name := range paths {
		info, err := os.Stat(name)
		if err != nil && !(buffer != nil && errors.Is(err, fs.ErrNotExist)) {
			return nil, fmt.Errorf("%s: %w", name, checkout.Cause(err))
		}
		abs, err := physical(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, checkout.Cause(err))
		}
		root, found, err := a.rootOf(abs)
		if err != nil {
			return nil, err
		}
		lone = lone && !found && (info == nil || !info.IsDir())
		if t.root == "" {
			t.root, first = root, name
		}
		if root != t.root {
			return nil, fmt.Errorf(
				"%s and %s belong to different trees, %s and %s: lint one at a time, or name the root with --root",
				first, name, t.root, root)
		}
		inside, ok := below(t.root, abs)
		if _, around := below(abs, t.root); !ok && around { // the fleet lies in what was named
			inside, ok = ".", true
		}
		if !ok {
			return nil, fmt.Errorf("%s is not inside the tree %s", name, t.seen(t.root))
		}
		t.named = append(t.named, inside)
	}
	t.dir = t.seen(t.root)
	t.Name = t.dir
	if a.root != "" {
		t.Name = filepath.ToSlash(a.root)
	}
	if t.FS, err = loader.Open(t.root); err != nil {
		return nil, fmt.Errorf("open %s: %w", t.Name, checkout.Cause(err))
	}
	if t.lone = lone; lone { // a file of no fleet: what else lies in its folder, and below, has nothing to do with it
		t.FS = loader.Only(t.FS, t.named)
	} else if t.cache = a.openCache(t); t.cache != nil {
		t.Cache = t.cache
	}
	if t.disk = t.FS; buffer != nil {
		t.FS = loader.Overlay(t.FS, t.named[0], buffer)
	}
	return t, a.configure(t)
}

// defaultPath is what is meant where no path is named: the working directory, or the tree that --root
// names where that is elsewhere.
func (a *app) defaultPath() string {
	if a.root == "" {
		return "."
	}
	root, err := physical(a.root)
	if err != nil {
		return "."
	}
	here, err := physical(".")
	if _, inside := below(root, here); err != nil || inside {
		return "."
	}
	if _, err := os.Stat(root); err != nil {
		return "." // and rootOf says what is wrong with --root
	}
	return a.root
}

// rootOf is the root of the tree that an absolute path belongs to, itself absolute and without links. There is none
// where found is false: then it is the folder of the path.
func (a *app) rootOf(abs string) (root string, found bool, err error) {
	if a.root == "" {
		return loader.FindRoot(abs)
	}
	info, err := os.Stat(a.root)
	if err != nil {
		return "", false, fmt.Errorf("--root %s: %w", a.root, checkout.Cause(err))
	}
	if !info.IsDir() {
		return "", false, fmt.Errorf("--root %s: not a folder", a.root)
	}
	root, err = physical(a.root)
	return root, true, err
}

// below is a path relative to the root, with slashes; false where it is not inside.
func below(root, name string) (string, bool) {
	rel, err := filepath.Rel(root, name)
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}

// seen is an absolute path as the working directory sees it, with slashes.
func (t *tree) seen(name string) string {
	if rel, err := filepath.Rel(t.cwd, name); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(name)
}

// configure reads the configuration.
func (a *app) configure(t *tree) error {
	t.configFile, t.ConfigName = config.Name, path.Join(t.dir, config.Name)
	t.configPath = filepath.Join(t.root, config.Name)
	fsys, name := t.FS, config.Name
	if a.config != "" {
		if _, err := os.Stat(a.config); err != nil {
			return fmt.Errorf("--config %s: %w", a.config, checkout.Cause(err))
		}
		abs, err := physical(a.config)
		if err != nil {
			return fmt.Errorf("--config %s: %w", a.config, checkout.Cause(err))
		}
		rel, ok := below(t.root, abs)
		t.configFile, t.configPath, t.ConfigName, name = rel, abs, a.config, rel
		if !ok {
			t.configFile = ""
			fsys, name = os.DirFS(filepath.Dir(abs)), filepath.Base(abs)
		}
	}
	if err := t.Configure(fsys, name); err != nil {
		return err
	}
	if t.configFile == "" {
		t.Config = t.Config.Detached()
	}
	return nil
}

// ruleSet compiles the rules: those of the program, of the configuration and of --rules.
func (a *app) ruleSet(ctx context.Context, t *tree) (*engine.Engine, []report.Rule, error) {
	dirs, err := t.RuleDirs()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range a.ruleDirs {
		folder, err := physical(name)
		if err != nil {
			return nil, nil, fmt.Errorf("--rules %s: %w", name, checkout.Cause(err))
		}
		dir, err := loader.Open(folder)
		if err != nil {
			return nil, nil, fmt.Errorf("--rules %s: %w", name, checkout.Cause(err))
		}
		dirs = append(dirs, dir)
	}
	e, err := t.Rules(ctx, dirs)
	if err != nil {
		return nil, nil, err
	}
	return e, described(e), nil
}

// ownRules are the folders of rules that the tree's checkout brings, and the rules in them.
func (t *tree) ownRules(e *engine.Engine, flags []string) report.OwnRules {
	own := report.OwnRules{LeftOut: t.Config.RulePaths}
	if !t.NoOwnRules {
		own = report.OwnRules{Folders: slices.Clone(t.Config.RulePaths)}
	}
	brought := make([]bool, len(t.Config.RulePaths)+len(flags)) // by engine.Origin.Folder, from 0
	for i := range t.Config.RulePaths {
		brought[i] = true
	}
	for i, name := range flags {
		if at, err := physical(name); err == nil && t.brought(at) {
			own.Folders, brought[len(t.Config.RulePaths)+i] = append(own.Folders, t.seen(at)), true
		}
	}
	for _, r := range e.Rules() {
		if folder := e.Origin(r.ID).Folder; folder > 0 && brought[folder-1] {
			own.Rules = append(own.Rules, r.ID)
		}
	}
	return own
}

// described are the rules as reports take them.
func described(e *engine.Engine) []report.Rule {
	var out []report.Rule
	for _, r := range e.Rules() {
		out = append(out, report.Rule{ID: r.ID, Title: r.Title, Description: r.Description, Fix: r.Fix,
			Severity: r.Severity,
			Default:  e.Origin(r.ID).Severity, Refs: r.Refs, Doc: r.Doc})
	}
	return out
}

// today is the present day in UTC, or that of SOURCE_DATE_EPOCH, with which a report of another day can be made again.
func (a *app) today() string {
	now := time.Now()
	if seconds, err := strconv.ParseInt(a.getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		now = time.Unix(seconds, 0)
	}
	return now.UTC().Format(time.DateOnly)
}
