package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// install brings in what makes an API server Karmada's: namespaces, CRDs, and the webhook that fills in and refuses.
func (c *ControlPlane) install(t testing.TB) {
	t.Helper()
	for _, name := range []string{"karmada-system", "karmada-cluster"} {
		must(t, c.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	}
	port := FreePort(t)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	fill := strings.NewReplacer(
		"{{caBundle}}", base64.StdEncoding.EncodeToString(c.CABundle()),
		"{{name}}.{{namespace}}.svc:443", address,
		"karmada-webhook.karmada-system.svc:443", address,
	)
	c.installCRDs(t, fill)

	serving := c.deployment.write(t, "karmada-webhook", c.deployment.authority.server(t))
	webhook := c.deployment.start(t, "karmada-webhook", "webhook",
		"--kubeconfig="+c.Kubeconfig, "--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(port),
		"--cert-dir="+c.deployment.dir, "--tls-cert-file-name="+filepath.Base(serving.cert),
		"--tls-private-key-file-name="+filepath.Base(serving.key),
		"--metrics-bind-address=0", "--health-probe-bind-address=0",
		fmt.Sprintf("--allow-no-execute-taint-policy=%t", c.options.Failover))
	c.awaitHealthy(t, webhook, "https://"+address+"/readyz/")
	c.Apply(t, fill.Replace(c.file(t, "artifacts/deploy/webhook-configuration.yaml")))
	Await(t, "karmada-webhook to be asked", c.isAsked)
}

// installCRDs does what kustomize would: the folder's kustomization lists CRDs, and patches for some of them.
func (c *ControlPlane) installCRDs(t testing.TB, fill *strings.Replacer) {
	t.Helper()
	const dir = "charts/karmada/_crds"
	var kustomization struct {
		Resources []string
		Patches   []struct{ Path string }
	}
	must(t, yaml.Unmarshal([]byte(c.file(t, dir, "kustomization.yaml")), &kustomization))
	var crds []*unstructured.Unstructured
	for _, path := range kustomization.Resources {
		crds = append(crds, c.Apply(t, c.file(t, dir, path))...)
	}
	for _, patch := range kustomization.Patches {
		data, err := yaml.YAMLToJSON([]byte(fill.Replace(c.file(t, dir, patch.Path))))
		must(t, err)
		for _, crd := range Objects(t, string(data)) {
			must(t, c.Client.Patch(t.Context(), crd, client.RawPatch(types.MergePatchType, data)))
		}
	}
	for _, crd := range crds {
		Await(t, crd.GetName()+" to be established", func(ctx context.Context) error {
			return c.hasCondition(ctx, crd, "Established", "True")
		})
	}
}

// isAsked tells whether the API server has noticed Karmada's webhooks, by policies that are not stored: without
// defaults for one and a refusal of another it has not.
func (c *ControlPlane) isAsked(ctx context.Context) error {
	policy := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
		"metadata": map[string]any{"name": "asked", "namespace": "default"},
		"spec":     map[string]any{"resourceSelectors": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}},
	}}
	refused := policy.DeepCopy()
	if err := c.Client.Create(ctx, policy, client.DryRunAll); err != nil {
		return err
	}
	if len(policy.GetLabels()) == 0 {
		return fmt.Errorf("no label was added to %v", policy)
	}
	if err := unstructured.SetNestedMap(refused.Object, map[string]any{"decisionConditions": map[string]any{}}, "spec",
		"failover", "application"); err != nil {
		return err
	}
	if err := c.Client.Create(ctx, refused, client.DryRunAll); err == nil ||
		!strings.Contains(err.Error(), "propagateDeps") {
		return fmt.Errorf("a wrong policy was not refused: %v", err)
	}
	return nil
}

