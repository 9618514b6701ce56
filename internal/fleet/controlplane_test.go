package fleet

import (
	"strings"
	"testing"
)

func TestChartControlPlane(t *testing.T) {
	x := fixture{}
	x.cluster("talos-ottawa")
	x.apply(t, "talos-ottawa", "talos-ottawa", host+`
  values:
    clusterDomain: home.arpa
    certs: {auto: {hosts: ["*.{{ include \"karmada.namespace\" . }}.svc", "*.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}", karmada.example.test]}}
    controllerManager:
      featureGates: {PropagateDeps: true, Failover: "true"}
      extraCommandArgs: {enable-no-execute-taint-eviction: true, feature-gates: "GracefulEviction=false"}
  postRenderers:
    - kustomize: {patches: [{patch: "- --allow-no-execute-taint-policy=true"}]}
---
apiVersion: v1
kind: Service
metadata:
  name: karmada-apiserver-ts
  namespace: karmada-system
  annotations: {tailscale.com/hostname: karmada-apiserver}
spec: {type: LoadBalancer, loadBalancerClass: tailscale, selector: {app: karmada-apiserver}, ports: [{port: 5443}]}`)
	x.apply(t, "talos-ottawa", "talos-ottawa/flux-system/karmada-kubeconfig", `
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterTaintPolicy
metadata: {name: lost}
spec: {taints: [{key: lost, effect: NoExecute}]}`)
	release, service := Origin{File: "clusters/talos-ottawa/apps.yaml"},
		Origin{File: "clusters/talos-ottawa/apps.yaml", Document: 1}
	equal(t, "control planes", Build(&x.Tree, Declared{}).ControlPlanes, map[string]ControlPlane{
		"talos-ottawa/karmada-system/karmada": {
			ID: "talos-ottawa/karmada-system/karmada", Kind: "HelmRelease", Cluster: "talos-ottawa",
			Namespace: "karmada-system", Name: "karmada", Origin: release, Version: "1.18.2",
			APIServers: []string{"talos-ottawa/flux-system/karmada-kubeconfig"},
			CertificateHosts: []string{"*.karmada-system.svc", "*.karmada-system.svc.home.arpa",
				"karmada.example.test"},
			HostsState: Found, HostsField: []any{"spec", "values", "certs", "auto", "hosts"},
			Exposures: []Exposure{
				{"karmada-apiserver", true, []int{5443}, service},
				{"karmada-apiserver-ts.karmada-system.svc", false, []int{5443}, service},
				{"karmada-apiserver-ts.karmada-system.svc.cluster.local", false, []int{5443}, service},
				{"karmada-apiserver.karmada-system.svc", false, []int{5443}, release},
				{"karmada-apiserver.karmada-system.svc.home.arpa", false, []int{5443}, release},
			},
			Lacks: []string{}, FailoverArmed: map[string]State{
				"gate": Found, "eviction": Found, "taint": Found, "webhook": Found},
			FeatureGates:    map[string]bool{"PropagateDeps": true, "Failover": true, "GracefulEviction": false},
			GatesState:      Found,
			Certificates:    map[string]Credential{},
			SystemNamespace: "karmada-system", SkippedNamespaces: []string{"kube-.*"},
			Schedulers: []string{"default-scheduler"},
		},
	})
}

