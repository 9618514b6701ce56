package loader

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fluxcd/pkg/envsubst"
	"github.com/fluxcd/pkg/sourceignore"
	"k8s.io/apimachinery/pkg/util/json"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	sigsyaml "sigs.k8s.io/yaml"
	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// within ends a test that takes longer than any input of a fuzzer may.
func within(limit time.Duration) (done func() bool) {
	return time.AfterFunc(limit, func() { panic("it hangs") }).Stop
}

// Whatever a file holds, its problems and exceptions lie in it, and its documents with a stamp are what they are
// without.
func FuzzDocuments(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    b: c\n---\n# nothing\n---\nkind: X\nmetadata: {name: y}\n",
		"apiVersion: v1\nkind: List\nitems:\n- kind: ConfigMap\n  metadata: &m\n    name: a\n- kind: ConfigMap\n  metadata: *m\n",
		"%YAML 1.1\n---\nkind: A\r\nmetadata:\r\n  name: yes\r\n  labels: {a: 012, b: 1e3}\r\n...\n",
		"# rollcall:ignore a -- b\na: *b\nkind: A\nmetadata:\n  <<: {name: a}\n",
		"kind: A\nmetadata:\n  annotations:\n    rollcall.dev/ignore: |\n      a: b\n      c\n  annotations: {}\n",
		"kind: A\nmetadata:\n  ? name\n  : >\n    folded\n      more\n\n    text\n",
		"a: \"b\u2028c\u0085\rd\"\n# ünder rollcall:ignore x\nkind: A\nmetadata:\n\tname: a\n",
		"ä: *ö\n",
		"kind: A\nx: &m {name: a}\nmetadata: *m\n",
		"kind: A\nmetadata: &m\n  name: a\n  annotations: &n {b: c}\nspec: [*m, *n]\n",
		"kind: A\nx: &m {annotations: {b: c}}\nmetadata:\n  name: a\n  <<: *m\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer within(10 * time.Second)()
		file := &file{path: "a.yaml", data: data}
		file.parse()
		lines := bytes.Split(data, []byte("\n"))
		// The YAML library ends lines at these too, and reports show no line of such a file.
		odd := bytes.Count(data, []byte("\r")) != bytes.Count(data, []byte("\r\n")) ||
			bytes.ContainsAny(data, "\u0085\u2028\u2029")
		inside := func(line, column int) {
			if !odd && (line < 1 || line > len(lines) || column < 1 || column > 1+utf8.RuneCount(lines[line-1])) {
				t.Fatalf("%d:%d is not in %q", line, column, data)
			}
		}
		for _, p := range file.problems {
			inside(p.Line, p.Column)
		}
		for _, e := range file.exceptions {
			inside(e.Line, e.Column)
		}
		if len(file.problems) > 0 {
			return
		}
		text, err := file.stamped(func(doc int, field []any) (int, bool) { return doc, true })
		if err != nil {
			return
		}
		with, without := objects(text), kustomizes(data)
		byText := !slices.ContainsFunc(file.docs, func(d document) bool { return d.Stamp.How == stampNode })
		for i, d := range file.docs {
			want, got := without[d.Index], with[d.Index]
			if !byText { // the nodes are written without the documents that hold nothing
				got = with[i]
			}
			if d.Stamp.How == stampNone || want == nil || !takeStamps(want) {
				continue
			}
			if takeStamps(got); !reflect.DeepEqual(got, want) {
				t.Fatalf("document %d of\n%s\nwith a stamp\n%s\nis %v in place of %v", d.Index, data, text, got, want)
			}
		}
	})
}

// kustomizes are the documents of a file as kustomize takes them, its anchors resolved.
func kustomizes(data []byte) map[int]map[string]any {
	all := map[int]map[string]any{}
	_ = eachNode(data, func(index int, root *yaml.Node) {
		if kyaml.NewRNode(root).DeAnchor() != nil {
			return
		}
		if m, err := decodeNode(root); err == nil {
			all[index] = m
		}
	})
	return all
}

// takeStamps takes the stamps off an object and off the items of a List. It is false where a stamp took the place of
// what can be no annotations.
func takeStamps(object map[string]any) bool {
	stamped := []any{object}
	if items, ok := object["items"].([]any); ok && strings.HasSuffix(str(object, "kind"), "List") {
		stamped = items
	}
	for _, o := range stamped {
		o, _ := o.(map[string]any)
		meta, _ := o["metadata"].(map[string]any)
		if annotations, has := meta["annotations"]; has {
			if _, ok := annotations.(map[string]any); !ok {
				return false
			}
		}
		takeStamp(o)
	}
	return true
}

