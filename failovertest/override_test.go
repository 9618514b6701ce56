//go:build !karmada1.16

package failovertest

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"github.com/karmada-io/karmada/pkg/util/gclient"
	"github.com/karmada-io/karmada/pkg/util/overridemanager"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	refusal "github.com/rollcall-dev/rollcall/internal/karmada"
)

// overridden is an object after Karmada's own override manager, or its error.
func overridden(t *testing.T, object, overriders map[string]any) (map[string]any, error) {
	t.Helper()
	policy := &policyv1alpha1.OverridePolicy{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default"}}
	text, err := json.Marshal(map[string]any{"spec": map[string]any{
		"overrideRules": []any{map[string]any{"overriders": overriders}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, policy); err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientBuilder().WithScheme(gclient.NewSchema()).
		WithObjects(policy, &clusterv1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "member1"}}).Build()
	of := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(object)}
	_, _, err = overridemanager.New(client, record.NewFakeRecorder(100)).ApplyOverridePolicies(of, "member1")
	return of.Object, err
}

// TestOverrides holds what is said of overrides against Karmada's override manager: what fails fails there, and what
// does not comes to the same object.
func TestOverrides(t *testing.T) {
	klog.SetLogger(logr.Discard())
	applied, failing, failed := 0, 0, 0
	for seed := range cases(t) / 5 {
		random := rand.New(rand.NewPCG(seed, 24))
		pick := func(of ...any) any { return of[random.IntN(len(of))] }
		object := map[string]any{
			"apiVersion": "apps/v1", "kind": pick("Deployment", "StatefulSet"),
			"metadata": map[string]any{"name": "web", "namespace": "default",
				"labels":      map[string]any{"app": "web", "x.y/z": "1"},
				"annotations": map[string]any{"a": "b", "config": "k: 1\nl: [2, 3]\n", "json": `{"k": [1]}`}},
			"spec": map[string]any{"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "web"}},
				"spec": map[string]any{"nodeSelector": map[string]any{"disk": "ssd"},
					"containers": []any{map[string]any{
						"name": "app", "image": "registry.io/app:1", "env": []any{
							map[string]any{"name": "A", "value": "1"}}}}},
			}},
		}
		path := func() any {
			return pick("/metadata/labels/app", "/metadata/labels/x.y~1z", "/metadata/labels/x.y/z",
				"/metadata/annotations/new", "/metadata/annotations/a",
				"/spec/template/spec/nodeSelector", "/spec/template/spec/nodeSelector/disk",
				"/spec/template/spec/nodeSelector/zone", "/spec/template/spec/volumes",
				"/spec/template/spec/volumes/0", "/spec/template/spec/containers/0/env/-",
				"/spec/template/spec/containers/0/env/0", "/spec/template/spec/containers/0/env/1",
				"/spec/template/spec/containers/0/env/2", "/spec/template/spec/containers/1/image",
				"/spec/template/spec/containers/0/image",
				"/spec/template/spec/containers/0/args", "/spec/template/spec/containers/0/args/0",
				"/spec/template/metadata/labels", "spec/template", "/metadata/labels/app/x")
		}
		overriders := map[string]any{}
		add := func(key string, entry map[string]any) {
			list, _ := overriders[key].([]any)
			overriders[key] = append(list, entry)
		}
		for range random.IntN(3) + 1 {
			operator := pick("add", "remove", "replace")
			switch random.IntN(6) {
			case 0, 1, 2:
				entry := map[string]any{"path": path(), "operator": operator}
				if operator != "remove" {
					entry["value"] = pick("v", map[string]any{"a": "b"}, []any{"x"}, map[string]any{"name": "B"})
				}
				add("plaintext", entry)
			case 3:
				add(pick("labelsOverrider", "annotationsOverrider").(string),
					map[string]any{"operator": operator, "value": map[string]any{
						pick("app", "a", "new", "x.y/z").(string): "2"}})
			case 4:
				patch := map[string]any{"subPath": pick("/k", "/l/0", "/m", "/n/o", ""), "operator": operator}
				if operator != "remove" {
					patch["value"] = "v"
				}
				add("fieldOverrider", map[string]any{"fieldPath": pick(
					"/metadata/annotations/config", "/metadata/annotations/json", "/metadata/annotations/a",
					"/metadata/annotations/none", "/metadata/labels", "/spec/template/spec/containers/0/image"),
					pick("json", "yaml").(string): []any{patch}})
			case 5:
				add("imageOverrider", map[string]any{"component": "Tag", "operator": "replace", "value": "1",
					"predicate": map[string]any{"path": pick("/spec/template/spec/containers/0/image",
						"/spec/template/spec/containers/0/name", "/spec/template/spec/nodeSelector",
						"/spec/template/spec/volumes/image", "/spec/template/spec/containers/x/image")}})
			}
		}
		theirs, err := overridden(t, object, overriders)
		template := refusal.NewTemplate(object)
		var ours []refusal.Effect
		for _, effect := range template.Apply(overriders, nil) {
			if effect.Kind == refusal.Fails {
				ours = append(ours, effect)
			}
		}
		same := (err != nil) == (len(ours) > 0)
		// of those the values do not matter here
		if err == nil && overriders["imageOverrider"] == nil && overriders["fieldOverrider"] == nil {
			same = same && reflect.DeepEqual(theirs, template.Object())
		}
		if err != nil {
			failing++
		} else {
			applied++
		}
		if !same {
			if failed++; failed <= 8 {
				text, _ := json.Marshal(overriders)
				t.Errorf("seed %d\n%s\nours    %v\nKarmada %v\n%v\n%v", seed, text, slices.Concat(ours), err,
					template.Object(), theirs)
			}
		}
	}
	t.Logf("%d are applied, %d fail, %d differ", applied, failing, failed)
}
