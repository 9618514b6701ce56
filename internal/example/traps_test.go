package example_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Each trap is read as Flux would read it: nothing is said of what is right, and what is wrong is found on its line. A
// tree's files are read on the way, and not silently left out.
func TestTraps(t *testing.T) {
	archive, err := os.ReadFile(filepath.Join("..", "..", "testdata", "traps.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	trees, err := example.Parse(archive)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	base := trees[0]
	for _, trap := range trees[1:] {
		t.Run(trap.Name, func(t *testing.T) {
			t.Parallel()
			own := maps.Clone(trap.Files)
			for name, file := range base.Files {
				if trap.Files[name] == nil {
					trap.Files[name] = file
				}
			}
			found, err := example.Lint(t.Context(), e, trap)
			if err != nil {
				t.Fatal(err)
			}
			for _, difference := range example.Compare(trap.Wants, found) {
				t.Error(difference)
			}
			read, err := loader.Load(context.Background(), trap.Files, loader.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range read.Files {
				if own[file.Path] != nil && strings.HasPrefix(file.Path, "clusters/") && len(file.ReachedBy) == 0 &&
					!strings.HasSuffix(file.Path, ".sops.yaml") {
					t.Errorf("%s is not read", file.Path)
				}
			}
		})
	}
}