// startControllers starts what serves clusters and what acts on policies. Times are short, and long enough
// for a machine that is busy.
func (c *ControlPlane) startControllers(t testing.TB) {
	t.Helper()
	d := c.deployment
	probe := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	gates := []string{fmt.Sprintf("Failover=%t", c.options.Failover)}
	for name, on := range c.options.FeatureGates {
		gates = append(gates, fmt.Sprintf("%s=%t", name, on))
	}
	manager := d.start(t, "karmada-controller-manager", "controller-manager",
		"--kubeconfig="+c.Kubeconfig, "--leader-elect=false",
		"--metrics-bind-address=0", "--health-probe-bind-address="+probe,
		"--cluster-monitor-period=1s", "--cluster-monitor-grace-period=15s", "--resource-eviction-rate=10",
		"--feature-gates="+strings.Join(gates, ","), fmt.Sprintf(
			"--enable-no-execute-taint-eviction=%t", c.options.Failover))
	c.StartScheduler(t, "default-scheduler")
	c.awaitHealthy(t, manager, "http://"+probe+"/healthz")
}

// StartScheduler starts a scheduler for the policies that ask for it by its name.
func (c *ControlPlane) StartScheduler(t testing.TB, name string) {
	t.Helper()
	probe := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	scheduler := c.deployment.start(t, "karmada-scheduler-"+name, "scheduler",
		"--kubeconfig="+c.Kubeconfig, "--leader-elect=false", "--scheduler-name="+name,
		"--metrics-bind-address=0", "--health-probe-bind-address="+probe)
	c.awaitHealthy(t, scheduler, "http://"+probe+"/healthz")
}

// startAggregated starts karmada-aggregated-apiserver, which serves Clusters. karmada-apiserver finds it by a Service
// that names a host: an address within a cluster would lead nowhere.
func (c *ControlPlane) startAggregated(t testing.TB) {
	t.Helper()
	d, port := c.deployment, FreePort(t)
	const service = "karmada-aggregated-apiserver"
	serving := d.write(t, service, d.authority.server(t, service+".karmada-system.svc"))
	server := d.start(t, service, "aggregated-apiserver",
		"--kubeconfig="+c.Kubeconfig, "--authentication-kubeconfig="+c.Kubeconfig,
		"--authorization-kubeconfig="+c.Kubeconfig,
		"--etcd-servers="+d.etcd, "--etcd-prefix=/karmada-apiserver",
		"--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(port),
		"--tls-cert-file="+serving.cert, "--tls-private-key-file="+serving.key)
	c.Apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s, namespace: karmada-system}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.cluster.karmada.io}
spec:
  group: cluster.karmada.io
  version: v1alpha1
  groupPriorityMinimum: 2000
  versionPriority: 10
  caBundle: %[3]s
  service: {name: %[1]s, namespace: karmada-system, port: %[2]d}
`, service, port, base64.StdEncoding.EncodeToString(c.CABundle())))
	Await(t, "Clusters to be served", func(ctx context.Context) error {
		if err := server.Running(); err != nil {
			t.Fatal(err)
		}
		return c.Client.List(ctx, list("cluster.karmada.io/v1alpha1", "ClusterList"))
	})
}

// AwaitCluster waits until the Cluster's condition Ready has the status: True, False or Unknown.
func (c *ControlPlane) AwaitCluster(t testing.TB, name, status string) {
	t.Helper()
	cluster := object("cluster.karmada.io/v1alpha1", "Cluster", "", name)
	Await(t, fmt.Sprintf("Ready=%s of the cluster %s", status, name), func(ctx context.Context) error {
		return c.hasCondition(ctx, cluster, "Ready", status)
	})
}

// file is a file of Karmada's module.
func (c *ControlPlane) file(t testing.TB, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{c.karmada}, path...)...))
	must(t, err)
	return string(data)
}

// awaitHealthy waits until a program of Karmada says at the address that it is well.
func (c *ControlPlane) awaitHealthy(t testing.TB, p *Process, address string) {
	t.Helper()
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(c.CABundle())
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities},
		DisableKeepAlives: true}}
	Await(t, p.name+" to be healthy", func(ctx context.Context) error {
		if err := p.Running(); err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		response, err := web.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", p.name, response.Status)
		}
		return nil
	})
}
