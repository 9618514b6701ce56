package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

// fluxStore judges by testdata/fleet.
func fluxStore(t *testing.T) *serving.Store {
	t.Helper()
	fsys, err := loader.Open("../../testdata/fleet")
	if err != nil {
		t.Fatal(err)
	}
	c := serving.NewStore(slog.New(slog.DiscardHandler), newMetrics(), "", time.Minute)
	if err := c.Serve(t.Context(), func(context.Context) (serving.Content, error) {
		return serving.Content{Checkout: checkout.Checkout{FS: fsys, Name: "fleet"}, Revision: "main@sha1:0a1b"}, nil
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

// fluxReview is a review of an object as its API server has it, before and after.
func fluxReview(t *testing.T, before, after string) string {
	t.Helper()
	req := map[string]any{"uid": "u", "operation": "CREATE"}
	for _, part := range []struct{ field, text string }{{"oldObject", before}, {"object", after}} {
		if part.text == "" {
			continue
		}
		var object map[string]any
		if err := yaml.Unmarshal([]byte(part.text), &object); err != nil {
			t.Fatal(err)
		}
		group, version, _ := strings.Cut(object["apiVersion"].(string), "/")
		req["kind"] = map[string]any{"group": group, "version": version, "kind": object["kind"]}
		req[part.field] = object
	}
	switch {
	case after == "":
		req["operation"] = "DELETE"
	case before != "":
		req["operation"] = "UPDATE"
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": req})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func askFlux(t *testing.T, h http.Handler, path, body string) (int, *admissionv1.AdmissionResponse, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return w.Code, answer.Response, w.Body.String()
}

// As the API server of talos-robbinsdale has it, with what the CRD sets by default.
const agentKustomization = `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: karmada-agent
  namespace: flux-system
  labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system}
spec:
  interval: 30m
  retryInterval: 1m
  timeout: 10m
  path: ./clusters/talos-robbinsdale/apps/karmada-agent/app
  prune: true
  wait: true
  force: false
  sourceRef: {kind: GitRepository, name: flux-system}
  dependsOn: [{name: tailscale-egress}]
  decryption: {provider: sops, secretRef: {name: sops-age}}
  postBuild: {substituteFrom: [{kind: ConfigMap, name: cluster-settings, optional: false}]}
`

// TestFluxObjects gives what Flux is about to have at one API server.
func TestFluxObjects(t *testing.T) {
	h := handlerOf(fluxStore(t))
	edit := func(old, new string) string {
		t.Helper()
		if !strings.Contains(agentKustomization, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(agentKustomization, old, new, 1)
	}
	const release = `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: r, namespace: flux-system}
spec: {interval: 1h, chartRef: {kind: OCIRepository, name: r}, dependsOn: [{name: none}]}
`
	const common = `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: common, namespace: flux-system}
spec:
  path: ./clusters/common
  sourceRef: {kind: GitRepository, name: flux-system}
  dependsOn: [{name: apps}]
  decryption: {provider: sops, secretRef: {name: sops-age}}
  postBuild: {substituteFrom: [{kind: ConfigMap, name: cluster-settings}]}
`
	for _, c := range []struct {
		name, before, after string
		want                string // the decision
		finding             string // the first
	}{
		{"as it is in Git", "", agentKustomization, "allow", ""},
		{"applied again", agentKustomization, agentKustomization, "allow", ""},
		{"deleted", agentKustomization, "", "allow", ""},
		{"another interval", agentKustomization, edit("interval: 30m", "interval: 5m"), "allow", ""},
		{"a path that is not there", agentKustomization, edit("/app\n", "/apps\n"), "deny",
			"kustomization-path-exists"},
		{"created with a path that is not there", "", edit("/app\n", "/apps\n"), "deny", "kustomization-path-exists"},
		{"a new one, with a path that is not there", "", strings.Replace(
			edit("/app\n", "/apps\n"), "name: karmada-agent", "name: other", 1), "deny", "kustomization-path-exists"},
		{"a path that is a number", agentKustomization, edit(
			"path: ./clusters/talos-robbinsdale/apps/karmada-agent/app", "path: 5"), "allow", ""},
		{"a path that leads out", agentKustomization, edit(
			"./clusters/talos-robbinsdale/apps/karmada-agent/app", "./../../etc"), "deny", "kustomization-path-exists"},
		{"the path of another cluster", agentKustomization,
			edit("path: ./clusters/talos-robbinsdale", "path: ./clusters/talos-stpetersburg"), "warn",
			"kustomization-path-own"},
		{"a source that is not there", agentKustomization,
			edit("kind: GitRepository, name: flux-system", "kind: GitRepository, name: fleet"), "warn",
			"source-exists"},
		{"a dependency that is not there", agentKustomization,
			edit("name: tailscale-egress", "name: tailscale-ingress"), "warn", "depends-on-exists"},
		{"a dependency on itself", agentKustomization, edit("name: tailscale-egress", "name: karmada-agent"), "deny",
			"depends-on-acyclic"},
		{"without decryption", agentKustomization, edit("  decryption: {provider: sops, secretRef: {name: sops-age}}\n",
			""), "deny", "secret-decrypted-by-flux"},
		{"a component that is not there", agentKustomization,
			edit("  force: false", "  force: false\n  components: [../none]"), "deny", "kustomize-builds"},
		{"a patch that is none", agentKustomization, edit(
			"  force: false", "  force: false\n  patches: [{patch: \"- op: nope\"}]"), "deny", "kustomize-builds"},
		{"another source altogether", agentKustomization, edit(
			"kind: GitRepository, name: flux-system", "kind: OCIRepository, name: other"), "warn", "source-exists"},
		{"a circle", "", common, "deny", "depends-on-acyclic"},
		{"what others wait for is deleted", common, "", "warn", "depends-on-exists"},
		{"a release that waits for none", "", release, "warn", "depends-on-exists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, answer, text := askFlux(t, h, "/validate/talos-robbinsdale", fluxReview(t, c.before, c.after))
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, text)
			}
			var rules []string
			for _, finding := range strings.Split(answer.AuditAnnotations["findings"], "; ") {
				rules = append(rules, strings.Split(finding, " ")[0])
			}
			if answer.AuditAnnotations["decision"] != c.want || !slices.Contains(rules, c.finding) {
				t.Errorf("%s", text)
			}
			if answer.AuditAnnotations["revision"] != "main@sha1:0a1b" {
				t.Errorf("revision %q", answer.AuditAnnotations["revision"])
			}
		})
	}
}

// TestManyFindings refuses a Kustomization that builds everything: the denial tells the first of the findings.
func TestManyFindings(t *testing.T) {
	h := handlerOf(fluxStore(t))
	entries := ""
	for range 30 {
		entries += "{patch: \"- op: nope\"}, {path: none, patch: \"\"}, "
	}
	object := strings.Replace(agentKustomization, "  force: false",
		"  components: [../a, ../b, ../c, ../d, ../e, ../f, ../g, ../h, ../i, ../j, ../k, ../l, ../m, ../n, ../o, ../p, ../q, ../r, ../s, ../t, ../u, ../v]\n  patches: ["+entries+"]", 1)
	_, answer, text := askFlux(t, h, "/validate/talos-robbinsdale", fluxReview(t, "", object))
	if answer.Allowed {
		t.Fatal(text)
	}
	lines := strings.Split(answer.Result.Message, "\n")
	if len(lines) != 22 || !strings.HasSuffix(lines[20], " more findings: rollcall lists them") ||
		len(answer.Result.Details.Causes) != 20 {
		t.Errorf("%d lines, %d causes: %s", len(lines), len(answer.Result.Details.Causes), text)
	}
}

// TestWhoAsks asks where a path names no API server, or none of the fleet's: a fleet with a Karmada API server is not
// judged as if that asked, and what could not be judged is logged in words.
func TestWhoAsks(t *testing.T) {
	const ids = `"talos-ottawa", "talos-ottawa/karmada-system/karmada-kubeconfig", "talos-robbinsdale", "talos-stpetersburg"`
	for path, want := range map[string]string{
		"/validate":               "the fleet has several API servers, and nothing says which one asks: /validate/ID does, with one of " + ids,
		"/validate/":              "the fleet has several API servers, and nothing says which one asks: /validate/ID does, with one of " + ids,
		"/validate/talos-winnipe": `the fleet has no API server "talos-winnipe"; it has ` + ids,
		"/validate/talos-otawa":   `the fleet has no API server "talos-otawa"; it has ` + ids,
	} {
		var logged strings.Builder
		h := handlerOf(fluxStore(t))
		h.log = slog.New(slog.NewJSONHandler(&logged, nil))
		code, _, text := askFlux(t, h, path, fluxReview(t, "", agentKustomization))
		var status struct{ Message string }
		if err := json.Unmarshal([]byte(text), &status); err != nil || code != http.StatusNotFound ||
			status.Message != want {
			t.Errorf("%s: %d %s", path, code, text)
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(logged.String()), &line); err != nil || line["message"] != want {
			t.Errorf("%s: %s", path, &logged)
		}
	}
}

// TestNewerRevision asks while the source has a newer revision than the one that judges, which may bring
// the path, or the member that a policy names: nothing is refused for its lack. What the object alone has
// wrong is refused all the same.
func TestNewerRevision(t *testing.T) {
	policy := strings.Replace(policyFor, "NAME", "paris", 1)
	noPath := strings.Replace(agentKustomization, "/app\n", "/apps\n", 1)
	c := fluxStore(t)
	h := handlerOf(c)
	for _, step := range []struct {
		newest, path, object, want string
		warning                    string
	}{
		{"", "/validate/talos-robbinsdale", noPath, "deny", ""},
		{"main@sha1:0a1b", "/validate/talos-robbinsdale", noPath, "deny", ""},
		{"main@sha1:0a1c", "/validate/talos-robbinsdale", noPath, "warn",
			"judged by main@sha1:0a1b; the source has main@sha1:0a1c, which may mend what is warned of"},
		{"main@sha1:0a1c", "/validate/talos-robbinsdale", agentKustomization, "allow", ""},
		{"main@sha1:0a1b", karmada, policy, "deny", ""},
		{"main@sha1:0a1c", karmada, policy, "warn",
			"judged by main@sha1:0a1b; the source has main@sha1:0a1c, which may mend what is warned of"},
	} {
		if step.newest != "" {
			c.Expect(step.newest)
		}
		code, answer, text := askFlux(t, h, step.path, fluxReview(t, "", step.object))
		if code != http.StatusOK || answer.AuditAnnotations["decision"] != step.want ||
			answer.AuditAnnotations["revision"] != "main@sha1:0a1b" {
			t.Errorf("%s %s: %s", step.newest, step.path, text)
			continue
		}
		if step.want == "deny" && !strings.HasSuffix(answer.Result.Message, "\njudged by main@sha1:0a1b") {
			t.Errorf("%s", answer.Result.Message)
		}
		if newer := answer.AuditAnnotations["newer"]; (newer != "") != (step.newest == "main@sha1:0a1c") {
			t.Errorf("newer: %q", newer)
		}
		if (step.warning != "") != (len(answer.Warnings) > 1 && answer.Warnings[0] == step.warning) {
			t.Errorf("%q", answer.Warnings)
		}
	}
}

// TestRefusedRevision asks while the source has a revision that does not load: the last one judges as before.
func TestRefusedRevision(t *testing.T) {
	c := fluxStore(t)
	h := handlerOf(c)
	policy := fluxReview(t, "", strings.Replace(policyFor, "NAME", "paris", 1))
	for step, want := range []string{"deny", "warn", "warn", "deny", "deny"} {
		switch step {
		case 1:
			c.Expect("main@sha1:0a1c")
		case 2:
			c.Refuse("main@sha1:0a1a") // an older one, late
		case 3:
			c.Refuse("main@sha1:0a1c")
		case 4:
			c.Expect("main@sha1:0a1c")
		}
		if _, answer, text := askFlux(t, h, karmada, policy); answer.AuditAnnotations["decision"] != want {
			t.Errorf("%d: %s", step, text)
		}
	}
}

const policyFor = `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: other, namespace: test-failover}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: my-app}]
  propagateDeps: true
  placement: {clusterAffinity: {clusterNames: [ottawa, NAME]}}
`

// TestFindingsAreCounted counts what was done about each rule's findings, in one review that
// is refused for one of them.
func TestFindingsAreCounted(t *testing.T) {
	h := handlerOf(fluxStore(t))
	object := strings.NewReplacer("/app\n", "/apps\n", "name: tailscale-egress", "name: tailscale-ingress").Replace(
		agentKustomization)
	if _, answer, text := askFlux(t, h, "/validate/talos-robbinsdale", fluxReview(t, "", object)); answer.Allowed ||
		len(answer.Warnings) != 1 {
		t.Errorf("%s", text)
	}
	families, err := h.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, family := range families {
		if family.GetName() == "rollcall_admission_findings_total" {
			for _, m := range family.GetMetric() {
				got[m.GetLabel()[1].GetValue()] = m.GetLabel()[0].GetValue()
			}
		}
	}
	if want := map[string]string{"kustomization-path-exists": "deny", "depends-on-exists": "warn"}; !maps.Equal(
		got, want) {
		t.Errorf("%v", got)
	}
}

// TestStatusNamesTheRevision holds that /fleet names the revision as answers do, also that of a folder, which has none,
// and tells durations in seconds.
func TestStatusNamesTheRevision(t *testing.T) {
	r := start(t, "--fleet", "../../testdata/fleet", "--self-signed")
	answer := r.ask(karmada+"?timeout=30s", "seed-policy.json")
	_, text := r.get("/fleet")
	var fleet struct {
		Revision          string
		Age, LoadDuration float64
	}
	if err := json.Unmarshal([]byte(text), &fleet); err != nil {
		t.Fatal(err)
	}
	if fleet.Revision == "" || fleet.Revision != answer.AuditAnnotations["revision"] || fleet.Age > 600 ||
		fleet.LoadDuration <= 0 || fleet.LoadDuration > 600 {
		t.Errorf("%s, and %v", text, answer.AuditAnnotations)
	}
	if took, _ := r.logs.find(t, "fleet loaded")["duration"].(float64); took <= 0 || took > 600 {
		t.Errorf("duration %v", took)
	}
	if _, verbose := r.get("/readyz?verbose"); !strings.Contains(
		verbose, "[+]api-server ok: the fleet has several API servers") {
		t.Errorf("%s", verbose)
	}
	if _, metrics := r.get("/metrics"); !strings.Contains(metrics, "rollcall_build_info{goversion=\"go") {
		t.Error("there is no rollcall_build_info")
	}
}

// TestVersion prints what rollcall version does.
func TestVersion(t *testing.T) {
	for _, how := range []string{"version", "--version"} {
		var out strings.Builder
		if code := (&app{stdout: &out, stderr: io.Discard}).run(t.Context(), []string{how}); code != 0 ||
			!strings.HasPrefix(out.String(), "rollcall-webhook ") ||
			!strings.Contains(out.String(), runtime.Version()) {
			t.Errorf("%s: %d %s", how, code, &out)
		}
	}
}
