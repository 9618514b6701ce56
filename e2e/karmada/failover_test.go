// Package karmada holds Rollcall against a real Karmada with three members that are really lost.
package karmada

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

var members = []string{"ottawa", "robbinsdale", "stpetersburg"}

// control is the folder of the control plane in testdata/fleet.
const control = "clusters/talos-ottawa/apps/karmada-system/"

// TestArmed holds rollcall failover against a Karmada whose cluster failover is switched on as in testdata/fleet.
func TestArmed(t *testing.T) {
	f := readFleet(t, tree(t, "fleet", map[string]string{control + "karmada-apps/placements.yaml": placementsYAML()},
		control+"karmada-apps/kustomization.yaml", "resources:\n", "resources:\n  - placements.yaml\n"))
	c := controlplane.Start(t, controlplane.Options{Members: members, Failover: true, Objects: f.platform(),
		AgentUser: agentUser})
	t.Run("members", func(t *testing.T) { registered(t, c) })
	holds(t, c, f)
	facts := fact{c}
	t.Run("affinities-lead-back", facts.affinitiesLeadBack)
	t.Run("service-follows-failover", facts.serviceFollowsFailover)
}

// TestDisarmed is the same with what the control plane is by default, and by the defaults of its chart.
func TestDisarmed(t *testing.T) {
	f := readFleet(t, tree(t, "fleet", map[string]string{control + "karmada-apps/placements.yaml": placementsYAML()},
		control+"karmada-apps/kustomization.yaml", "resources:\n", "resources:\n  - placements.yaml\n",
		control+"karmada-apps/kustomization.yaml", "  - clustertaintpolicy.yaml\n", "",
		control+"app/helmrelease.yaml", "        Failover: true\n", "",
		control+"app/helmrelease.yaml", "      extraCommandArgs:\n        enable-no-execute-taint-eviction: \"true\"\n",
		"",
		control+"app/helmrelease.yaml", "value: --allow-no-execute-taint-policy=true", "value: --v=2"))
	c := controlplane.Start(t, controlplane.Options{Members: members, Objects: f.platform(), AgentUser: agentUser})
	holds(t, c, f)
}

// registered checks that all members are there, each as the cluster that it is.
func registered(t *testing.T, c *controlplane.ControlPlane) {
	for name, m := range c.Members {
		cluster, err := c.Get(t.Context(), "cluster.karmada.io/v1alpha1", "Cluster", "", name)
		if err != nil {
			t.Fatal(err)
		}
		system, err := m.Get(t.Context(), "v1", "Namespace", "", "kube-system")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"id": string(system.GetUID()), "syncMode": "Pull", "apiEndpoint": m.Config.Host}
		spec := cluster.Object["spec"].(map[string]any)
		for field, value := range want {
			if spec[field] != value {
				t.Errorf("%s: %s is %v instead of %v", name, field, spec[field], value)
			}
		}
	}
}

// agentUser is whom the roles of testdata/fleet are for: they are enough for an agent.
func agentUser(member string) string { return "system:karmada:agent:" + member }

// placements are what may be made of the seed's policy, each with a number of replicas.
var placements = []struct {
	name      string
	replicas  int
	placement string
}{
	{"shares-2", 2, weighted("3", "2", "1") + oneCluster},
	{"shares-3", 3, weighted("3", "2", "1") + oneCluster},
	{"shares-4", 4, weighted("3", "2", "1") + oneCluster},
	{"shares-6", 6, weighted("3", "2", "1") + oneCluster},
	{"equal", 3, weighted("1", "1", "1")},
	{"ottawa-alone", 3, weighted("1")},
	{"ranks-3", 3, weighted("100", "10", "1")},
	{"ranks-5", 5, weighted("100", "10", "1")},
	{"ranks-6", 6, weighted("100", "10", "1")},
	{"bound", 3, weighted("31", "6", "1")},
	{"below-bound", 3, weighted("30", "6", "1")},
	{"groups", 3, `
    clusterAffinities:
      - {affinityName: first, clusterNames: [ottawa]}
      - {affinityName: second, clusterNames: [robbinsdale]}
      - {affinityName: third, clusterNames: [stpetersburg]}
    replicaScheduling: {replicaSchedulingType: Duplicated}` + oneCluster},
	{"by-name", 3, names + `
    replicaScheduling: {replicaSchedulingType: Duplicated}` + oneCluster},
	{"no-room", 3, names + `
    replicaScheduling: {replicaSchedulingType: Divided, replicaDivisionPreference: Aggregated}`},
	{"tolerant", 3, weighted("100", "10", "1") + `
    clusterTolerations: [{key: example.com/lost, operator: Exists, effect: NoExecute}]`},
}

const (
	names = `
    clusterAffinity: {clusterNames: [ottawa, robbinsdale, stpetersburg]}`
	oneCluster = `
    spreadConstraints: [{spreadByField: cluster, minGroups: 1, maxGroups: 1}]`
)

// weighted divides by static weights for the first members.
func weighted(weights ...string) string {
	text := names + `
    replicaScheduling:
      replicaSchedulingType: Divided
      replicaDivisionPreference: Weighted
      weightPreference:
        staticWeightList:`
	for i, w := range weights {
		text += fmt.Sprintf(`
          - {targetCluster: {clusterNames: [%s]}, weight: %s}`, members[i], w)
	}
	return text
}

// placementsYAML are the placements' policies and Deployments, in a namespace of their own.
func placementsYAML() string {
	text := "apiVersion: v1\nkind: Namespace\nmetadata: {name: placements}\n"
	for _, p := range placements {
		text += deployment("placements", p.name, p.replicas) + policy("placements", p.name, `
  propagateDeps: true
  failover: {application: {decisionConditions: {tolerationSeconds: 60}, purgeMode: Gracefully}}
  placement:`+p.placement)
	}
	return text
}

// policy is a PropagationPolicy of a Deployment of the same name; spec is what it has besides resourceSelectors.
func policy(namespace, name, spec string) string {
	return fmt.Sprintf(`---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: %[1]s}]
  %[3]s
`, name, namespace, strings.TrimSpace(spec))
}

func deployment(namespace, name string, replicas int) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: app, image: example.com/app}]}
`, name, namespace, replicas)
}
