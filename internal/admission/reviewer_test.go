package admission_test

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/rules"
)

const (
	karmada = "talos-ottawa/karmada-system/karmada-kubeconfig"
	ottawa  = "talos-ottawa"
)

// read are the rules and testdata/fleet, read once.
var read = sync.OnceValues(func() (*fixture, error) {
	ctx := context.Background()
	fsys := os.DirFS("../../testdata/fleet")
	c, err := config.Read(fsys, config.Name)
	if err != nil {
		return nil, err
	}
	tree, err := loader.Load(ctx, fsys, loader.Options{})
	if err != nil {
		return nil, err
	}
	e, err := engine.New(ctx, engine.Options{})
	return &fixture{e, c, fleet.Build(tree, c.Declared())}, err
})

type fixture struct {
	engine *engine.Engine
	config config.Config
	fleet  *fleet.Fleet
}

// healthy serves testdata/fleet.
func healthy(t *testing.T, c config.Admission) (*admission.Reviewer, *fleet.Fleet) {
	t.Helper()
	f, err := read()
	if err != nil {
		t.Fatal(err)
	}
	own := f.config
	own.Admission = c
	r, err := admission.NewReviewer(f.engine, own)
	if err != nil {
		t.Fatal(err)
	}
	s := &admission.Snapshot{Fleet: f.fleet, Revision: "main@sha1:0a1b", Digest: "sha256:77", Loaded: time.Unix(0, 0)}
	if err := r.Serve(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return r, f.fleet
}

const policyText = `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata:
  name: other
  namespace: test-failover
  managedFields: [{manager: kubectl}]
spec:
  resourceSelectors:
    - {apiVersion: apps/v1, kind: Deployment, name: my-app}
  propagateDeps: true
  priority: 1
  placement:
    clusterAffinity:
      clusterNames: [ottawa, robinsdale]
`

func request(t *testing.T, op admissionv1.Operation, object, old string) *admissionv1.AdmissionRequest {
	t.Helper()
	req := &admissionv1.AdmissionRequest{UID: types.UID("u-1"), Operation: op,
		UserInfo: authenticationv1.UserInfo{Username: "ada", Groups: []string{"people"}}}
	for _, part := range []struct {
		into *runtime.RawExtension
		text string
	}{{&req.OldObject, old}, {&req.Object, object}} {
		if part.text == "" {
			continue
		}
		data, err := yaml.YAMLToJSON([]byte(part.text))
		if err != nil {
			t.Fatal(err)
		}
		part.into.Raw = data
		var o metav1.PartialObjectMetadata
		if err := json.Unmarshal(data, &o); err != nil {
			t.Fatal(err)
		}
		gvk := o.GroupVersionKind()
		req.Kind = metav1.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind}
		req.Name, req.Namespace = o.Name, o.Namespace
	}
	return req
}

func review(t *testing.T, r *admission.Reviewer, server string, req *admissionv1.AdmissionRequest) *admission.Verdict {
	t.Helper()
	v, err := r.Review(t.Context(), server, req)
	if err != nil {
		t.Fatal(err)
	}
	if v.Response.UID != "u-1" {
		t.Errorf("the UID is %q", v.Response.UID)
	}
	return v
}

