package secret_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/secret"
)

// parts are what scanners begin to look at a text for, and texts that are nearly what they look for.
var parts = []string{"xoxb-", "K10:", "eyJ.", "eyJ-", "eyJ.eyJ.", "eyJhbGciOiJub25lIn0.eyJ.", "ghp_", "glpat-.",
	"hooks.slack.com/services/", "SG.", "sk-ant-_", "hvs.-",
	"AGE-SECRET-KEY-1", "-----BEGIN ", "PRIVATE KEY", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n",
	"LS0tLS1CRUdJTi",
	"://", "://a:b@", "@", "${", "${a:=", "{{", "ENC[", "ENC[AES256_GCM,", "--password=", "-p ", "password: ",
	"\npassword: x", "\ntoken: ", "\nkind: ", "users clusters Config\n",
	"\n", " ", "'", "#", "\\n", "a", "é"}

// Each part of a text is looked at a fixed number of times.
func TestLinear(t *testing.T) {
	for _, part := range parts {
		text := strings.Repeat(part, 256<<10/len(part))
		started := time.Now()
		scan(text)
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("256 KiB of %q take %v", part, took)
		}
	}
}

func scan(text string) {
	secret.Redact(map[string]any{"kind": "ConfigMap", "data": map[string]any{"key": text, "password": text},
		"args": []any{"--token", text}})
	secret.Classify("password", text)
	secret.HasPrivateKey([]byte(text))
	secret.Literals([]byte(text), "envs")
}

// A mapping with many keys that ask for what stands beside them.
func TestLinearKeys(t *testing.T) {
	var b strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&b, "%skey: x%d\nvalue: y\n", strings.Repeat("_", i%50), i)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(b.String()), &doc); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	secret.Hidden(&doc)
	secret.Values(&doc, false)
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("%v", took)
	}
}

// Time for each byte is the same at any length.
func BenchmarkScan(b *testing.B) {
	for _, part := range []string{"xoxb-", "K10:", "eyJ.", "eyJ-", "://", "-----BEGIN PRIVATE KEY-----", "${", "ENC[",
		"@", "\n"} {
		for _, size := range []int{16 << 10, 256 << 10, 4 << 20} {
			b.Run(fmt.Sprintf("%q/%dKiB", part, size>>10), func(b *testing.B) {
				text := strings.Repeat(part, size/len(part))
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					scan(text)
				}
			})
		}
	}
}
