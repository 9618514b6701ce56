package engine_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Checking a fleet again finds what checking it for the first time finds: for every example, after each of its files in
// turn was taken away, changed and brought back.
func TestCheckAgain(t *testing.T) {
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for id, trees := range examples {
		for _, tree := range trees {
			t.Run(id+"/"+tree.Name, func(t *testing.T) {
				t.Parallel()
				e, _, err := example.Build(t.Context(), e, tree)
				if err != nil {
					t.Fatal(err)
				}
				c, err := config.Read(tree.Files, config.Name)
				if err != nil {
					t.Fatal(err)
				}
				again := newAgain(t, e, tree.Files, c)
				again.compare(t, "as it is", tree.Files)
				for _, name := range slices.Sorted(maps.Keys(tree.Files)) {
					other := maps.Clone(tree.Files)
					delete(other, name)
					again.compare(t, "without "+name, other)
					other[name] = &fstest.MapFile{Data: bytes.ReplaceAll(
						tree.Files[name].Data, []byte("name: "), []byte("name: x"))}
					again.compare(t, "other names in "+name, other)
				}
				again.compare(t, "as it was", tree.Files)
			})
		}
	}
}

// It does so where Flux starts from a Kustomization that no object defines and that has no namespace.
func TestCheckEntryAgain(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listing := func(names string) fs.FS {
		return fstest.MapFS{
			"clusters/a/flux-system/gotk-sync.yaml": {Data: []byte(`apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system}
spec: {interval: 1m, ref: {branch: main}, url: https://git.example.test/fleet.git}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system}
spec: {interval: 10m, path: ./clusters/a, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
`)},
			"clusters/a/kustomization.yaml": {Data: []byte("resources: [" + names + "]\n")},
			"clusters/a/config.yaml": {Data: []byte(
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: a}\n")},
		}
	}
	again := newAgain(t, e, listing("config.yaml"), config.Config{})
	for _, names := range []string{"config.yaml", "config.yaml, gone.yaml", "config.yaml, lost.yaml", "config.yaml"} {
		again.compare(t, names, listing(names))
		missing := strings.TrimPrefix(names, "config.yaml")
		if found := again.last.Findings; (missing != "") != (len(found) == 1) ||
			missing != "" && !strings.Contains(found[0].Message, missing[2:]) {
			t.Errorf("%s: %+v", names, found)
		}
	}
}

// It does so after edits of any kind, such as people's files go through while they are written: of one line
// each, some of which stay.
func TestCheckEdits(t *testing.T) {
	e, files, c, names := testFleet(t)
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 0))
			files := maps.Clone(files)
			again := newAgain(t, e, files, c)
			for range 40 {
				name := names[r.IntN(len(names))]
				old := files[name]
				edited, how := editLine(r, strings.Split(string(old.Data), "\n"),
					strings.Split(string(files[names[r.IntN(len(names))]].Data), "\n"))
				files[name] = &fstest.MapFile{Data: []byte(strings.Join(edited, "\n"))}
				again.compare(t, how+" in "+name, files)
				if r.IntN(4) > 0 {
					files[name] = old
					again.compare(t, name+" as it was", files)
				}
			}
		})
	}
}

// testFleet are the rules, the files of testdata/fleet with their configuration, and the names of its manifests.
func testFleet(t *testing.T) (*engine.Engine, fstest.MapFS, config.Config, []string) {
	t.Helper()
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := example.Copy(os.DirFS("../../testdata/fleet"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Read(files, config.Name)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool {
		return !strings.HasSuffix(name, ".yaml") || strings.HasPrefix(name, ".")
	})
	return e, files, c, names
}

// check are the findings in a tree that is read for the first time.
func check(t *testing.T, e *engine.Engine, files fs.FS, c config.Config) []fleet.Finding {
	t.Helper()
	read, err := loader.Load(t.Context(), files, loader.Options{Exclude: c.Exclude})
	if err != nil {
		t.Fatal(err)
	}
	found, err := e.Check(t.Context(), fleet.Build(read, c.Declared()))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// editLine changes one line of a file; the new one may be another file's.
func editLine(r *rand.Rand, lines, others []string) (edited []string, how string) {
	i := r.IntN(len(lines))
	at := fmt.Sprintf(" at line %d", i+1)
	switch r.IntN(4) {
	case 0:
		return slices.Delete(lines, i, i+1), "a line less" + at
	case 1:
		return slices.Insert(lines, i, lines[i]), "a line twice" + at
	case 2:
		lines[i] += "x"
		return lines, "a letter more" + at
	default:
		lines[i] = others[r.IntN(len(others))]
		return lines, "a line from elsewhere" + at
	}
}

// again checks a tree again and again, beside checking it for the first time each time.
type again struct {
	engine   *engine.Engine
	config   config.Config
	contents *loader.Contents
	last     *engine.Checked
}

func newAgain(t *testing.T, e *engine.Engine, files fs.FS, c config.Config) *again {
	t.Helper()
	contents, err := loader.Read(t.Context(), files, loader.Options{Exclude: c.Exclude})
	if err != nil {
		t.Fatal(err)
	}
	return &again{engine: e, config: c, contents: contents}
}

func (a *again) compare(t *testing.T, what string, files fs.FS) {
	t.Helper()
	want := check(t, a.engine, files, a.config)
	var err error
	if a.contents, err = a.contents.Again(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	read, err := a.contents.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a.last, err = a.engine.CheckAgain(t.Context(), a.last, fleet.Build(read, a.config.Declared())); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a.last.Findings, want) {
		t.Fatalf("%s, again:\n%+v\nfor the first time:\n%+v", what, a.last.Findings, want)
	}
	loader.Locate(files, a.last.Findings) // as whoever reports them does
}
