package fleet_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// agents are those of a tree with one cluster, "a", of one manifest.
func agents(t *testing.T, manifest string) map[string]fleet.Agent {
	t.Helper()
	tree, err := loader.Load(context.Background(), fstest.MapFS{"clusters/a/apps.yaml": {Data: []byte(manifest)}},
		loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fleet.Build(tree, fleet.Declared{}).Agents
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n%+v\nwant\n%+v", what, got, want)
	}
}

// ciphertext is what SOPS makes of so many bytes.
func ciphertext(length int) string {
	of := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	return fmt.Sprintf("ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:str]", of(length), of(32), of(16))
}

const chartAgent = `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: karmada-agent, namespace: karmada-system}
spec:
  interval: ${INTERVAL}
  chart:
    spec: {interval: "${INTERVAL}", chart: karmada, version: v1.15.x}
  valuesFrom:
    - {kind: ConfigMap, name: settings}
    - {kind: Secret, name: agent, valuesKey: ca.crt, targetPath: agent.kubeconfig.caCrt}
    - {kind: Secret, name: agent, valuesKey: tls.crt, targetPath: agent.kubeconfig.crt}
    - {kind: Secret, name: agent, valuesKey: tls.key, targetPath: agent.kubeconfig.key}
    - {kind: Secret, name: elsewhere, valuesKey: server, targetPath: agent.kubeconfig.server}
  values:
    installMode: agent
    agent:
      kubeconfig:
        key: placeholder
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: karmada-system}
data:
  values.yaml: |
    installMode: host
    agent: {clusterName: "ottawa", clusterEndpoint: 10.0.0.1:6443, image: {tag: v1.15.2}}
---
apiVersion: v1
kind: Secret
metadata: {name: agent, namespace: karmada-system}
`

func TestChartAgent(t *testing.T) {
	file := "clusters/a/apps.yaml"
	release, secret := fleet.Origin{File: file}, fleet.Origin{File: file, Document: 2}
	equal(t, "agents", agents(t, chartAgent+"stringData: {ca.crt: '"+ciphertext(1100)+"', tls.key: '"+ciphertext(20)+
		"'}\n"),
		map[string]fleet.Agent{"a/karmada-system/karmada-agent": {
			ID: "a/karmada-system/karmada-agent", Kind: "HelmRelease", Cluster: "a",
			Origin: release, Reached: true, Version: "1.15.2", Tag: "v1.15.2",
			TagField:  fleet.Field{"spec", "valuesFrom", 0},
			Namespace: "karmada-system", Release: "karmada-agent", LeaseNamespace: "karmada-system",
			Endpoint: "10.0.0.1:6443", EndpointState: fleet.Found, EndpointField: fleet.Field{"spec", "valuesFrom", 0},
			Name: "ottawa", NameState: fleet.Found, NameField: fleet.Field{"spec", "valuesFrom", 0},
			ServerState: fleet.Unknown, ServerField: fleet.Field{"spec", "valuesFrom", 4},
			Unlisted: []fleet.UnlistedValues{}, Zones: []string{}, Credentials: map[string]fleet.Credential{
				"caCrt": {State: fleet.Found, From: "Secret/agent", Class: fleet.Encrypted, Length: 1100,
					Origin: secret,
					Field:  fleet.Field{"stringData", "ca.crt"}},
				"crt": {State: fleet.Missing, From: "Secret/agent", Origin: secret, Field: fleet.Field{"data"}},
				"key": {State: fleet.Found, From: "Secret/agent", Class: fleet.Encrypted, Length: 20, Placeholder: true,
					Origin: secret,
					Field:  fleet.Field{"stringData", "tls.key"}},
			},
		}})
}

