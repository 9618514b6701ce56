package karmada

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// TestFacts sees what the rules claim of Karmada; each part has the name of its rule. The control plane is as the Helm
// chart has it by default: without the feature gate PropagateDeps.
func TestFacts(t *testing.T) {
	c := controlplane.Start(t, controlplane.Options{Members: members[:2],
		FeatureGates: map[string]bool{"PropagateDeps": false}})
	facts := fact{c}
	t.Run("spread-sets-max-groups", facts.spreadSetsMaxGroups)
	t.Run("spread-by-cluster-or-region", facts.spreadByClusterOrRegion)
	t.Run("scheduler-exists", facts.schedulerExists)
	t.Run("dependent-overrides-exist", facts.dependentOverridesExist)
	t.Run("policy-active", facts.policyActive)
	t.Run("object-owned-once", facts.objectOwnedOnce)
	t.Run("dependencies-propagate", facts.dependenciesPropagate)
	t.Run("agents", facts.agents)
	t.Run("override-applies", facts.overrideApplies)
	t.Run("webhook-sees-its-objects", facts.webhookSeesItsObjects)
}

// fact is what the rules' facts are seen on.
type fact struct{ *controlplane.ControlPlane }

const everywhere = `
  placement: {clusterAffinity: {clusterNames: [ottawa, robbinsdale]}, replicaScheduling: {replicaSchedulingType: Duplicated}`

// app applies a Deployment of three replicas with a policy, both called app, to a namespace called like the test.
func (f fact) app(t *testing.T, spec string) (namespace string) {
	t.Helper()
	namespace = strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:])
	f.Apply(t, fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", namespace)+
		deployment(namespace, "app", 3)+policy(namespace, "app", spec))
	return namespace
}

// awaitBinding waits until the binding of the application is as it should be.
func (f fact) awaitBinding(t *testing.T, namespace, what string, check func(binding) bool) {
	t.Helper()
	controlplane.Await(t, what, f.binding(namespace, check))
}

func (f fact) binding(namespace string, check func(binding) bool) func(context.Context) error {
	return func(ctx context.Context) error {
		all, err := bindings(ctx, f.ControlPlane, namespace, "app")
		if err != nil {
			return err
		}
		if len(all) != 1 || !check(all[0]) {
			return fmt.Errorf("bindings are %+v", all)
		}
		return nil
	}
}

// unscheduled tells of a binding that the scheduler has given up, with such a message.
func unscheduled(message string) func(binding) bool {
	return func(b binding) bool {
		return len(b.Spec.Clusters) == 0 && strings.Contains(b.condition("Scheduled", "False"), message)
	}
}

// on tells of a binding that is scheduled to the clusters.
func on(clusters ...string) func(binding) bool {
	return func(b binding) bool { return slices.Equal(b.names(), clusters) }
}

// condition is the message of the condition, where it has the status.
func (b *binding) condition(kind, status string) string {
	for _, c := range b.Status.Conditions {
		if c.Type == kind && c.Status == status {
			return c.Message
		}
	}
	return ""
}

// has tells whether the member has the application's Deployment, with three replicas.
func (f fact) has(member, namespace string, want bool) func(context.Context) error {
	return func(ctx context.Context) error {
		n, err := f.replicas(ctx, member, namespace)
		if err == nil && (n == 3) != want {
			err = fmt.Errorf("%s has %d replicas", member, n)
		}
		return err
	}
}

func (f fact) replicas(ctx context.Context, member, namespace string) (int, error) {
	var d appsv1.Deployment
	if err := f.Members[member].Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "app"}, &d); err != nil {
		return 0, client.IgnoreNotFound(err)
	}
	return int(*d.Spec.Replicas), nil
}

func (f fact) spreadSetsMaxGroups(t *testing.T) {
	namespace := f.app(t, everywhere+`, spreadConstraints: [{spreadByField: cluster, minGroups: 1}]}`)
	f.awaitBinding(t, namespace, "the scheduler to give up", unscheduled("no clusters available to schedule"))
}

func (f fact) spreadByClusterOrRegion(t *testing.T) {
	namespace := f.app(t, everywhere+`, spreadConstraints: [{spreadByLabel: tier, minGroups: 1, maxGroups: 1}]}`)
	f.awaitBinding(t, namespace, "the scheduler to give up",
		unscheduled("just support cluster and region spread constraint"))
}

func (f fact) schedulerExists(t *testing.T) {
	namespace := f.app(t, everywhere+"}\n  schedulerName: other")
	untouched := func(b binding) bool { return len(b.Spec.Clusters) == 0 && len(b.Status.Conditions) == 0 }
	f.awaitBinding(t, namespace, "a binding", untouched)
	controlplane.Remains(t, calm, "a binding that no scheduler looks at", f.binding(namespace, untouched))
	f.StartScheduler(t, "other")
	f.awaitBinding(t, namespace, "the other scheduler", on("ottawa", "robbinsdale"))
}

