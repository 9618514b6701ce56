package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

const karmadaServer = "a/flux-system/karmada-kubeconfig"

const workloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: other, labels: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}`

func TestSelections(t *testing.T) {
	at := func(kind, namespace, name string, document int) Selected {
		return Selected{Kind: kind, Namespace: namespace, Name: name,
			Origin: Origin{File: "clusters/a/apps.yaml", Document: document}}
	}
	web, api, far := at("Deployment.apps", "shop", "web", 0), at("Deployment.apps", "shop", "api", 1),
		at("Deployment.apps", "other", "web", 2)
	service, role := at("Service", "", "web", 3), at("ClusterRole.rbac.authorization.k8s.io", "", "reader", 4)
	for name, c := range map[string]struct {
		kind, namespace, selector string
		want                      Selection
	}{
		"by name": {"PropagationPolicy", "shop", "{apiVersion: apps/v1, kind: Deployment, name: web}",
			Selection{State: Found, By: "name", Objects: []Selected{web}}},
		"in its own namespace": {"PropagationPolicy", "shop", "{apiVersion: apps/v1, kind: Deployment}",
			Selection{State: Found, By: "kind", Objects: []Selected{api, web}}},
		"by labels": {"PropagationPolicy", "shop",
			"{apiVersion: apps/v1, kind: Deployment, labelSelector: {matchExpressions: [{key: tier, operator: Exists}]}}",
			Selection{State: Found, By: "labels", Objects: []Selected{web}}},
		"empty labels": {"OverridePolicy", "other",
			"{apiVersion: apps/v1, kind: Deployment, labelSelector: {}}",
			Selection{State: Found, By: "labels", Objects: []Selected{far}}},
		"in all namespaces": {"ClusterPropagationPolicy", "",
			"{apiVersion: apps/v1, kind: Deployment, name: web}",
			Selection{State: Found, By: "name", Objects: []Selected{far, web}}},
		"of no namespace": {"ClusterOverridePolicy", "",
			"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole}",
			Selection{State: Found, By: "kind", Objects: []Selected{role}}},
		"none is default": {"PropagationPolicy", "", "{apiVersion: v1, kind: Service, name: web}",
			Selection{State: Found, By: "name", Objects: []Selected{service}}},
		"missing": {"PropagationPolicy", "shop", "{apiVersion: apps/v1, kind: Deployment, name: wep}",
			Selection{State: Missing, By: "name"}},
		"another group": {"PropagationPolicy", "shop", "{apiVersion: v1, kind: Deployment, name: web}",
			Selection{State: Missing, By: "name", Elsewhere: []string{"apps/v1"}}},
		"a CRD of Karmada": {"ClusterPropagationPolicy", "",
			"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, name: serviceexports.multicluster.x-k8s.io}", Selection{State: Unknown, By: "name"}},
		"another CRD": {"ClusterPropagationPolicy", "",
			"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, name: things.example.test}",
			Selection{State: Missing, By: "name"}},
		"a role of Kubernetes": {"ClusterPropagationPolicy", "",
			"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: view}",
			Selection{State: Unknown, By: "name"}},
		"another role": {"ClusterPropagationPolicy", "",
			"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: viewer}",
			Selection{State: Missing, By: "name"}},
		"any namespace": {"ClusterPropagationPolicy", "",
			"{apiVersion: v1, kind: Namespace, labelSelector: {matchLabels: {a: b}}}",
			Selection{State: Unknown, By: "labels"}},
		"variable": {"PropagationPolicy", "shop",
			`{apiVersion: apps/v1, kind: Deployment, name: "${APP}"}`, Selection{State: Unknown, By: "name"}},
		"selector that is no one": {"PropagationPolicy", "shop",
			"{apiVersion: apps/v1, kind: Deployment, labelSelector: {matchExpressions: [{key: a, operator: Like}]}}",
			Selection{State: Unknown, By: "labels"}},
	} {
		t.Run(name, func(t *testing.T) {
			x := fixture{}
			x.cluster("a")
			x.apply(t, "a", karmadaServer, workloads+`
---
apiVersion: policy.karmada.io/v1alpha1
kind: `+c.kind+`
metadata: {name: p, namespace: "`+c.namespace+`"}
spec: {resourceSelectors: [`+c.selector+`]}`)
			f := Build(&x.Tree, Declared{})
			if len(f.Policies) != 1 {
				t.Fatalf("%d policies", len(f.Policies))
			}
			for id, policy := range f.Policies {
				c.want.Kind = policy.Selections[0].Kind
				c.want.Objects, c.want.Elsewhere = orEmpty(c.want.Objects), orEmpty(c.want.Elsewhere)
				c.want.Name = policy.Selections[0].Name
				equal(t, "policy", policy, Policy{ID: id, Selections: []Selection{c.want}, Workloads: policy.Workloads,
					Losses: []Loss{}})
			}
		})
	}
}

// What a chart or an unknown source may bring is not missing.
func TestSelectionsOfAnIncompleteServer(t *testing.T) {
	const policy = `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: p, namespace: shop}
spec: {resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}]}`
	chart := fixture{}
	chart.cluster("a")
	chart.apply(t, "a", karmadaServer, policy)
	chart.apply(t, "a", "a", `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: flux-system}
spec: {kubeConfig: {secretRef: {name: karmada-kubeconfig}}}`)
	source := fixture{}
	source.cluster("a")
	source.Clusters[0].Incomplete = []Incomplete{{Kind: UnknownSource, Why: "elsewhere"}}
	source.apply(t, "a", karmadaServer, policy)
	for name, x := range map[string]fixture{"chart": chart, "source": source} {
		f := Build(&x.Tree, Declared{})
		equal(t, name, f.Policies[karmadaServer+"/PropagationPolicy/shop/p"].Selections[0].State, Unknown)
	}
}

func TestClaims(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", karmadaServer, workloads+`
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: all, namespace: shop}
spec: {resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}, {apiVersion: apps/v1, kind: Deployment, name: web}]}
---
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterPropagationPolicy
metadata: {name: front}
spec: {priority: 7, resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, namespace: shop, labelSelector: {matchLabels: {app: web}}}]}
---
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: o, namespace: shop}
spec: {resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}]}`)
	all := Claim{Policy: karmadaServer + "/PropagationPolicy/shop/all", Kind: "PropagationPolicy", Namespace: "shop",
		Name: "all", By: "kind"}
	byName := all
	byName.By = "name"
	front := Claim{Policy: karmadaServer + "/ClusterPropagationPolicy/front", Kind: "ClusterPropagationPolicy",
		Name: "front", Priority: 7, By: "labels"}
	equal(t, "claims", Build(&x.Tree, Declared{}).Claims, map[string]map[string]map[string]map[string][]Claim{
		karmadaServer: {"Deployment.apps": {"shop": {"api": {all}, "web": {front, byName}}}},
	})
}

func TestReadCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
		Subject:  pkix.Name{CommonName: "system:karmada:agent:ottawa", Organization: []string{"system:karmada:agents"}},
		DNSNames: []string{"a.example.test"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	want := &Certificate{NotAfter: "2027-01-02", CommonName: "system:karmada:agent:ottawa",
		Organization: []string{"system:karmada:agents"}, Hosts: []string{"a.example.test", "10.0.0.1"}}
	equal(t, "certificate", ReadCertificate("the agent's\n"+text), want)
	for _, none := range []string{"", "x", "-----BEGIN CERTIFICATE-----\nXXXX\n-----END CERTIFICATE-----",
		text[:len(text)/2]} {
		equal(t, "no certificate", ReadCertificate(none), (*Certificate)(nil))
	}
}
