package difftest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/util/yaml"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/loader"
)

// operatorCLI is the Flux Operator's own program. Its licence is the AGPL: it is run, and nothing of it is imported.
const operatorCLI = "github.com/controlplaneio-fluxcd/flux-operator/cmd/cli@v0.58.1"

// operator builds the program once, in the user's folder for caches. Where that needs a network that is not there, the
// test is skipped, but for CI.
func operator(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "rollcall-difftest", filepath.Base(filepath.Dir(operatorCLI))+
		strings.ReplaceAll(filepath.Base(operatorCLI), "@", "-"))
	program := filepath.Join(dir, "cli")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	command := exec.Command("go", "install", operatorCLI)
	command.Dir, command.Env = os.TempDir(), append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("build %s: %v\n%s", operatorCLI, err, out)
		}
		t.Skipf("ResourceSets are not compared: %s cannot be built here: %v\n%s", operatorCLI, err, out)
	}
	return program
}

// setCase is a ResourceSet, and the input providers that it names.
type setCase struct{ set, providers string }

// compareSet renders a ResourceSet by the loader and by the program, and tells whether both make objects of it.
func compareSet(t *testing.T, program string, c setCase) bool {
	t.Helper()
	dir := t.TempDir()
	file, providers := filepath.Join(dir, "set.yaml"), filepath.Join(dir, "providers.yaml")
	if err := os.WriteFile(file, asFluxReads(t, c.set), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "resourceset", "-f", file}
	fsys := fstest.MapFS{"clusters/a/flux-system/gotk-sync.yaml": &fstest.MapFile{Data: []byte(sync)},
		"clusters/a/set.yaml": &fstest.MapFile{Data: []byte(c.set)}}
	if c.providers != "" {
		if err := os.WriteFile(providers, asFluxReads(t, c.providers), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--inputs-from-provider", providers)
		fsys["clusters/a/providers.yaml"] = &fstest.MapFile{Data: []byte(c.providers)}
	}
	var stdout, stderr bytes.Buffer
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	command.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(dir, "none"))
	failed := command.Run()
	theirs := map[string]any{}
	reader := yaml.NewYAMLOrJSONDecoder(&stdout, 4096)
	for {
		var o map[string]any
		err := reader.Decode(&o)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(o) > 0 {
			theirs[nameOf(o)] = asJSON(t, o)
		}
	}
	if failed != nil && strings.Contains(stderr.String(), "no objects were generated") {
		failed = nil
	}
	tree, err := loader.Load(context.Background(), fsys, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]any{}
	for _, o := range tree.Objects {
		if o.ResourceSet != "" {
			text, err := json.Marshal(o.Content)
			if err != nil {
				t.Fatal(err)
			}
			text = id.ReplaceAllFunc(text, func(m []byte) []byte {
				name := strings.ReplaceAll(string(id.FindSubmatch(m)[1]), "_", "-")
				return []byte(fmt.Sprint(adler32.Checksum([]byte(name))))
			})
			var content map[string]any
			if err := json.Unmarshal(text, &content); err != nil {
				t.Fatal(err)
			}
			ours[nameOf(content)] = asJSON(t, content)
		}
	}
	var problems []string
	for _, k := range tree.Kustomizations {
		for _, p := range k.Problems {
			problems = append(problems, p.Message)
		}
	}
	for _, u := range tree.Clusters[0].Incomplete {
		if len(problems) == 0 {
			t.Errorf("unknown: %s", u.Why)
		}
	}
	switch {
	case failed != nil && len(problems) > 0:
		return false
	case failed != nil:
		t.Errorf("the Flux Operator refuses it, and the loader does not: %s\n%s", stderr.String(), c.set)
	case len(problems) > 0:
		t.Errorf("the loader refuses it, and the Flux Operator does not: %s\n%s", problems, c.set)
	case !reflect.DeepEqual(ours, theirs):
		a, _ := json.MarshalIndent(ours, "", " ")
		b, _ := json.MarshalIndent(theirs, "", " ")
		t.Errorf("of\n%s\n%s\nthe loader makes\n%s\nand the Flux Operator\n%s", c.set, c.providers, a, b)
	}
	return true
}

