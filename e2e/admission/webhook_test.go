package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// good is a policy that nothing is wrong with, bad one that names no member.
func good(name string) *unstructured.Unstructured { return naming(name, "ottawa") }
func bad(name string) *unstructured.Unstructured  { return naming(name, "paris") }

// naming is a policy for one cluster, in the namespace default.
func naming(name, cluster string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
		"metadata": map[string]any{"name": name, "namespace": "default"},
		"spec": map[string]any{
			"resourceSelectors": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": name}},
			"placement":         map[string]any{"clusterAffinity": map[string]any{"clusterNames": []any{cluster}}},
		},
	}}
}

// read is a file of testdata.
func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestWebhook installs the webhook as deploy/ has it, and does to it what may happen to it.
func TestWebhook(t *testing.T) {
	old := bad("old")
	old.SetFinalizers([]string{"example.com/hold"})
	text, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	i := install(t, string(text)+"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: test-failover}\n")
	t.Run("seed", i.seed)
	t.Run("operations", i.operations)
	t.Run("old faults", i.oldFaults)
	t.Run("ciphertext", i.ciphertext)
	t.Run("clusters", i.clusters)

	i.failClosed(t)
	t.Run("fleet changes", i.fleetChanges)
	t.Run("broken revisions", i.brokenRevisions)
	t.Run("certificate is rotated", i.certificateRotated)
	t.Run("replica is stopped", i.replicaStopped)
	t.Run("replica is killed", i.replicaKilled)
	t.Run("API server is restarted", i.apiServerRestarted)
	t.Run("certificate is lost", i.certificateLost)
	t.Run("policy and member in one commit", i.policyAndMember) // after which there are Events about that member
}

// seed applies the seed's policy with one fault mended after the other: each is refused by whoever must.
func (i *installation) seed(t *testing.T) {
	const file = "clusters/talos-ottawa/apps/karmada-system/test-failover/propagationpolicy.yaml"
	data, right := read(t, "seed/"+file), read(t, "fleet/"+file)
	edit := func(text string, replace ...string) string {
		for n := 0; n < len(replace); n += 2 {
			if !strings.Contains(text, replace[n]) {
				t.Fatalf("the policy has no %q", replace[n])
			}
			text = strings.Replace(text, replace[n], replace[n+1], 1)
		}
		return text
	}
	positive := strings.ReplaceAll(data, "weight: 0", "weight: 1")
	const schema, karmada = "is invalid: ", `admission webhook "propagationpolicy.karmada.io" denied the request: `
	const rollcall = `admission webhook "policies.rollcall.dev" denied the request: `
	for _, test := range []struct{ name, policy, by, says string }{
		{"as it is", data, schema, "staticWeightList[1].weight in body should be greater than or equal to 1"},
		{"without dependencies", edit(right, "  propagateDeps: true\n", ""), karmada,
			"application failover is set, propagateDeps must be true"},
		{"with constraints", edit(positive, "spec:\n", "spec:\n  propagateDeps: true\n"), rollcall,
			"spread-not-ignored"},
		{"with weights that tie", edit(right, "weight: 31", "weight: 1", "weight: 6", "weight: 1"), rollcall,
			"weights-encode-order"},
		{"with a misspelt member", edit(right, "- robbinsdale", "- robinsdale"), rollcall, "policy-names-members"},
		{"done right", right, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := controlplane.Objects(t, test.policy)[0]
			o.SetNamespace("test-failover")
			err := i.writer.Create(t.Context(), o, client.DryRunAll)
			switch {
			case test.by == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.by != "" && (err == nil || !strings.Contains(err.Error(), test.by) ||
				!strings.Contains(err.Error(), test.says)):
				t.Errorf("the answer is %v, not %q by %q", err, test.says, test.by)
			}
		})
	}
}

