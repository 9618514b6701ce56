package rules_test

import (
	"bytes"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/rules"
)

// Checking a fleet again finds what checking it for the first time finds: for every example, after each of its files in turn was
// taken away, changed and brought back.
func TestCheckAgain(t *testing.T) {
	examples, err := example.ReadAll("../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.New(t.Context(), rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for id, trees := range examples {
		for _, tree := range trees {
			t.Run(id+"/"+tree.Name, func(t *testing.T) {
				t.Parallel()
				e, _ := build(t, e, tree)
				c, err := config.Read(tree.Files, config.Name)
				if err != nil {
					t.Fatal(err)
				}
				contents, err := loader.Read(t.Context(), tree.Files, loader.Options{Exclude: c.Exclude})
				if err != nil {
					t.Fatal(err)
				}
				var last *rules.Checked
				compare := func(what string, files fs.FS) {
					t.Helper()
					read, err := loader.Load(t.Context(), files, loader.Options{Exclude: c.Exclude})
					if err != nil {
						t.Fatal(err)
					}
					want, err := e.Check(t.Context(), fleet.Build(read, c.Declared()))
					if err != nil {
						t.Fatal(err)
					}
					if contents, err = contents.Again(t.Context(), files); err != nil {
						t.Fatal(err)
					}
					if read, err = contents.Follow(t.Context()); err != nil {
						t.Fatal(err)
					}
					if last, err = e.CheckAgain(t.Context(), last, fleet.Build(read, c.Declared())); err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(last.Findings, want) {
						t.Fatalf("%s, again:\n%+v\nfor the first time:\n%+v", what, last.Findings, want)
					}
					loader.Locate(files, last.Findings) // as whoever reports them does
				}
				compare("as it is", tree.Files)
				for _, name := range slices.Sorted(maps.Keys(tree.Files)) {
					other := maps.Clone(tree.Files)
					delete(other, name)
					compare("without "+name, other)
					other[name] = &fstest.MapFile{Data: bytes.ReplaceAll(tree.Files[name].Data, []byte("name: "), []byte("name: x"))}
					compare("other names in "+name, other)
				}
				compare("as it was", tree.Files)
			})
		}
	}
}
