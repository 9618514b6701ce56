package karmada

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// affinitiesLeadBack: along clusterAffinities there is no way back, not even when the last one is lost too.
func (f fact) affinitiesLeadBack(t *testing.T) {
	namespace := f.app(t, `
  placement:
    clusterAffinities:
      - {affinityName: first, clusterNames: [ottawa]}
      - {affinityName: second, clusterNames: [robbinsdale]}
    replicaScheduling: {replicaSchedulingType: Duplicated}`)
	f.awaitBinding(t, namespace, "the first", on("ottawa"))
	f.Members["ottawa"].Lose()
	f.awaitBinding(t, namespace, "the second", on("robbinsdale"))
	f.Members["ottawa"].Return(t)
	f.AwaitCluster(t, "ottawa", "True")
	controlplane.Remains(t, calm, "the second, with the first back", f.binding(namespace, on("robbinsdale")))
	f.Members["robbinsdale"].Lose()
	f.awaitBinding(t, namespace, "none", on())
	controlplane.Remains(t, calm, "none, with the first back", f.binding(namespace, on()))
	f.Members["robbinsdale"].Return(t)
	f.AwaitCluster(t, "robbinsdale", "True")
}

// serviceFollowsFailover: application failover moves the Deployment alone.
func (f fact) serviceFollowsFailover(t *testing.T) {
	const one = `placement: {clusterAffinity: {clusterNames: [ottawa, robbinsdale]}, replicaScheduling: {replicaSchedulingType: Duplicated},
    spreadConstraints: [{spreadByField: cluster, minGroups: 1, maxGroups: 1}]}`
	namespace := f.app(t, `
  propagateDeps: true
  failover: {application: {decisionConditions: {tolerationSeconds: 20}, purgeMode: Directly}}
  `+one)
	f.Apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: app, namespace: %[1]s}
spec: {selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: service, namespace: %[1]s}
spec:
  resourceSelectors: [{apiVersion: v1, kind: Service, name: app}]
  %[2]s
`, namespace, one))
	service := func(ctx context.Context) error {
		all, err := bindings(ctx, f.ControlPlane, namespace, "service")
		if err == nil && (len(all) != 1 || !slices.Equal(all[0].names(), []string{"ottawa"})) {
			err = fmt.Errorf("the Service is not on ottawa alone: %+v", all)
		}
		return err
	}
	f.awaitBinding(t, namespace, "the Deployment", on("ottawa"))
	controlplane.Await(t, "the Service", service)
	controlplane.Await(t, "the Deployment on the member", f.has("ottawa", namespace, true))
	f.Members["ottawa"].Break(namespace, "app")
	f.awaitBinding(t, namespace, "the Deployment elsewhere", on("robbinsdale"))
	controlplane.Remains(t, calm, "the Service where it was", service)
}
