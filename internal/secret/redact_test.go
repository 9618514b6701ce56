package secret

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func jsonText(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRedact(t *testing.T) {
	r := func(class fleet.Class, length int) any {
		return fleet.Redacted{Class: class, Length: length}.Content()
	}
	token := "hf_" + word(34)
	random := word(12) + "aA12"
	for _, test := range []struct {
		name, text string
		field      []string // where the redactions are, with the text below it
		want       any
	}{
		{"data that is not the Secret's", `{"apiVersion":"v1","kind":"A","top":{"data":{"a":"` + b64("abc") +
			`","b":"${B}","c":null},"n":1}}`, []string{"top"},
			map[string]any{"data": map[string]any{"a": b64("abc"), "b": "${B}", "c": nil}, "n": 1.0}},
		{"data under another name", `{"apiVersion":"v1","kind":"Secret","strData":{"a":"abc"},"type":"Opaque"}`,
			[]string{"strData"},
			map[string]any{"a": r(fleet.Plain, 3)}},
		{"data without its name",
			`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","labels":{"b":"c"},"key":"abc"}}`,
			[]string{"metadata"},
			map[string]any{"name": "a", "labels": map[string]any{"b": "c"}, "key": r(fleet.Plain, 3)}},
		{"stringData of no Secret", `{"apiVersion":"v1","kind":"Sercet","stringData":{"a":"abc"}}`,
			[]string{"stringData"},
			map[string]any{"a": r(fleet.Plain, 3)}},
		{"data", `{"apiVersion":"v1","kind":"Secret","data":{"a":"` + b64("abc") + `","b":"${B}","c":null,"d":""}}`,
			[]string{"data"},
			map[string]any{"a": r(fleet.Plain, 3), "b": r(fleet.Variable, 4), "c": r(fleet.Empty, 0),
				"d": r(fleet.Empty, 0)}},
		{"stringData", `{"apiVersion":"v1","kind":"Secret","stringData":{"a":"abc","b":5,"c":{"d":["e"]}}}`,
			[]string{"stringData"},
			map[string]any{"a": r(fleet.Plain, 3), "b": r(fleet.Empty, 1),
				"c": map[string]any{"d": []any{r(fleet.Plain, 1)}}}},
		{"a Secret inside",
			`{"kind":"Work","spec":{"manifests":[{"apiVersion":"v1","kind":"Secret","stringData":{"a":"abc"}}]}}`,
			[]string{"spec"},
			map[string]any{"manifests": []any{map[string]any{
				"apiVersion": "v1", "kind": "Secret", "stringData": map[string]any{"a": r(fleet.Plain, 3)}}}}},
		{"the annotation of kubectl",
			`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","annotations":{"b":"c","` + lastApplied +
				`":"{}"}}}`, []string{"metadata"},
			map[string]any{"name": "a", "annotations": map[string]any{"b": "c", lastApplied: r(fleet.Plain, 2)}}},

		{"shapes", `{"kind":"A","spec":{"a":"` + token + `","b":["x","` + ciphertext("str") + `"],"c":` +
			jsonText(t, privateKey()) + `,"d":"https://u:` + random + `@h"}}`, []string{"spec"},
			map[string]any{"a": r(fleet.Token, 37), "b": []any{"x", r(fleet.Encrypted, 9)},
				"c": r(fleet.Key, len(privateKey())), "d": r(fleet.Address, 28)}},
		{"a number", `{"kind":"A","spec":{"password":12345,"port":12345}}`, []string{"spec"},
			map[string]any{"password": r(fleet.Plain, 5), "port": float64(12345)}},
		{"names that promise a credential",
			`{"kind":"A","spec":{"password":"abc","DB_PASSWORD":"abc","api-key":"abc","authToken":"abc","clientSecret":"` + random + `","aws_secret_access_key":"abc"}}`, []string{"spec"},
			map[string]any{"password": r(fleet.Plain, 3), "DB_PASSWORD": r(fleet.Plain, 3),
				"api-key": r(fleet.Plain, 3), "authToken": r(fleet.Plain, 3),
				"clientSecret": r(fleet.Plain, 16), "aws_secret_access_key": r(fleet.Plain, 3)}},
		{"an environment",
			`{"kind":"A","env":[{"name":"DB_PASSWORD","value":"abc"},{"name":"A","value":"abc"},{"value":"abc"}]}`,
			[]string{"env"},
			[]any{map[string]any{"name": "DB_PASSWORD", "value": r(fleet.Plain, 3)},
				map[string]any{"name": "A", "value": "abc"}, map[string]any{"value": "abc"}}},
		{"keys", `{"kind":"A","agent":{"kubeconfig":{"key":"correct-horse"},"client":{"crt":"a","key":"b"},"tls.key":"abc","db":{"key":"x y!"},"pw":"abc","dbPwd":"abc"}}`, []string{"agent"},
			map[string]any{"kubeconfig": map[string]any{"key": r(fleet.Plain, 13)},
				"client":  map[string]any{"crt": "a", "key": r(fleet.Plain, 1)},
				"tls.key": r(fleet.Plain, 3), "db": map[string]any{"key": r(fleet.Plain, 4)}, "pw": r(fleet.Plain, 3),
				"dbPwd": r(fleet.Plain, 3)}},
		{"arguments",
			`{"kind":"A","args":["--password=abc","--db-token=abc","--secret=aA1!","--token","abc","run --v=1 --password='abc'","--token=$(TOKEN)","--token=/run/token","--password=${PW}","--v=1","run --debug --password abc"]}`, []string{"args"},
			[]any{r(fleet.Plain, 14), r(fleet.Plain, 14), r(fleet.Plain, 13), "--token", r(fleet.Plain, 3),
				r(fleet.Plain, 26),
				"--token=$(TOKEN)", "--token=/run/token", "--password=${PW}", "--v=1", r(fleet.Plain, 26)}},
		{"a placeholder", `{"kind":"A","spec":{"password":"changeme"}}`, []string{"spec"},
			map[string]any{"password": r(fleet.Empty, 8)}},
		{"text of a ConfigMap", `{"apiVersion":"v1","kind":"ConfigMap","data":{"a":` +
			jsonText(t, kubeconfig("token: "+word(24))) + `,"b":"c"}}`, []string{"data"},
			map[string]any{"a": r(fleet.Kubeconfig, len(kubeconfig("token: "+word(24)))), "b": "c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := object(t, test.text)
			got := Redact(in)
			var at any = got
			for _, key := range test.field {
				at = at.(map[string]any)[key]
			}
			if !reflect.DeepEqual(at, test.want) {
				t.Errorf("got\n%v\nwant\n%v", at, test.want)
			}
			if !reflect.DeepEqual(in, object(t, test.text)) {
				t.Error("the object was changed")
			}
		})
	}
}

func TestRedactNothing(t *testing.T) {
	for _, text := range []string{
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"type":"Opaque","data":{},"stringData":null}`,
		`{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"spec":{
		"password":"${PASSWORD}","token":"op://vault/item/field","apiKey":"","passwordKey":"a","tokenSecretRef":"a","secretName":"Abc12",
		"existingSecret":"Abc12","imagePullSecret":"Abc12","clientSecret":"oidc-client","credentials":"aws-credentials-2","secretKey":"Abc12",
		"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists"}],"matchExpressions":[{"key":"tier","operator":"In","values":["a"]}],
		"secretKeyRef":{"name":"a","key":"Abc 12!"},"remoteRef":{"key":"My Item"},"items":[{"key":"tls.crt","path":"a b"}],"topologyKey":"kubernetes.io/hostname",
		"valuesKey":"values.yaml","publicKey":"AAAA 1234+=","sshPublicKey":"ssh-ed25519 AAAA","tls":{"key":"tls.key"},"sslKey":"/etc/tls.key","pwd":"/srv","data":[{"key":"password"}],
		"secret":{"name":"Abc12"},"automountServiceAccountToken":true,"url":"https://a@b/${C}","list":["password"]}}`,
	} {
		in := object(t, text)
		out := Redact(in)
		if reflect.ValueOf(out).Pointer() != reflect.ValueOf(in).Pointer() {
			t.Errorf("another map, where nothing is secret:\n%v", out)
		}
	}
}

func BenchmarkRedact(b *testing.B) {
	in := object(b, `{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"app","namespace":"default","labels":{"app.kubernetes.io/name":"app","kustomize.toolkit.fluxcd.io/name":"apps"}},
		"spec":{"interval":"1h","chart":{"spec":{"chart":"app-template","version":"4.2.0","sourceRef":{"kind":"HelmRepository","name":"bjw-s","namespace":"flux-system"}}},
		"values":{"controllers":{"app":{"annotations":{"reloader.stakater.com/auto":"true"},"containers":{"app":{"image":{"repository":"ghcr.io/example/app","tag":"1.2.3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		"env":[{"name":"TZ","value":"America/Toronto"},{"name":"URL","value":"https://app.${SECRET_DOMAIN}"}],"probes":{"liveness":{"enabled":true},"readiness":{"enabled":true}},
		"resources":{"requests":{"cpu":"10m","memory":"128Mi"},"limits":{"memory":"1Gi"}}}}}},"route":{"app":{"hostnames":["{{ .Release.Name }}.${SECRET_DOMAIN}"],"parentRefs":[{"name":"internal","namespace":"kube-system"}]}}}}}`)
	for b.Loop() {
		Redact(in)
	}
}

func BenchmarkShapeOfLongText(b *testing.B) {
	text := ""
	for range 2000 {
		text += "    description: The name of the resource that is selected by the policy; an empty name selects all.\n"
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		shape(text)
	}
}
