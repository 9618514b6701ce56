//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

const (
	// base is the fleet that others are made of, and karmada its Karmada API server.
	base    = "testdata/fleet"
	karmada = "talos-ottawa/karmada-system/karmada-kubeconfig"
	control = "clusters/talos-ottawa/apps/karmada-system"
	rule    = "policy-names-members" // that is broken in bad reviews
)

// sorts are those of the reviews: of a policy that places objects otherwise, about which most rules have something to
// say; of the same changes as Flux asks about them, in dry runs and then for good; of a policy that says otherwise
// what few rules look at; of one of 1 MiB; and of one that stays as it is, which is what an API server asks whenever
// Flux applies a policy again.
var sorts = []string{"placement", "by Flux", "conflict", "1 MiB", "unchanged"}

const (
	// different is how many reviews of a sort differ: more than anyone remembers.
	different = 6000
	// applied is how many policies Flux applies at once.
	applied = 100
)

// questions are a fleet and what is asked about it.
type questions struct {
	dir, data         string // the tree, and what OPA loads
	objects, policies int
	// sets are the questions of each of sorts.
	sets [][]question
}

// question is one change of a policy, as each server is asked about it.
type question struct {
	review, input []byte
	// wrong: the policy names a member that is none.
	wrong bool
}

// prepare makes a tree of about n objects, five for each application, and the questions about it.
func prepare(ctx context.Context, n int, dir string) (*questions, error) {
	q := &questions{dir: filepath.Join(dir, "fleet"), data: filepath.Join(dir, "data")}
	if err := os.CopyFS(q.dir, os.DirFS(base)); err != nil {
		return nil, err
	}
	if err := writeApps(q.dir, n/5); err != nil {
		return nil, err
	}
	fsys, err := loader.Open(q.dir)
	if err != nil {
		return nil, err
	}
	c := checkout.Checkout{FS: fsys, Name: q.dir, Date: time.Now().UTC().Format(time.DateOnly)}
	if err := c.Configure(fsys, config.Name); err != nil {
		return nil, err
	}
	e, err := c.Rules(ctx, nil)
	if err != nil {
		return nil, err
	}
	f, err := c.Fleet(ctx)
	if err != nil {
		return nil, err
	}
	for _, kinds := range f.Objects {
		for _, namespaces := range kinds {
			for _, names := range namespaces {
				q.objects += len(names)
			}
		}
	}
	q.policies = len(f.Policies)
	for _, ask := range []func(*fleet.Fleet, int, int) (question, error){placement, conflict, large, unchanged} {
		var set []question
		for i := range different {
			one, err := ask(f, i%(n/5), i)
			if err != nil {
				return nil, err
			}
			set = append(set, one)
			if len(one.review) > 1<<20 && len(set) == 20 {
				break
			}
		}
		q.sets = append(q.sets, set)
	}
	q.sets = slices.Insert(q.sets, 1, twice(q.sets[0]))
	return q, q.forOPA(f, e)
}

// twice are questions as Flux asks them.
func twice(set []question) (all []question) {
	for once := range slices.Chunk(set, applied) {
		all = append(append(all, once...), once...)
	}
	return all
}

// forOPA writes the facts, and what asks the rules about a policy's kind: the same that rollcall-webhook evaluates.
func (q *questions) forOPA(f *fleet.Fleet, e *engine.Engine) error {
	facts, err := engine.Facts(f)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{"fleet": facts})
	if err != nil {
		return err
	}
	text := "package bench\n"
	for _, kind := range []string{"PropagationPolicy", "OverridePolicy"} {
		for _, r := range e.Rules() {
			if r.Admission != engine.AdmissionNever && slices.Contains(r.Subjects, kind+".policy.karmada.io") {
				text += fmt.Sprintf(
					"\nfound contains %q if {\n\tinput.object.kind == %q\n\tcount(data.rules[%[1]q].violation) > 0\n}\n", r.ID, kind)
			}
		}
	}
	if err := os.Mkdir(q.data, 0o755); err != nil {
		return err
	}
	return errors.Join(write(text, q.data, "bench.rego"), write(string(data), q.data, "data.json"))
}