// asFluxReads is YAML as kustomize hands it on, where "off" is a text. The program would take it for a truth value.
func asFluxReads(t *testing.T, text string) []byte {
	t.Helper()
	var all [][]byte
	for reader := goyaml.NewDecoder(strings.NewReader(text)); ; {
		var v map[string]any
		err := reader.Decode(&v)
		if err == io.EOF {
			return bytes.Join(all, []byte("\n---\n"))
		}
		data, jsonErr := json.Marshal(v)
		if err != nil || jsonErr != nil {
			t.Fatal(err, jsonErr, text)
		}
		all = append(all, data)
	}
}

var id = regexp.MustCompile(`\$\{id_([a-z0-9_]+)\}`)

const sync = `apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: "https://git.example.test/fleet.git"}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m, path: ./clusters/a, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
`

func nameOf(o map[string]any) string {
	meta, _ := o["metadata"].(map[string]any)
	return fmt.Sprint(o["apiVersion"], o["kind"], meta["namespace"], meta["name"])
}

// asJSON is the value as JSON has it.
func asJSON(t *testing.T, o map[string]any) any {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// ResourceSets by hand: testdata/resourcesets.txtar has each as NAME.yaml, and its providers as NAME.providers.yaml.
func TestResourceSets(t *testing.T) {
	program := operator(t)
	archive, err := txtar.ParseFile("testdata/resourcesets/cases.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	for _, f := range archive.Files {
		name, ok := strings.CutSuffix(f.Name, ".yaml")
		if !ok || strings.HasSuffix(name, ".providers") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			made := compareSet(t, program, setCase{files[f.Name], files[name+".providers.yaml"]})
			if fails := strings.HasPrefix(name, "fails-"); fails == made && !t.Failed() {
				t.Errorf("the case says that it fails: %v; it makes objects: %v", fails, made)
			}
		})
	}
}

// randomSets is how many ResourceSets TestRandomResourceSets makes up.
const randomSets = 400

// ResourceSets that nobody thought of, with the functions, loops and conditions of templates in any combination.
func TestRandomResourceSets(t *testing.T) {
	program := operator(t)
	made := 0
	for seed := range uint64(randomSets) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if compareSet(t, program, (&setGenerator{rand.New(rand.NewPCG(seed, 11))}).set()) {
				made++
			}
		})
	}
	t.Logf("%d of %d make objects; the others fail in both", made, randomSets)
	if made < randomSets/2 {
		t.Error("most make none, which compares little")
	}
}

type setGenerator struct{ *rand.Rand }

func (g *setGenerator) maybe(percent int) bool    { return g.IntN(100) < percent }
func (g *setGenerator) pick(all ...string) string { return all[g.IntN(len(all))] }
func (g *setGenerator) value() string {
	return g.pick(`"red"`, `"two words"`, "7", "0", "true", "1.5", `""`, `"a: b # c"`, `"{x}"`, "[a, b, c]",
		"{k: v, n: {m: 3}}", `"Éa ñ_b!"`, `"012"`, `"line\nline\n"`,
		`"a very long sentence that goes on and on, with many words in it, so that a writer of YAML may want to fold it somewhere"`)
}

// expression is what a template writes.
func (g *setGenerator) expression(scope string) string {
	x := scope + "." + g.pick("a", "b", "c", "n", "list", "map")
	return "<< " + g.pick(x, x+" | quote", x+" | toYaml | quote", "slugify "+g.pick(`"Ab cD! é"`, `(`+x+` | toString)`),
		x+" | default \"none\" | quote", "("+scope+".n | int) | add 3",
		`printf "%s-%v" "x" `+x+" | quote", `upper "abc"`, "list 1 2 3 | join \"-\" | quote",
		`ternary "yes" "no" (eq (`+x+` | toString) "red") | quote`, scope+".list | toJson | quote",
		`regexReplaceAll "[aeiou]" "banana" "${0}x" | quote`, scope+".map | toJson | sha256sum", scope+".provider.name",
		`trunc 3 "abcdef"`, "keys "+scope+".map | sortAlpha | join \",\" | quote",
		scope+`.missing`, `get `+scope+`.map "k" | toString | quote`, `index `+scope+`.list 0`, "len "+scope+".list",
		`"a/b/c" | splitList "/" | last`, `b64enc "x"`, scope+".id | quote") + " >>"
}

