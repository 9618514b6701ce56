package secret

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// Whatever stands below sops, the examination ends, its faults lie in the document, and what is said of them does not
// show the value.
func FuzzMetadata(f *testing.F) {
	const leaf = "ENC[AES256_GCM,data:Zm9v,iv:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]"
	for _, metadata := range []string{
		"mac: " + leaf +
			"\nlastmodified: \"2026-01-01T00:00:00Z\"\nage: [{recipient: age1, enc: x}]\nencrypted_regex: ^(data|stringData)$\n",
		"mac: " + leaf + "\nunencrypted_suffix: _x\nencrypted_suffix: _y\nkey_groups: [{pgp: [{enc: a}]}, [], null]\n",
		"mac: x\nlastmodified: 2026\nencrypted_comment_regex: sops\nkms: {}\nversion: 3\n",
		"encrypted_regex: \"(\"\nmac: \"\"\nage: [*a]\n", "shamir_threshold: 2\n", "<<: &a {mac: x, <<: *a}\n", "[]\n",
	} {
		f.Add(metadata, "", "")
		f.Add(metadata, "ENC[AES256_GCM,data:", strings.TrimPrefix(leaf, "ENC[AES256_GCM,data:"))
		f.Add(metadata, leaf[:len(leaf)-len("str]")], "]")
	}
	f.Fuzz(func(t *testing.T, metadata, before, after string) {
		defer time.AfterFunc(10*time.Second, func() { panic("it hangs") }).Stop()
		if strings.Contains(metadata, "hunter2") {
			return
		}
		quoted, err := json.Marshal(before + "hunter2" + after)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("kind: Secret\nstringData:\n  password: %s\nsops:\n  %s\n", quoted,
			strings.ReplaceAll(metadata, "\n", "\n  "))
		root, ok := parsed(text)
		if !ok {
			return
		}
		e := Encryption(root)
		if e == nil {
			return
		}
		for _, fault := range e.Faults {
			at := content(root)
			for _, step := range fault.Field {
				if at = child(at, step); at == nil {
					t.Fatalf("%v is not in\n%s", fault.Field, text)
				}
			}
		}
		said, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(said), "hunter2") {
			t.Fatalf("the value is in %s", said)
		}
	})
}

// parsed is a text as a YAML node; false where it is none.
func parsed(text string) (root *yaml.Node, ok bool) {
	defer func() { ok = ok && recover() == nil }() // the YAML library's parser panics on some malformed input
	root, ok = &yaml.Node{}, true
	return root, yaml.Unmarshal([]byte(text), root) == nil
}

// child is what one step of a field leads to.
func child(n *yaml.Node, step any) *yaml.Node {
	n = resolve(n)
	if i, ok := step.(int); ok {
		if n.Kind != yaml.SequenceNode || i >= len(n.Content) {
			return nil
		}
		return n.Content[i]
	}
	return get(n, step.(string))
}
