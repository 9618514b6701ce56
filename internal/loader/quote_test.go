package loader_test

import (
	"strings"
	"testing"
	"testing/fstest"
)

// What fails a build may hold secrets: the problems name places, never what stands there.
func TestProblemsQuoteNothing(t *testing.T) {
	const marker = "MARKERhunter2"
	for name, kustomization := range map[string]string{
		"a literal without a key": "secretGenerator: [{name: g, literals: [password=" + marker + ", " + marker +
			"]}]",
		"a literal that is there twice": "secretGenerator: [{name: g, literals: [a=" + marker + ", a=" + marker + "]}]",
		"a patch that is none":          "patches: [{patch: \"" + marker + "\", target: {kind: ConfigMap}}]",
		"a patch without a target":      "patches: [{patch: \"{kind: Secret, apiVersion: v1, metadata: {name: x}, stringData: {a: " + marker + "}}\"}]",
		"a JSON patch that fails": "patches: [{patch: '[{\"op\": \"test\", \"path\": \"/data/x\", \"value\": \"" +
			marker + "\"}]', target: {kind: ConfigMap}}]",
		"an unknown field": "secretGenerators: [{name: g, literals: [password=" + marker +
			"]}]\nnamespace: [" + marker + "]",
		"a broken file": "secretGenerator: [\"" + marker,
	} {
		t.Run(name, func(t *testing.T) {
			tree := load(t, fstest.MapFS{
				"clusters/a/root.yaml":                {Data: []byte(root)},
				"clusters/a/kustomization.yaml":       {Data: []byte("resources: [root.yaml, good.yaml, below]\n")},
				"clusters/a/good.yaml":                {Data: []byte(good)},
				"clusters/a/below/x.yaml":             {Data: []byte(strings.ReplaceAll(good, "good", "x"))},
				"clusters/a/below/kustomization.yaml": {Data: []byte(kustomization + "\nresources: [x.yaml]\n")},
			})
			wantGood(t, tree)
			text := describe(tree)
			if strings.Contains(text, marker) {
				t.Errorf("a value is shown:\n%s", text)
			}
			if !strings.Contains(text, "build=missing") {
				t.Errorf("the build does not fail:\n%s", text)
			}
		})
	}
}
