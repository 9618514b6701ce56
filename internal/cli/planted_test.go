package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// TestPlantedSecret brings a Secret in the clear into a tree by one of many ways, changes other files by chance, and
// holds the program to ending soon, to showing nothing of the value, and, where the Secret is applied by what the facts
// say, to an error at a line that has the value. The trees are testdata/fleet and those in the folders that
// ROLLCALL_CORPUS=dir:dir names; ROLLCALL_MUTATE is the time.
func TestPlantedSecret(t *testing.T) {
	seed, until := chance(t)
	r := rand.New(rand.NewPCG(seed, 3))
	trees := append([]string{"../../testdata/fleet"}, filepath.SplitList(os.Getenv("ROLLCALL_CORPUS"))...)
	applied := map[string]int{}
	runs, slowest := 0, time.Duration(0)
	for ; runs == 0 || time.Now().Before(until); runs++ {
		p := planting{t: t, r: r, dir: t.TempDir(), value: fmt.Sprintf("Pl4nted%dQx", r.Uint64())}
		if err := os.CopyFS(p.dir, os.DirFS(trees[runs%len(trees)])); err != nil {
			t.Fatal(err)
		}
		way := slices.Sorted(maps.Keys(ways))[r.IntN(len(ways))]
		start := time.Now()
		if p.plant(way) && p.found() {
			applied[way]++
		}
		slowest = max(slowest, time.Since(start))
		if t.Failed() {
			t.Fatalf("by %q, after %d runs of seed %d", way, runs+1, seed)
		}
		if err := os.RemoveAll(p.dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d runs, the slowest in %v; applied and found: %v", runs, slowest.Round(time.Millisecond), applied)
	if len(applied) == 0 {
		t.Error("no Secret was applied")
	}
}

// planting is one tree with a value planted in it.
type planting struct {
	t          *testing.T
	r          *rand.Rand
	dir, value string
	own        map[string]bool // the files that were written for it
}

// ways bring a Secret in: what is to be added to a kustomization file, by field, and the files beside it. fill
// says how the value gets in.
var ways = map[string]struct {
	add   string
	files map[string]string
}{
	"a file of another name": {"resources: [planted.txt]", map[string]string{"planted.txt": plantedPlain}},
	"an example": {"resources: [prod.example.com/planted.sample.yaml]",
		map[string]string{"prod.example.com/planted.sample.yaml": plantedPlain}},
	"a template": {"resources: [chart/templates/planted.yaml]",
		map[string]string{"chart/Chart.yaml": "name: x\nversion: 1.0.0\n",
			"chart/templates/planted.yaml": plantedPlain}},
	"a List": {"resources: [planted.json]", map[string]string{
		"planted.json": `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", ` +
			`"kind": "Secret", "metadata": {"name": "planted", "namespace": "default"}, "data": {"password": "ENCODED"}}]}`}},
	"a JSON patch in a file": {"resources: [planted.yaml]\npatches: [{path: planted.conf, target: {name: planted}}]",
		map[string]string{
			"planted.yaml": plantedEmpty, "planted.conf": "- op: add\n  path: /stringData/password\n  value: CLEAR\n"}},
	"a JSON patch as a text": {
		"resources: [planted.yaml]\npatches:\n- target: {kind: \"Secre.*\", name: planted}\n  patch: |\n    - op: add\n      path: /stringData/password\n      value: CLEAR\n",
		map[string]string{"planted.yaml": plantedEmpty}},
	"a merge patch": {
		"resources: [planted.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: planted, namespace: default}\n    stringData:\n      password: CLEAR\n",
		map[string]string{"planted.yaml": plantedEmpty}},
	"a literal": {"secretGenerator: [{name: planted, literals: [password=CLEAR]}]", nil},
	"a file of variables": {"secretGenerator: [{name: planted, envs: [planted.env]}]",
		map[string]string{"planted.env": "password=CLEAR\n"}},
	"a generator of its own": {"generators: [planted-generator.yaml]", map[string]string{
		"planted-generator.yaml": "apiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: planted}\nliterals:\n- password=CLEAR\n"}},
	"another kind": {
		"resources: [planted.yaml]\npatches:\n- target: {kind: ConfigMap, name: planted}\n  patch: |\n    - op: replace\n      path: /kind\n      value: Secret\n",
		map[string]string{
			"planted.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: planted, namespace: default}\ndata:\n  password: ENCODED\n"}},
	"a replacement": {
		"resources: [planted.yaml, planted-settings.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: planted-settings, fieldPath: data.shared}\n" +
			"  targets: [{select: {kind: Secret, name: planted}, fieldPaths: [stringData.password], options: {create: true}}]", map[string]string{
			"planted.yaml":          plantedEmpty,
			"planted-settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: planted-settings, namespace: default}\ndata:\n  shared: CLEAR\n"}},
}

const (
	plantedPlain = "apiVersion: v1\nkind: Secret\nmetadata: {name: planted, namespace: default}\nstringData:\n  password: CLEAR\n"
	plantedEmpty = "apiVersion: v1\nkind: Secret\nmetadata: {name: planted, namespace: default}\nstringData:\n  login: ${LOGIN}\n"
)

// plant brings the Secret into the tree, and tells whether there was a place for it.
func (p *planting) plant(way string) bool {
	p.t.Helper()
	var kustomizations, others []string
	err := filepath.WalkDir(p.dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.Type().IsRegular() || strings.Contains(name, "/.git/"):
		case d.Name() == "kustomization.yaml":
			kustomizations = append(kustomizations, name)
		case filepath.Ext(name) == ".yaml":
			others = append(others, name)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(kustomizations) == 0 {
		return false
	}
	at := kustomizations[p.r.IntN(len(kustomizations))]
	var have, add map[string]any
	text, err := os.ReadFile(at)
	if err != nil {
		p.t.Fatal(err)
	}
	if yaml.Unmarshal(text, &have) != nil || have == nil {
		return false
	}
	if err := yaml.Unmarshal([]byte(p.fill(ways[way].add)), &add); err != nil {
		p.t.Fatal(err)
	}
	for field, entries := range add {
		old, _ := have[field].([]any)
		have[field] = append(old, entries.([]any)...)
	}
	for name, text := range ways[way].files {
		p.write(filepath.Join(filepath.Dir(at), name), p.fill(text))
	}
	if text, err = yaml.Marshal(have); err != nil {
		p.t.Fatal(err)
	}
	p.write(at, string(text))
	for range p.r.IntN(3) {
		p.spoil(others[p.r.IntN(len(others))])
	}
	return true
}

// fill writes the value in the place of CLEAR, and its base64 in that of ENCODED.
func (p *planting) fill(text string) string {
	return strings.NewReplacer("CLEAR", p.value, "ENCODED", base64.StdEncoding.EncodeToString([]byte(p.value))).Replace(
		text)
}

func (p *planting) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if p.own == nil {
		p.own = map[string]bool{}
	}
	p.own[name] = true
}

// spoil changes a line of a file, unless the Secret hangs on it.
func (p *planting) spoil(name string) {
	text, err := os.ReadFile(name)
	if err != nil || p.own[name] {
		return
	}
	lines := strings.SplitAfter(string(text), "\n")
	i := p.r.IntN(len(lines))
	switch p.r.IntN(4) {
	case 0:
		lines[i] = ""
	case 1:
		lines[i] += lines[i]
	case 2:
		lines[i] = strings.Replace(lines[i], ":", "", 1)
	case 3:
		lines[i] = "  " + lines[i]
	}
	p.write(name, strings.Join(lines, ""))
}

// found tells whether the Secret is applied. Where it is, an error must be at a line with the value.
func (p *planting) found() bool {
	p.t.Helper()
	var facts struct {
		Objects map[string]map[string]map[string]map[string]any `json:"objects"`
	}
	if code := p.run(&facts, "facts", "--no-cache", p.dir); code != 0 {
		return false
	}
	applied := false
	for _, kinds := range facts.Objects {
		for _, names := range kinds["Secret"] {
			for name := range names {
				applied = applied || strings.Contains(name, "planted")
			}
		}
	}
	var report struct {
		Findings []struct {
			Rule, Severity, File string
			Line                 int
		} `json:"findings"`
	}
	if code := p.run(&report, "-o", "json", "--no-cache", p.dir); !applied || code == unfinished {
		return false
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(p.value))
	for _, f := range report.Findings {
		text, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(path.Clean(f.File))))
		if lines := strings.Split(string(text), "\n"); err == nil && f.Rule == "secret-encrypted" &&
			f.Severity == "error" && f.Line > 0 &&
			f.Line <= len(lines) && (strings.Contains(lines[f.Line-1], p.value) ||
			strings.Contains(lines[f.Line-1], encoded)) {
			return true
		}
	}
	p.t.Errorf("a Secret in the clear is applied and not found: %v", report.Findings)
	return false
}

// run runs the program, which must end within some seconds and show nothing of the value, and decodes what it says.
func (p *planting) run(into any, args ...string) (code int) {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	start := time.Now()
	code = run(args, strings.NewReader(""), &stdout, &stderr, noEnvironment)
	if took := time.Since(start); took > 30*time.Second {
		p.t.Errorf("%q takes %v", args, took)
	}
	said := stdout.String() + stderr.String()
	for _, form := range []string{p.value, base64.StdEncoding.EncodeToString([]byte(p.value))} {
		if strings.Contains(said, form) {
			p.t.Errorf("%q shows the value", args)
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), into); err != nil && code != unfinished {
		p.t.Errorf("%q: exit code %d: %v: %s", args, code, err, stderr.String())
	}
	return code
}
