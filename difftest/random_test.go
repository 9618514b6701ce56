package difftest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
)

// randomTrees is how many trees TestRandomTrees makes up; each has some five Kustomizations.
const randomTrees = 120

// Trees that nobody thought of: every feature of kustomize and of Flux's overlay that the loader has code for, by
// chance and in any combination. The seeds are fixed, so that a tree that differs differs again.
func TestRandomTrees(t *testing.T) {
	for seed := range uint64(randomTrees) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := generator{rand.New(rand.NewPCG(seed, 7)), fstest.MapFS{}}
			g.tree()
			compareTree(t, g.fsys)
		})
	}
}

// generator makes up a tree.
type generator struct {
	*rand.Rand
	fsys fstest.MapFS
}

func (g generator) file(name, text string) { g.fsys[name] = &fstest.MapFile{Data: []byte(text)} }

func (g generator) maybe(percent int) bool { return g.IntN(100) < percent }

func (g generator) pick(all ...string) string { return all[g.IntN(len(all))] }

func (g generator) tree() {
	g.file("clusters/a/sync.yaml", `apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: "https://git.example.test/fleet.git"}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec:
  interval: 10m
  path: ./clusters/a
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: flux-system}
data: {REGION: eu-1, COUNT: "3", TRUE: "true", COLON: "a: b", HASH: "a #b", DASH: "- x", EMPTY: "", QUOTE: 'it''s "so"'}
`)
	for i := range 1 + g.IntN(2) {
		g.folder(fmt.Sprintf("base/%d", i), false, nil)
	}
	for i := range 1 + g.IntN(2) {
		g.folder(fmt.Sprintf("component/%d", i), true, nil)
	}
	for i := range 2 + g.IntN(4) {
		dir := fmt.Sprintf("apps/%d", i)
		g.folder(dir, false, []string{"base", "component"})
		g.file(fmt.Sprintf("clusters/a/ks-%d.yaml", i), g.kustomization(fmt.Sprintf("app-%d", i), dir))
	}
}

