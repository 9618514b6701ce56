package rules_test

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/rules"
)

// What a file that cannot be read was to bring is not known: the file is the only error, whatever the fleet lacks for want of it.
// Where a file is not there, what it was to bring is not there either, and a member may be left without an agent.
func TestOneFileLost(t *testing.T) {
	e, err := rules.New(t.Context(), rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := example.Copy(os.DirFS("../testdata/fleet"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Read(files, config.Name)
	if err != nil {
		t.Fatal(err)
	}
	errors := func(t *testing.T, files fstest.MapFS) (found []fleet.Finding) {
		tree, err := loader.Load(t.Context(), files, loader.Options{Exclude: c.Exclude})
		if err != nil {
			t.Fatal(err)
		}
		checked, err := e.Check(t.Context(), fleet.Build(tree, c.Declared()))
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(checked, func(f fleet.Finding) bool { return f.Severity != fleet.Error })
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") || strings.HasPrefix(name, ".") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lost := maps.Clone(files)
			lost[name] = &fstest.MapFile{Data: append(bytes.Clone(files[name].Data), "\n}: {\n"...)}
			if found := errors(t, lost); len(found) != 1 || found[0].Rule != "file-parses" || found[0].Place.File != name {
				t.Errorf("unreadable: %v", found)
			}
			delete(lost, name)
			for _, f := range errors(t, lost) {
				if !slices.Contains([]string{"kustomize-builds", "kustomization-path-exists", "member-has-agent"}, f.Rule) {
					t.Errorf("not there: %v", f)
				}
			}
		})
	}
}
