package deploy

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"sigs.k8s.io/yaml"
)

// sent is true where the matchConditions of a webhook hold, so that the API server asks it.
func sent(t *testing.T, webhook any, request, object, oldObject map[string]any) bool {
	t.Helper()
	// As kube-apiserver declares them for webhooks:
	// https://github.com/kubernetes/kubernetes/blob/v1.35.4/staging/src/k8s.io/apiserver/pkg/admission/plugin/cel/compile.go
	env, err := cel.NewEnv(cel.Variable("request", cel.DynType), cel.Variable("object", cel.DynType),
		cel.Variable("oldObject", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	for _, condition := range list(webhook, "matchConditions") {
		ast, issues := env.Compile(text(condition, "expression"))
		if issues.Err() != nil {
			t.Fatalf("%s: %v", text(condition, "name"), issues.Err())
		}
		if ast.OutputType() != cel.BoolType {
			t.Fatalf("%s is a %s", text(condition, "name"), ast.OutputType())
		}
		program, err := env.Program(ast)
		if err != nil {
			t.Fatal(err)
		}
		variables := map[string]any{"request": request, "object": nil, "oldObject": nil}
		if object != nil {
			variables["object"] = object
		}
		if oldObject != nil {
			variables["oldObject"] = oldObject
		}
		result, _, err := program.Eval(variables)
		if err != nil {
			t.Fatalf("%s: %v", text(condition, "name"), err)
		}
		if result.Value() != true {
			return false
		}
	}
	return true
}

func parse(t *testing.T, manifest string) (o object) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(manifest), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// webhooks are those of a build, by name.
func webhooks(t *testing.T, dir string) map[string]any {
	t.Helper()
	found := map[string]any{}
	for _, webhook := range list(only(t, build(t, dir), "ValidatingWebhookConfiguration"), "webhooks") {
		found[text(webhook, "name")] = webhook
	}
	return found
}

func TestMatchConditions(t *testing.T) {
	const plain = "metadata: {name: a}\nspec: {x: 1}"
	const noted = "metadata: {name: a, annotations: {note: b}}\nspec: {x: 1}"
	const bound = "metadata: {name: a, finalizers: [f], labels: {id: b}}\nspec: {x: 1}"
	const changed = "metadata: {name: a, finalizers: [f]}\nspec: {x: 2}"
	const ending = "metadata: {name: a, deletionTimestamp: now}\nspec: {x: 2}"
	for dir, name := range map[string]string{"karmada/apiserver": "policies.rollcall.dev",
		"flux/self-made": "flux.rollcall.dev"} {
		webhook := webhooks(t, dir)[name]
		for what, c := range map[string]struct {
			operation, user, object, old string
			want                         bool
		}{
			"a new one":              {"CREATE", "system:admin", plain, "", true},
			"a new one, by a person": {"CREATE", "jane", plain, "", true},
			"by Flux": {"CREATE", "system:serviceaccount:flux-system:kustomize-controller",
				plain, "", true},
			"another spec":             {"UPDATE", "system:admin", changed, plain, true},
			"a first annotation":       {"UPDATE", "system:admin", noted, plain, true},
			"the last annotation goes": {"UPDATE", "system:admin", plain, noted, true},
			"another annotation": {"UPDATE", "system:admin",
				strings.Replace(noted, "note: b", "note: c", 1), noted, true},
			"the same once more":              {"UPDATE", "system:admin", plain, plain, false},
			"the same with an annotation":     {"UPDATE", "system:admin", noted, noted, false},
			"Karmada's finalizers and labels": {"UPDATE", "system:admin", bound, plain, false},
			"a finalizer comes off":           {"UPDATE", "system:admin", ending, plain, false},
			"it is deleted":                   {"DELETE", "jane", "", plain, true},
			"the garbage collector deletes it": {"DELETE",
				"system:serviceaccount:kube-system:generic-garbage-collector", "", plain, false},
			"the namespace controller":          {"DELETE", "system:kube-controller-manager", "", plain, false},
			"the API server itself":             {"UPDATE", "system:apiserver", changed, plain, false},
			"something without a spec, changed": {"UPDATE", "jane", "metadata: {name: a}", "metadata: {name: a}", true},
		} {
			request := map[string]any{"operation": c.operation,
				"userInfo": map[string]any{"username": c.user, "groups": []string{"system:authenticated"}}}
			var object, old map[string]any
			if c.object != "" {
				object = parse(t, c.object)
			}
			if c.old != "" {
				old = parse(t, c.old)
			}
			if got := sent(t, webhook, request, object, old); got != c.want {
				t.Errorf("%s: %s: %v", name, what, got)
			}
		}
		node := map[string]any{"operation": "CREATE", "userInfo": map[string]any{
			"username": "system:node:a", "groups": []string{"system:nodes"}}}
		if sent(t, webhook, node, parse(t, plain), nil) {
			t.Errorf("%s: a node is not spared", name)
		}
	}
}

// TestCiphertextAlone: no Secret leaves the API server but one with the ciphertext of SOPS in it, wherever that stands.
func TestCiphertextAlone(t *testing.T) {
	const cipher = "ENC[AES256_GCM,data:S0m3,iv:aaaa,tag:bbbb,type:str]"
	for _, dir := range []string{"karmada/apiserver", "flux/self-made", "flux/cert-manager"} {
		webhook := webhooks(t, dir)["ciphertext.rollcall.dev"]
		for value, want := range map[string]bool{
			"":                              false,
			"hunter2":                       false,
			"ENC[AES256_GC":                 false,
			cipher:                          true,
			"password: " + cipher + "\n":    true,
			"password:  " + cipher + "\n":   true,
			"password:   " + cipher + "\n":  true,
			"a: x\npassword: " + cipher:     true,
			strings.Repeat("x", 1000) + "E": false,
		} {
			secret := map[string]any{"metadata": map[string]any{"name": "a"}, "data": map[string]any{
				"plain": base64.StdEncoding.EncodeToString([]byte("x")),
				"value": base64.StdEncoding.EncodeToString([]byte(value))}}
			if got := sent(t, webhook, map[string]any{"operation": "CREATE"}, secret, nil); got != want {
				t.Errorf("%s: %q: %v", dir, value, got)
			}
		}
		if sent(t, webhook, map[string]any{"operation": "CREATE"}, parse(t, "metadata: {name: a}"), nil) {
			t.Errorf("%s: a Secret without data", dir)
		}
	}
}
