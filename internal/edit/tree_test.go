package edit_test

import (
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/edit"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// base is a Deployment that two clusters apply.
var base = map[string]string{
	"clusters/a/kustomization.yaml": "resources: [../../base]\n",
	"clusters/b/kustomization.yaml": "resources: [../../base]\n",
	"base/kustomization.yaml":       "resources: [deployment.yaml]\n",
	"base/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: default}\n" +
		"spec: {replicas: 1}\n",
	"clusters/a/flux.yaml": flux("a"),
	"clusters/b/flux.yaml": flux("b"),
}

func flux(name string) string {
	return `
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: https://git.example.test/fleet.git}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m, path: ./clusters/` + name + `, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
`
}

// What Flux applies changes where it is to change, in each cluster, and nowhere else.
func TestVerify(t *testing.T) {
	replicas := fleet.Edit{Origin: fleet.Origin{File: "base/deployment.yaml"}, Field: path("spec", "replicas"),
		Value: int64(2)}
	for _, tt := range []struct {
		name  string
		files map[string]string
		edit  fleet.Edit
		want  string
	}{
		{name: "both clusters", edit: replicas},
		{name: "an item of a List",
			files: map[string]string{"base/deployment.yaml": "apiVersion: v1\nkind: List\nitems:\n" +
				"- {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}\n" +
				"- {apiVersion: apps/v1, kind: Deployment, metadata: {name: app, namespace: default}, spec: {replicas: 1}}\n"},
			edit: fleet.Edit{Origin: fleet.Origin{File: "base/deployment.yaml", Field: path("items", 1)},
				Field: path("spec", "replicas"), Value: int64(2)}},
		{name: "a further object",
			files: map[string]string{"base/other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"},
			edit: fleet.Edit{Origin: fleet.Origin{File: "base/kustomization.yaml"}, Field: path("resources", "-"),
				Value: "other.yaml"}},
		{name: "patched in one cluster",
			files: map[string]string{"clusters/b/kustomization.yaml": "resources: [../../base]\n" +
				"patches: [{target: {kind: Deployment}, patch: '[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 5}]'}]\n"},
			edit: replicas,
			want: `what Flux applies there is not what the file has, by a patch or a variable, in Deployment "app"`},
		{name: "in a build that fails",
			files: map[string]string{
				"clusters/b/kustomization.yaml": "resources: [../../base]\npatches: [{path: none.yaml}]\n"},
			edit: replicas,
			want: `the build that applies Deployment "app" fails, so the effect is not known`},
		{name: "another object takes its value from there",
			files: map[string]string{
				"base/kustomization.yaml": "resources: [deployment.yaml, other.yaml]\nreplacements:\n" +
					"- source: {kind: Deployment, fieldPath: spec.replicas}\n" +
					"  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.replicas]}]\n",
				"base/other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, namespace: default}\ndata: {replicas: \"1\"}\n"},
			edit: replicas,
			want: `ConfigMap "other" changes too`},
		{name: "gone",
			files: map[string]string{"base/other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"},
			edit: fleet.Edit{Origin: fleet.Origin{File: "base/kustomization.yaml"}, Field: path("resources", 0),
				Value: "other.yaml"},
			want: `Deployment "app" is no longer applied by Flux`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for _, from := range []map[string]string{base, tt.files} {
				for name, text := range from {
					files[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			before := load(t, files)
			name := tt.edit.Origin.File
			changed, err := edit.Apply(files[name].Data, []fleet.Edit{tt.edit})
			if err != nil {
				t.Fatal(err)
			}
			files[name] = &fstest.MapFile{Data: changed}
			got := ""
			if err := edit.Verify(before, load(t, files), []fleet.Edit{tt.edit}); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func load(t *testing.T, files fstest.MapFS) *fleet.Tree {
	t.Helper()
	tree, err := loader.Load(t.Context(), files, loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Objects) == 0 {
		t.Fatal("no objects")
	}
	return tree
}
