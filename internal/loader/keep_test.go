package loader_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/rollcall-dev/rollcall/internal/cache"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// cached loads a tree with a cache in the folder, as one run of the program does.
func cached(t *testing.T, dir string, fsys fs.FS) *fleet.Tree {
	t.Helper()
	store, err := cache.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	got, err := loader.Load(context.Background(), fsys, loader.Options{Cache: store})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func text(t *testing.T, tree *fleet.Tree) string {
	t.Helper()
	data, err := json.MarshalIndent(tree, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// same holds two trees together, and the types of what is in them: an int is no int64 to a rule's engine or to an edit.
func same(t *testing.T, what string, got, want *fleet.Tree) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n%s\nwant\n%s", what, text(t, got), text(t, want))
	}
}

// With a cache, and by a process that stays, a tree is read as without: the first time, the second time, and after each
// file of it in turn was taken away, changed and brought back.
func TestCache(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fsys := tree(archive.Files[:len(archive.Files)-1])
			dir := t.TempDir()
			at, err := loader.Read(t.Context(), fsys, loader.Options{})
			first := followed(t, at, err)
			last := first
			compare := func(what string, fsys fstest.MapFS, changed ...string) {
				t.Helper()
				want := load(t, fsys)
				same(t, what+", with a cache", cached(t, dir, fsys), want)
				at, err := last.Again(t.Context(), fsys)
				last = followed(t, at, err)
				same(t, what+", again", last.tree, want)
				if len(changed) > 0 {
					same(t, what+", with another content", followed(t, first.With(fsys, changed...), nil).tree, want)
				}
			}
			compare("empty cache", fsys)
			compare("full cache", fsys)
			for _, changed := range slices.Sorted(maps.Keys(fsys)) {
				other := maps.Clone(fsys)
				delete(other, changed)
				compare("without "+changed, other)
				other[changed] = &fstest.MapFile{Data: append([]byte("# changed\n"), fsys[changed].Data...)}
				compare("comment in "+changed, other, changed)
				other[changed] = &fstest.MapFile{Data: bytes.ReplaceAll(
					fsys[changed].Data, []byte("name: "), []byte("name: x"))}
				compare("other names in "+changed, other, changed)
				other[changed] = &fstest.MapFile{Data: fsys[changed].Data[:len(fsys[changed].Data)/2]}
				compare("half of "+changed, other, changed)
			}
			added := []string{".sourceignore", "clusters/new.yaml", "new.yaml"}
			for name := range fsys { // a chart makes templates of what lies beside and below
				added = append(added, path.Join(path.Dir(name), "Chart.yaml"),
					path.Join(path.Dir(path.Dir(name)), "Chart.yaml"))
			}
			for _, added := range added {
				other := maps.Clone(fsys)
				other[added] = &fstest.MapFile{Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n")}
				compare("with "+added, other)
			}
			ignoring := func(files string) fstest.MapFS {
				other := maps.Clone(fsys)
				other[".sourceignore"] = &fstest.MapFile{Data: []byte(files)}
				return other
			}
			compare("without *.txt", ignoring("*.txt\n"))
			first = last
			compare("without *.yaml", ignoring("*.yaml\n"), ".sourceignore")
			compare("as at first", fsys)
		})
	}
}

// reading is a tree that a process has read and followed.
type reading struct {
	*loader.Contents
	tree *fleet.Tree
}

func followed(t *testing.T, c *loader.Contents, err error) reading {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := c.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return reading{c, tree}
}

// recorded is a cache that shows what was put into it.
type recorded map[string]any

func (r recorded) Get(string, any) bool     { return false }
func (r recorded) Put(name string, put any) { r[name] = put }

// What is put into a cache holds no secret value, wherever the tree has it.
func TestCacheHoldsNoSecret(t *testing.T) {
	const value = "hunter2-Zx81-correct-horse"
	fsys := fstest.MapFS{
		"clusters/a/root.yaml": {Data: []byte(root + "  postBuild:\n    substitute: {B: x, PASSWORD: " + value +
			"}\n")},
		"clusters/a/source.yaml": {Data: []byte(
			"apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\n" +
				"spec: {url: \"https://me:" + value + "@example.com/fleet\"}\n")},
		"clusters/a/secret.yaml": {Data: []byte(
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: flux-system}\nstringData: {token: " + value +
				"}\n")},
		"clusters/a/config.yaml": {Data: []byte(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: flux-system}\ndata: {API_TOKEN: " + value +
				"}\n")},
		"clusters/a/uses.yaml": {Data: []byte(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: uses, namespace: a}\ndata: {a: \"${PASSWORD}${token}${API_TOKEN}\"}\n")},
		"clusters/a/child.yaml": {Data: []byte(
			"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: child, namespace: flux-system}\n" +
				"spec:\n  path: ./apps\n  sourceRef: {kind: GitRepository, name: flux-system}\n" +
				"  postBuild:\n    substitute: {DB_PASSWORD: " + value +
				"}\n    substituteFrom: [{kind: Secret, name: s}, {kind: ConfigMap, name: c}]\n")},
		"apps/uses.yaml": {Data: []byte(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: uses, namespace: b}\ndata: {a: \"${DB_PASSWORD}${token}${API_TOKEN}\"}\n")},
	}
	put := recorded{}
	got, err := loader.Load(context.Background(), fsys, loader.Options{Cache: put})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Kustomizations) != 2 || len(put) != 2 {
		t.Fatalf("%d Kustomizations, %d values put", len(got.Kustomizations), len(put))
	}
	for name, v := range put {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(value)) {
			t.Errorf("%q holds the secret", name)
		}
	}
	want, dir := text(t, got), t.TempDir()
	for range 2 {
		if got := text(t, cached(t, dir, fsys)); got != want {
			t.Errorf("with a cache:\n%s\nwithout:\n%s", got, want)
		}
	}
}
