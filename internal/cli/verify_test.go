package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// karmada is an API server that holds some objects, two a page, for whoever has the token or a certificate.
type karmada struct {
	objects map[string][]string // manifests by resource; a resource that is not there is not served
	token   string
	asked   []string
}

func (k *karmada) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.TLS.PeerCertificates) == 0 && r.Header.Get("Authorization") != "Bearer "+k.token {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	k.asked = append(k.asked, r.Method+" "+r.URL.Path)
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	manifests, served := k.objects[resource]
	if !served || r.URL.Path != "/apis/cluster.karmada.io/v1alpha1/"+resource &&
		r.URL.Path != "/apis/policy.karmada.io/v1alpha1/"+resource {
		http.NotFound(w, r)
		return
	}
	from, next := 0, ""
	_, _ = fmt.Sscan(r.URL.Query().Get("continue"), &from)
	to := min(from+2, len(manifests))
	if to < len(manifests) {
		next = fmt.Sprint(to)
	}
	items := []json.RawMessage{}
	for _, manifest := range manifests[from:to] {
		item, err := yaml.YAMLToJSON([]byte(manifest))
		if err != nil {
			panic(err)
		}
		items = append(items, item)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"metadata": map[string]any{"continue": next}, "items": items})
}

func liveCluster(name, mode, ready, reason string) string {
	return fmt.Sprintf(`
metadata: {name: %s}
spec: {syncMode: %s}
status:
  kubernetesVersion: v1.35.4
  conditions: [{type: Ready, status: %q, reason: %s, lastTransitionTime: "2026-11-24T10:00:00Z"}]`, name, mode, ready, reason)
}

// start serves k and writes a kubeconfig with a token for it; edit changes the kubeconfig.
func (k *karmada) start(t *testing.T, edit func(config string) string) (file string) {
	t.Helper()
	server := httptest.NewUnstartedServer(k)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	return writeKubeconfig(t, server, k.token, edit)
}