func TestOperatorControlPlane(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", "a", `
apiVersion: operator.karmada.io/v1alpha1
kind: Karmada
metadata: {name: main, namespace: infra}
spec:
  components:
    karmadaAPIServer: {imageTag: v1.34.1, certSANs: [karmada.example.test, localhost]}
    karmadaControllerManager: {imageTag: v1.15.0, featureGates: {Failover: true}, extraArgs: {enable-no-execute-taint-eviction: "false"}}
    karmadaWebhook: {extraArgs: {allow-no-execute-taint-policy: "true"}}`)
	origin := Origin{File: "clusters/a/apps.yaml"}
	equal(t, "control planes", Build(&x.Tree, Declared{KarmadaVersion: "v1.16"}).ControlPlanes, map[string]ControlPlane{
		"a/infra/main": {
			ID: "a/infra/main", Kind: "Karmada", Cluster: "a", Namespace: "infra", Name: "main", Origin: origin,
			Version: "1.16", APIServers: []string{},
			CertificateHosts: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"*.karmada-system.svc.cluster.local", "*.karmada-system.svc", "127.0.0.1", "*.infra.svc.cluster.local",
				"*.infra.svc", "karmada.example.test"},
			HostsState: Found, HostsField: []any{"spec", "components", "karmadaAPIServer", "certSANs"},
			Exposures: []Exposure{
				{"main-karmada-apiserver.infra.svc", false, []int{5443}, origin},
				{"main-karmada-apiserver.infra.svc.cluster.local", false, []int{5443}, origin},
			},
			Lacks:         []string{"--enable-no-execute-taint-eviction"},
			FailoverArmed: map[string]State{"gate": Found, "eviction": Missing, "taint": Unknown, "webhook": Found},
			FeatureGates:  map[string]bool{"Failover": true}, GatesState: Found,
			Certificates:    map[string]Credential{},
			SystemNamespace: "karmada-system", SkippedNamespaces: []string{"kube-.*"},
			Schedulers: []string{"default-scheduler"},
		},
	})
}

func TestCertificateHosts(t *testing.T) {
	defaults := []string{"kubernetes.default.svc", "*.etcd.karmada-system.svc.cluster.local",
		"*.karmada-system.svc.cluster.local", "*.karmada-system.svc", "localhost", "127.0.0.1"}
	for name, c := range map[string]struct {
		spec  string
		hosts []string
		state State
	}{
		"default": {"", defaults, Found},
		"custom":  {"values: {certs: {mode: custom}}", []string{}, Unknown},
		"variable": {`values: {certs: {auto: {hosts: ["${HOST}", localhost]}}}`, []string{"localhost"},
			Unknown},
		"strange template": {`values: {certs: {auto: {hosts: ["{{ .Values.x }}"]}}}`, []string{}, Unknown},
		"single entry": {"valuesFrom: [{kind: ConfigMap, name: x, targetPath: 'certs.auto.hosts[6]'}]", []string{},
			Unknown},
		"whole file": {"valuesFrom: [{kind: Secret, name: x}]\n  values: {installMode: host}", []string{},
			Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			x := fixture{}
			x.cluster("a")
			x.apply(t, "a", "a", host+"\n  "+c.spec)
			got := Build(&x.Tree, Declared{}).ControlPlanes["a/karmada-system/karmada"]
			equal(t, "hosts", got.CertificateHosts, c.hosts)
			equal(t, "state", got.HostsState, c.state)
		})
	}
}

func TestFailoverArmed(t *testing.T) {
	for name, c := range map[string]struct {
		version, spec string
		want          map[string]State
	}{
		"defaults": {"1.18.2", "", map[string]State{"gate": Missing, "eviction": Missing, "taint": Unknown,
			"webhook": Missing}},
		"old": {"1.13.0", "", map[string]State{"gate": Unknown, "eviction": Unknown, "taint": Unknown,
			"webhook": Unknown}},
		"whole file": {"1.18.2",
			"valuesFrom: [{kind: Secret, name: x}]\n  values: {controllerManager: {featureGates: {Failover: true}}}",
			map[string]State{"gate": Found, "eviction": Unknown, "taint": Unknown, "webhook": Missing}},
		"variable": {"1.18.2",
			`values: {controllerManager: {featureGates: {Failover: "${FAILOVER}"}, extraCommandArgs: {enable-no-execute-taint-eviction: "${FAILOVER}"}}}`,
			map[string]State{"gate": Unknown, "eviction": Unknown, "taint": Unknown, "webhook": Missing}},
		"all in a variable": {"1.18.2", `postRenderers: "${RENDERERS}"
  values: {controllerManager: "${MANAGER}"}`,
			map[string]State{"gate": Unknown, "eviction": Unknown, "taint": Unknown, "webhook": Unknown}},
		"gates in a variable": {"1.18.2",
			`values: {controllerManager: {extraCommandArgs: {feature-gates: "${GATES}"}}}`,
			map[string]State{"gate": Unknown, "eviction": Missing, "taint": Unknown, "webhook": Missing}},
	} {
		t.Run(name, func(t *testing.T) {
			x := fixture{}
			x.cluster("a")
			x.apply(t, "a", "a", strings.Replace(host, "1.18.2", c.version, 1)+"\n  "+c.spec)
			equal(t, "armed", Build(&x.Tree, Declared{}).ControlPlanes["a/karmada-system/karmada"].FailoverArmed,
				c.want)
		})
	}
}

// A gate that the chart would switch off is on where its value is taken away, and unknown in a variable.
func TestPropagateDepsGate(t *testing.T) {
	for spec, want := range map[string]struct {
		gates map[string]bool
		state State
	}{
		"values: {controllerManager: {featureGates: {Failover: true}}}": {
			map[string]bool{"Failover": true, "PropagateDeps": false}, Found},
		"values: {controllerManager: {featureGates: {PropagateDeps: null}}}":      {map[string]bool{}, Found},
		`values: {controllerManager: {featureGates: {PropagateDeps: "${DEPS}"}}}`: {map[string]bool{}, Unknown},
		"values: {controllerManager: {extraCommandArgs: {feature-gates: A=true}}}": {
			map[string]bool{"A": true, "PropagateDeps": false}, Found},
		`values: {controllerManager: {extraCommandArgs: {feature-gates: "${GATES}"}}}`: {map[string]bool{}, Unknown},
	} {
		x := fixture{}
		x.cluster("a")
		x.apply(t, "a", "a", host+"\n  "+spec)
		c := Build(&x.Tree, Declared{}).ControlPlanes["a/karmada-system/karmada"]
		equal(t, spec, c.FeatureGates, want.gates)
		equal(t, spec, c.GatesState, want.state)
	}
}

// A policy that taints may come from where Git does not show.
func TestTaintsOfAnIncompleteServer(t *testing.T) {
	source, file := []Incomplete{{Kind: UnknownSource, Why: "elsewhere"}},
		[]Incomplete{{Kind: UnknownRemoteFile, Why: "remote"}}
	for name, c := range map[string]struct {
		cluster, kustomization []Incomplete
		taint                  State
		complete               bool
	}{
		"complete":    {nil, nil, Missing, true},
		"source":      {source, nil, Unknown, false},
		"remote file": {nil, file, Unknown, false},
	} {
		x := fixture{}
		x.cluster("a")
		x.Clusters[0].Incomplete = c.cluster
		const server = "a/flux-system/karmada-kubeconfig"
		x.Kustomizations = []Kustomization{{ID: "a/flux-system/karmada", Cluster: "a", APIServer: server,
			Incomplete: c.kustomization}}
		x.apply(t, "a", "a", host)
		f := Build(&x.Tree, Declared{})
		equal(t, name, f.ControlPlanes["a/karmada-system/karmada"].FailoverArmed["taint"], c.taint)
		equal(t, name, f.APIServers[server].Complete, c.complete)
	}
}

func TestExposures(t *testing.T) {
	const namespace = "metadata: {name: karmada-apiserver-x, namespace: karmada-system"
	for name, c := range map[string]struct {
		manifest string
		want     []Exposure // without the names inside the cluster
	}{
		"load balancer": {"apiVersion: v1\nkind: Service\n" + namespace +
			"}\nspec: {type: LoadBalancer, ports: [{port: 443}]}",
			[]Exposure{{Host: "", Ports: []int{443}}}},
		"external-dns": {"apiVersion: v1\nkind: Service\n" + namespace +
			", annotations: {external-dns.alpha.kubernetes.io/hostname: k.example.test., lbipam.cilium.io/ips: 10.0.0.9}}\nspec: {type: LoadBalancer, ports: [{port: 443}]}",
			[]Exposure{{Host: "10.0.0.9", Ports: []int{443}}, {Host: "k.example.test", Ports: []int{443}}}},
		"node port": {"apiVersion: v1\nkind: Service\n" + namespace +
			"}\nspec: {type: NodePort, ports: [{port: 5443, nodePort: 32443}]}",
			[]Exposure{{Host: "", Ports: []int{32443}}}},
		"tailscale default": {"apiVersion: v1\nkind: Service\n" + namespace +
			", annotations: {tailscale.com/expose: \"true\"}}\nspec: {ports: [{port: 5443}]}",
			[]Exposure{{Host: "karmada-system-karmada-apiserver-x", Tailscale: true, Ports: []int{5443}}}},
		"ingress": {`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: karmada-system}
