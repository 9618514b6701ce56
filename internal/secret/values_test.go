package secret

import (
	"reflect"
	"strings"
	"testing"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

func parse(t testing.TB, text string) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return &doc
}

// literal is one of a secretGenerator.
func literal(key string, class fleet.Class, length int, field ...any) fleet.Value {
	v := value("generator", class, length, field...)
	v.Key = key
	return v
}

func value(in string, class fleet.Class, length int, field ...any) fleet.Value {
	return fleet.Value{Field: field, In: in, Class: class, Length: length}
}

// indent puts a text below a key as a block scalar.
func indent(n int, text string) string {
	pad := strings.Repeat(" ", n)
	return "|-\n" + pad + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+pad) + "\n"
}

func TestValues(t *testing.T) {
	const secret = "apiVersion: v1\nkind: Secret\n"
	key := strings.TrimSpace(privateKey())
	for _, test := range []struct {
		name, text string
		want       []fleet.Value
	}{
		{"a Secret", secret + "metadata: {name: a}\ndata: {a: " + b64("abc") +
			", b: }\nstringData: {c: abcd, d: '${D}', e: 5}\n", []fleet.Value{
			value("Secret", fleet.Plain, 3, "data", "a"), value("Secret", fleet.Empty, 0, "data", "b"),
			value("Secret", fleet.Plain, 4, "stringData", "c"), value("Secret", fleet.Variable, 4, "stringData", "d"),
			value("Secret", fleet.Empty, 1, "stringData", "e")}},
		{"an encrypted Secret", secret + "stringData: {a: '" + ciphertext("str") + "'}\nsops: {mac: '" +
			ciphertext("str") + "'}\n", []fleet.Value{
			value("Secret", fleet.Encrypted, 9, "stringData", "a")}},
		{"a reference",
			"kind: A\nspec: {valuesFrom: [{kind: Secret, name: a, valuesKey: abc}, {apiVersion: v1, kind: Secret, name: a, fieldPath: abc}]}\n", nil},
		{"no data", secret + "type: kubernetes.io/service-account-token\ndata:\n", nil},
		{"a Secret that a patch deletes", secret + "$patch: delete\nstringData: {a: abc}\n", nil},
		{"another kind of Secret", "apiVersion: example.com/v1\nkind: Secret\nstringData: {a: abc}\n", nil},
		{"a List",
			"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap}\n- {apiVersion: v1, kind: Secret, stringData: {a: abc}}\n", []fleet.Value{
				value("Secret", fleet.Plain, 3, "items", 1, "stringData", "a")}},
		{"a SecretList", "apiVersion: v1\nkind: SecretList\nitems:\n- {stringData: {a: abc}}\n", []fleet.Value{
			value("Secret", fleet.Plain, 3, "items", 0, "stringData", "a")}},
		{"a Secret in chart values",
			"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {values: {extra: [{apiVersion: v1, kind: Secret, stringData: {a: abc}}]}}\n", []fleet.Value{
				value("Secret", fleet.Plain, 3, "spec", "values", "extra", 0, "stringData", "a")}},
		{"aliases and merge keys",
			"x: &x {a: abc}\ny: &y {stringData: {b: &b abcd}}\nz: {apiVersion: v1, kind: Secret, <<: *y, data: {<<: *x, c: *b}}\n", []fleet.Value{
				value("Secret", fleet.Plain, 3, "z", "data", "c"), value("Secret", fleet.Plain, 3, "z", "data", "a"),
				value("Secret", fleet.Plain, 4, "z", "stringData", "b")}},
		{"the annotation of kubectl", secret + "metadata:\n  annotations:\n    " + lastApplied +
			`: '{"apiVersion":"v1","kind":"Secret","data":{"a":"` + b64("abc") + "\"}}'\n", []fleet.Value{
			value("Secret", fleet.Plain, 3, "metadata", "annotations", lastApplied, "data", "a")}},
		{"the annotation of kubectl without a value", secret + "metadata:\n  annotations:\n    " + lastApplied +
			`: '{"apiVersion":"v1","kind":"Secret","data":{}}'` + "\n", nil},

		{"what slipped out of its place", secret +
			"metadata: {name: a, annotations: {x/password: abc, note: b}}\npassword: abcd\nspec: {a: [abc]}\n",
			[]fleet.Value{
				value("Secret", fleet.Plain, 3, "metadata", "annotations", "x/password"),
				value("Secret", fleet.Plain, 4, "password"),
				value("Secret", fleet.Plain, 3, "spec", "a", 0)}},
		{"an encrypted file in a Secret", secret + "data: {a: " +
			b64("A="+ciphertext("str")+"\nsops_mac="+ciphertext("str")) + "}\n", []fleet.Value{
			value("file", fleet.Encrypted, 12+2*len(ciphertext("str")), "data", "a")}},
		{"ciphertext without metadata", "kind: A\nspec: {a: '" + ciphertext("str") + "', b: 'ENC[AES256_GCM,a]'}\n",
			[]fleet.Value{
				value("object", fleet.Encrypted, 9, "spec", "a")}},
		{"beside the region",
			"kind: A\nspec: {password: aA1bB2cC3dD4eE5f, token: abc, list_of_tokens: [aA1bB2cC3dD4eE5f], name: aA1bB2cC3dD4eE5f, existingSecret: aA1bB2cC3dD4eE5f, data: '" + ciphertext("str") + "'}\n" + metadata(), []fleet.Value{
				value("beside", fleet.Plain, 16, "spec", "password"),
				value("beside", fleet.Plain, 16, "spec", "list_of_tokens", 0)}},
		{"a kustomization",
			"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nconfigMapGenerator: [{literals: [password=abc]}]\nsecretGenerator:\n- {name: a, files: [b]}\n- {name: b, literals: [user=admin, 'password=\"${PASSWORD}\"', empty=]}\n", []fleet.Value{
				literal("user", fleet.Plain, 5, "secretGenerator", 1, "literals", 0),
				literal("password", fleet.Variable, 11, "secretGenerator", 1, "literals", 1),
				value("generator", fleet.Empty, 0, "secretGenerator", 1, "literals", 2)}},
		{"a Flux Kustomization",
			"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nsecretGenerator: [{literals: [a=b]}]\nspec:\n  postBuild: {substitute: {HOOK: 'https://discord.com/api/webhooks/123456789012345678/" + word(68) + "', NAME: a}}\n", []fleet.Value{
				value("object", fleet.Token, 120, "spec", "postBuild", "substitute", "HOOK")}},
		{"patches", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n- path: a.yaml\n" +
			"- patch: " + indent(4, secret+"stringData: {a: abc, b: '${B}'}") +
			"- target: {kind: Secret}\n  patch: " + indent(4,
			"[{op: add, path: /stringData/a, value: abcd}, {op: remove, path: /data/b}]") +
			"- target: {kind: Deployment}\n  patch: " + indent(4, "[{op: add, path: /data/a, value: abcd}]") +
			"- patch: " + indent(4, secret+"$patch: delete") +
			"patchesStrategicMerge:\n- b.yaml\n- " + indent(2, secret+"data: {a: "+b64("abc")+"}"), []fleet.Value{
			value("patch", fleet.Plain, 3, "patches", 1, "patch", "stringData", "a"),
			value("patch", fleet.Variable, 4, "patches", 1, "patch", "stringData", "b"),
			keyed("a", value("patch", fleet.Plain, 4, "patches", 2, "patch", 0, "value")),
			value("patch", fleet.Plain, 3, "patchesStrategicMerge", 1, "data", "a")}},

		{"a key in values", "kind: HelmRelease\nspec:\n  values:\n    agent:\n      kubeconfig:\n        key: " +
			indent(10, key) + "        crt: abc\n", []fleet.Value{
			value("object", fleet.Key, len(key), "spec", "values", "agent", "kubeconfig", "key")}},
		{"a kubeconfig in a ConfigMap", "apiVersion: v1\nkind: ConfigMap\ndata:\n  password: hunter\n  kubeconfig: " +
			indent(4, kubeconfig("token: "+word(24))), []fleet.Value{
			value("object", fleet.Kubeconfig, len(kubeconfig("token: "+word(24)))-1, "data", "kubeconfig")}},
		{"a kubeconfig", kubeconfig("token: " + word(24) + "\n    password: abc\n    client-key-data: " +
			b64(privateKey())), []fleet.Value{
			value("object", fleet.Kubeconfig, 24, "users", 0, "user", "token"),
			value("object", fleet.Kubeconfig, len(b64(privateKey())), "users", 0, "user", "client-key-data")}},
		{"a kubeconfig with a dummy", kubeconfig("token: abcdef"), nil},
		{"a list of tokens", "- a\n- ghp_" + word(36) + "\n", []fleet.Value{value("object", fleet.Token, 40, 1)}},
		{"only in the metadata of SOPS", "kind: A\nsops: {mac: b, x: ghp_" + word(36) + "}\n", nil},
		{"nothing", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Values(parse(t, test.text), false); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%v\nwant\n%v", got, test.want)
			}
		})
	}

	kindless := parse(t, "secretGenerator: [{literals: [a=abc]}]")
	if got := Values(kindless, false); got != nil {
		t.Errorf("a file of another name: got %v", got)
	}
	if got, want := Values(kindless, true), []fleet.Value{
		literal("a", fleet.Plain, 3, "secretGenerator", 0, "literals", 0)}; !reflect.DeepEqual(got, want) {
		t.Errorf("kustomization.yaml: got %v, want %v", got, want)
	}
}

