package fleet

import "testing"

func TestSubjects(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", "a", agent("a")+"\n---"+host+`
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: default}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}`)
	x.apply(t, "a", "a", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: default}")
	x.apply(t, "a", "a/flux-system/karmada-kubeconfig", registration("a", "Pull"))
	x.Kustomizations = []Kustomization{
		{ID: "a/flux-system/apps", Cluster: "a", Namespace: "flux-system", Name: "apps", APIServer: "a"},
		{ID: "a/flux-system/implicit", Cluster: "a", Namespace: "flux-system", Name: "implicit", APIServer: "a",
			Implicit: true},
		{ID: "a/flux-system/broken", Cluster: "a", Namespace: "flux-system", Name: "broken", APIServer: "a",
			Implicit: true, Problems: []BuildProblem{{Kind: "build"}}},
	}
	x.Files = []File{{Path: "clusters/a/apps.yaml"}}
	f := Build(&x.Tree, Declared{})
	got := []string{}
	for _, s := range f.Subjects() {
		line := s.Kind + " " + s.Object.APIServer + " " + s.Object.Name
		in := s.Input
		for _, part := range []struct {
			name string
			set  bool
		}{{"object", in.Object != nil}, {"kustomization", in.Kustomization != nil}, {"member", in.Member != nil},
			{"agent", in.Agent != nil}, {"controlPlane", in.ControlPlane != nil}, {"cluster", in.FluxCluster != nil},
			{"file", in.File != nil}} {
			if part.set {
				line += " " + part.name
			}
		}
		if in.Subject != s.Kind || in.Origin.File != s.Origin.File {
			t.Errorf("%s: input says %s of %s", s.Kind, in.Subject, in.Origin.File)
		}
		got = append(got, line)
	}
	equal(t, "subjects", got, []string{
		"Agent  a/karmada-system/karmada-agent agent",
		"Cluster a a cluster",
		"Cluster.cluster.karmada.io a/flux-system/karmada-kubeconfig a object member",
		"ControlPlane  karmada controlPlane",
		"File  clusters/a/apps.yaml file",
		"HelmRelease.helm.toolkit.fluxcd.io a karmada object controlPlane",
		"HelmRelease.helm.toolkit.fluxcd.io a karmada-agent object agent",
		"Kustomization.kustomize.toolkit.fluxcd.io a apps object kustomization",
		"Kustomization.kustomize.toolkit.fluxcd.io a broken kustomization",
		"Member  a member",
		"Secret a s object",
	})
}

// TestHostileContent builds objects whose fields have the wrong types.
func TestHostileContent(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	for _, manifest := range []string{host, agent("a"), registration("a", "Pull"),
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}",
		"apiVersion: v1\nkind: Service\nmetadata: {name: karmada-apiserver}",
		"apiVersion: operator.karmada.io/v1alpha1\nkind: Karmada\nmetadata: {name: k}"} {
		object := parse(t, "f.yaml", manifest)[0]
		for _, spec := range []any{nil, "text", 1.5, []any{nil, "x", map[string]any{}},
			map[string]any{"$class": "enc"}, map[string]any{
				"chart": []any{1.0}, "valuesFrom": "x", "values": []any{}, "template": 1},
			map[string]any{"chart": map[string]any{"spec": map[string]any{"chart": "karmada", "version": 1.0}},
				"valuesFrom": []any{nil, 1.0, map[string]any{"kind": "Secret", "targetPath": "..["}},
				"values":     map[string]any{"installMode": map[string]any{}}}} {
			o := object
			o.Content = map[string]any{"metadata": spec, "spec": spec}
			o.APIServer, o.Cluster = "a", "a"
			x.Objects = []*Object{o}
			x.Unreached = []*Object{o}
			Build(&x.Tree, Declared{}).Subjects()
		}
	}
}