func (g *setGenerator) inputs(names bool) string {
	id := ""
	if names {
		id = "id: fixed, "
	}
	return fmt.Sprintf("{%sa: %s, b: %s, c: %s, n: %d, list: [x, %d], map: {k: %s, z: 1}}", id, g.value(), g.value(),
		g.value(), g.IntN(5), g.IntN(9), g.pick("v", "8", "false"))
}

func (g *setGenerator) object(i int, scope string) string {
	var b strings.Builder
	name := fmt.Sprintf("o%d", i)
	if g.maybe(60) {
		name += g.pick("-<< "+scope+".n >>", "-<< "+scope+".a | toString | slugify >>")
	}
	fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  namespace: apps\n", name)
	if g.maybe(20) {
		fmt.Fprintf(&b, "  annotations: {fluxcd.controlplane.io/reconcile: %s, x: y}\n",
			g.pick("disabled", "enabled", `"<< if eq `+scope+`.n 1 >>disabled<< else >>enabled<< end >>"`))
	}
	b.WriteString("data:\n")
	for j := range 1 + g.IntN(3) {
		fmt.Fprintf(&b, "  f%d: %s\n", j, g.pick(`"`+strings.ReplaceAll(g.expression(scope), `"`, `\"`)+`"`, "plain"))
	}
	if g.maybe(20) {
		fmt.Fprintf(&b, "spec: {count: << %s.n >>, deep: {list: [1, two, << %s.n >>]}}\n", scope, scope)
	}
	return b.String()
}

func (g *setGenerator) template(scope string) string {
	var b strings.Builder
	for i := range 1 + g.IntN(3) {
		text := "---\n" + strings.ReplaceAll(g.object(10+i, scope), `\"`, "'")
		switch g.IntN(5) {
		case 0:
			text = "<<- if gt (" + scope + ".n | int) 1 >>\n" + text + "<<- else >>\n<<- end >>\n"
		case 1:
			text = "<<- range $i, $v := " + scope +
				".list >>\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: r-<< $i >>-<< $v >>, namespace: apps}\n<<- end >>\n"
		case 2:
			text = "<<- with " + scope +
				".map >>\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: w-<< .k >>, namespace: apps}\ndata:\n  m: |\n<< . | toYaml | indent 4 >>\n<<- end >>\n"
		}
		b.WriteString(text)
	}
	return b.String()
}

func (g *setGenerator) set() setCase {
	var set, providers strings.Builder
	permute := g.maybe(30)
	scope := "inputs"
	name := g.pick("set", "my-set", "set.one")
	set.WriteString("apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: " + name +
		", namespace: flux-system}\nspec:\n")
	if g.maybe(30) {
		set.WriteString("  commonMetadata: {labels: {team: a}, annotations: {note: b}}\n")
	}
	if permute {
		set.WriteString("  inputStrategy: {name: Permute}\n")
		scope = "inputs." + strings.NewReplacer("-", "_", ".", "_").Replace(name)
	}
	set.WriteString("  inputs:\n")
	for range 1 + g.IntN(3) {
		set.WriteString("    - " + g.inputs(true) + "\n")
	}
	if g.maybe(40) {
		set.WriteString("  inputsFrom:\n")
		set.WriteString(g.pick("    - {kind: ResourceSetInputProvider, name: one}\n",
			"    - {name: two}\n    - {name: one}\n", "    - {selector: {matchLabels: {team: a}}}\n",
			"    - {selector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}}\n"))
		for _, p := range []string{"one", "two"} {
			fmt.Fprintf(&providers,
				"---\napiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSetInputProvider\nmetadata: {name: %s, namespace: flux-system, labels: {team: %s}}\nspec: {type: Static, defaultValues: %s}\n",
				p, g.pick("a", "b"), g.inputs(false))
		}
	}
	if g.maybe(80) {
		set.WriteString("  resources:\n")
		for i := range 1 + g.IntN(3) {
			set.WriteString("    - " + strings.TrimPrefix(indented(g.object(i, scope), "      "), "      "))
		}
	}
	if g.maybe(50) {
		set.WriteString("  resourcesTemplate: |\n" + indented(g.template(scope), "    "))
	}
	return setCase{set.String(), providers.String()}
}

// indented is a text with blanks before each line.
func indented(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}
