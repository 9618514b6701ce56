//go:build !karmada1.16

package failovertest

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/go-logr/logr"
	"github.com/karmada-io/karmada/pkg/apis/cluster"
	"github.com/karmada-io/karmada/pkg/apis/cluster/mutation"
	clusterv1alpha1 "github.com/karmada-io/karmada/pkg/apis/cluster/v1alpha1"
	"github.com/karmada-io/karmada/pkg/apis/cluster/validation"
	"github.com/karmada-io/karmada/pkg/util/gclient"
	"github.com/karmada-io/karmada/pkg/webhook/clusteroverridepolicy"
	"github.com/karmada-io/karmada/pkg/webhook/clusterpropagationpolicy"
	"github.com/karmada-io/karmada/pkg/webhook/clustertaintpolicy"
	"github.com/karmada-io/karmada/pkg/webhook/configuration"
	"github.com/karmada-io/karmada/pkg/webhook/cronfederatedhpa"
	"github.com/karmada-io/karmada/pkg/webhook/federatedhpa"
	"github.com/karmada-io/karmada/pkg/webhook/federatedresourcequota"
	"github.com/karmada-io/karmada/pkg/webhook/multiclusteringress"
	"github.com/karmada-io/karmada/pkg/webhook/multiclusterservice"
	"github.com/karmada-io/karmada/pkg/webhook/overridepolicy"
	"github.com/karmada-io/karmada/pkg/webhook/propagationpolicy"
	"github.com/karmada-io/karmada/pkg/webhook/resourceinterpretercustomization"
	"github.com/karmada-io/karmada/pkg/webhook/work"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	refusal "github.com/rollcall-dev/rollcall/internal/karmada"
)

// handlers are those of karmada-webhook for a kind, in the order in which they are asked.
func handlers() map[string][]admission.Handler {
	scheme := gclient.NewSchema()
	d := admission.NewDecoder(scheme)
	client := fake.NewClientBuilder().WithScheme(scheme).Build()
	return map[string][]admission.Handler{
		"PropagationPolicy": {&propagationpolicy.MutatingAdmission{Decoder: d},
			&propagationpolicy.ValidatingAdmission{Decoder: d}},
		"ClusterPropagationPolicy": {&clusterpropagationpolicy.MutatingAdmission{Decoder: d},
			&clusterpropagationpolicy.ValidatingAdmission{Decoder: d}},
		"OverridePolicy": {&overridepolicy.MutatingAdmission{Decoder: d},
			&overridepolicy.ValidatingAdmission{Decoder: d}},
		"ClusterOverridePolicy": {&clusteroverridepolicy.ValidatingAdmission{Decoder: d}},
		"ClusterTaintPolicy": {&clustertaintpolicy.ValidatingAdmission{
			Decoder: d, AllowNoExecuteTaintPolicy: true}},
		"FederatedResourceQuota": {&federatedresourcequota.ValidatingAdmission{Decoder: d}},
		"FederatedHPA": {&federatedhpa.MutatingAdmission{Decoder: d},
			&federatedhpa.ValidatingAdmission{Decoder: d}},
		"CronFederatedHPA": {&cronfederatedhpa.ValidatingAdmission{Decoder: d}},
		"MultiClusterService": {&multiclusterservice.MutatingAdmission{Decoder: d},
			&multiclusterservice.ValidatingAdmission{Decoder: d}},
		"MultiClusterIngress": {&multiclusteringress.ValidatingAdmission{Decoder: d}},
		"Work":                {&work.MutatingAdmission{Decoder: d}},
		"ResourceInterpreterCustomization": {
			&resourceinterpretercustomization.ValidatingAdmission{Client: client, Decoder: d}},
		"ResourceInterpreterWebhookConfiguration": {&configuration.ValidatingAdmission{Decoder: d}},
	}
}