// Where every variable is known, substitution is Flux's own; whatever it is, no value of a Secret comes of it.
func FuzzSubstitute(f *testing.F) {
	for _, seed := range []string{
		"${A}", "$${A} $A ${A:=b} ${A:-${B}}", "${A^^} ${A,} ${#A} ${A:1:2} ${A/b/c} ${A//b/}", "${A", "${}",
		"${B:=*hunter2}", "a\n  b: ${A}\n", "${C} ${C:-x} ${C:1}", "${A##*x} ${B%%y}", "'${A}': \"${B}\"",
	} {
		f.Add(seed, "x: y", "1e3")
	}
	f.Add("${A}", "*hunter2", "\"")
	f.Add("${A}: ${B}", "@a", "")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		defer within(10 * time.Second)()
		for _, s := range []string{text, a, b} {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				return // no YAML holds the one, and the libraries do not agree on how to write the other
			}
		}
		if key, err := json.Marshal(text); err != nil || len(key) > 1024 {
			return // where YAML looks for the end of a key, and Flux takes no longer one: Kubernetes has none either
		}
		object := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "x"},
			"data": map[string]any{"a": text, text: "b"}}
		v := &variables{values: map[string]string{}, hidden: map[string]bool{}}
		v.set("A", a, false)
		v.set("B", b, false)
		v.set("C", "hunter2", true)
		got, _, err := v.apply(object)
		if err != nil && strings.Contains(firstLine(err), "hunter2") && !strings.Contains(text, "hunter2") {
			t.Fatalf("the error has the value: %v", err)
		}
		all := map[string]string{"A": strings.ReplaceAll(a, "\n", ""), "B": strings.ReplaceAll(b, "\n", "")}
		if !maps.Equal(v.values, all) {
			return // a value that looks secret is not used
		}
		known := true
		want, wantErr := flux(object, func(name string) string {
			_, ok := all[name]
			known = known && ok
			return all[name]
		})
		if !known {
			return
		}
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, %v in place of %v, %v", got, err, want, wantErr)
		}
	})
}

// flux substitutes as fluxcd/pkg kustomize/kustomize_varsub.go does.
func flux(object map[string]any, value func(string) string) (result map[string]any, err error) {
	text, err := sigsyaml.Marshal(object)
	if err != nil {
		return nil, err
	}
	out, err := envsubst.Eval(string(text), func(name string) (string, bool) { return value(name), true })
	if err != nil {
		return nil, err
	}
	data, err := sigsyaml.YAMLToJSON([]byte(out))
	if err != nil {
		return nil, err
	}
	return result, json.Unmarshal(data, &result)
}

// Whatever is to be ignored, the artifact has the files that source-controller packs.
//
// Source: fluxcd/source-controller v1.9.1 internal/controller/gitrepository_controller.go reconcileArtifact, fluxcd/pkg
// artifact/storage/archive.go SourceIgnoreFilter.
func FuzzIgnore(f *testing.F) {
	f.Add("/*\n!/clusters/a\n", "b.yaml\n", "")
	f.Add("# no\n\n*.yaml\n!**/b.yaml\n", "!*.yaml \n", "/clusters/**/b.yaml\n")
	f.Add("[\n\\\n!\n/\n**\n", "a/**/\n", "!\r\n")
	f.Add("b.yaml\n", "!b.yaml\n", "")
	f.Fuzz(func(t *testing.T, ignore, below, spec string) {
		defer within(10 * time.Second)()
		dir, fsys := t.TempDir(), fstest.MapFS{}
		for name, text := range map[string]string{
			"b.yaml": "", "c.jpg": "", "x/.github/b.yaml": "", ".github/b.yaml": "", "-/b.yaml": "", "-/c/b.yaml": "",
			"x/c/b.yaml": "", "x/a.yaml": "",
			".sourceignore": ignore, ".github/.sourceignore": below, "-/.sourceignore": below,
			"x/c/.sourceignore": below, "x/.sourceignore": spec,
		} {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
			target := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(target, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		patterns, err := sourceignore.LoadIgnorePatterns(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		patterns = append(patterns, sourceignore.ReadPatterns(strings.NewReader(spec), nil)...)
		matcher := sourceignore.NewDefaultMatcher(patterns, nil)
		if len(patterns) > 0 {
			matcher = sourceignore.NewMatcher(append(sourceignore.VCSPatterns(nil), patterns...))
		}
		tree := newTree(fsys, &Options{})
		if err := tree.readAll(context.Background(), Options{}); err != nil {
			t.Fatal(err)
		}
		got := newArtifact(tree, packing{ignore: spec})
		folders := map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(fsys)) {
			has := !matcher.Match(strings.Split(name, "/"), false)
			if (got.file(name) != nil) != has {
				t.Errorf("%s: %v", name, !has)
			}
			for dir := path.Dir(name); has; dir = path.Dir(dir) {
				folders[dir] = true
				if dir == "." {
					break
				}
			}
		}
		for dir := range tree.dirs {
			if got.isDir(dir) != folders[dir] {
				t.Errorf("%s/: %v", dir, !folders[dir])
			}
		}
	})
}