// group is how many applications a Flux Kustomization applies: kustomize takes the square of it.
const group = 20

// writeApps writes applications, each into a file of its own.
func writeApps(dir string, n int) error {
	var fluxs string
	for first := 0; first < n; first += group {
		folder := path.Join(control, "bench", nameOf(first))
		list := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: test-failover\nresources:\n"
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(folder)), 0o755); err != nil {
			return err
		}
		for i := first; i < min(first+group, n); i++ {
			name := nameOf(i)
			list += "  - " + name + ".yaml\n"
			if err := write(strings.ReplaceAll(app, "NAME", name), dir, folder, name+".yaml"); err != nil {
				return err
			}
		}
		if err := write(list, dir, folder, "kustomization.yaml"); err != nil {
			return err
		}
		fluxs += strings.NewReplacer("NAME", nameOf(first), "FOLDER", folder).Replace(flux)
	}
	list := filepath.Join(dir, filepath.FromSlash(control), "kustomization.yaml")
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	return errors.Join(write(string(text)+"  - ks-bench.yaml\n", dir, control, "kustomization.yaml"),
		write(fluxs, dir, control, "ks-bench.yaml"))
}

func write(text string, names ...string) error {
	return os.WriteFile(filepath.Join(names...), []byte(text), 0o600)
}

func nameOf(i int) string { return fmt.Sprintf("app-%05d", i) }

const flux = `---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: NAME, namespace: karmada-system}
spec:
  interval: 30m
  retryInterval: 1m
  timeout: 5m
  path: ./FOLDER
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}
  kubeConfig: {secretRef: {name: karmada-kubeconfig, key: kubeconfig}}
  dependsOn: [{name: karmada-apps}]
`

const app = `apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, labels: {app: NAME}}
spec:
  replicas: 3
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
        - name: app
          image: ghcr.io/stefanprodan/podinfo:6.9.2
          envFrom: [{configMapRef: {name: NAME}}]
          ports: [{name: http, containerPort: 9898}]
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec:
  selector: {app: NAME}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME}
data: {PODINFO_UI_MESSAGE: hello}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: NAME}
spec:
  resourceSelectors:
    - {apiVersion: apps/v1, kind: Deployment, name: NAME}
    - {apiVersion: v1, kind: Service, name: NAME}
  propagateDeps: true
  placement:
    clusterAffinity: {clusterNames: [ottawa, robbinsdale, stpetersburg]}
    replicaScheduling:
      replicaSchedulingType: Divided
      replicaDivisionPreference: Weighted
      weightPreference:
        staticWeightList:
          - {targetCluster: {clusterNames: [ottawa]}, weight: 31}
          - {targetCluster: {clusterNames: [robbinsdale]}, weight: 6}
          - {targetCluster: {clusterNames: [stpetersburg]}, weight: 1}
---
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: NAME}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: NAME}]
  overrideRules:
    - targetCluster: {clusterNames: [stpetersburg]}
      overriders:
        imageOverrider: [{component: Registry, operator: replace, value: mirror.stpetersburg.example.com}]
`

// placement asks about a PropagationPolicy of which the weights change.
func placement(f *fleet.Fleet, app, i int) (question, error) {
	return ask(f, "PropagationPolicy", app, i, func(spec map[string]any, wrong bool) {
		name := "ottawa"
		if wrong {
			name = "paris"
		}
		weights := map[string]any{"staticWeightList": []any{
			map[string]any{"targetCluster": map[string]any{"clusterNames": []any{name}}, "weight": 37},
			map[string]any{"targetCluster": map[string]any{"clusterNames": []any{"robbinsdale"}}, "weight": 6},
			map[string]any{"targetCluster": map[string]any{"clusterNames": []any{"stpetersburg"}}, "weight": 1},
		}}
		spec["placement"].(map[string]any)["replicaScheduling"].(map[string]any)["weightPreference"] = weights
	})
}