spec: {rules: [{host: k.example.test, http: {paths: [{backend: {service: {name: karmada-apiserver}}}]}}, {host: other, http: {paths: []}}]}`,
			[]Exposure{{Host: "k.example.test", Ports: []int{443}}}},
		"route": {`
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: r, namespace: karmada-system}
spec: {hostnames: [k.example.test], parentRefs: [{name: g, namespace: gw, sectionName: tls}], rules: [{backendRefs: [{name: karmada-apiserver}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: gw}
spec: {listeners: [{name: http, port: 80}, {name: tls, port: 6443}]}`,
			[]Exposure{{Host: "k.example.test", Ports: []int{6443}}}},
		"another Service": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: karmada-system}\nspec: {type: LoadBalancer, selector: {app: web}}", []Exposure{}},
	} {
		t.Run(name, func(t *testing.T) {
			x := fixture{}
			x.cluster("a")
			x.apply(t, "a", "a", host+"\n---\n"+c.manifest)
			got := []Exposure{}
			for _, exposure := range Build(&x.Tree, Declared{}).ControlPlanes["a/karmada-system/karmada"].Exposures {
				if !strings.Contains(exposure.Host, ".svc") {
					exposure.Origin = Origin{}
					got = append(got, exposure)
				}
			}
			equal(t, "exposures", got, c.want)
		})
	}
}

func TestAPIServers(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.cluster("b")
	x.Clusters = append(x.Clusters, Cluster{Name: "c", Entry: "clusters/c"})
	x.Kustomizations = []Kustomization{
		{ID: "a/flux-system/apps", Cluster: "a", APIServer: "a"},
		{ID: "a/flux-system/karmada", Cluster: "a", APIServer: "a/flux-system/karmada-kubeconfig"},
		{ID: "b/flux-system/far", Cluster: "b", APIServer: "b/flux-system/far"},
	}
	x.apply(t, "a", "a", host)
	x.apply(t, "b", "b/infra/hub", registration("a", "Pull"))
	f := Build(&x.Tree, Declared{})
	equal(t, "API servers", f.APIServers, map[string]APIServer{
		"a": {ID: "a", Kind: "cluster", Cluster: "a"},
		"b": {ID: "b", Kind: "cluster", Cluster: "b", Complete: true},
		"c": {ID: "c", Kind: "cluster", Cluster: "c"},
		"a/flux-system/karmada-kubeconfig": {ID: "a/flux-system/karmada-kubeconfig", Kind: "karmada", Cluster: "a",
			KubeConfig: "flux-system/karmada-kubeconfig", ControlPlane: "a/karmada-system/karmada", Complete: true},
		"b/flux-system/far": {ID: "b/flux-system/far", Kind: "unknown", Cluster: "b", KubeConfig: "flux-system/far",
			Complete: true},
		"b/infra/hub": {ID: "b/infra/hub", Kind: "karmada", Cluster: "b", KubeConfig: "infra/hub",
			ControlPlane: "a/karmada-system/karmada", Complete: true},
	})
	equal(t, "served", f.ControlPlanes["a/karmada-system/karmada"].APIServers,
		[]string{"a/flux-system/karmada-kubeconfig", "b/infra/hub"})

	x = fixture{}
	x.Clusters = []Cluster{{Name: "c", Entry: "clusters/c"}}
	x.apply(t, "c", "c", host)
	equal(t, "without entry point", Build(&x.Tree, Declared{}).APIServers, map[string]APIServer{
		"c": {ID: "c", Kind: "cluster", Cluster: "c", ControlPlane: "c/karmada-system/karmada"},
	})
}