// operations are all ways to write.
func (i *installation) operations(t *testing.T) {
	ctx := t.Context()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	mustNot := func(what string, err error) {
		t.Helper()
		if !refused(err, policies, "policy-names-members") {
			t.Errorf("%s: %v", what, err)
		}
	}
	exists := func(name string) bool {
		t.Helper()
		_, err := i.Get(ctx, "policy.karmada.io/v1alpha1", "PropagationPolicy", "default", name)
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		return err == nil
	}

	err := i.writer.Create(ctx, bad("created"))
	mustNot("create", err)
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.Fatalf("%v has no status", err)
	}
	got := *status.Status().Details
	got.UID = ""
	want := metav1.StatusDetails{Group: "policy.karmada.io", Kind: "PropagationPolicy", Name: "created",
		Causes: []metav1.StatusCause{{
			Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.placement.clusterAffinity.clusterNames[0]",
			Message: `no member cluster is called "paris" [policy-names-members]`}}}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("details\n%+v instead of\n%+v", got, want)
	}

	must("dry run", i.writer.Create(ctx, good("dry"), client.DryRunAll))
	mustNot("dry run", i.writer.Create(ctx, bad("dry"), client.DryRunAll))
	if exists("dry") || exists("created") {
		t.Error("what was refused, or not meant, is there")
	}

	policy := good("written")
	must("create", i.writer.Create(ctx, policy))
	placed := policy.DeepCopy()
	if err := unstructured.SetNestedStringSlice(placed.Object, []string{"ottawa", "paris"}, "spec", "placement",
		"clusterAffinity", "clusterNames"); err != nil {
		t.Fatal(err)
	}
	mustNot("update", i.writer.Update(ctx, placed.DeepCopy()))
	mustNot("merge patch", i.writer.Patch(ctx, policy.DeepCopy(), client.RawPatch(types.MergePatchType,
		[]byte(`{"spec":{"placement":{"clusterAffinity":{"clusterNames":["paris"]}}}}`))))
	mustNot("apply", i.TryApply(ctx, bad("written")))
	mustNot("apply what is not there", i.TryApply(ctx, bad("applied")))
	must("apply", i.TryApply(ctx, good("applied")))
	must("update", i.writer.Update(ctx, policy))

	must("delete", i.writer.Delete(ctx, good("applied")))
	for _, name := range []string{"one", "two"} {
		o := good(name)
		o.SetLabels(map[string]string{"in": "collection"})
		must("create", i.writer.Create(ctx, o))
	}
	must("delete a collection", i.writer.DeleteAllOf(ctx, good(""), client.InNamespace("default"),
		client.MatchingLabels{"in": "collection"}))
	// Karmada holds a policy by a finalizer of its own, which a controller would take off.
	for _, name := range []string{"applied", "one", "two", "written"} {
		if name != "written" && exists(name) {
			must("take the finalizers off", i.writer.Patch(ctx, good(name),
				client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
		}
		if exists(name) != (name == "written") {
			t.Errorf("%s is there: %t", name, exists(name))
		}
	}

	// What is wrong once an object is gone is somebody else's fault by then: it is told, and nothing is refused.
	o := i.Apply(t, read(t, "fleet/clusters/talos-ottawa/apps/karmada-system/karmada-apps/clustertaintpolicy.yaml"))[0]
	i.warnings.take()
	must("delete the taint policy", i.writer.Delete(ctx, o))
	if said := i.warnings.take(); !slices.ContainsFunc(said, func(s string) bool {
		return strings.Contains(s, "cluster-failover-armed")
	}) {
		t.Errorf("deleting the taint policy warns of %q", said)
	}
}

// oldFaults are no reason to refuse what has nothing to do with them.
func (i *installation) oldFaults(t *testing.T) {
	ctx := t.Context()
	patch := func(text string) error {
		return i.writer.Patch(ctx, bad("old"), client.RawPatch(types.MergePatchType, []byte(text)))
	}
	for _, text := range []string{
		`{"metadata":{"labels":{"team":"platform"}}}`,
		`{"metadata":{"annotations":{"team":"platform"}}}`,
		`{"spec":{"priority":3}}`,
	} {
		if err := patch(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := patch(`{"spec":{"placement":{"clusterAffinity":{"clusterNames":["paris","rome"]}}}}`); !refused(
		err, policies, `"rome"`) || strings.Contains(err.Error(), `"paris"`) {
		t.Errorf("a new fault beside an old one: %v", err)
	}
	if err := patch(
		`{"metadata":{"annotations":{"rollcall.dev/ignore":"policy-names-members: they join tomorrow"}},"spec":{"placement":{"clusterAffinity":{"clusterNames":["paris","rome"]}}}}`); err != nil {
		t.Errorf("an exception in the same request: %v", err)
	}
	if err := i.writer.Delete(ctx, bad("old")); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := patch(`{"metadata":{"finalizers":null,"annotations":null}}`); err != nil {
		t.Errorf("take the finalizers off: %v", err)
	}
	if _, err := i.Get(ctx, "policy.karmada.io/v1alpha1", "PropagationPolicy", "default", "old"); !apierrors.IsNotFound(
		err) {
		t.Errorf("it is still there: %v", err)
	}
}

// ciphertext is what Flux applies where it does not decrypt.
func (i *installation) ciphertext(t *testing.T) {
	secret := func(name, value string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			Data: map[string][]byte{"token": []byte(value)}}
	}
	const encrypted = "ENC[AES256_GCM,data:cm9sbGNhbGw=,iv:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]"
	// A text before it moves the ciphertext to another place among the letters of base64.
	for _, before := range []string{"", "a", "ab", "abc"} {
		err := i.writer.Create(t.Context(), secret("encrypted", before+encrypted), client.DryRunAll)
		if before == "" != refused(err, ciphertext, "secret-arrives-decrypted") {
			t.Errorf("after %q: %v", before, err)
		}
	}
	if err := i.writer.Create(t.Context(), secret("decrypted", "rollcall"), client.DryRunAll); err != nil {
		t.Error(err)
	}
}

// clusters are watched, since no webhook is asked about them: a member that is registered by hand is one.
func (i *installation) clusters(t *testing.T) {
	ctx := t.Context()
	if err := i.writer.Create(ctx, naming("far", "halifax"), client.DryRunAll); !refused(
		err, policies, "policy-names-members") {
		t.Fatalf("a policy for a cluster that is none: %v", err)
	}
	cluster := controlplane.Objects(t, `
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: halifax}
spec: {syncMode: Pull, id: 4711-halifax, apiEndpoint: "https://halifax.example.com:6443"}
`)[0]
	if err := i.writer.Create(ctx, cluster); err != nil {
		t.Fatal(err)
	}
	i.await(t, "the new member to be known", func(ctx context.Context) error {
		return i.writer.Create(ctx, naming("far", "halifax"), client.DryRunAll)
	})

	// It has no agent in Git, and three agents in Git never came.
	want := []string{
		"Cluster halifax",
		"Cluster ottawa",
		"Cluster robbinsdale",
		"Cluster stpetersburg",
	}
	i.await(t, "Events about members", func(ctx context.Context) error {
		var events corev1.EventList
		if err := i.Client.List(ctx, &events, client.InNamespace("default")); err != nil {
			return err
		}
		var about, said []string
		for _, e := range events.Items {
			if e.Source.Component == account {
				about = append(about, e.InvolvedObject.Kind+" "+e.InvolvedObject.Name)
				said = append(said, e.Message)
			}
		}
		slices.Sort(about)
		if got := slices.Compact(about); !slices.Equal(got, want) {
			return fmt.Errorf("there are some about %q: %q", got, said)
		}
		// One replica speaks, not both.
		if slices.Sort(said); len(slices.Compact(slices.Clone(said))) != len(said) {
			t.Errorf("said twice: %q", said)
		}
		return nil
	})

	verify := exec.CommandContext(ctx, "go", "run", ".", "verify", "--karmada-kubeconfig", i.Kubeconfig,
		"testdata/fleet")
	verify.Dir = filepath.Dir(testdata)
	out, err := verify.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("rollcall verify: %v", err)
	}
	for _, name := range []string{"halifax", "ottawa", "robbinsdale", "stpetersburg"} {
		if !strings.Contains(string(out), name) {
			t.Errorf("rollcall verify does not name %s:\n%s", name, out)
		}
	}
	t.Logf("rollcall verify says:\n%s", out)

	if err := i.writer.Delete(ctx, cluster); err != nil {
		t.Fatal(err)
	}
	if err := i.writer.Patch(ctx, cluster, client.RawPatch(
		types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	i.await(t, "the member to be forgotten", func(ctx context.Context) error {
		if err := i.writer.Create(ctx, naming("far", "halifax"), client.DryRunAll); !refused(
			err, policies, "policy-names-members") {
			return fmt.Errorf("the API server says: %v", err)
		}
		return nil
	})
}