// conflict asks about a PropagationPolicy of which conflictResolution changes.
func conflict(f *fleet.Fleet, app, i int) (question, error) {
	return ask(f, "PropagationPolicy", app, i, func(spec map[string]any, wrong bool) {
		spec["conflictResolution"] = "Overwrite"
		if wrong {
			spec["placement"].(map[string]any)["clusterAffinity"] = map[string]any{
				"clusterNames": []any{"ottawa", "robbinsdale", "stpetersburg", "paris"}}
		}
	})
}

// large asks about an OverridePolicy that is given 1 MiB to write into a field.
func large(f *fleet.Fleet, app, i int) (question, error) {
	return ask(f, "OverridePolicy", app, i, func(spec map[string]any, wrong bool) {
		cluster := "stpetersburg"
		if wrong {
			cluster = "paris"
		}
		spec["overrideRules"] = append(spec["overrideRules"].([]any), map[string]any{
			"targetCluster": map[string]any{"clusterNames": []any{cluster}},
			"overriders": map[string]any{"annotationsOverrider": []any{map[string]any{"operator": "add",
				"value": map[string]any{"example.com/note": strings.Repeat(
					"As it was in the beginning. ", 1<<20/28)}}}},
		})
	})
}

// unchanged asks about a PropagationPolicy of which nothing changes.
func unchanged(f *fleet.Fleet, app, i int) (question, error) {
	return ask(f, "PropagationPolicy", app, i, nil)
}

// ask is about an application's policy as edit changes it, nil for not at all; each fifth change is wrong. No two
// changes are the same: each has a finalizer of its own, which no rule looks at.
func ask(f *fleet.Fleet, kind string, app, i int, edit func(spec map[string]any, wrong bool)) (q question, err error) {
	ref := fleet.ObjectRef{APIServer: karmada, Group: "policy.karmada.io", Kind: kind, Namespace: "test-failover",
		Name: nameOf(app)}
	object, ok := f.ObjectOf(ref)
	if !ok {
		return q, fmt.Errorf("the fleet has no %s %s", kind, ref.Name)
	}
	before, err := json.Marshal(object.Content)
	if err != nil {
		return q, err
	}
	var content map[string]any
	if err := json.Unmarshal(before, &content); err != nil {
		return q, err
	}
	if edit != nil {
		q.wrong = i%5 == 0
		edit(content["spec"].(map[string]any), q.wrong)
		content["metadata"].(map[string]any)["finalizers"] = []any{fmt.Sprintf("example.com/change-%d", i)}
	}
	after, err := json.Marshal(content)
	if err != nil {
		return q, err
	}
	resource := map[string]string{"PropagationPolicy": "propagationpolicies",
		"OverridePolicy": "overridepolicies"}[kind]
	q.review, err = json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID:       types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i)),
			Kind:      metav1.GroupVersionKind{Group: ref.Group, Version: "v1alpha1", Kind: kind},
			Operation: admissionv1.Update,
			Resource:  metav1.GroupVersionResource{Group: ref.Group, Version: "v1alpha1", Resource: resource},
			Namespace: ref.Namespace, Name: ref.Name,
			Object: runtime.RawExtension{Raw: after}, OldObject: runtime.RawExtension{Raw: before},
		},
	})
	if err != nil {
		return q, err
	}
	changed, _ := f.With(ref, content)
	subject, ok := changed.SubjectAt(fleet.Path{"objects", ref.APIServer, fleet.GroupKind(ref.Group, ref.Kind),
		ref.Namespace, ref.Name})
	if !ok {
		return q, fmt.Errorf("%s %s is no subject", kind, ref.Name)
	}
	q.input, err = json.Marshal(map[string]any{"input": subject.Input})
	return q, err
}
