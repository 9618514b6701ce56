package loader_test

import (
	"maps"
	"slices"
	"testing"
	"testing/fstest"
)

// A folder that only lists files is read as kustomize would build it: options that change nothing make
// kustomize build.
func TestListedAsKustomize(t *testing.T) {
	files := map[string]string{
		"config.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    b: c\n    e: \"\"\ndata:\n  plain: on\n  quoted: \"1\"\n",
		"release.yaml":    "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: b\n  namespace: here\nspec:\n  values: {a: 1, b: 1.5, c: 0o17, d: 2026-01-02, e: null, f: [], g: {}, h: ~, i: 1e3}\n---\n---\n# c\napiVersion: v1\nkind: Secret\nmetadata:\n  name: c\n",
		"cluster.yaml":    "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: d\nvalue: 1\n",
		"namespace.yaml":  "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: e\n",
		"definition.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: xs.example.test\nspec:\n  conversion:\n    webhook:\n      clientConfig:\n        service:\n          namespace: x\n",
		"comma.yaml":      "apiVersion: v1\nkind: ENC[AES256_GCM,data:c3M=]\nmetadata:\n  name: c\n",
		"folded.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: f\ndata:\n  a: >\n    one\n\n      two\n",
		"windows.yaml":    "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: g\r\ndata:\r\n  a: |\r\n    b\r\n",
		"alias.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: h\n  labels: &l\n    a: b\ndata:\n  <<: *l\n  c: d\n",
		"truth.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: i\n  annotations:\n    a: true\n    b: 1\n",
		"local.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: j\n  annotations:\n    config.kubernetes.io/local-config: \"true\"\n",
		"end.yaml":        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: k\n...\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: l\n",
		"start.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n--- {}\n",
		"list.yaml":       "apiVersion: v1\nkind: ConfigMapList\nmetadata:\n  name: n\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: o\n",
		"number.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 123\n  namespace: 4\n",
		"keys.yaml":       "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: p\ndata:\n  1: a\n  true: b\n",
		"tag.yaml":        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: q\nbinaryData:\n  a: !!binary aGVsbG8=\n  b: !!str 1\n",
		"binding.yaml":    "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: r\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: x}\nsubjects:\n- kind: ServiceAccount\n  name: default\n- kind: ServiceAccount\n  name: s\n",
		"account.yaml":    "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: s\n  namespace: there\n",
		"version.yaml":    "kind: ConfigMap\nmetadata:\n  name: t\n",
		"other.yaml":      "apiVersion: v2\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: other\n",
		"service.yaml":    "apiVersion: v1\nkind: Service\nmetadata:\n  name: u\n",
		"knative.yaml":    "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: v\nspec:\n  template: text\n",
		"nothing.yaml":    "# nothing\n",
		"flow.yaml":       "{apiVersion: v1, kind: ConfigMap, metadata: {name: w, annotations: {a: b}}, data: {a: \"${NAME}\", b: \"<&>\"}}\n",
		"json.yaml":       `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"l1"},"data":{"a":"\u00e9\n"}},{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"l2","namespace":"here"},"spec":{"replicas":2,"paused":false}}]}`,
		"typed.yaml":      "apiVersion: v1\nkind: ConfigMapList\nmetadata: {resourceVersion: \"\"}\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: m1}, data: {a: \"1\", b: 'on', c: |-\n  x}}\n",
		"numbers.yaml":    "apiVersion: v1\nkind: ThingList\nitems:\n- {apiVersion: x.test/v1, kind: Thing, metadata: {name: n1}, spec: {a: 12345678901234567, b: 1.0, c: 1e3, d: 0x10, e: 010, f: 2026-01-02, g: -0, h: [~]}}\n",
		"lists.yaml":      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: o1}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: o2}\n",
		"inner.yaml":      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: p1}}]\n",
		"empty.yaml":      "apiVersion: v1\nkind: List\nitems: []\n",
		"functions.yaml":  "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig: {a: b}\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: q1}}]\n",
		"hollow.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: q2, annotations: {}}\ndata: {}\n",
		"null.yaml":       "apiVersion: x.test/v1\nkind: Thing\nmetadata:\n  name: r1\nspec:\n  a: [b, null]\n",
		"spaces.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t1, namespace: one}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: t1, namespace: two}\n",
		"default.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: u1}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: u1, namespace: default}\n",
		"classes.yaml":    "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: v1, namespace: one}\n---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: v1, namespace: two}\n",
	}
	folders := map[string]string{
		"all":       "resources: [" + list(files) + "]\n",
		"namespace": "namespace: set\nresources: [" + list(files) + "]\n",
		"nested":    "namespace: outer\nresources: [inner, service.yaml]\n",
		"twice":     "resources: [config.yaml, ./config.yaml]\n",
		"both":      "resources: [inner, ../nested/inner, release.yaml]\n",
		"no":        "resources: []\nnamespace: x\n",
		"variable":  "namespace: ${NAME}\nresources: [config.yaml]\n",
		"version":   "apiVersion: kustomize.config.k8s.io/v1\nresources: [config.yaml]\n",
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		folders["one-"+name] = "resources: [" + name + "]\n"
		folders["set-"+name] = "namespace: set\nresources: [service.yaml, " + name + "]\n"
	}
	for folder, kustomization := range folders {
		t.Run(folder, func(t *testing.T) {
			fsys := fstest.MapFS{"clusters/a/root.yaml": {Data: []byte(root)},
				"clusters/a/child.yaml": {Data: []byte(
					"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: child, namespace: flux-system}\n" +
						"spec:\n  path: ./" + folder +
						"\n  sourceRef: {kind: GitRepository, name: flux-system}\n  postBuild: {substitute: {NAME: x}}\n")}}
			for name, text := range files {
				fsys[folder+"/"+name] = &fstest.MapFile{Data: []byte(text)}
			}
			for _, inner := range []string{folder, "nested"} {
				fsys[inner+"/inner/kustomization.yaml"] = &fstest.MapFile{
					Data: []byte("namespace: inner\nresources: [config.yaml]\n")}
				fsys[inner+"/inner/config.yaml"] = &fstest.MapFile{Data: []byte(files["config.yaml"])}
			}
			fsys[folder+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte(kustomization)}
			got := text(t, load(t, fsys))
			fsys[folder+"/kustomization.yaml"] = &fstest.MapFile{
				Data: []byte(kustomization + "generatorOptions: {disableNameSuffixHash: true}\n")}
			if want := text(t, load(t, fsys)); got != want {
				t.Errorf("listed:\n%s\nby kustomize:\n%s", got, want)
			}
		})
	}
}

// list is the names of the files that can stand beside one another.
func list(files map[string]string) string {
	names := ""
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch name {
		case "end.yaml", "start.yaml", "truth.yaml", "keys.yaml", "number.yaml", "knative.yaml",
			"numbers.yaml", "null.yaml", "spaces.yaml", "default.yaml", "classes.yaml", "functions.yaml", "inner.yaml":
		default:
			names += name + ", "
		}
	}
	return names
}
