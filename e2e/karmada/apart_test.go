package karmada

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// apart is a fleet of which each member is another: ottawa is tainted when it is lost, robbinsdale would
// be if a condition that nobody sets were there too, and no ClusterTaintPolicy is for stpetersburg,
// which has a taint of its own.
const apart = `
apiVersion: operator.karmada.io/v1alpha1
kind: Karmada
metadata: {name: karmada, namespace: karmada-system}
spec:
  components:
    karmadaControllerManager:
      imageTag: v1.18.2
      featureGates: {Failover: true}
      extraArgs: {enable-no-execute-taint-eviction: "true"}
    karmadaWebhook:
      extraArgs: {allow-no-execute-taint-policy: "true"}
---
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: ottawa, labels: {tier: gold}}
spec: {syncMode: Pull}
---
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: robbinsdale, labels: {tier: tin}}
spec: {syncMode: Pull}
---
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: stpetersburg, labels: {tier: tin}}
spec: {syncMode: Pull, taints: [{key: example.com/small, effect: NoSchedule}]}
---
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterTaintPolicy
metadata: {name: one}
spec:
  targetClusters: {clusterNames: [ottawa]}
  addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}]
  removeOnConditions: [{conditionType: Ready, operator: In, statusValues: ["True"]}]
  taints: [{key: example.com/lost, value: one, effect: NoExecute}]
---
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterTaintPolicy
metadata: {name: both}
spec:
  targetClusters: {clusterNames: [robbinsdale]}
  addOnConditions:
    - {conditionType: Ready, operator: NotIn, statusValues: ["True"]}
    - {conditionType: example.com/PowerOff, operator: In, statusValues: ["True"]}
  removeOnConditions: [{conditionType: Ready, operator: In, statusValues: ["True"]}]
  taints: [{key: example.com/lost, value: both, effect: NoExecute}]
---
apiVersion: v1
kind: Namespace
metadata: {name: apart}
`

// onApart are workloads of that fleet, of three replicas each, and their policies.
var onApart = []struct{ name, spec string }{
	{"by-label", `
  placement:
    clusterAffinities:
      - {affinityName: first, labelSelector: {matchLabels: {tier: gold}}}
      - {affinityName: second, labelSelector: {matchExpressions: [{key: tier, operator: In, values: [tin]}]}}`},
	{"tolerates-value", `
  placement:` + weighted("100", "10") + `
    clusterTolerations: [{key: example.com/lost, operator: Equal, value: one, effect: NoExecute}]`},
	{"other-value", `
  placement:` + weighted("100", "10") + `
    clusterTolerations: [{key: example.com/lost, operator: Equal, value: both, effect: NoExecute}]`},
	{"anded", `
  placement: {clusterAffinity: {clusterNames: [robbinsdale]}}`},
	{"left-out", `
  placement:
    clusterAffinity: {clusterNames: [stpetersburg]}
    clusterTolerations: [{key: example.com/small, operator: Exists}]`},
	{"too-small", `
  placement: {clusterAffinity: {}}`},
	{"claimed", `
  priority: 1
  placement: {clusterAffinity: {clusterNames: [ottawa]}}`},
	{"scaled", `
  placement:` + weighted("31", "6")},
}

// claims is of a higher priority than the policy "claimed", and for the same Deployment.
const claims = `---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: claims, namespace: apart}
spec:
  priority: 2
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: claimed}]
  placement: {clusterAffinity: {clusterNames: [robbinsdale]}}
`