func (f fact) dependentOverridesExist(t *testing.T) {
	namespace := f.app(t, everywhere+"}\n  dependentOverrides: [awaited]")
	controlplane.Remains(t, calm, "no binding", func(ctx context.Context) error {
		if all, err := bindings(ctx, f.ControlPlane, namespace, "app"); err != nil || len(all) > 0 {
			return fmt.Errorf("there are bindings: %v, %w", all, err)
		}
		return nil
	})
	f.Apply(t, fmt.Sprintf(`
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: awaited, namespace: %s}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: app}]
  overrideRules: [{overriders: {labelsOverrider: [{operator: add, value: {overridden: "true"}}]}}]
`, namespace))
	f.awaitBinding(t, namespace, "a binding once the override is there", on("ottawa", "robbinsdale"))
}

// overrideApplies: what an override cannot be applied to does not come to the member.
func (f fact) overrideApplies(t *testing.T) {
	f.Apply(t, `
apiVersion: v1
kind: Namespace
metadata: {name: override-applies}
---
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: cannot, namespace: override-applies}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: app}]
  overrideRules:
    - targetCluster: {clusterNames: [ottawa]}
      overriders: {plaintext: [{path: /spec/template/spec/nodeSelector/disk, operator: replace, value: ssd}]}
`)
	namespace := f.app(t, everywhere+"}")
	controlplane.Await(t, "the other member", f.has("robbinsdale", namespace, true))
	controlplane.Remains(t, calm, "nothing on the one that it is for", f.has("ottawa", namespace, false))
}

func (f fact) policyActive(t *testing.T) {
	namespace := f.app(t, everywhere+"}\n  suspension: {dispatching: true}")
	f.awaitBinding(t, namespace, "the scheduler", on("ottawa", "robbinsdale"))
	controlplane.Remains(t, calm, "nothing on the members", f.has("ottawa", namespace, false))
	f.app(t, everywhere+"}\n  suspension: {dispatchingOnClusters: {clusterNames: [robbinsdale]}}")
	controlplane.Await(t, "the one that is not suspended", f.has("ottawa", namespace, true))
	controlplane.Remains(t, calm, "nothing on the suspended one", f.has("robbinsdale", namespace, false))
	f.app(t, everywhere+"}")
	controlplane.Await(t, "the other, resumed", f.has("robbinsdale", namespace, true))
}

func (f fact) objectOwnedOnce(t *testing.T) {
	namespace := "object-owned-once"
	f.Members["ottawa"].Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}\n"+
		deployment(namespace, "app", 5))
	f.app(t, everywhere+"}")
	controlplane.Await(t, "the member without a conflict", f.has("robbinsdale", namespace, true))
	f.awaitBinding(t, namespace, "a conflict", func(b binding) bool {
		return strings.Contains(b.condition("FullyApplied", "False"), "Failed to apply all works")
	})
	controlplane.Await(t, "the reason", func(ctx context.Context) error {
		work := &unstructured.UnstructuredList{Object: map[string]any{
			"apiVersion": "work.karmada.io/v1alpha1", "kind": "WorkList"}}
		if err := f.Client.List(ctx, work, client.InNamespace("karmada-es-ottawa")); err != nil {
			return err
		}
		text := fmt.Sprint(work.Items)
		if !strings.Contains(text, "conflict") {
			return fmt.Errorf("no conflict in %s", text)
		}
		return nil
	})
	controlplane.Remains(t, calm, "the member's own object", func(ctx context.Context) error {
		if n, err := f.replicas(ctx, "ottawa", namespace); err != nil || n != 5 {
			return fmt.Errorf("%d replicas, %w", n, err)
		}
		return nil
	})
	f.app(t, everywhere+"}\n  conflictResolution: Overwrite")
	controlplane.Await(t, "Karmada to write over it", f.has("ottawa", namespace, true))
}

func (f fact) dependenciesPropagate(t *testing.T) {
	namespace := f.app(t, everywhere+"}\n  propagateDeps: true")
	f.Apply(t, fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: app, namespace: %[1]s}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: %[1]s}
