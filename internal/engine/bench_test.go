package engine

import (
	"fmt"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// benchFleet is 50 members, 100 policies and n files with a Secret each; the subjects are the files and the policies.
func benchFleet(n int) (*fleet.Fleet, []fleet.Subject) {
	f := &fleet.Fleet{
		Schema:     fleet.SchemaVersion,
		Membership: fleet.Membership{Basis: "tree", Certain: true},
		Members:    map[string]fleet.Member{},
		Files:      map[string]fleet.File{},
		Objects:    map[string]map[string]map[string]map[string]*fleet.Object{"karmada": {}},
	}
	var names []any
	for i := range 50 {
		name := fmt.Sprintf("member-%d", i)
		names = append(names, name)
		f.Membership.Names = append(f.Membership.Names, name)
		f.Members[name] = fleet.Member{Name: name, Mode: "Pull", Agents: []string{name + "/karmada-system/agent"}}
	}
	var subjects []fleet.Subject
	const policyKind = "PropagationPolicy.policy.karmada.io"
	policies, secrets := map[string]*fleet.Object{}, map[string]*fleet.Object{}
	for i := range 100 {
		name := fmt.Sprintf("policy-%d", i)
		o := &fleet.Object{ID: "karmada/" + policyKind + "/default/" + name, APIServer: "karmada",
			Content: map[string]any{
				"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
				"metadata": map[string]any{"name": name, "namespace": "default"},
				"spec": map[string]any{
					"resourceSelectors": []any{map[string]any{"apiVersion": "apps/v1", "kind": "Deployment",
						"name": "app"}},
					"placement": map[string]any{"clusterAffinity": map[string]any{"clusterNames": names[:5]}},
				},
			}}
		policies[name] = o
		subjects = append(subjects, fleet.Subject{Kind: policyKind,
			Input: fleet.Input{Subject: policyKind, APIServer: "karmada", Object: o.Content}})
	}
	for i := range n {
		name, path := fmt.Sprintf("secret-%d", i), fmt.Sprintf("clusters/a/apps/%d/secret.yaml", i)
		file := fleet.File{
			Path: path, Class: fleet.Manifest, ReachedBy: []string{"a"},
			Documents: []fleet.Document{{
				APIVersion: "v1", Kind: "Secret", Namespace: "default", Name: name,
				Encryption: &fleet.Encryption{Selector: "encrypted_regex", Pattern: "^(data|stringData)$", MAC: "found",
					Recipients: []string{"age", "age"}},
				Values: []fleet.Value{
					{Field: []any{"stringData", "password"}, In: "Secret", Class: fleet.Encrypted, Length: 24},
					{Field: []any{"stringData", "user"}, In: "Secret", Class: fleet.Encrypted, Length: 24},
				},
			}},
		}
		f.Files[path] = file
		secrets[name] = &fleet.Object{ID: "karmada/Secret/default/" + name, Content: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": "default"},
			"data": map[string]any{"password": map[string]any{"$class": "enc", "$len": 24}},
		}}
		subjects = append(subjects, fleet.Subject{Kind: "File", Origin: fleet.Origin{File: path},
			Input: fleet.Input{Subject: "File", File: &file}})
	}
	f.Objects["karmada"] = map[string]map[string]map[string]*fleet.Object{
		policyKind: {"default": policies}, "Secret": {"default": secrets}}
	return f, subjects
}

var benchRules = map[string]string{
	"encrypted.rego": regoFile("encrypted", "File", `violation contains {"message": "plain"} if {
	some document in input.file.documents
	some value in document.values
	value.class == "plain"
}`),
	"members.rego": regoFile("members", "PropagationPolicy.policy.karmada.io", `violation contains {"message": name} if {
	some name in input.object.spec.placement.clusterAffinity.clusterNames
	not data.fleet.members[name]
}`),
}

func BenchmarkCheck(b *testing.B) {
	const files = 10_000
	f, subjects := benchFleet(files)
	e := mustEngine(b, nil, benchRules)
	b.ReportAllocs()
	for b.Loop() {
		if found, err := e.check(b.Context(), f, subjects); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(subjects)), "µs/subject")
}