// TestApart holds rollcall failover against a Karmada whose members differ, and then what else
// may happen to a workload.
func TestApart(t *testing.T) {
	text := apart + claims
	for _, w := range onApart {
		text += deployment("apart", w.name, 3) + policy("apart", w.name, w.spec)
	}
	root := t.TempDir()
	for name, content := range map[string]string{"clusters/hub/fleet.yaml": text,
		".rollcall.yaml": "members: [ottawa, robbinsdale, stpetersburg]\n"} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := readFleet(t, root)
	if len(f.reports) != len(onApart)+1 {
		t.Fatalf("rollcall failover reports %d policies", len(f.reports))
	}
	c := controlplane.Start(t, controlplane.Options{Members: members, Failover: true, Objects: f.platform()})
	asInGit(t, c, text)
	holds(t, c, f)

	for name, steps := range map[string][]string{
		"other-value": {"--lose=ottawa", "--recover=ottawa", "--rebalance"},
		"by-label":    {"--lose=ottawa", "--recover=ottawa", "--rebalance"},
		"scaled":      {"--scale=5", "--scale=40"}, // as an autoscaler does
	} {
		apply(t, c, f)
		follows(t, c, root, name, steps)
		remove(t, c, f)
	}
}

// asInGit gives the Clusters, which agents register, the labels and taints that they have in Git.
func asInGit(t *testing.T, c *controlplane.ControlPlane, text string) {
	for _, o := range controlplane.Objects(t, text) {
		if o.GetKind() != "Cluster" {
			continue
		}
		err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
			cluster, err := c.Get(t.Context(), "cluster.karmada.io/v1alpha1", "Cluster", "", o.GetName())
			if err != nil {
				return err
			}
			cluster.SetLabels(o.GetLabels())
			if taints, found, _ := unstructured.NestedSlice(o.Object, "spec", "taints"); found {
				if err := unstructured.SetNestedSlice(cluster.Object, taints, "spec", "taints"); err != nil {
					return err
				}
			}
			return c.Client.Update(t.Context(), cluster)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// follows does one thing after another, and compares each time with what rollcall failover says.
func follows(t *testing.T, c *controlplane.ControlPlane, root, name string, steps []string) {
	t.Run(name+" "+strings.Join(steps, " "), func(t *testing.T) {
		var said struct{ Policies []report }
		rollcall(t, &said, append([]string{"failover", "--root", root, "-o", "json", name}, steps...)...)
		if len(said.Policies) != 1 || len(said.Policies[0].Scenarios) != len(steps)+1 {
			t.Fatalf("rollcall failover says %+v", said)
		}
		r := said.Policies[0]
		var lost []string
		for i, s := range r.Scenarios {
			if i > 0 {
				what, which, _ := strings.Cut(strings.TrimPrefix(steps[i-1], "--"), "=")
				switch what {
				case "lose":
					lost = append(lost, which)
					c.Members[which].Lose()
					c.AwaitCluster(t, which, "Unknown")
				case "recover":
					lost = slices.DeleteFunc(lost, func(name string) bool { return name == which })
					c.Members[which].Return(t)
					c.AwaitCluster(t, which, "True")
				case "rebalance":
					c.Apply(t, fmt.Sprintf(`
apiVersion: apps.karmada.io/v1alpha1
kind: WorkloadRebalancer
metadata: {name: %[1]s}
spec: {workloads: [{apiVersion: apps/v1, kind: Deployment, namespace: apart, name: %[1]s}]}
`, name))
				case "scale":
					patch := client.RawPatch("application/merge-patch+json",
						fmt.Appendf(nil, `{"spec":{"replicas":%s}}`, which))
					d := &unstructured.Unstructured{Object: map[string]any{
						"apiVersion": "apps/v1", "kind": "Deployment"}}
					d.SetNamespace("apart")
					d.SetName(name)
					if err := c.Client.Patch(t.Context(), d, patch); err != nil {
						t.Fatal(err)
					}
				}
			}
			s.Lost = lost
			check := r.row(c, s)
			what := fmt.Sprintf("what rollcall failover says of %s after %v: %+v", name, steps[:i], s)
			controlplane.Await(t, what, check)
			controlplane.Remains(t, calm, what, func(ctx context.Context) error { return check(ctx) })
		}
	})
}
