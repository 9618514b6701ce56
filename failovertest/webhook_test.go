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
		"PropagationPolicy":        {&propagationpolicy.MutatingAdmission{Decoder: d}, &propagationpolicy.ValidatingAdmission{Decoder: d}},
		"ClusterPropagationPolicy": {&clusterpropagationpolicy.MutatingAdmission{Decoder: d}, &clusterpropagationpolicy.ValidatingAdmission{Decoder: d}},
		"OverridePolicy":           {&overridepolicy.MutatingAdmission{Decoder: d}, &overridepolicy.ValidatingAdmission{Decoder: d}},
		"ClusterOverridePolicy":    {&clusteroverridepolicy.ValidatingAdmission{Decoder: d}},
		"ClusterTaintPolicy":       {&clustertaintpolicy.ValidatingAdmission{Decoder: d, AllowNoExecuteTaintPolicy: true}},
		"FederatedResourceQuota":   {&federatedresourcequota.ValidatingAdmission{Decoder: d}},
		"FederatedHPA":             {&federatedhpa.MutatingAdmission{Decoder: d}, &federatedhpa.ValidatingAdmission{Decoder: d}},
		"CronFederatedHPA":         {&cronfederatedhpa.ValidatingAdmission{Decoder: d}},
		"MultiClusterService":      {&multiclusterservice.MutatingAdmission{Decoder: d}, &multiclusterservice.ValidatingAdmission{Decoder: d}},
		"MultiClusterIngress":      {&multiclusteringress.ValidatingAdmission{Decoder: d}},
		"Work":                     {&work.MutatingAdmission{Decoder: d}},
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