spec:
  replicas: 3
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: example.com/app, envFrom: [{configMapRef: {name: app}}]}]}
`, namespace))
	controlplane.Await(t, "the Deployment", f.has("ottawa", namespace, true))
	controlplane.Remains(t, calm, "no ConfigMap", func(ctx context.Context) error {
		err := f.Members["ottawa"].Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "app"},
			&corev1.ConfigMap{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the ConfigMap came: %v", err)
		}
		return nil
	})
}

func (f fact) webhookSeesItsObjects(t *testing.T) {
	webhook := f.StartWebhook(t)
	f.Apply(t, fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: sees}
webhooks:
  - name: sees.example.com
    clientConfig: {url: %s, caBundle: %s}
    rules: [{apiGroups: [cluster.karmada.io, policy.karmada.io], apiVersions: ["*"], resources: ["*/*"], operations: ["*"]}]
    failurePolicy: Ignore
    sideEffects: None
    admissionReviewVersions: [v1]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: denies}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [cluster.karmada.io, policy.karmada.io], apiVersions: ["*"], resources: ["*"], operations: [CREATE, UPDATE]}]}
  validations: [{expression: "!has(object.metadata.labels) || !('deny' in object.metadata.labels)"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: denies}
spec: {policyName: denies, validationActions: [Deny]}
`, webhook.URL, base64.StdEncoding.EncodeToString(f.CABundle())))
	denied := func(text string) error {
		o := controlplane.Objects(t, text)[0]
		o.SetLabels(map[string]string{"deny": "please"})
		return f.TryApply(t.Context(), o)
	}
	override :=
		"apiVersion: policy.karmada.io/v1alpha1\nkind: OverridePolicy\nmetadata: {name: seen, namespace: default}\nspec: {overrideRules: []}\n"
	controlplane.Await(t, "both to be in force", func(context.Context) error {
		if err := denied(override); err == nil || !strings.Contains(err.Error(), "denies") || len(webhook.Seen()) == 0 {
			return fmt.Errorf("seen %d, and the API server says %v", len(webhook.Seen()), err)
		}
		return nil
	})
	if err := denied(
		"apiVersion: cluster.karmada.io/v1alpha1\nkind: Cluster\nmetadata: {name: unseen}\nspec: {syncMode: Pull}\n"); err != nil {
		t.Errorf("create a Cluster: %v", err)
	}
	var cluster *unstructured.Unstructured
	if err := retry.RetryOnConflict(retry.DefaultRetry, func() (err error) { // Karmada's controllers write it too
		if cluster, err = f.Get(t.Context(), "cluster.karmada.io/v1alpha1", "Cluster", "", "unseen"); err != nil {
			return err
		}
		if err := unstructured.SetNestedSlice(cluster.Object, []any{map[string]any{"key": "a", "effect": "NoSchedule"}},
			"spec", "taints"); err != nil {
			return err
		}
		return f.Client.Update(t.Context(), cluster)
	}); err != nil {
		t.Fatalf("taint a Cluster: %v", err)
	}
	if err := f.Client.Delete(t.Context(), cluster); err != nil {
		t.Errorf("delete a Cluster: %v", err)
	}
	for _, request := range webhook.Seen() {
		if request.Kind.Group == "cluster.karmada.io" {
			t.Errorf("the webhook is asked about %s of %s", request.Operation, request.Kind)
		}
	}
}

// agents are those that never become a member's: the name is no name, it is taken, its cluster's address is no URL, or
// there is no namespace for their leases.
func (f fact) agents(t *testing.T) {
	spare := f.NewMember(t, "spare")
	for _, test := range []struct {
		rule  string
		flags []string
		says  string
	}{
		{"agent-name-valid", []string{"--cluster-name=Talos_Spare"}, "Talos_Spare"},
		{"agent-name-unique", []string{"--cluster-name=ottawa"}, "the cluster name ottawa has been registered"},
		{"agent-endpoint-valid", []string{"--cluster-api-endpoint=10.0.0.1:6443"}, "spec.apiEndpoint"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			agent := spare.StartAgent(t, test.flags...)
			controlplane.Await(t, "the agent to end", func(context.Context) error {
				if agent.Running() == nil {
					return fmt.Errorf("it runs:\n%s", agent.Log())
				}
				return nil
			})
			if !strings.Contains(agent.Log(), test.says) {
				t.Errorf("the agent does not say %q:\n%s", test.says, agent.Log())
			}
		})
	}
	t.Run("agent-lease-namespace-exists", func(t *testing.T) {
		agent := spare.StartAgent(t, "--leader-elect=true", "--leader-elect-resource-namespace=karmada-agent")
		controlplane.Await(t, "the lease to be refused", func(context.Context) error {
			if !strings.Contains(agent.Log(), `namespaces \"karmada-agent\" not found`) {
				return fmt.Errorf("it says:\n%s", agent.Log())
			}
			return nil
		})
		controlplane.Remains(t, calm, "a Cluster without a status", func(ctx context.Context) error {
			cluster, err := f.Get(ctx, "cluster.karmada.io/v1alpha1", "Cluster", "", "spare")
			if err != nil {
				return err
			}
			if version, _, _ := unstructured.NestedString(cluster.Object, "status",
				"kubernetesVersion"); version != "" {
				return fmt.Errorf("the agent reports %s", version)
			}
			return nil
		})
		f.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: karmada-agent}\n")
		f.AwaitCluster(t, "spare", "True")
		agent.Kill()
	})
}
