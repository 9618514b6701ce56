package loader_test

import (
	"bytes"
	"context"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// Whatever a manifest and a kustomization file hold, the tree is read to its end, and every place lies in its file.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(good), []byte("resources: [root.yaml, x.yaml]\n"))
	f.Add([]byte(
		"apiVersion: v1\nkind: List\nitems:\n- {kind: ConfigMap, apiVersion: v1, metadata: &m {name: a}}\n- *m\n"),
		[]byte("namespace: x\nnamePrefix: y\nresources: [root.yaml, x.yaml, ., .., x.yaml]\nconfigMapGenerator: [{name: a, literals: [a=b]}]\n"))
	f.Add([]byte("kind: Secret\nsops: {mac: ENC[AES256_GCM,data:a]}\nstringData: {a: ${B:=c}, ${D}: $${E}}\n"),
		[]byte("patches: [{patch: \"- op: remove\\n  path: /metadata\", target: {kind: ConfigMap}}]\nresources: [root.yaml, x.yaml]\n"))
	f.Add([]byte("# rollcall:ignore a -- b\n---\n%YAML 1.1\n---\n? [a]\n: b\n"),
		[]byte("kind: Component\ncomponents: [.]\n"))
	f.Fuzz(func(t *testing.T, manifest, kustomization []byte) {
		fsys := fstest.MapFS{
			"clusters/a/root.yaml":          {Data: []byte(root + "  postBuild: {substitute: {B: x}}\n")},
			"clusters/a/x.yaml":             {Data: manifest},
			"clusters/a/kustomization.yaml": {Data: kustomization},
		}
		tree, err := loader.Load(context.Background(), fsys, loader.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var findings []fleet.Finding
		at := func(o fleet.Origin, field []any) {
			findings = append(findings, fleet.Finding{Place: fleet.Place{Origin: o}, Field: field})
		}
		for _, o := range tree.Objects {
			at(o.Origin, []any{"metadata", "name"})
		}
		for _, k := range tree.Kustomizations {
			for _, p := range k.Problems {
				at(p.Origin, p.At)
			}
		}
		for _, file := range tree.Files {
			for _, d := range file.Documents {
				for _, v := range d.Values {
					at(fleet.Origin{File: file.Path, Document: d.Index}, v.Field)
				}
			}
			for _, p := range file.Problems {
				findings = append(findings, fleet.Finding{Place: fleet.Place{
					Origin: fleet.Origin{File: file.Path}, Line: p.Line, Column: p.Column}})
			}
		}
		loader.Locate(fsys, findings)
		for _, f := range findings {
			p := f.Place
			if p.Line == 0 {
				continue
			}
			file := fsys[p.File]
			if file == nil {
				t.Fatalf("%s is no file", p.File)
			}
			lines := bytes.Split(file.Data, []byte("\n"))
			if bytes.Count(file.Data, []byte("\r")) != bytes.Count(file.Data, []byte("\r\n")) ||
				bytes.ContainsAny(file.Data, "\u0085\u2028\u2029") {
				continue // the YAML library ends lines at these too, and reports show no line of such a file
			}
			if p.Line > len(lines) || p.Column < 1 || p.EndLine < p.Line ||
				p.EndLine == p.Line && p.EndColumn < p.Column ||
				p.Column > len(lines[p.Line-1])+1 {
				t.Fatalf("%+v is not in %q", p, file.Data)
			}
		}
	})
}