// asked is what karmada-webhook says of an object that is created; empty where it takes it.
func asked(t *testing.T, of []admission.Handler, object map[string]any, namespace string) string {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	for _, handler := range of {
		request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Operation: admissionv1.Create, Namespace: namespace, Object: runtime.RawExtension{Raw: raw},
		}}
		answer := handler.Handle(context.Background(), request)
		if !answer.Allowed {
			return answer.Result.Message + string(answer.Result.Reason)
		}
		if len(answer.Patches) > 0 {
			text, err := json.Marshal(answer.Patches)
			if err != nil {
				t.Fatal(err)
			}
			patch, err := jsonpatch.DecodePatch(text)
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = patch.Apply(raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ""
}

// TestWebhook holds what is said of objects that the schemas take against karmada-webhook itself.
func TestWebhook(t *testing.T) {
	klog.SetLogger(logr.Discard())
	of := handlers()
	var all []crd
	for _, c := range crds(t, releases[minor]) {
		if of[c.kind] != nil {
			all = append(all, c)
		}
	}
	type count struct{ good, bad int }
	seen := map[string]*count{}
	failed := 0
	for seed := range cases(t) {
		random := rand.New(rand.NewPCG(seed, 23))
		c := all[int(seed)%len(all)]
		m := maker{random: random, wrong: float64(random.IntN(3)) / 40, kind: c.kind}
		object, _ := m.value(c.props, "", 0).(map[string]any)
		object["apiVersion"], object["kind"] = c.apiVersion, c.kind
		metadata := map[string]any{"name": m.pick("my-app", "a", "web")}
		if m.chance(m.wrong) {
			metadata["name"] = m.pick("1app", "my.app", strings.Repeat("a", 70), "App")
		}
		namespace := ""
		if !strings.HasPrefix(c.kind, "Cluster") && !strings.HasPrefix(c.kind, "ResourceInterpreter") {
			namespace = "default"
			metadata["namespace"] = namespace
		}
		object["metadata"] = metadata
		whole := runtime.DeepCopyJSON(object)
		delete(whole, "metadata")
		if len(c.refuses(whole)) > 0 {
			continue
		}
		if seen[c.kind] == nil {
			seen[c.kind] = &count{}
		}
		whole = runtime.DeepCopyJSON(object)
		defaulting.Default(whole, c.structural)
		theirs := asked(t, of[c.kind], whole, namespace)
		ours := refusal.Problems(object, minor)
		if theirs != "" {
			seen[c.kind].bad++
		} else {
			seen[c.kind].good++
		}
		if (theirs != "") != (len(ours) > 0) {
			if failed++; failed <= 12 {
				text, _ := json.Marshal(object)
				t.Errorf("seed %d\n%s\nours    %v\nKarmada %s", seed, text, ours, theirs)
			}
		}
	}
	for kind := range of {
		if n := seen[kind]; n == nil || n.good == 0 || n.bad == 0 {
			t.Errorf("%s: %v of objects that are taken and refused", kind, n)
		} else {
			t.Logf("%s: %d objects are taken, %d refused", kind, n.good, n.bad)
		}
	}
	if failed > 0 {
		t.Errorf("%d differ", failed)
	}
}

// maker makes values for schemas that are mostly right: the faults are those that a schema does not see.
type maker struct {
	random *rand.Rand
	wrong  float64
	kind   string
}

func (m maker) chance(p float64) bool { return m.random.Float64() < p }

func (m maker) pick(of ...any) any { return of[m.random.IntN(len(of))] }

// TestClusters holds what is said of Clusters against the server that has them.
func TestClusters(t *testing.T) {
	good, bad, failed := 0, 0, 0
	for seed := range cases(t) {
		random := rand.New(rand.NewPCG(seed, 25))
		m := maker{random: random, wrong: float64(random.IntN(3)) / 30}
		either := func(right, wrong []any) any {
			if m.chance(m.wrong) {
				return m.pick(wrong...)
			}
			return m.pick(right...)
		}
		spec := map[string]any{"syncMode": either([]any{"Push", "Pull"}, []any{"push", ""})}
		maybe := func(key string, value any) {
			if m.chance(0.4) {
				spec[key] = value
			}
		}
		maybe("apiEndpoint", either([]any{"https://a.b:6443", "http://10.0.0.1", ""},
			[]any{"10.0.0.1:6443", "a.b", "https://u@a", "https://a?x", "%"}))
		maybe("secretRef", map[string]any{"namespace": either([]any{"a"}, []any{""}),
			"name": either([]any{"a"}, []any{""})})
		maybe("impersonatorSecretRef", map[string]any{"namespace": "a", "name": either([]any{"a"}, []any{""})})
		maybe("proxyURL", either([]any{"socks5://a:1", "http://a"}, []any{"ftp://a", "a", "%"}))
		maybe("provider", either([]any{"aws", ""}, []any{"not valid", strings.Repeat("a", 64)}))
		maybe("region", either([]any{"eu"}, []any{"eu/1"}))
		if m.chance(0.5) {
			maybe("zone", either([]any{"a"}, []any{"a b"}))
		} else {
			maybe("zones", []any{either([]any{"a"}, []any{"a b"})})
		}
		if m.chance(m.wrong) {
			spec["zone"], spec["zones"] = "a", []any{"b"}
		}
		taint := func() any {
			return map[string]any{"key": either([]any{"a", "b", "c", "d.e/f"}, []any{"", "a b"}),
				"effect": either([]any{"NoExecute", "NoSchedule"}, []any{"PreferNoSchedule", ""}),
				"value":  either([]any{"", "x"}, []any{"x y"})}
		}
		maybe("taints", []any{taint(), taint()}[:random.IntN(3)])
		step := func(name, from, to any) any { return map[string]any{"name": name, "min": from, "max": to} }
		maybe("resourceModels", either([]any{
			[]any{map[string]any{"grade": int64(0), "ranges": []any{step("cpu", "0", "1"), step("memory", "0", "4Gi")}},
				map[string]any{"grade": int64(1), "ranges": []any{
					step("cpu", "1", "2"), step("memory", "4Gi", "16Gi")}}},
			[]any{map[string]any{"grade": int64(2), "ranges": []any{step("cpu", int64(1), "1")}},
				map[string]any{"grade": int64(1), "ranges": []any{step("cpu", "7", int64(1))}}},
		}, []any{
			[]any{map[string]any{"grade": int64(0), "ranges": []any{step("memory", "0", "4096Mi")}},
				map[string]any{"grade": int64(1), "ranges": []any{step("memory", "4Gi", "16Gi")}}},
			[]any{map[string]any{"grade": int64(0), "ranges": []any{step("cpu", "0", "1")}},
				map[string]any{"grade": int64(0), "ranges": []any{step("cpu", "1", "2")}}},
			[]any{map[string]any{"grade": int64(0), "ranges": []any{step("cpu", "0", "0")}},
				map[string]any{"grade": int64(1), "ranges": []any{step("cpu", "0", "2")}}},
			[]any{map[string]any{"grade": int64(0), "ranges": []any{step("cpu", "0", "1")}},
				map[string]any{"grade": int64(1), "ranges": []any{step("gpu", "1", "2")}}},
			[]any{map[string]any{"grade": int64(0), "ranges": []any{step("cpu", "0", "1")}},
				map[string]any{"grade": int64(1), "ranges": []any{}}},
			[]any{map[string]any{"grade": int64(0), "ranges": []any{step("cpu", "0", "1")}},
				map[string]any{"grade": int64(1), "ranges": []any{step("cpu", "2", "3")}}},
		}))
		object := map[string]any{"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "spec": spec,
			"metadata": map[string]any{"name": either([]any{"member1"},
				[]any{"Member", "a.b", strings.Repeat("a", 49)})}}
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		var asked clusterv1alpha1.Cluster
		var theirs cluster.Cluster
		if err := json.Unmarshal(text, &asked); err != nil {
			t.Fatal(err)
		}
		if err := clusterv1alpha1.Convert_v1alpha1_Cluster_To_cluster_Cluster(&asked, &theirs, nil); err != nil {
			t.Fatal(err)
		}
		mutation.StandardizeClusterResourceModels(theirs.Spec.ResourceModels)
		errs := validation.ValidateCluster(&theirs)
		ours := refusal.Problems(object, minor)
		if len(errs) > 0 {
			bad++
		} else {
			good++
		}
		if (len(errs) > 0) != (len(ours) > 0) {
			if failed++; failed <= 8 {
				t.Errorf("seed %d\n%s\nours    %v\nKarmada %v", seed, text, ours, errs)
			}
		}
	}
	t.Logf("%d are taken, %d refused, %d differ", good, bad, failed)
}