func writeKubeconfig(t *testing.T, server *httptest.Server, token string, edit func(string) string) string {
	t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	config := fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: karmada
contexts: [{name: karmada, context: {cluster: karmada, user: karmada}}]
clusters: [{name: karmada, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: karmada, user: {token: %s}}]`, server.URL, base64.StdEncoding.EncodeToString(ca), token)
	if edit != nil {
		config = edit(config)
	}
	file := filepath.Join(t.TempDir(), "karmada.config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// rollcallVerify runs the command on testdata/fleet.
func rollcallVerify(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	args = append([]string{"verify", "--no-cache", "--root", "../../testdata/fleet"}, args...)
	code = run(args, strings.NewReader(""), &out, &errs, func(string) string { return "" })
	return code, out.String(), errs.String()
}

// fleetPolicies are the policies of testdata/fleet as a Karmada API server has them, its defaults filled in.
func fleetPolicies(t *testing.T) map[string][]string {
	t.Helper()
	const dir = "../../testdata/fleet/clusters/talos-ottawa/apps/karmada-system/"
	// read gives a policy its namespace, and what else its spec has at the API server.
	read := func(file, namespace, more string) string {
		data, err := os.ReadFile(dir + file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer("\nmetadata:\n", "\nmetadata:\n  namespace: "+namespace+"\n", "\nspec:\n",
			"\nspec:\n"+more).Replace(string(data))
	}
	return map[string][]string{
		"propagationpolicies": {
			read("test-failover/propagationpolicy.yaml", "test-failover",
				"  conflictResolution: Abort\n  priority: 0\n  preemption: Never\n  schedulerName: default-scheduler\n"),
			read("karmada-apps/whoami/propagationpolicy.yaml", "whoami", "  priority: 0\n"),
		},
		"clusterpropagationpolicies": {},
		"overridepolicies":           {read("karmada-apps/whoami/overridepolicy.yaml", "whoami", "")},
		"clusteroverridepolicies":    {},
		"clustertaintpolicies":       {read("karmada-apps/clustertaintpolicy.yaml", "", "")},
		"federatedresourcequotas":    {},
	}
}

func TestVerifyHealthy(t *testing.T) {
	k := &karmada{token: "s3cret-token", objects: fleetPolicies(t)}
	for _, name := range []string{"ottawa", "robbinsdale", "stpetersburg"} {
		k.objects["clusters"] = append(k.objects["clusters"], liveCluster(name, "Pull", "True", "ClusterReady"))
	}
	code, out, errs := rollcallVerify("--kubeconfig", k.start(t, nil))
	const want = `MEMBER         GIT     LIVE   READY   REASON         SINCE                  KUBERNETES   AGENT
ottawa         agent   Pull   True    ClusterReady   2026-11-24T10:00:00Z   v1.35.4      1.18.1
robbinsdale    agent   Pull   True    ClusterReady   2026-11-24T10:00:00Z   v1.35.4      1.18.1
stpetersburg   agent   Pull   True    ClusterReady   2026-11-24T10:00:00Z   v1.35.4      1.18.1

3 members, 4 policies: 0 errors, 0 warnings
`
	if code != clean || out != want || errs != "" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for _, request := range k.asked {
		if !strings.HasPrefix(request, "GET ") {
			t.Errorf("it asks %s", request)
		}
	}
}

func TestVerifyBroken(t *testing.T) {
	k := &karmada{token: "s3cret-token", objects: fleetPolicies(t)}
	k.objects["clusters"] = []string{
		liveCluster("ottawa", "Push", "True", "ClusterReady"),
		liveCluster("robbinsdale", "Pull", "Unknown", "ClusterStatusUnknown"),
		liveCluster("saint-petersburg", "Pull", "True", "ClusterReady"),
	}
	failover := k.objects["propagationpolicies"][0]
	k.objects["propagationpolicies"] = []string{
		strings.Replace(failover, "\nspec:\n", "\nspec:\n  suspension: {dispatching: true}\n", 1),
		"metadata: {name: by-hand, namespace: default}\nspec: {resourceSelectors: []}",
	}
	delete(k.objects, "clustertaintpolicies") // a Karmada that does not serve them
	file := k.start(t, nil)
	code, out, errs := rollcallVerify("--kubeconfig", file)
	const want = `MEMBER             GIT     LIVE   READY     REASON                 SINCE                  KUBERNETES   AGENT
ottawa             agent   Push   True      ClusterReady           2026-11-24T10:00:00Z   v1.35.4      1.18.1
robbinsdale        agent   Pull   Unknown   ClusterStatusUnknown   2026-11-24T10:00:00Z   v1.35.4      1.18.1
saint-petersburg   –       Pull   True      ClusterReady           2026-11-24T10:00:00Z   v1.35.4      –
stpetersburg       agent   –      –         –                      –                      –            1.18.1
`
	if code != findings || !strings.HasPrefix(out, want) || errs != "" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	const apps = "clusters/talos-ottawa/apps/karmada-system/"
	for _, line := range []string{
		`.rollcall.yaml: error: member "ottawa" is registered in mode "Push", and Git has it in mode "Pull" [mode]`,
		`.rollcall.yaml: error: member "robbinsdale" is not ready: ClusterStatusUnknown since 2026-11-24T10:00:00Z [not-ready]`,
		`warning: Karmada has a member "saint-petersburg" that neither an agent nor a Cluster object in Git registers [unknown-to-git]`,
		`.rollcall.yaml: error: member "stpetersburg" has an agent in Git that never registered it with Karmada`,
		apps + `test-failover/propagationpolicy.yaml: warning: PropagationPolicy "test-failover/my-app-failover" is not as Git has it: spec.suspension.dispatching [differs]`,
		apps + `karmada-apps/clustertaintpolicy.yaml: error: ClusterTaintPolicy "`,
		`PropagationPolicy "default/by-hand" is at the Karmada API server and not in Git`,
	} {
		if !strings.Contains(out, "\n"+line) && !strings.Contains(out, ": "+line) {
			t.Errorf("it does not say: %s", line)
		}
	}
	if t.Failed() {
		t.Log(out)
	}

	if code, _, _ := rollcallVerify("--kubeconfig", file, "--fail-on", "never"); code != clean {
		t.Errorf("--fail-on never: exit code %d", code)
	}
	code, out, _ = rollcallVerify("--kubeconfig", file, "-o", "json")
	var report struct {
		Members []struct {
			Name     string
			Problems []struct{ Kind, Severity string }
		}
		Policies []struct{ Name, State string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != findings {
		t.Fatalf("-o json: exit code %d, %v", code, err)
	}
	var got []string
	for _, m := range report.Members {
		for _, p := range m.Problems {
			got = append(got, m.Name+" "+p.Kind+" "+p.Severity)
		}
	}
	for _, p := range report.Policies {
		got = append(got, p.Name+" "+p.State)
	}
	const all = "ottawa mode error, robbinsdale not-ready error, saint-petersburg unknown-to-git warning, stpetersburg unregistered error"
	if joined := strings.Join(got, ", "); !strings.HasPrefix(joined, all) ||
		!strings.Contains(joined, "my-app-failover differs") || !strings.Contains(joined, "by-hand extra") {
		t.Errorf("-o json: %s", joined)
	}
}

// TestVerifyPage: docs/verify.md shows what the program says.
func TestVerifyPage(t *testing.T) {
	k := &karmada{token: "s3cret-token", objects: fleetPolicies(t)}
	k.objects["clusters"] = []string{
		liveCluster("ottawa", "Pull", "True", "ClusterReady"),
		liveCluster("robbinsdale", "Pull", "Unknown", "ClusterStatusUnknown"),
		liveCluster("saint-petersburg", "Pull", "True", "ClusterReady"),
	}
	failover := k.objects["propagationpolicies"]
	failover[0] = strings.Replace(failover[0], "\nspec:\n", "\nspec:\n  suspension: {dispatching: true}\n", 1)
	_, out, _ := rollcallVerify("--kubeconfig", k.start(t, nil))
	page, err := os.ReadFile("../../docs/verify.md")
	if err != nil {
		t.Fatal(err)
	}
	if shown := "$ rollcall verify --kubeconfig karmada.config\n" + out +
		"```\n"; !strings.Contains(string(page), shown) {
		t.Errorf("it does not show:\n%s", shown)
	}
}

func TestVerifyCertificate(t *testing.T) {
	k := &karmada{token: "s3cret-token", objects: fleetPolicies(t)}
	k.objects["clusters"] = []string{}
	server := httptest.NewUnstartedServer(k)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	certificate, key := selfSigned(t)
	file := writeKubeconfig(t, server, "", func(config string) string {
		return strings.Replace(config, "user: {token: }", "user: {client-certificate: tls.crt, client-key-data: "+
			base64.StdEncoding.EncodeToString(key)+"}", 1)
	})
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "tls.crt"), certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := rollcallVerify("--kubeconfig", file)
	if code != findings || errs != "" { // no member is there
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestVerifyRefuses(t *testing.T) {
	k := &karmada{token: "s3cret-token", objects: map[string][]string{"clusters": {}}}
	replace := func(old, new string) func(string) string {
		return func(config string) string {
			if !strings.Contains(config, old) {
				t.Errorf("the kubeconfig has no %s", old)
			}
			return strings.Replace(config, old, new, 1)
		}
	}
	for name, c := range map[string]struct {
		edit func(string) string
		args []string
		want string
	}{
		"a program to sign on": {replace("{token: s3cret-token}", "{exec: {command: /bin/true}}"), nil,
			"runs a program to sign on is refused"},
		"a provider": {replace("{token: s3cret-token}", "{auth-provider: {name: x}}"), nil,
			"runs a program to sign on is refused"},
		"a password": {replace("{token: s3cret-token}", "{username: a, password: hunter2}"), nil,
			"user name and password are no longer taken"},
		"impersonation": {replace("token:", "as: admin, token:"), nil, "impersonation is not supported"},
		"any server": {replace("{server:", "{insecure-skip-tls-verify: true, server:"), nil,
			"insecure-skip-tls-verify is refused"},
		"no TLS": {replace("https:", "http:"), nil, "the server is no https URL"},
		"another authority": {func(config string) string {
			return replaceCA(t, config)
		}, nil, "certificate signed by unknown authority"},
		"a wrong token":      {replace("s3cret-token", "hunter2"), nil, "answers 401 Unauthorized"},
		"an unknown context": {nil, []string{"--karmada-context", "x"}, `it has no context "x"`},
		"no user": {replace("name: karmada, user:", "name: other, user:"), nil,
			`it has no user "karmada"`},
		"no kubeconfig": {func(string) string { return "s3cret-token: [" }, nil, "is not one"},
		"a certificate alone": {replace("{token: s3cret-token}",
			"{client-certificate-data: "+base64.StdEncoding.EncodeToString([]byte("x"))+"}"), nil, "are no pair"},
		"an API server of none": {nil, []string{"--api-server", "x"},
			"the tree has no Karmada API server of this ID, but talos-ottawa/karmada-system/karmada-kubeconfig"},
		"another format":           {nil, []string{"-o", "yaml"}, "-o yaml: the format is none of table, json"},
		"another severity":         {nil, []string{"--fail-on", "x"}, "--fail-on x: none of"},
		"a folder as a kubeconfig": {nil, []string{"--kubeconfig", "."}, "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := rollcallVerify(append([]string{"--kubeconfig", k.start(t, c.edit)}, c.args...)...)
			if code != unfinished || out != "" || !strings.Contains(errs, c.want) {
				t.Errorf("exit code %d, %q, want %q", code, errs, c.want)
			}
			if strings.Contains(errs, "s3cret") || strings.Contains(errs, "hunter2") {
				t.Errorf("it shows a credential: %s", errs)
			}
		})
	}
}

// TestVerifyKubeconfig names the kubeconfig in every way.
func TestVerifyKubeconfig(t *testing.T) {
	k := &karmada{token: "s3cret-token", objects: fleetPolicies(t)}
	for _, name := range []string{"ottawa", "robbinsdale", "stpetersburg"} {
		k.objects["clusters"] = append(k.objects["clusters"], liveCluster(name, "Pull", "True", "ClusterReady"))
	}
	right, other := k.start(t, nil), k.start(t, func(string) string { return "{}" })
	list := func(names ...string) string { return strings.Join(names, string(os.PathListSeparator)) }
	for name, c := range map[string]struct {
		env  string
		args []string
		want string // the error; empty for none
	}{
		"the flag":             {"", []string{"--kubeconfig", right}, ""},
		"its name of before":   {"", []string{"--karmada-kubeconfig", right, "--karmada-context", "karmada"}, ""},
		"the environment":      {right, nil, ""},
		"a context in it":      {right, []string{"--context", "karmada"}, ""},
		"no such context":      {right, []string{"--context", "prod"}, `it has no context "prod"`},
		"the flag goes first":  {other, []string{"--kubeconfig", right}, ""},
		"a list with one file": {list("", "/nowhere/config", right, right), nil, ""},
		"a list with several": {list(right, other), nil, "KUBECONFIG names several files, " + right + ", " + other +
			": name one of them with --kubeconfig"},
		"one that is not there": {"/nowhere/config", nil,
			"read the kubeconfig: stat /nowhere/config: "},
		"a wrong one": {other, nil, `it has no context ""`},
		"none": {"", nil,
			"nothing leads to the Karmada API server: name a kubeconfig with --kubeconfig or in KUBECONFIG"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			env := func(name string) string { return map[string]string{"KUBECONFIG": c.env}[name] }
			code := run(append([]string{"verify", "--no-cache", "--root", "../../testdata/fleet"}, c.args...),
				strings.NewReader(""), &out, &errs, env)
			if want := map[bool]int{true: clean, false: unfinished}[c.want == ""]; code != want ||
				!strings.Contains(errs.String(), c.want) {
				t.Errorf("exit code %d: %s, want %q", code, errs.String(), c.want)
			}
		})
	}
}

