package engine

import (
	"testing"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// However a rule reads a field, of its own input or of another object, it is asked again when the field changes.
func TestHoweverItReads(t *testing.T) {
	const found = "violation contains {\"message\": \"paused\"} if "
	own := map[string]string{
		"path":       found + "input.object.spec.paused",
		"brackets":   found + `input["object"]["spec"]["paused"]`,
		"variable":   found + "{ x := input; x.object.spec.paused }",
		"import":     "import input.object.spec as spec\n\n" + found + "spec.paused",
		"any field":  found + "input.object.spec[_] == true",
		"any place":  found + "{ walk(input, [path, true]); count(path) > 0 }",
		"each field": found + `{ some name, value in input.object.spec; name == "paused"; value }`,
		"get":        found + `object.get(input, ["object", "spec", "paused"], false)`,
		"function":   found + "_paused(input.object)\n\n_paused(object) if object.spec.paused",
		"library":    "import data.lib.deployments\n\n" + found + "deployments.paused",
		"with": "import data.lib.deployments\n\n" + found +
			`deployments.paused with input as {"object": input.object}`,
		"comprehension": found + "count([1 | input.object.spec.paused]) == 1",
		"every":         found + "{ every x in [1] { input.object.spec.paused; x } }",
		"not":           found + "not _runs\n\n_runs if input.object.spec.paused == false",
		"else": found + `_state == "paused"` + "\n\n" +
			`_state := "runs" if { input.object.spec.paused == false } else := "paused"`,
		"default": found + "_state\n\ndefault _state := false\n\n_state := input.object.spec.paused",
		"index":   found + "{true: 1}[input.object.spec.paused]",
		"head": found + `_states["paused"]` + "\n\n" +
			`_states[name] if { some name in ["paused"]; input.object.spec[name] }`,
		"facts": found +
			"data.fleet.objects[input.apiServer][input.subject].apps[input.object.metadata.name].object.spec.paused",
	}
	others := map[string]string{
		"path":      found + `data.fleet.objects.ottawa["Deployment.apps"].apps.web.object.spec.paused`,
		"any":       found + "data.fleet.objects[_][_][_][_].object.spec.paused",
		"any place": found + "{ walk(data.fleet.objects, [path, true]); path[count(path) - 1] == \"paused\" }",
		"variable":  found + `{ all := data.fleet.objects.ottawa; all["Deployment.apps"].apps.web.object.spec.paused }`,
		"library":   "import data.lib.deployments\n\n" + found + `deployments.all.web.object.spec.paused`,
		"function":  "import data.lib.deployments\n\n" + found + `deployments.is_paused("web")`,
		"by name": found +
			`{ some part in ["objects"]; data.fleet[part].ottawa["Deployment.apps"].apps.web.object.spec.paused }`,
	}
	library := `package lib.deployments

paused if input.object.spec.paused

all := data.fleet.objects.ottawa["Deployment.apps"].apps

is_paused(name) if all[name].object.spec.paused
`
	deployment := func(paused bool) map[string]any {
		return map[string]any{"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{"namespace": "apps", "name": "web"},
			"spec":     map[string]any{"paused": paused, "replicas": int64(2)}}
	}
	f := fleet.Build(&fleet.Tree{Objects: []*fleet.Object{
		{Cluster: "ottawa", APIServer: "ottawa", Group: "apps", Kind: "Deployment", Namespace: "apps", Name: "web",
			Content: deployment(false)},
		{Cluster: "ottawa", APIServer: "ottawa", Kind: "ConfigMap", Namespace: "apps", Name: "web",
			Content: map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{
					"namespace": "apps", "name": "web"}}},
	}}, fleet.Declared{})
	ref := fleet.ObjectRef{Cluster: "ottawa", APIServer: "ottawa", Group: "apps", Kind: "Deployment", Namespace: "apps",
		Name: "web"}
	for subject, rules := range map[string]map[string]string{"Deployment.apps": own, "ConfigMap": others} {
		for name, body := range rules {
			t.Run(subject+"/"+name, func(t *testing.T) {
				e := mustEngine(t, nil, map[string]string{"own.rego": regoFile("own", subject, body),
					"lib/deployments.rego": library})
				j, err := e.Judge(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, paused := range []bool{true, false} {
					found, err := j.Introduced(t.Context(), Change{
						Object: ref, Before: deployment(!paused), After: deployment(paused)})
					if err != nil || len(found) == 1 != paused {
						t.Errorf("paused %t: %v %v", paused, found, err)
					}
				}
			})
		}
	}
}
