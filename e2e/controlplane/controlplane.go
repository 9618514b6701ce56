// Package controlplane runs a real Karmada without containers, for tests: etcd, kube-apiserver and Karmada's own
// programs as processes on loopback, which end with the test. It knows nothing of Rollcall.
package controlplane

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Options say what runs.
type Options struct {
	// Members are the names of the member clusters; each is an API server with an agent in pull mode. Without any there
	// is what admits objects and nothing that acts on them: the API server, Karmada's CRDs and karmada-webhook.
	Members []string
	// Plain is an API server without anything of Karmada's.
	Plain bool
	// Clusters has Clusters served even if there is no member.
	Clusters bool
	// Failover switches cluster failover on, in karmada-controller-manager and karmada-webhook. It takes a
	// ClusterTaintPolicy besides, which is for the test to apply.
	Failover bool
	// FeatureGates are those of karmada-controller-manager.
	FeatureGates map[string]bool
	// Objects are applied before the members join.
	Objects []*unstructured.Unstructured
	// AgentUser is the user as whom a member's agent comes to Karmada, in the group system:karmada:agents. Nil is an
	// administrator, as with the credentials that Karmada's chart makes.
	AgentUser func(member string) string
}

// ControlPlane is a Karmada control plane.
type ControlPlane struct {
	// APIServer is karmada-apiserver.
	*APIServer
	// Members are the member clusters by name.
	Members map[string]*Member

	options Options
	karmada string // the folder of Karmada's module
}

// deployment is what all servers of a test share.
type deployment struct {
	t testing.TB
	// dir has logs, certificates, kubeconfigs and etcd's data.
	dir string
	// binaries is the folder of the servers.
	binaries              string
	authority, frontProxy *authority
	// etcd is the URL of etcd.
	etcd string
}

// Start starts a control plane and waits until it is ready and its members are.
func Start(t testing.TB, o Options) *ControlPlane {
	t.Helper()
	servers := serversDir(t)
	d := &deployment{t: t, dir: t.TempDir(), binaries: output(t, servers, "go", "run", "."),
		authority: newAuthority(t, "authority"), frontProxy: newAuthority(t, "front-proxy-authority")}
	must(t, os.WriteFile(d.file("ca.crt"), d.authority.pem, 0o600))
	must(t, os.WriteFile(d.file("front-proxy-ca.crt"), d.frontProxy.pem, 0o600))

	d.startEtcd(t)
	c := &ControlPlane{options: o, Members: map[string]*Member{},
		karmada:   output(t, servers, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/karmada-io/karmada"),
		APIServer: d.newAPIServer(t, "karmada-apiserver")}
	for _, name := range o.Members {
		c.Members[name] = c.newMember(t, name)
	}
	c.APIServer.AwaitReady(t)
	if o.Plain {
		return c
	}
	c.install(t)
	if o.Clusters || len(o.Members) > 0 {
		c.startAggregated(t)
	}
	if len(o.Members) > 0 {
		c.startControllers(t)
	}
	for _, object := range o.Objects {
		must(t, c.TryApply(t.Context(), object.DeepCopy()))
	}
	for _, name := range o.Members {
		c.Members[name].AwaitReady(t)
		c.Members[name].join(t)
	}
	for _, name := range o.Members {
		c.AwaitCluster(t, name, "True")
	}
	return c
}

// Run runs a program of the test's own, as the servers run: it ends with the test, and the end of its log
// is shown where that fails.
func (c *ControlPlane) Run(t testing.TB, name, program string, args ...string) *Process {
	t.Helper()
	return c.deployment.run(t, name, program, args...)
}

// serversDir is the folder of the module servers.
func serversDir(t testing.TB) string {
	t.Helper()
	return filepath.Join(filepath.Dir(output(t, ".", "go", "env", "GOMOD")), "servers")
}

// output is what a command prints, without the last line break.
func output(t testing.TB, dir string, name string, args ...string) string {
	t.Helper()
	var errors strings.Builder
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stderr = dir, &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, errors.String())
	}
	return strings.TrimSpace(string(out))
}