func TestLiterals(t *testing.T) {
	enc := ciphertext("str")
	dotenv := "sops_mac=" + enc +
		"\nsops_lastmodified=2026-01-02T03:04:05Z\nsops_age__list_0__map_recipient=age1abc\nsops_age__list_0__map_enc=a\\nb\n"
	ini := "[sops]\nmac = " + enc +
		"\nlastmodified = 2026-01-02T03:04:05Z\nage__list_0__map_recipient = age1abc\nage__list_0__map_enc = a\\nb\n"
	binary := `"sops": {"mac": "` + enc +
		`", "lastmodified": "2026-01-02T03:04:05Z", "age": [{"recipient": "age1abc", "enc": "a"}]}}`
	encrypted := func(selector, pattern string, plain ...any) *fleet.Encryption {
		e := &fleet.Encryption{Selector: selector, Pattern: pattern, MAC: "found", Recipients: []string{"age1abc"},
			Faults: []fleet.EncryptionFault{}}
		if plain != nil {
			e.Faults = append(e.Faults, fleet.EncryptionFault{
				Field: plain, Kind: "plain", Class: fleet.Plain, Length: 6,
				Why: "the value is inside the encrypted region and is not encrypted"})
		}
		if pattern == "^data$" {
			e.Faults = append(e.Faults, fleet.EncryptionFault{
				Field: []any{"sops", "encrypted_regex"}, Kind: "region", Class: fleet.Empty,
				Why: "encrypted_regex covers no value of the file, so nothing in it is encrypted"})
		}
		return e
	}
	for _, test := range []struct {
		name, text, kind string
		want             []fleet.Value
		encryption       *fleet.Encryption
	}{
		{"envs", "\ufeff# comment\n\n  USER=admin\nPASSWORD=${PASSWORD}\nNAME\nURL=a=b\n", "envs", []fleet.Value{
			value("generator", fleet.Plain, 5, "USER"), value("generator", fleet.Variable, 11, "PASSWORD"),
			value("generator", fleet.Empty, 0, "NAME"), value("generator", fleet.Plain, 3, "URL")}, nil},
		{"a key", privateKey(), "file", []fleet.Value{{In: "file", Class: fleet.Key, Length: len(privateKey())}}, nil},
		{"a text", "hunter2", "file", []fleet.Value{{In: "file", Class: fleet.Plain, Length: 7}}, nil},
		{"settings",
			"# password = abc\n[db]\nuser = app\npassword = hunter\nexport DB_PASS='hunter'\n<apiKey>hunter</apiKey>\nmachine a login b password hunter\n", "file", []fleet.Value{
				value("generator", fleet.Plain, 6, "db", "password"),
				value("generator", fleet.Plain, 6, "db", "DB_PASS"),
				value("generator", fleet.Plain, 6, "db", "apiKey"),
				value("generator", fleet.Plain, 6, "db", "password")},
			nil},
		{"htpasswd", "app:$apr1$" + word(8) + "$" + word(22) + "\n", "file",
			[]fleet.Value{value("generator", fleet.Plain, 37, "app")}, nil},
		{"registries", `{"auths": {"ghcr.io": {"auth": "` + b64("app:hunter") + `"}}}`, "file", []fleet.Value{
			value("generator", fleet.Plain, 16, "auths", "ghcr.io", "auth")}, nil},

		{"envs that SOPS encrypted", "A=" + enc + "\n" + dotenv, "envs", nil,
			encrypted("unencrypted_suffix", "_unencrypted")},
		{"envs with a line added", "A=" + enc + "\nB=hunter\n" + dotenv, "envs", nil,
			encrypted("unencrypted_suffix", "_unencrypted", "B")},
		{"envs with a region of nothing", "A=hunter\nsops_encrypted_regex=^data$\n" + dotenv, "envs",
			[]fleet.Value{value("generator", fleet.Plain, 6, "A")},
			encrypted("encrypted_regex", "^data$")},
		{"envs with metadata in a comment", "A=hunter\n#sops_mac=" + enc + "\n", "envs",
			[]fleet.Value{value("generator", fleet.Plain, 6, "A")}, nil},
		{"envs whose metadata are gone", "A=" + enc + "\n", "envs",
			[]fleet.Value{value("generator", fleet.Encrypted, 9, "A")}, nil},
		{"INI that SOPS encrypted", "[a]\nb = " + enc + "\n" + ini, "file", nil,
			encrypted("unencrypted_suffix", "_unencrypted")},
		{"INI with a line added", "[a]\nb = " + enc + "\nc = hunter\n" + ini, "file", nil,
			encrypted("unencrypted_suffix", "_unencrypted", "a", "c")},
		{"INI with a region of nothing", "[a]\npassword = hunter\n" + ini + "encrypted_regex = ^data$\n", "file",
			[]fleet.Value{
				value("generator", fleet.Plain, 6, "a", "password")}, encrypted("encrypted_regex", "^data$")},
		{"a binary file", `{"data": "` + enc + `", ` + binary, "file", nil,
			encrypted("unencrypted_suffix", "_unencrypted")},
		{"a binary file in the clear", `{"data": "hunter", ` + binary, "file", nil,
			encrypted("unencrypted_suffix", "_unencrypted", "data")},
		{"an encrypted file with a key beside", "A=" + enc + "\n" + dotenv + privateKey(), "file", []fleet.Value{
			{In: "file", Class: fleet.Key, Length: len("A="+enc+"\n"+dotenv) + len(privateKey())}},
			encrypted("unencrypted_suffix", "_unencrypted")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, encryption := Literals([]byte(test.text), test.kind)
			if !reflect.DeepEqual(got, test.want) || !reflect.DeepEqual(encryption, test.encryption) {
				t.Errorf("got\n%v\n%+v\nwant\n%v\n%+v", got, encryption, test.want, test.encryption)
			}
		})
	}
}