// TestVerifyElsewhere sends the answers that no API server gives.
func TestVerifyElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"no Karmada": {http.NotFound, "list clusters.cluster.karmada.io: the API server does not serve them"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/x", http.StatusFound)
		}, "a redirect leads elsewhere"},
		"no list": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "<html>")
		}, "the answer is no list of objects"},
		"a list for ever": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"metadata":{"continue":"x"}}`)
		}, "an empty part of the list is not the last"},
		"an error of its": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "x", http.StatusServiceUnavailable)
		}, "answers 503 Service Unavailable"},
		"objects of hell": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"items":[{"metadata":3},{}]}`)
		}, ""},
		"a list of strings": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"items":["x"]}`)
		}, "the answer is no list of objects"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(c.answer)
			defer server.Close()
			code, _, errs := rollcallVerify("--kubeconfig", writeKubeconfig(t, server, "x", nil))
			if c.want == "" && code != findings || c.want != "" &&
				(code != unfinished || !strings.Contains(errs, c.want)) {
				t.Errorf("exit code %d, %q, want %q", code, errs, c.want)
			}
		})
	}
}

// replaceCA puts an authority into the kubeconfig that did not sign the server's certificate.
func replaceCA(t *testing.T, config string) string {
	certificate, _ := selfSigned(t)
	before, _, _ := strings.Cut(config, "certificate-authority-data: ")
	_, after, _ := strings.Cut(config, "}}]\nusers")
	return before + "certificate-authority-data: " + base64.StdEncoding.EncodeToString(certificate) + "}}]\nusers" +
		after
}

func selfSigned(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rollcall"},
		NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
