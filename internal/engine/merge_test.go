package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
)

// What is wrong in a folder that clusters share is wrong once, also where the message names the cluster, or a
// Kustomization that each cluster calls in its own way. What is wrong twice in one cluster is said twice.
func TestSharedByClusters(t *testing.T) {
	files := fstest.MapFS{
		"base/policy.yaml": {Data: []byte(
			"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: p, namespace: a}\n" +
				"spec: {resourceSelectors: [{apiVersion: v1, kind: Service}], placement: {replicaScheduling: {replicaSchedulingType: Divided,\n" +
				"  replicaDivisionPreference: Weighted, weightPreference: {staticWeightList: [{targetCluster: {clusterNames: [x]}, weight: 0}]}}}}\n")},
		"base/config.yaml": {Data: []byte(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: a}\ndata: {a: \"${FIRST}\"}\n")},
		"both/config.yaml": {Data: []byte(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, namespace: a}\ndata: {a: \"${SECOND}\"}\n")},
	}
	for i := range 5 {
		name := fmt.Sprint("c", i)
		sync := "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\nspec: {url: \"https://a.test/b\"}\n---\n"
		for _, k := range []struct{ name, path string }{{"flux-system", "clusters/" + name}, {"apps-" + name, "base"},
			{"one", "both"}, {"two-" + name, "both"}} {
			sync += "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: " + k.name +
				", namespace: flux-system}\n" +
				"spec: {interval: 1m, prune: true, path: ./" + k.path +
				", sourceRef: {kind: GitRepository, name: flux-system}"
			if k.path != "clusters/"+name {
				sync += ", targetNamespace: " + k.name + ", postBuild: {substitute: {A: b}}"
			}
			sync += "}\n---\n"
		}
		files["clusters/"+name+"/flux-system/gotk-sync.yaml"] = &fstest.MapFile{Data: []byte(sync)}
	}
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range check(t, e, files, config.Config{}) {
		if slices.Contains([]string{"karmada-object-reaches-karmada", "variables-defined", "weight-at-least-one"},
			f.Rule) {
			got = append(got, fmt.Sprint(f.Place.File, ": ", f.Message, " ", f.Clusters))
		}
	}
	const all = " (in 5 Flux clusters: c0, c1, c2, …) [c0 c1 c2 c3 c4]"
	const undefined = " is not defined, so Flux replaces it with nothing, and from 2.9 on fails the Kustomization" + all
	want := []string{
		`base/config.yaml: variable "FIRST" of Kustomization "apps-c0"` + undefined,
		`base/policy.yaml: Karmada refuses the weight 0, which is less than 1` + all,
		`base/policy.yaml: Flux applies this PropagationPolicy to a cluster that does not serve the kind` + all,
		`both/config.yaml: variable "SECOND" of Kustomization "one"` + undefined,
		`both/config.yaml: variable "SECOND" of Kustomization "two-c0"` + undefined,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