// audited are a response's audit annotations with what is in each.
func audited(decision string, more ...string) map[string]string {
	all := map[string]string{"revision": "main@sha1:0a1b", "digest": "sha256:77", "decision": decision}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

func TestDenied(t *testing.T) {
	r, _ := healthy(t, config.Admission{})
	v := review(t, r, karmada, request(t, admissionv1.Create, policyText, ""))
	message := `no member cluster is called "robinsdale" [policy-names-members]`
	want := &admissionv1.AdmissionResponse{
		UID: "u-1",
		Result: &metav1.Status{
			Status: "Failure", Reason: "Forbidden", Code: 403,
			Message: "spec.placement.clusterAffinity.clusterNames[1]: " + message +
				"; fix: Correct the name to \"robbinsdale\", or register \"robinsdale\" with Karmada; see " +
				rules.Docs + "policy-names-members\njudged by main@sha1:0a1b",
			Details: &metav1.StatusDetails{Name: "other", Group: "policy.karmada.io", Kind: "PropagationPolicy",
				Causes: []metav1.StatusCause{{
					Type: "FieldValueInvalid", Message: message,
					Field: "spec.placement.clusterAffinity.clusterNames[1]",
				}}},
		},
		AuditAnnotations: audited("deny", "findings",
			"policy-names-members error spec.placement.clusterAffinity.clusterNames[1]"),
	}
	if !reflect.DeepEqual(v.Response, want) {
		t.Errorf("got\n%s\nwant\n%s", text(v.Response), text(want))
	}
	if v.Decision != admission.Deny || !reflect.DeepEqual(v.Rules, []string{"policy-names-members"}) {
		t.Errorf("%s by %q", v.Decision, v.Rules)
	}
}

// What a request comes to, and why.
func TestDecisions(t *testing.T) {
	misspelt := policyText
	right := strings.Replace(policyText, "robinsdale", "robbinsdale", 1)
	edited := strings.Replace(misspelt, "priority: 1", "priority: 2", 1)
	worse := strings.Replace(misspelt, "[ottawa, robinsdale]", "[robinsdale, winnipeg]", 1)
	dying := strings.Replace(misspelt, "  namespace:", "  deletionTimestamp: \"2026-01-01T00:00:00Z\"\n  namespace:", 1)
	excepted := strings.Replace(misspelt, "  namespace:",
		"  annotations: {rollcall.dev/ignore: \"policy-names-members: joined tomorrow\"}\n  namespace:", 1)
	bare := strings.Replace(misspelt, "name: other", "generateName: other-", 1)
	encrypted :=
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: x}\nstringData: {password: \"ENC[AES256_GCM,data:giLojoZ5G5ep8fyGSA4RrU+x/KQAVt0g,iv:AX0NRpWhDrVLc0JhSTf8C31o9aKuZKdO/DG1B1tO4sA=,tag:4adPnJfpOsPORSqem/OQ1w==,type:str]\"}\n"
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n"
	for _, c := range []struct {
		name, server string
		op           admissionv1.Operation
		object, old  string
		edit         func(*admissionv1.AdmissionRequest)
		config       config.Admission
		want         admission.Decision
		why          string // of a skip, or a part of the first warning
	}{
		{name: "right", op: "CREATE", object: right, want: "allow"},
		{name: "wrong", op: "CREATE", object: misspelt, want: "deny"},
		{name: "dry run", op: "CREATE", object: misspelt, want: "deny", edit: func(r *admissionv1.AdmissionRequest) {
			r.DryRun = new(bool)
			*r.DryRun = true
		}},
		// it does not serve the kind
		{name: "another server", server: ottawa, op: "CREATE", object: right, want: "deny"},
		{name: "generated name", op: "CREATE", object: bare, want: "deny"},
		{name: "made wrong", op: "UPDATE", old: right, object: misspelt, want: "deny"},
		{name: "put right", op: "UPDATE", old: misspelt, object: right, want: "allow"},
		{name: "an old fault", op: "UPDATE", old: misspelt, object: edited, want: "allow"},
		{name: "an old fault and a new one", op: "UPDATE", old: misspelt, object: worse, want: "deny"},
		{name: "deleted", op: "DELETE", old: misspelt, want: "allow"},
		{name: "deleted with the collection", op: "DELETE", old: misspelt, want: "allow",
			edit: func(r *admissionv1.AdmissionRequest) {
				r.Name = ""
			}},
		{name: "deleted, nobody says what", op: "DELETE", want: "skip", why: "nothing"},
		{name: "finalizers come off", op: "UPDATE", old: misspelt, object: dying, want: "skip", why: "deletion"},
		{name: "excepted", op: "CREATE", object: excepted, want: "allow"},
		{name: "connect", op: "CONNECT", object: misspelt, want: "skip", why: "operation"},
		{name: "status", op: "UPDATE", old: right, object: misspelt, want: "skip", why: "subresource",
			edit: func(r *admissionv1.AdmissionRequest) {
				r.SubResource = "status"
			}},
		{name: "scale", op: "UPDATE", object: misspelt, want: "skip", why: "subresource",
			edit: func(r *admissionv1.AdmissionRequest) {
				r.SubResource = "scale"
			}},
		{name: "unknown kind", op: "CREATE", object: "apiVersion: example.test/v1\nkind: Thing\nmetadata: {name: x}\n",
			want: "allow"},
		{name: "a namespace", op: "CREATE", object: namespace, want: "allow",
			edit: func(r *admissionv1.AdmissionRequest) {
				r.Namespace = "x"
			}},
		{name: "ciphertext", server: ottawa, op: "CREATE", object: encrypted, want: "deny"},
		{name: "warned", op: "CREATE", object: misspelt, config: config.Admission{Mode: config.Warn}, want: "warn",
			why: "[policy-names-members] spec.placement.clusterAffinity.clusterNames[1]: no member"},
		{name: "audited", op: "CREATE", object: misspelt, config: config.Admission{Mode: config.Audit}, want: "allow"},
		{name: "one rule warned", op: "CREATE", object: misspelt,
			config: config.Admission{Rules: map[string]config.Mode{"policy-names-members": config.Warn}}, want: "warn",
			why: "no member"},
		{name: "one rule enforced", op: "CREATE", object: misspelt,
			config: config.Admission{Mode: config.Audit, Rules: map[string]config.Mode{
				"policy-names-members": config.Enforce}}, want: "deny"},
		{name: "exempt namespace", op: "CREATE", object: misspelt,
			config: config.Admission{Exempt: config.Exempt{Namespaces: []string{"test-failover"}}}, want: "skip",
			why: "namespace"},
		{name: "exempt user", op: "CREATE", object: misspelt,
			config: config.Admission{Exempt: config.Exempt{Users: []string{"ada"}}}, want: "skip", why: "user"},
		{name: "exempt group", op: "CREATE", object: misspelt,
			config: config.Admission{Exempt: config.Exempt{Groups: []string{"people"}}}, want: "skip", why: "group"},
		{name: "exempt others", op: "CREATE", object: misspelt,
			config: config.Admission{Exempt: config.Exempt{Namespaces: []string{""}, Users: []string{"bob"},
				Groups: []string{"peop"}}}, want: "deny"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := healthy(t, c.config)
			req := request(t, c.op, c.object, c.old)
			if c.edit != nil {
				c.edit(req)
			}
			v := review(t, r, cmp.Or(c.server, karmada), req)
			if v.Decision != c.want || v.Response.Allowed != (c.want != admission.Deny) ||
				v.Response.AuditAnnotations["decision"] != string(c.want) {
				t.Errorf("%s: %s", v.Decision, text(v.Response))
			}
			switch c.want {
			case admission.Skip:
				if want := audited("skip", "skipped", c.why); !maps.Equal(v.Response.AuditAnnotations, want) {
					t.Errorf("audited %v, want %v", v.Response.AuditAnnotations, want)
				}
			case admission.Warn:
				if len(v.Response.Warnings) != 1 || !strings.Contains(v.Response.Warnings[0], c.why) {
					t.Errorf("warnings %q", v.Response.Warnings)
				}
			default:
				if len(v.Response.Warnings) > 0 {
					t.Errorf("warnings %q", v.Response.Warnings)
				}
			}
		})
	}
}

