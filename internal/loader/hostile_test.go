package loader_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// root is the file that makes a tree: one cluster whose Flux reads ./clusters/a.
const root = `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec:
  path: ./clusters/a
  sourceRef: {kind: GitRepository, name: flux-system}
`

const good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good, namespace: default}\n"

// Whatever else lies in the tree, the good object is read and the bad file is named.
func TestHostileFiles(t *testing.T) {
	bomb := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for _, c := range []struct{ name, content, kind string }{
		{"invalid UTF-8", "kind: \xff\xfe\n", "encoding"},
		{"an alias bomb", bomb, "alias-bomb"},
		{"an alias of itself", "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: x, again: *m}\n", "alias-bomb"},
		{"deep nesting", "a: " + strings.Repeat("[", 20000), "syntax"},
		{"a deep mapping", "apiVersion: v1\nkind: ConfigMap\nmetadata: " + strings.Repeat("{b: ", 2000) + strings.Repeat("}", 2000) + "\n", "too-deep"},
		{"tabs", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n", "syntax"},
		{"a null byte", "kind: \x00\n", "syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := load(t, fstest.MapFS{
				"clusters/a/root.yaml": {Data: []byte(root)},
				"clusters/a/good.yaml": {Data: []byte(good)},
				"clusters/a/bad.yaml":  {Data: []byte(c.content)},
			})
			wantProblem(t, got, "clusters/a/bad.yaml", c.kind)
			wantGood(t, got)
		})
	}
}

func TestHugeFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "clusters/a/root.yaml", root)
	write(t, dir, "clusters/a/good.yaml", good)
	write(t, dir, "clusters/a/huge.yaml", "")
	if err := os.Truncate(filepath.Join(dir, "clusters/a/huge.yaml"), 200<<20); err != nil {
		t.Fatal(err)
	}
	got := load(t, open(t, dir))
	wantProblem(t, got, "clusters/a/huge.yaml", "too-large")
	wantGood(t, got)
}

// A symbolic link is no part of Flux's artifact, wherever it leads; and none leads out of the tree.
func TestSymbolicLinks(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "secret.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: outside, namespace: default}\n")
	dir := t.TempDir()
	write(t, dir, "clusters/a/root.yaml", root)
	write(t, dir, "clusters/a/good.yaml", good)
	write(t, dir, "clusters/a/kustomization.yaml", "resources: [root.yaml, good.yaml, link.yaml, folder]\n")
	for link, target := range map[string]string{"link.yaml": filepath.Join(outside, "secret.yaml"), "folder": outside, "dangling.yaml": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, "clusters/a", link)); err != nil {
			t.Fatal(err)
		}
	}
	got := load(t, open(t, dir))
	wantGood(t, got)
	var problems []string
	for _, p := range got.Kustomizations[0].Problems {
		problems = append(problems, p.Message)
	}
	want := []string{
		`"link.yaml" is a symbolic link, which Flux leaves out of the artifact`,
		`"folder" is a symbolic link, which Flux leaves out of the artifact`,
	}
	if !slices.Equal(problems, want) {
		t.Errorf("problems %q, want %q", problems, want)
	}
	if _, err := fs.ReadFile(open(t, dir), "clusters/a/link.yaml"); err == nil {
		t.Error("a link out of the tree was followed")
	}
}

type unreadable struct{ fs.FS }

func (u unreadable) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, "bad.yaml") || strings.HasSuffix(name, "locked") {
		return nil, &fs.PathError{Op: "open", Path: "/home/somebody/" + name, Err: fs.ErrPermission}
	}
	return u.FS.Open(name)
}

func TestUnreadable(t *testing.T) {
	got := load(t, unreadable{fstest.MapFS{
		"clusters/a/root.yaml":   {Data: []byte(root)},
		"clusters/a/good.yaml":   {Data: []byte(good)},
		"clusters/a/bad.yaml":    {Data: []byte(good)},
		"clusters/a/locked/x.md": {Data: []byte("x")},
	}})
	wantGood(t, got)
	wantProblem(t, got, "clusters/a/bad.yaml", "unreadable")
	wantProblem(t, got, "clusters/a/locked", "unreadable")
	for _, f := range got.Files {
		for _, p := range f.Problems {
			if p.Message != "the file cannot be read: permission denied" {
				t.Errorf("%s: %q", f.Path, p.Message)
			}
		}
	}
}

