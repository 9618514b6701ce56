package fleet

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// fixture is a tree made by hand. The loader's own tests show what real trees become.
type fixture struct{ Tree }

// cluster adds a Flux cluster with an entry point below clusters/; variables are KEY=VALUE.
func (x *fixture) cluster(name string, variables ...string) {
	known := map[string]string{}
	for _, variable := range variables {
		key, text, _ := strings.Cut(variable, "=")
		known[key] = text
	}
	x.Clusters = append(x.Clusters, Cluster{
		Name: name, Entry: "clusters/" + name + "/flux", Declared: true, Variables: known,
		Origin: Origin{File: "clusters/" + name + "/flux/cluster.yaml"},
	})
}

// apply adds the objects of a manifest, as the Kustomization "apps" applies them to an API server of a cluster.
func (x *fixture) apply(t *testing.T, cluster, server, manifest string) {
	t.Helper()
	for i, object := range parse(t, "clusters/"+cluster+"/apps.yaml", manifest) {
		object.Cluster, object.APIServer, object.Kustomization = cluster, server, cluster+"/flux-system/apps"
		object.ID = strings.Join([]string{server, kindOf(*object), object.Namespace, object.Name}, "/")
		object.Origin.Document = i
		x.Objects = append(x.Objects, object)
	}
}

func parse(t *testing.T, file, manifest string) []*Object {
	t.Helper()
	objects := []*Object{}
	for i, text := range strings.Split(manifest, "\n---\n") {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(text), &content); err != nil {
			t.Fatalf("parse %s: %v", file, err)
		}
		group, _, hasGroup := strings.Cut(textAt(content, "apiVersion"), "/")
		if !hasGroup {
			group = ""
		}
		objects = append(objects, &Object{
			Group: group, Kind: textAt(content, "kind"), Content: content, Origin: Origin{File: file, Document: i},
			Namespace: textAt(content, "metadata", "namespace"), Name: textAt(content, "metadata", "name"),
		})
	}
	return objects
}

// agent is an agent's release as people write it, all in values.
func agent(name string) string {
	return `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: karmada-agent, namespace: karmada-system}
spec:
  chart: {spec: {chart: karmada, version: 1.18.2, sourceRef: {kind: HelmRepository, name: karmada}}}
  values:
    installMode: agent
    agent: {clusterName: "` + name + `", kubeconfig: {server: "https://karmada.example.test:5443"}}`
}

const host = `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: karmada, namespace: karmada-system}
spec:
  chart: {spec: {chart: karmada, version: 1.18.2, sourceRef: {kind: HelmRepository, name: karmada}}}`

func registration(name, mode string) string {
	return `
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: ` + name + `, labels: {env: prod}}
spec: {syncMode: ` + mode + `, provider: metal, region: north, zones: [a, b]}`
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n got  %+v\n want %+v", what, got, want)
	}
}

func TestEmptyTreeHasNoNull(t *testing.T) {
	x := fixture{}
	x.Clusters = []Cluster{{Name: "a"}}
	x.Kustomizations = []Kustomization{{ID: "a/b/c", Cluster: "a", APIServer: "a", Problems: []BuildProblem{{}}}}
	x.Files = []File{{Path: "f.yaml", Documents: []Document{{Encryption: &Encryption{}}}}, {Path: "g.yaml"}}
	x.apply(t, "a", "a", host)
	x.apply(t, "a", "a", agent("a"))
	text, err := json.Marshal(Build(&x.Tree, Declared{}))
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.Index(string(text), ":null"); i >= 0 {
		t.Errorf("the facts have a null: …%s…", text[max(0, i-40):i+5])
	}
}

func TestObjectsKeepTheFirstKustomization(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", "a", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: default}")
	x.apply(t, "a", "a", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: default}")
	x.Objects[0].Kustomization = "a/flux-system/z"
	f := Build(&x.Tree, Declared{})
	equal(t, "kinds", slices.Sorted(maps.Keys(f.Objects["a"])), []string{"Secret"})
	equal(t, "kustomization", f.Objects["a"]["Secret"]["default"]["s"].Kustomization, "a/flux-system/apps")
}

func TestKnownVersion(t *testing.T) {
	for text, want := range map[string]string{
		"1.15.0": "1.15.0", "v1.18.2": "1.18.2", "=1.2.3": "1.2.3", "1.19.0-rc.0": "1.19.0-rc.0", "1.15.x": "1.15",
		"1.15.*": "1.15", "1.15": "1.15", "~1.15.2": "1.15", "~1.15": "1.15", "^1.15.0": "", ">=1.15.0": "", "1.x": "",
		"*": "", "": "", "latest": "", "${VERSION}": "", "v1.15.0@sha256:abc": "1.15.0", "1.15.0 - 1.16.0": "",
	} {
		if got := knownVersion(text); got != want {
			t.Errorf("knownVersion(%q) = %q, want %q", text, got, want)
		}
	}
}