// bombs expand to billions of nodes, or without end.
var bombs = []string{
	"apiVersion: v1\nkind: Secret\na: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n" +
		"d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n" +
		"data: {g: [*f,*f,*f,*f,*f,*f,*f,*f]}\nsops: {mac: a}\n",
	"apiVersion: v1\nkind: Secret\ndata: &a {b: *a}\nsops: {mac: a}\n",
	"apiVersion: v1\nkind: Secret\ndata: &a {<<: *a, b: c}\nsops: {mac: a}\n",
}

func TestAliasBombs(t *testing.T) {
	start := time.Now()
	for _, text := range bombs {
		doc := parse(t, text)
		if values, encryption := Values(doc, true), Encryption(doc); values != nil || encryption != nil {
			t.Errorf("got %d values, %v", len(values), encryption != nil)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func FuzzValues(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Secret\ndata: {a: YQ==}\nstringData: {b: ${C}}\n"), false)
	f.Add([]byte("secretGenerator: [{literals: [a=b]}]\npatches: [{patch: '{kind: Secret, stringData: {a: b}}'}]\n"),
		true)
	f.Add([]byte(kubeconfig("token: "+word(24))), false)
	f.Add([]byte("? {a: b}\n: &x [*x]\n<<: [*x, {c: !t d}]\n"), true)
	for _, bomb := range bombs {
		f.Add([]byte(bomb), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, kustomizeFile bool) {
		Literals(text, "envs")
		var doc yaml.Node
		if !unmarshal(text, &doc) {
			return
		}
		for _, v := range Values(&doc, kustomizeFile) {
			if v.In == "" || v.Class == "" || len(v.Field) == 0 && doc.Content[0].Kind != yaml.ScalarNode {
				t.Errorf("got %v", v)
			}
		}
	})
}

// unmarshal is false where the parser fails, or panics, which is not for this package to mend.
func unmarshal(text []byte, doc *yaml.Node) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return yaml.Unmarshal(text, doc) == nil
}

// keyed is a value that has its key beside its field.
func keyed(key string, v fleet.Value) fleet.Value {
	v.Key = key
	return v
}