// To delete an agent that a policy counts on is wrong elsewhere: it warns, since Flux applies in its own order.
func TestElsewhere(t *testing.T) {
	r, f := healthy(t, config.Admission{})
	agent := f.Objects["talos-robbinsdale"]["HelmRelease.helm.toolkit.fluxcd.io"]["karmada-system"]["karmada-agent"]
	data, err := yaml.Marshal(agent.Content)
	if err != nil || agent.Content == nil {
		t.Fatalf("the agent is not there: %v", err)
	}
	v := review(t, r, "talos-robbinsdale", request(t, admissionv1.Delete, "", string(data)))
	if v.Decision != admission.Warn || !v.Response.Allowed || len(v.Response.Warnings) == 0 {
		t.Fatalf("%s: %s", v.Decision, text(v.Response))
	}
	for _, warning := range v.Response.Warnings {
		if !strings.Contains(warning, "robbinsdale") || len([]rune(warning)) > 256 {
			t.Errorf("warning %q", warning)
		}
	}
}

// A change that was judged is not judged again, as Flux asks about each one twice; one that differs in anything is, and
// so is every change once another fleet is served.
func TestAskedAgain(t *testing.T) {
	r, _ := healthy(t, config.Admission{})
	right := strings.Replace(policyText, "robinsdale", "robbinsdale", 1)
	resent := strings.Replace(right, "managedFields: [{manager: kubectl}]",
		"uid: u-2\n  managedFields: [{manager: flux}]", 1)
	for round := range 2 {
		for _, c := range []struct {
			name, server string
			req          *admissionv1.AdmissionRequest
			want         admission.Decision
		}{
			{"the change", karmada, request(t, admissionv1.Create, right, ""), admission.Allow},
			{"for good", karmada, request(t, admissionv1.Create, resent, ""), admission.Allow},
			{"another server", ottawa, request(t, admissionv1.Create, right, ""), admission.Deny},
			{"another object", karmada, request(t, admissionv1.Create, policyText, ""), admission.Deny},
			{"from it", karmada, request(t, admissionv1.Update, policyText, right), admission.Deny},
			{"back to it", karmada, request(t, admissionv1.Update, right, policyText), admission.Allow},
		} {
			if v := review(t, r, cmp.Or(c.server, karmada), c.req); v.Decision != c.want {
				t.Errorf("%s, round %d: %s", c.name, round, text(v.Response))
			}
		}
	}

	again := testing.AllocsPerRun(10, func() { review(t, r, karmada, request(t, admissionv1.Create, right, "")) })
	priority := 1
	anew := testing.AllocsPerRun(10, func() {
		priority++
		object := strings.Replace(right, "priority: 1", "priority: "+strconv.Itoa(priority), 1)
		review(t, r, karmada, request(t, admissionv1.Create, object, ""))
	})
	if again*2 > anew {
		t.Errorf("%v allocations the second time, %v for another change", again, anew)
	}

	f, err := read()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := loader.Load(t.Context(), os.DirFS("../../testdata/fleet"), loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	declared := f.config.Declared()
	declared.Members = []fleet.DeclaredMember{{Name: "ottawa"}}
	if err := r.Serve(t.Context(), &admission.Snapshot{Fleet: fleet.Build(tree, declared)}); err != nil {
		t.Fatal(err)
	}
	if v := review(t, r, karmada, request(t, admissionv1.Create, right, "")); v.Decision != admission.Deny {
		t.Errorf("another fleet: %s", text(v.Response))
	}
}

// Clients show ten warnings of 256 characters.
func TestManyWarnings(t *testing.T) {
	r, _ := healthy(t, config.Admission{Mode: config.Warn})
	names := make([]string, 30)
	for i := range names {
		names[i] = strings.Repeat("é", 300) + strconv.Itoa(i)
	}
	v := review(t, r, karmada, request(t, admissionv1.Create,
		strings.Replace(policyText, "[ottawa, robinsdale]", "["+strings.Join(names, ", ")+"]", 1), ""))
	if n := len(v.Response.Warnings); n != 10 || !strings.HasSuffix(
		v.Response.Warnings[9], " more findings: rollcall lists them") {
		t.Errorf("%d warnings, the last of which is %q", n, v.Response.Warnings[n-1])
	}
	for _, warning := range v.Response.Warnings {
		if n := len([]rune(warning)); n > 256 {
			t.Errorf("a warning of %d characters", n)
		}
	}
}

// What cannot be judged is an error and no answer, and says nothing of what the object holds.
func TestNotJudged(t *testing.T) {
	f, err := read()
	if err != nil {
		t.Fatal(err)
	}
	empty, err := admission.NewReviewer(f.engine, config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	served, _ := healthy(t, config.Admission{})
	const all = `"talos-ottawa", "talos-ottawa/karmada-system/karmada-kubeconfig", "talos-robbinsdale", "talos-stpetersburg"`
	broken := request(t, admissionv1.Create, policyText, "")
	broken.Object.Raw = []byte(`{"kind": hunter2}`)
	list := request(t, admissionv1.Create, policyText, "")
	list.Object.Raw = []byte(`["hunter2"]`)
	for _, c := range []struct {
		name   string
		r      *admission.Reviewer
		server string
		req    *admissionv1.AdmissionRequest
		want   string
	}{
		{"no fleet", empty, "", request(t, admissionv1.Create, policyText, ""), "no fleet is served yet"},
		{"no such server", served, "otawa", request(t, admissionv1.Create, policyText, ""),
			`the fleet has no API server "otawa"; it has ` + all},
		{"none of several", served, "", request(t, admissionv1.Create, policyText, ""),
			"the fleet has several API servers, and nothing says which one asks: /validate/ID does, with one of " +
				all},
		{"no JSON", served, karmada, broken, "read the object: it is no JSON object"},
		{"no object", served, karmada, list, "read the object: it is no JSON object"},
	} {
		v, err := c.r.Review(t.Context(), c.server, c.req)
		if v != nil || err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, %v", c.name, v, err)
		}
	}
}

func text(v any) string {
	data, _ := json.MarshalIndent(v, "", "  ")
	return string(data)
}

// TestAtOnce reviews the deletion of every object of the fleet from several goroutines at once, each in an order of its
// own: the verdicts are those of one after the other, since a review changes nothing that others see.
func TestAtOnce(t *testing.T) {
	r, f := healthy(t, config.Admission{})
	var requests []*admissionv1.AdmissionRequest
	for _, s := range f.Subjects() {
		o, ok := f.ObjectOf(s.Object)
		if !ok {
			continue
		}
		old, err := json.Marshal(o.Content)
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, &admissionv1.AdmissionRequest{
			UID: types.UID(o.APIServer), Operation: admissionv1.Delete, Namespace: o.Namespace, Name: o.Name,
			Kind: metav1.GroupVersionKind{Group: o.Group, Kind: o.Kind}, OldObject: runtime.RawExtension{Raw: old},
		})
	}
	review := func(req *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		verdict, err := r.Review(t.Context(), string(req.UID), req)
		if err != nil {
			t.Error(err)
			return nil
		}
		return verdict.Response
	}
	var want []*admissionv1.AdmissionResponse
	for _, req := range requests {
		want = append(want, review(req))
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range requests {
				i = (i*7 + n) % len(requests)
				if got := review(requests[i]); !reflect.DeepEqual(got, want[i]) {
					t.Errorf("%s %s: %+v instead of %+v", requests[i].Kind.Kind, requests[i].Name, got, want[i])
				}
			}
		})
	}
	all.Wait()
}