// A certificate in the clear is read wherever it lies: a Secret is redacted, a ConfigMap is not.
func TestCertificate(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
		IsCA:                  true,
		BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "system:karmada:agent:ottawa",
			Organization: []string{"system:karmada:agents"}},
		DNSNames: []string{"a.example.test"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	want := &fleet.Certificate{NotAfter: "2027-01-02", CommonName: "system:karmada:agent:ottawa", CA: true,
		Organization: []string{"system:karmada:agents"}, Hosts: []string{"a.example.test"}}
	for name, manifest := range map[string]string{
		"stringData": chartAgent + fmt.Sprintf("stringData: {tls.crt: %q}\n", text),
		"data":       chartAgent + "data: {tls.crt: " + base64.StdEncoding.EncodeToString([]byte(text)) + "}\n",
		"ConfigMap": strings.ReplaceAll(chartAgent, "Secret", "ConfigMap") +
			fmt.Sprintf("data: {tls.crt: %q}\n", text),
	} {
		got := agents(t, manifest)["a/karmada-system/karmada-agent"].Credentials["crt"]
		class := fleet.Public
		if name == "ConfigMap" {
			class = fleet.Plain
		}
		equal(t, name, []any{got.State, got.Class, got.Length, got.Placeholder, got.Certificate},
			[]any{fleet.Found, class, len(text), false, want})
	}
}

func TestCredentials(t *testing.T) {
	const inline = `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: agent, namespace: karmada-system}
spec:
  chart: {spec: {chart: ./charts/karmada}}
  values: {installMode: agent, agent: {clusterName: a, kubeconfig: {key: %s}}}`
	const whole = `
  valuesFrom: [{kind: Secret, name: hidden}]`
	field := fleet.Field{"spec", "values", "agent", "kubeconfig", "key"}
	long := strings.Repeat("a", 300)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	const charts = "-----BEGIN RSA PRIVATE KEY-----\nXXXXXXXXXXXXXXXXXXXXXXXXXXX\n-----END RSA PRIVATE KEY-----\n"
	for name, c := range map[string]struct {
		key  string
		want fleet.Credential
	}{
		"a key": {fmt.Sprintf("key: %q", private),
			fleet.Credential{State: fleet.Found, From: "values", Class: fleet.Key, Length: len(private)}},
		"encrypted": {"key: '" + ciphertext(1700) + "'",
			fleet.Credential{State: fleet.Found, From: "values", Class: fleet.Encrypted, Length: 1700}},
		"variable": {`key: "${AGENT_KEY}"`, fleet.Credential{
			State: fleet.Found, From: "values", Class: fleet.Variable, Length: 12}},
		"placeholder": {fmt.Sprintf("key: %q", charts),
			fleet.Credential{State: fleet.Found, From: "values", Class: fleet.Plain, Length: len(charts),
				Placeholder: true}},
		"empty": {`key: ""`, fleet.Credential{
			State: fleet.Found, From: "values", Class: fleet.Empty, Placeholder: true}},
		"null":   {"key: null", fleet.Credential{State: fleet.Missing, From: "values"}},
		"absent": {"", fleet.Credential{State: fleet.Missing}},
		"in a whole file": {whole, fleet.Credential{State: fleet.Unknown, From: "Secret/hidden",
			Field: fleet.Field{"spec", "valuesFrom", 0}}},
		"over a whole file": {"key: " + long + whole, fleet.Credential{
			State: fleet.Found, From: "values", Class: fleet.Plain, Length: 300}},
	} {
		t.Run(name, func(t *testing.T) {
			key, rest, _ := strings.Cut(c.key, "\n")
			if rest != "" {
				rest = "\n" + rest
			}
			if c.want.Field == nil {
				c.want.Field = field
			}
			c.want.Origin = fleet.Origin{File: "clusters/a/apps.yaml"}
			equal(t, "key", agents(t, strings.Replace(inline, "key: %s", key, 1)+
				rest)["a/karmada-system/agent"].Credentials["key"], c.want)
		})
	}
}

// What a redacted word of a command line says is not known, and neither is what follows from the words.
func TestRedactedArguments(t *testing.T) {
	got := agents(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: karmada-agent, namespace: karmada-system}
spec:
  template:
    spec:
      containers:
        - {name: agent, image: "karmada/karmada-agent:v1.18.2", args: ["https://me:Zx81correcthorse@example.test"]}
`)["a/karmada-system/karmada-agent"]
	equal(t, "agent", []any{got.NameState, got.EndpointState, got.LeaseNamespace},
		[]any{fleet.Unknown, fleet.Unknown, ""})
}