func TestEmptyTree(t *testing.T) {
	got := load(t, fstest.MapFS{})
	if len(got.Files) != 0 || len(got.Objects) != 0 {
		t.Errorf("read %+v of nothing", got)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := loader.Load(ctx, fstest.MapFS{"clusters/a/root.yaml": {Data: []byte(root)}}, loader.Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// Nothing opens a connection: an address that never answers takes no time.
func TestNoNetwork(t *testing.T) {
	start := time.Now()
	got := load(t, fstest.MapFS{
		"clusters/a/root.yaml": {Data: []byte(root)},
		"clusters/a/good.yaml": {Data: []byte(good)},
		"clusters/a/kustomization.yaml": {Data: []byte(`
resources: [root.yaml, good.yaml, "https://192.0.2.1/x.yaml", "github.com/a/b?ref=main", "git@192.0.2.1:a/b.git", "ssh://git@192.0.2.1/a"]
components: ["https://192.0.2.1/component"]
configMapGenerator: [{name: x, files: ["a=https://192.0.2.1/a"], envs: ["https://192.0.2.1/env"]}]
patches: [{path: "https://192.0.2.1/patch.yaml", target: {kind: ConfigMap}}]
openapi: {path: "https://192.0.2.1/openapi.json"}
crds: ["https://192.0.2.1/crd.json"]
transformers: ["https://192.0.2.1/t.yaml"]
`)},
	})
	wantGood(t, got)
	if k := got.Kustomizations[0]; len(k.Incomplete) != 11 || len(k.Problems) != 0 {
		t.Errorf("incomplete %v, problems %v", k.Incomplete, k.Problems)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestExclude(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, name := range []string{"a/x.yaml", "a/b/x.yaml", "b/vendor/c/x.yaml", "vendor/x.yaml", "ü/x.yaml"} {
		fsys[name] = &fstest.MapFile{Data: []byte("a: b\n")}
	}
	for glob, want := range map[string]string{
		"**/vendor":   "a/b/x.yaml a/x.yaml ü/x.yaml",
		"a/*":         "b/vendor/c/x.yaml vendor/x.yaml ü/x.yaml",
		"./a/":        "b/vendor/c/x.yaml vendor/x.yaml ü/x.yaml",
		"?/x.yaml":    "a/b/x.yaml b/vendor/c/x.yaml vendor/x.yaml",
		"**/*.yaml":   "",
		"a/**/x.yaml": "b/vendor/c/x.yaml vendor/x.yaml ü/x.yaml",
	} {
		got, err := loader.Load(context.Background(), fsys, loader.Options{Exclude: []string{glob}})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range got.Files {
			names = append(names, f.Path)
		}
		if have := strings.Join(names, " "); have != want {
			t.Errorf("%s leaves %q, want %q", glob, have, want)
		}
	}
}

func TestFindRoot(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "git/.git/HEAD", "")
	write(t, dir, "git/fleet/clusters/a/flux/root.yaml", strings.ReplaceAll(root, "./clusters/a", "./clusters/a/flux"))
	write(t, dir, "git/fleet/clusters/a/flux/good.yaml", good)
	write(t, dir, "git/fleet/clusters/a/apps/karmada/clusters/b.yaml", good)
	write(t, dir, "git/fleet/clusters/a/apps/karmada/c.yaml", good)
	write(t, dir, "git/other/clusters/a/x.yaml", good)
	write(t, dir, "git/other/docs/x.md", "")
	write(t, dir, "git/configured/.rollcall.yaml", "")
	write(t, dir, "git/configured/deep/x.yaml", good)
	write(t, dir, "git/plain/x.yaml", good)
	// The path of fleet resolves from here too, which tells nothing of other.
	write(t, dir, "git/clusters/a/flux/x.yaml", good)
	write(t, dir, "home/.git/HEAD", "")
	write(t, dir, "home/kubernetes/flux/cluster/ks.yaml", strings.ReplaceAll(root, "./clusters/a", "./kubernetes/apps"))
	write(t, dir, "home/kubernetes/apps/x/x.yaml", good)
	write(t, dir, "home/docs/x.md", "")
	write(t, dir, "loose/flux/root.yaml", strings.ReplaceAll(root, "./clusters/a", "./loose"))
	write(t, dir, "loose/lone/x.yaml", good)
	for _, c := range []struct {
		name, want string
		found      bool
	}{
		{"git/fleet", "git/fleet", true},
		{"git/fleet/clusters", "git/fleet", true},
		{"git/fleet/clusters/a", "git/fleet", true},
		{"git/fleet/clusters/a/flux/good.yaml", "git/fleet", true},
		{"git/fleet/clusters/a/apps/karmada", "git/fleet", true},
		{"git/fleet/clusters/a/apps/karmada/c.yaml", "git/fleet", true},
		{"git/fleet/clusters/a/new/new.yaml", "git/fleet", true},
		{"git/other", "git/other", true},
		{"git/other/clusters/a/x.yaml", "git/other", true},
		{"git/other/docs", "git/other", true},
		{"git/configured/deep", "git/configured", true},
		{"git/plain/x.yaml", "git", true},
		{"home/kubernetes/apps", "home", true},
		{"home/kubernetes/apps/x/x.yaml", "home", true},
		{"home/kubernetes/flux/cluster/ks.yaml", "home", true},
		{"home/docs", "home", true},
		{"loose/flux", ".", true},
		{"loose/lone/x.yaml", "loose/lone", false},
		{"loose/lone/new.yaml", "loose/lone", false},
		{"loose/lone", "loose/lone", false},
	} {
		got, found, err := loader.FindRoot(filepath.Join(dir, c.name))
		if err != nil {
			t.Fatal(err)
		}
		if rel, _ := filepath.Rel(dir, got); rel != c.want || found != c.found {
			t.Errorf("the root of %s is %s, %v; want %s, %v", c.name, rel, found, c.want, c.found)
		}
	}
}

func TestOnly(t *testing.T) {
	fsys := fstest.MapFS{"a/b.yaml": {Data: []byte(good)}, "a/c.yaml": {Data: []byte(good)}, "d.yaml": {Data: []byte(good)}}
	var names []string
	for _, f := range load(t, loader.Only(fsys, []string{"a/b.yaml"})).Files {
		names = append(names, f.Path)
	}
	if want := []string{"a/b.yaml"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}

func TestOverlay(t *testing.T) {
	fsys := fstest.MapFS{"clusters/a/root.yaml": {Data: []byte(root)}, "clusters/a/good.yaml": {Data: []byte("broken: [")}}
	wantGood(t, load(t, loader.Overlay(fsys, "clusters/a/good.yaml", []byte(good))))
	wantGood(t, load(t, loader.Overlay(fsys, "clusters/a/new.yaml", []byte(good))))
	wantGood(t, load(t, loader.Overlay(fsys, "clusters/a/new/folder/new.yaml", []byte(good))))
}

func open(t *testing.T, dir string) fs.FS {
	t.Helper()
	fsys, err := loader.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantProblem(t *testing.T, tree *fleet.Tree, name, kind string) {
	t.Helper()
	for _, f := range tree.Files {
		if f.Path != name {
			continue
		}
		if len(f.Problems) == 0 || f.Problems[0].Kind != kind {
			t.Errorf("%s has the problems %+v, want %s", name, f.Problems, kind)
		}
		return
	}
	t.Errorf("%s is not among the files", name)
}

func wantGood(t *testing.T, tree *fleet.Tree) {
	t.Helper()
	if !slices.ContainsFunc(tree.Objects, func(o *fleet.Object) bool { return o.ID == "a/ConfigMap/default/good" }) {
		t.Errorf("the good object is gone:\n%s", describe(tree))
	}
}