// kustomization is a Flux Kustomization with an overlay of its own.
func (g generator) kustomization(name, dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: %s, namespace: flux-system}
spec:
  interval: 10m
  path: ./%s
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
`, name, dir)
	if g.maybe(30) {
		b.WriteString("  targetNamespace: target\n")
	}
	if g.maybe(15) {
		b.WriteString("  namePrefix: pre-\n")
	}
	if g.maybe(15) {
		b.WriteString("  nameSuffix: -post\n")
	}
	if g.maybe(25) {
		b.WriteString("  commonMetadata:\n    labels: {team: a, app: b}\n    annotations: {note: 'yes'}\n")
	}
	if g.maybe(20) {
		b.WriteString(
			"  images:\n    - {name: nginx, newTag: \"2.0\"}\n    - {name: other, newName: example.test/other}\n")
	}
	if g.maybe(20) {
		fmt.Fprintf(&b, "  components: [../../component/%d]\n", g.IntN(2))
		if g.maybe(50) {
			b.WriteString("  ignoreMissingComponents: true\n")
		}
	}
	if g.maybe(35) {
		b.WriteString("  patches:\n" + indent(2, g.patch()))
	}
	if g.maybe(60) {
		b.WriteString("  postBuild:\n    substitute: {NAME: " + name +
			", NUMBER: \"8080\", NIL: \"null\", LIST: \"[a, b]\"}\n")
		if g.maybe(60) {
			b.WriteString(
				"    substituteFrom: [{kind: ConfigMap, name: settings}, {kind: ConfigMap, name: none, optional: true}]\n")
		}
	}
	return b.String()
}

// folder makes up a folder, with a kustomization file or without, that may list what lies in the folders above.
func (g generator) folder(dir string, component bool, lists []string) {
	var files []string
	for i := range 1 + g.IntN(3) {
		name := fmt.Sprintf("object-%d.yaml", i)
		g.file(dir+"/"+name, g.objects(strings.ReplaceAll(dir, "/", "-")+fmt.Sprintf("-%d", i)))
		files = append(files, name)
	}
	if !component && len(lists) > 0 && g.maybe(20) {
		if g.maybe(50) {
			g.file(dir+"/below/object.yaml", g.objects("below"))
		}
		return // Flux makes the kustomization file
	}
	var b strings.Builder
	if component {
		b.WriteString("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n")
	} else if g.maybe(80) {
		b.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")
	}
	b.WriteString("resources:\n")
	for _, name := range files {
		fmt.Fprintf(&b, "  - %s%s\n", g.pick("", "./"), name)
	}
	if !component && g.maybe(30) { // most folders of real fleets do no more than this
		if g.maybe(60) {
			b.WriteString("namespace: " + g.pick("one", "${NAME:-two}") + "\n")
		}
		g.file(dir+"/kustomization.yaml", b.String())
		return
	}
	if len(lists) > 0 {
		if g.maybe(40) {
			b.WriteString("  - ../../base/0\n")
		}
		if g.maybe(30) {
			b.WriteString("components:\n  - ../../component/0\n")
		}
	}
	for _, part := range []struct {
		percent int
		text    string
	}{
		{35, "namespace: " + g.pick("one", "two") + "\n"},
		{15, "namePrefix: p-\n"},
		{15, "nameSuffix: -s\n"},
		{15, "commonLabels: {old: label}\n"},
		{20, "labels:\n  - pairs: {new: label}\n    includeSelectors: " + g.pick("true", "false") +
			"\n    includeTemplates: true\n"},
		{15, "commonAnnotations: {note: \"on\", number: \"1\"}\n"},
		{15, "images:\n  - {name: nginx, newTag: \"1.1\"}\n"},
		{10, "replicas:\n  - {name: " + strings.ReplaceAll(dir, "/", "-") + "-0, count: 4}\n"},
		{35, "patches:\n" + g.patch()},
		{10, "patchesJson6902:\n  - target: {version: v1, kind: ConfigMap, name: " + strings.ReplaceAll(dir, "/", "-") +
			"-0}\n    patch: '[{op: add, path: /metadata/annotations, value: {j: \"1\"}}]'\n"},
		{10, "generatorOptions: {disableNameSuffixHash: true, labels: {made: \"yes\"}}\n"},
		{25, "configMapGenerator:\n  - name: made\n    literals: [a=b, 'c=${NAME}', d=yes]\n    files: [text=extra.txt]\n"},
		{10, "replacements:\n  - source: {kind: ConfigMap, fieldPath: metadata.name}\n    targets:\n      - select: {kind: Deployment}\n        fieldPaths: [metadata.annotations.from]\n        options: {create: true}\n"},
		{10, "buildMetadata: [originAnnotations]\n"},
		{5, "unknownField: 1\n"},
	} {
		if g.maybe(part.percent) {
			b.WriteString(part.text)
		}
	}
	g.file(dir+"/extra.txt", "first\n  second ${REGION}\n")
	g.file(dir+"/"+g.pick("kustomization.yaml", "kustomization.yml", "Kustomization"), b.String())
}

func (g generator) patch() string {
	return g.pick(
		"  - patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata:\n        name: any\n      spec:\n        template:\n          spec:\n            containers:\n              - name: main\n                env: [{name: A, value: \"1\"}]\n    target:\n      kind: Deployment\n",
		"  - patch: |\n      - op: add\n        path: /metadata/annotations\n        value: {patched: \"true\"}\n    target:\n      kind: ConfigMap\n",
		"  - patch: |\n      - {op: replace, path: /data/plain, value: y}\n    target:\n      kind: ConfigMap\n      labelSelector: part=one\n",
		"  - patch: |\n      apiVersion: v1\n      kind: ConfigMap\n      metadata:\n        name: any\n      data:\n        added: \"${NAME:-none}\"\n        plain: null\n    target:\n      kind: ConfigMap\n",
		"  - patch: |\n      apiVersion: v1\n      kind: Service\n      metadata:\n        name: any\n      $patch: delete\n    target:\n      kind: Service\n",
	)
}

// objects are one or more documents.
func (g generator) objects(name string) string {
	var documents []string
	for i := range 1 + g.IntN(2) {
		documents = append(documents, g.object(fmt.Sprintf("%s%s", name, strings.Repeat("x", i))))
	}
	return g.pick("", "---\n", "# a comment\n---\n") + strings.Join(documents, "---\n")
}

func (g generator) object(name string) string {
	meta := "metadata:\n  name: " + name + "\n"
	if g.maybe(50) {
		meta += "  namespace: " + g.pick("default", "kube-system") + "\n"
	}
	if g.maybe(30) {
		meta += "  labels:\n    part: one\n"
	}
	if g.maybe(20) {
		meta += "  annotations:\n    kustomize.toolkit.fluxcd.io/substitute: " +
			g.pick("disabled", "enabled", "Disabled") + "\n"
	}
	switch g.IntN(7) {
	case 0:
		return "apiVersion: apps/v1\nkind: Deployment\n" + meta + "spec:\n  replicas: " +
			g.pick("1", "${COUNT:=2}", "3") +
			"\n  selector:\n    matchLabels: {app: x}\n  template:\n    metadata:\n      labels: {app: x}\n    spec:\n      containers:\n" +
			"        - name: main\n          image: " + g.pick(
			"nginx", "nginx:1.0", "other@sha256:aa", "${NAME:-nginx}:1") +
			"\n          args: [" + g.value() + ", " + g.value() +
			"]\n          ports:\n            - containerPort: ${NUMBER:-80}\n"
	case 1:
		return "apiVersion: v1\nkind: Service\n" + meta +
			"spec:\n  selector: {app: x}\n  ports: [{port: 80, targetPort: \"${NUMBER:-80}\"}]\n"
	case 2:
		return "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n" + meta +
			"spec:\n  interval: 1h\n  chartRef: {kind: OCIRepository, name: x}\n  values:\n    a: " +
			g.value() + "\n    b:\n      - " + g.value() + "\n      - {c: " + g.pick("1", "true", "x") + "}\n"
	case 3:
		return "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: " +
			name + "-item}\n    data: {a: \"${REGION:-r}\"}\n"
	default:
		return "apiVersion: v1\nkind: ConfigMap\n" + meta + "data:\n  plain: " + g.value() +
			"\n  quoted: \"${NAME:-x}\"\n  " + g.pick("block: |\n    one ${REGION:-r}\n      two\n\n    three\n",
			"folded: >\n    one\n    two\n\n      three $${KEEP}\n", "stripped: >-\n    a b\n    c\n",
			"key.with/dots: $1 $(x) $$\n", "\"${NAME:-k}\": v\n")
	}
}

// value is a value that YAML, or substitution, may take for something else than it looks like.
func (g generator) value() string {
	return g.pick("plain", "'yes'", "\"no\"", "on", "OFF", "\"0777\"", "\"0o17\"", "\"1e3\"", "\"1_000\"",
		"\"12:30:45\"", "'null'", "\"~\"", "\"2026-01-02\"", "\"#x\"",
		"\"a: b\"", "\"- x\"", "\"\"", "\"${NAME:-d}\"", "\"${COLON:-a: b}\"", "\"${HASH:-x}\"", "\"${DASH:-x}\"",
		"\"${TRUE:-true}\"", "\"${NIL:-}\"", "\"${LIST:-[]}\"",
		"\"${QUOTE:-q}\"", "\"${EMPTY:-e}\"", "\"$${NAME}\"", "\"100%\"", "\"@at\"", "\"!bang\"", "\"&and\"",
		"\"*star\"", "\"`tick`\"", "\"{brace\"", "\"a\\tb\"",
		"\"${REGION:-r}-${NAME:-n}\"", "\"${NAME^^}\"", "\"${REGION:0:2}\"", "\"${REGION/eu/us}\"", "\"ünï\"", "\"😀\"")
}

func indent(by int, text string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	return strings.Repeat(" ", by) + strings.Join(lines, strings.Repeat(" ", by)) + "\n"
}
