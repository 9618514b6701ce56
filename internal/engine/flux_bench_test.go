package engine_test

import (
	"fmt"
	"maps"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// fluxFleet is one Flux cluster with so many Kustomizations of ten objects each, of which each
// waits for the one before.
func fluxFleet(n int) fstest.MapFS {
	files := fstest.MapFS{"clusters/eu/flux-system/gotk-sync.yaml": {Data: []byte(`apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: "https://git.example.test/fleet.git", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m, path: ./clusters/eu, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
`)}}
	files["clusters/eu/source.yaml"] = &fstest.MapFile{Data: []byte(`apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: x, namespace: default}
spec: {interval: 1h, url: "oci://registry.example.test/x", ref: {tag: "1"}}
`)}
	for i := range n {
		files[fmt.Sprintf("clusters/eu/app-%d.yaml", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app-%d, namespace: flux-system}
spec:
  interval: 10m
  path: ./apps/%[1]d
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  dependsOn: [{name: app-%d}]
  postBuild: {substitute: {NAME: "app-%[1]d"}}
`, i, max(i-1, 0)/2)}
		text := ""
		for k := range 9 {
			text += fmt.Sprintf(
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"${NAME}-%d\", namespace: default}\ndata: {a: b, c: \"%[1]d\"}\n---\n", k)
		}
		text += fmt.Sprintf(`apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: app-%d, namespace: default}
spec: {interval: 1h, chartRef: {kind: OCIRepository, name: x, namespace: default}, dependsOn: [{name: app-%d}]}
`, i, max(i-1, 0))
		files[fmt.Sprintf("apps/%d/app.yaml", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// BenchmarkFluxReviews judges changes of Flux's objects in a fleet of 10,000 objects, each another one than the last.
func BenchmarkFluxReviews(b *testing.B) {
	const n = 1000
	e, err := engine.New(b.Context(), engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	start := heap()
	contents, err := loader.Read(b.Context(), fluxFleet(n), loader.Options{})
	if err != nil {
		b.Fatal(err)
	}
	tree, err := contents.Follow(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	tree.Share()
	f := fleet.Build(tree, fleet.Declared{Follower: contents.Follower()})
	contents = nil
	j, err := e.Judge(b.Context(), f)
	if err != nil {
		b.Fatal(err)
	}
	held := heap() - start
	objects := 0
	for _, namespaces := range f.Objects["eu"] {
		for _, names := range namespaces {
			objects += len(names)
		}
	}
	for name, c := range map[string]struct {
		kind string
		edit func(spec map[string]any, i int)
	}{
		"Kustomization/interval": {"Kustomization.kustomize.toolkit.fluxcd.io", func(spec map[string]any, i int) {
			spec["interval"] = fmt.Sprint(i, "m")
		}},
		"Kustomization/path": {"Kustomization.kustomize.toolkit.fluxcd.io", func(spec map[string]any, i int) {
			spec["path"] = fmt.Sprintf("./apps/%d", (i+1)%n)
		}},
		"Kustomization/none": {"Kustomization.kustomize.toolkit.fluxcd.io", func(spec map[string]any, i int) {
			spec["path"] = fmt.Sprintf("./none/%d", i)
		}},
		"Kustomization/dependsOn": {"Kustomization.kustomize.toolkit.fluxcd.io", func(spec map[string]any, i int) {
			spec["dependsOn"] = []any{map[string]any{"name": fmt.Sprint("app-", (i+7)%n)}}
		}},
		"HelmRelease/dependsOn": {"HelmRelease.helm.toolkit.fluxcd.io", func(spec map[string]any, i int) {
			spec["dependsOn"] = []any{map[string]any{"name": fmt.Sprint("app-", i+7)}}
		}},
	} {
		namespace := map[bool]string{true: "flux-system", false: "default"}[name[0] == 'K']
		b.Run(name, func(b *testing.B) {
			b.ReportMetric(float64(objects), "objects")
			b.ReportMetric(held, "MiB-held")
			for i := 0; b.Loop(); i++ {
				o := f.Objects["eu"][c.kind][namespace][fmt.Sprint("app-", i%n)]
				after := maps.Clone(o.Content)
				spec := maps.Clone(after["spec"].(map[string]any))
				c.edit(spec, i)
				after["spec"] = spec
				ref := fleet.ObjectRef{Cluster: "eu", APIServer: "eu", Group: o.Group, Kind: o.Kind,
					Namespace: o.Namespace, Name: o.Name}
				if _, err := j.Introduced(b.Context(), engine.Change{
					Object: ref, Before: o.Content, After: after}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
