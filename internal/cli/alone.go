package cli

import (
	"context"
	"slices"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// unreached are the manifests that no cluster reconciles, by path.
func unreached(f *fleet.Fleet) (files []string) {
	for name, file := range f.Files {
		if file.Unreached() {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// alone is what is found in Karmada's objects in files of f, each taken by itself.
func (t *tree) alone(ctx context.Context, e *engine.Engine, f *fleet.Fleet, files []string) ([]fleet.Finding, error) {
	files = slices.DeleteFunc(slices.Clone(files), func(name string) bool {
		return !slices.ContainsFunc(f.Files[name].Documents, fleet.Document.IsKarmada)
	})
	if len(files) == 0 {
		return nil, nil
	}
	contents, err := loader.Read(ctx, loader.Only(t.FS, files), loader.Options{})
	if err != nil {
		return nil, err
	}
	read, err := contents.Follow(ctx)
	if err != nil {
		return nil, err
	}
	found, err := e.CheckAlone(ctx, t.Build(read))
	if err != nil {
		return nil, err
	}
	contents.Locate(found)
	return found, nil
}

// countNamed counts manifests that no cluster reconciles in each named path.
func (t *tree) countNamed(files []string) (all []fleet.UnreachedFolder) {
	for _, named := range t.named {
		n := 0
		for _, file := range files {
			if isAt(file, named) {
				n++
			}
		}
		if n > 0 {
			all = append(all, fleet.UnreachedFolder{Folder: named, Manifests: n})
		}
	}
	return all
}
