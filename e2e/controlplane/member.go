package controlplane

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Member is a member cluster: an API server, and an agent that fetches its work from Karmada. It has no controllers and
// no pods; a Deployment is given the status of one whose pods are ready.
type Member struct {
	*APIServer

	karmada string // kubeconfig of the control plane
	agent   *Process
	broken  sync.Map // namespace/name of Deployments
}

// newMember starts the API server of a member.
func (c *ControlPlane) newMember(t testing.TB, name string) *Member {
	t.Helper()
	m := &Member{APIServer: c.deployment.newAPIServer(t, name), karmada: c.Kubeconfig}
	if c.options.AgentUser != nil {
		m.karmada = c.deployment.file("karmada-agent-" + name + ".kubeconfig")
		must(t, WriteKubeconfig(c.ConfigFor(t, c.options.AgentUser(name), "system:karmada:agents"), m.karmada))
	}
	return m
}

// NewMember starts the API server of one more member. It has no agent, so that Karmada does not know it.
func (c *ControlPlane) NewMember(t testing.TB, name string) *Member {
	t.Helper()
	m := c.newMember(t, name)
	m.AwaitReady(t)
	return m
}

// StartAgent starts the member's agent, with further flags, which override the usual ones.
func (m *Member) StartAgent(t testing.TB, flags ...string) *Process {
	t.Helper()
	return m.deployment.start(t, "karmada-agent-"+m.name, "agent", append([]string{
		"--karmada-kubeconfig=" + m.karmada, "--kubeconfig=" + m.Kubeconfig,
		"--cluster-name=" + m.name, "--cluster-api-endpoint=" + m.Config.Host,
		"--report-secrets=None", // which need a controller that makes tokens
		"--leader-elect=false",  // or one that follows a killed one waits for its lease
		"--cluster-lease-duration=4s", "--cluster-status-update-frequency=2s", "--cluster-success-threshold=1s",
		"--metrics-bind-address=0", "--health-probe-bind-address=0",
	}, flags...)...)
}

// join starts the agent and whatever a cluster does by itself.
func (m *Member) join(t testing.TB) {
	t.Helper()
	m.agent = m.StartAgent(t)
	go m.makeReady(m.deployment.t.Context())
}

// Lose takes the member away at once, as a loss of power does.
func (m *Member) Lose() {
	m.agent.Kill()
	m.Kill()
}

// Return brings a lost member back, with what it had stored.
func (m *Member) Return(t testing.TB) {
	t.Helper()
	m.Start(t)
	m.AwaitReady(t)
	m.agent = m.StartAgent(t)
}

// Break stops the pods of a Deployment from being ready here.
func (m *Member) Break(namespace, name string) { m.broken.Store(namespace+"/"+name, true) }

// makeReady gives every Deployment the status of one whose pods are ready: else it counts as unhealthy, and application
// failover moves it.
func (m *Member) makeReady(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(300 * time.Millisecond) {
		var all appsv1.DeploymentList
		if err := m.Client.List(ctx, &all); err != nil {
			continue // it is lost
		}
		for _, d := range all.Items {
			n := *d.Spec.Replicas
			status := appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n}
			if _, broken := m.broken.Load(d.Namespace + "/" + d.Name); !broken {
				status.ReadyReplicas, status.AvailableReplicas = n, n
			}
			if reflect.DeepEqual(status, d.Status) {
				continue
			}
			before := d.DeepCopy()
			d.Status = status
			_ = m.Client.Status().Patch(ctx, &d, client.MergeFrom(before)) // or else the next time
		}
	}
}
