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
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(
			strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for _, c := range []struct{ name, content, kind string }{
		{"invalid UTF-8", "kind: \xff\xfe\n", "encoding"},
		{"an alias bomb", bomb, "alias-bomb"},
		{"an alias of itself", "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: x, again: *m}\n", "alias-bomb"},
		{"deep nesting", "a: " + strings.Repeat("[", 20000), "syntax"},
		{"a deep mapping", "apiVersion: v1\nkind: ConfigMap\nmetadata: " + strings.Repeat("{b: ", 2000) +
			strings.Repeat("}", 2000) + "\n", "too-deep"},
		{"many keys", manyKeys(func(i int) int { return i }), "too-large"},
		{"one key many times", manyKeys(func(int) int { return 0 }), "too-large"},
		{"keys that occur twice", manyKeys(func(i int) int { return i / 2 })[:100_000] + "\n", "duplicate-key"},
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

// manyKeys is a ConfigMap with many keys, each named after a number.
func manyKeys(number func(int) int) string {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: default}\ndata:\n")
	for i := range 50_000 {
		fmt.Fprintf(&text, "  k%d: v\n", number(i))
	}
	return text.String()
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
	for link, target := range map[string]string{"link.yaml": filepath.Join(outside, "secret.yaml"), "folder": outside,
		"dangling.yaml": "nowhere"} {
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
	// Flux cuts a path that leads out of the source off at the source's root.
	write(t, dir, "above/.git/HEAD", "")
	write(t, dir, "above/c/root.yaml", strings.ReplaceAll(root, "./clusters/a", "../c"))
	write(t, dir, "apart/lone/x.yaml", good)
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
		{"above", "above", true},
		{"above/c/root.yaml", "above", true},
		{"loose/flux", ".", true},
		{"loose/lone/x.yaml", ".", true},
		{"loose/lone/new.yaml", ".", true},
		{"loose/lone", ".", true},
		{"apart/lone/x.yaml", "apart/lone", false},
		{"apart/lone/new.yaml", "apart/lone", false},
		{"apart/lone", "apart/lone", false},
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
	fsys := fstest.MapFS{"a/b.yaml": {Data: []byte(good)}, "a/c.yaml": {Data: []byte(good)},
		"d.yaml": {Data: []byte(good)}}
	var names []string
	for _, f := range load(t, loader.Only(fsys, []string{"a/b.yaml"})).Files {
		names = append(names, f.Path)
	}
	if want := []string{"a/b.yaml"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}

func TestOverlay(t *testing.T) {
	fsys := fstest.MapFS{"clusters/a/root.yaml": {Data: []byte(root)},
		"clusters/a/good.yaml": {Data: []byte("broken: [")}}
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

// flux is a Flux Kustomization at a path, with more of its spec.
func flux(name, path, more string) string {
	return fmt.Sprintf(
		"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: %q, namespace: flux-system}\n"+
			"spec:\n  path: %s\n  sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}\n%s",
		name,
		path, more)
}

// inTime fails where loading takes longer than any of these inputs should, by far.
func inTime(t *testing.T, fsys fs.FS) *fleet.Tree {
	t.Helper()
	started := time.Now()
	got, err := loader.Load(t.Context(), fsys, loader.Options{MaxTime: time.Minute})
	if err != nil {
		t.Fatalf("after %v: %v", time.Since(started), err)
	}
	return got
}

// nested are aliases of aliases, width to the power of depth nodes.
func nested(depth, width int) string {
	text := "  a0: &a0 [x" + strings.Repeat(", x", width-1) + "]\n"
	for i := 1; i < depth; i++ {
		text += fmt.Sprintf("  a%d: &a%d [*a%d%s]\n", i, i, i-1, strings.Repeat(fmt.Sprintf(", *a%d", i-1), width-1))
	}
	return text
}

// Aliases are bounded in each file, and in all files of a tree together.
func TestAliases(t *testing.T) {
	object := func(i, depth, width int) string {
		return fmt.Sprintf(
			"---\napiVersion: example.com/v1\nkind: Foo\nmetadata: {name: foo-%d, namespace: default}\nspec:\n%s", i,
			nested(depth, width))
	}
	tree := fstest.MapFS{"clusters/a/root.yaml": {Data: []byte(root)}, "clusters/a/good.yaml": {Data: []byte(good)}}
	var five string
	for i := range 5 {
		five += object(i, 4, 16)
	}
	tree["clusters/a/five.yaml"] = &fstest.MapFile{Data: []byte(five)}
	for i := range 12 {
		tree[fmt.Sprintf("clusters/a/one-%02d.yaml", i)] = &fstest.MapFile{Data: []byte(object(10+i, 4, 16))}
	}
	got := inTime(t, tree)
	wantGood(t, got)
	wantProblem(t, got, "clusters/a/five.yaml", "alias-bomb")
	wantProblem(t, got, "clusters/a/one-11.yaml", "alias-bomb")
	if i := slices.IndexFunc(got.Files, func(f fleet.File) bool {
		return f.Path == "clusters/a/one-00.yaml"
	}); len(got.Files[i].Problems) > 0 {
		t.Errorf("the first file: %v", got.Files[i].Problems)
	}
}

// A Kustomization that applies itself under another name ends, and the fleet says where.
func TestKustomizationsWithoutEnd(t *testing.T) {
	for _, c := range []struct{ name, self, want string }{
		{"a chain", flux("k${N}", "./apps/x", "  postBuild: {substitute: {N: \"${N}1\"}}\n"),
			"is the last of 100 Kustomizations that apply one another, and no more are followed"},
		{"a tree", flux("k${N}a", "./apps/x", "  postBuild: {substitute: {N: \"${N}a\"}}\n") + "---\n" +
			flux("k${N}b", "./apps/x", "  postBuild: {substitute: {N: \"${N}b\"}}\n"),
			`the cluster "a" has more than 5000 Kustomizations, and no more are followed`},
		{"by its path", flux("k${N}", "./apps/x",
			"  targetNamespace: \"n${N}\"\n  postBuild: {substitute: {N: \"${N}1\"}}\n"),
			"is the last of 100 Kustomizations"},
		{"by its namespace", strings.Replace(flux("k", "./apps/x", "  postBuild: {substitute: {N: \"${N}1\"}}\n"),
			"namespace: flux-system}\nspec", "namespace: \"n${N}\"}\nspec", 1),
			"is the last of 100 Kustomizations"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := inTime(t, fstest.MapFS{
				"clusters/a/root.yaml": {Data: []byte(root)},
				"clusters/a/good.yaml": {Data: []byte(good)},
				"clusters/a/k.yaml": {Data: []byte(flux("k", "./apps/x",
					"  postBuild: {substitute: {N: \"1\"}}\n"))},
				"apps/x/k.yaml": {Data: []byte(c.self)},
			})
			wantGood(t, got)
			var limits []string
			for _, k := range got.Kustomizations {
				for _, p := range k.Problems {
					if p.Kind == "limit" {
						limits = append(limits, p.Message)
					}
				}
			}
			if len(limits) != 1 || !strings.Contains(limits[0], c.want) {
				t.Errorf("limits %q, want one with %q", limits, c.want)
			}
		})
	}
}

// A file of a million documents is read as far as any bundle goes, and says so.
func TestManyDocuments(t *testing.T) {
	got := inTime(t, fstest.MapFS{
		"clusters/a/root.yaml": {Data: []byte(root)},
		"clusters/a/good.yaml": {Data: []byte(good)},
		"clusters/a/many.yaml": {Data: []byte(strings.Repeat("---\na: 1\n", 1_000_000))},
	})
	wantGood(t, got)
	i := slices.IndexFunc(got.Files, func(f fleet.File) bool { return f.Path == "clusters/a/many.yaml" })
	want := []fleet.Problem{{Kind: "too-large",
		Message: "the file has more than 20000 documents, and no more are read"}}
	if f := got.Files[i]; !slices.Equal(f.Problems, want) || len(f.Documents) != 20_000 {
		t.Errorf("%d documents, problems %+v", len(f.Documents), f.Problems)
	}
}

// Folders of which each lists two that list the next one double at each level. What is built of them is
// bounded, and all else is.
func TestFoldersThatDouble(t *testing.T) {
	tree := fstest.MapFS{
		"clusters/a/root.yaml":        {Data: []byte(root)},
		"clusters/a/good.yaml":        {Data: []byte(good)},
		"clusters/a/x.yaml":           {Data: []byte(flux("x", "./apps/d0", ""))},
		"apps/d24/kustomization.yaml": {Data: []byte("resources: [x.yaml]\n")},
		"apps/d24/x.yaml":             {Data: []byte(strings.ReplaceAll(good, "good", "x"))},
	}
	for i := range 24 {
		tree[fmt.Sprintf("apps/d%d/kustomization.yaml", i)] = &fstest.MapFile{
			Data: fmt.Appendf(nil, "resources: [../a%d, ../b%d]\n", i, i)}
		for _, side := range []string{"a", "b"} {
			tree[fmt.Sprintf("apps/%s%d/kustomization.yaml", side, i)] = &fstest.MapFile{
				Data: fmt.Appendf(nil, "resources: [../d%d]\nnameSuffix: -%s\n", i+1, side)}
		}
	}
	got := inTime(t, tree)
	wantGood(t, got)
	for _, k := range got.Kustomizations {
		if k.Name == "x" && (len(k.Problems) != 1 || k.Problems[0].Kind != "limit" ||
			!strings.Contains(k.Problems[0].Message, "listed again and again")) {
			t.Errorf("problems %+v", k.Problems)
		}
	}
}

// Mutual dependencies, a ring of them, and one object many times.
func TestMany(t *testing.T) {
	var mutual, ring, same strings.Builder
	for i := range 150 {
		var names []string
		for j := range 150 {
			if i != j {
				names = append(names, fmt.Sprintf("{name: m%d}", j))
			}
		}
		mutual.WriteString("---\n" + flux(fmt.Sprintf("m%d", i), "./apps/x",
			"  dependsOn: ["+strings.Join(names, ", ")+"]\n"))
	}
	for i := range 1000 {
		ring.WriteString("---\n" + flux(fmt.Sprintf("r%d", i), "./apps/x",
			fmt.Sprintf("  dependsOn: [{name: r%d}]\n", (i+1)%1000)))
		same.WriteString("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: same, namespace: default}\n")
	}
	got := inTime(t, fstest.MapFS{
		"clusters/a/root.yaml":   {Data: []byte(root)},
		"clusters/a/good.yaml":   {Data: []byte(good)},
		"clusters/a/mutual.yaml": {Data: []byte(mutual.String())},
		"clusters/a/ring.yaml":   {Data: []byte(ring.String())},
		"clusters/a/same.yaml":   {Data: []byte(same.String())},
		"apps/x/x.yaml":          {Data: []byte(strings.ReplaceAll(good, "good", "x"))},
	})
	wantGood(t, got)
	for _, k := range got.Kustomizations {
		switch k.Name {
		case "m0":
			if r := k.DependsOn[7]; len(k.DependsOn) != 149 || r.CycleLength != 2 ||
				!slices.Equal(r.Cycle, []string{k.ID, strings.Replace(k.ID, "m0", "m8", 1)}) {
				t.Errorf("m0 depends on %+v", r)
			}
		case "r0":
			if r := k.DependsOn[0]; r.CycleLength != 1000 || len(r.Cycle) != 10 ||
				r.Cycle[9] != strings.Replace(k.ID, "r0", "r9", 1) {
				t.Errorf("r0 depends on %+v", r)
			}
		case "flux-system":
			if len(k.Problems) != 999 || k.Problems[0].Kind != "duplicate" {
				t.Errorf("%d problems", len(k.Problems))
			}
		}
	}
}

// Where time runs out, the error says at what.
func TestMaxTime(t *testing.T) {
	tree := fstest.MapFS{"clusters/a/root.yaml": {Data: []byte(root)}, "clusters/a/good.yaml": {Data: []byte(good)}}
	_, err := loader.Load(t.Context(), tree, loader.Options{MaxTime: time.Nanosecond})
	if err == nil || !strings.Contains(err.Error(), "it takes longer than 1ns") {
		t.Errorf("error %v", err)
	}
}
