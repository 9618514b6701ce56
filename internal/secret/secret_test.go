package secret

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// The credentials of these tests are made when they run, so that no scanner finds one in the source.

// randomBytes are the same in every run.
func randomBytes(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// word is n characters that look random.
func word(n int) string {
	const letters = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
	var b strings.Builder
	for _, c := range randomBytes(n) {
		b.WriteByte(letters[int(c)%len(letters)])
	}
	return b.String()
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func pemBlock(label, body string) string {
	return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n"
}

func privateKey() string {
	return pemBlock("EC PRIVATE KEY", base64.StdEncoding.EncodeToString(randomBytes(90)))
}

func jwt() string {
	raw := base64.RawURLEncoding.EncodeToString
	return raw([]byte(`{"alg":"RS256"}`)) + "." + raw([]byte(`{"sub":"nobody"}`)) + "." + raw(randomBytes(32))
}

func ciphertext(kind string) string {
	raw := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:%s]", raw(randomBytes(9)), raw(randomBytes(32)),
		raw(randomBytes(16)), kind)
}

func kubeconfig(credential string) string {
	return "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {server: https://a.example:6443}\n" +
		"users:\n- name: a\n  user:\n    " + credential + "\n"
}

func TestClassify(t *testing.T) {
	random := word(16) + "ab12"
	for _, test := range []struct {
		name  string
		value string
		want  fleet.Class
	}{
		{"nothing", "", fleet.Empty},
		{"space", " \n", fleet.Empty},
		{"ciphertext", ciphertext("str"), fleet.Encrypted},
		{"ciphertext of a block scalar", ciphertext("str") + "\n", fleet.Encrypted},
		{"a file that SOPS encrypted", "a: " + ciphertext("str") + "\nsops:\n    mac: " + ciphertext("str") + "\n",
			fleet.Encrypted},

		{"variable", "${PASSWORD}", fleet.Variable},
		{"two variables", "${USER}:${PASSWORD}", fleet.Variable},
		{"repository of backups", "s3:https://0123456789abcdef0123456789abcdef.r2.example.com/${BUCKET}/app",
			fleet.Variable},
		{"default", "${TOKEN:=unset}", fleet.Variable},
		{"random default", "${TOKEN:=" + random + "}", fleet.Plain},
		{"database address", "postgres://app:${PASSWORD}@db:5432/app", fleet.Variable},
		{"database address with a default", "amqp://guest:guest@mq:5672", fleet.Plain},
		{"database address as it is explained", "postgres://user:password@host:5432/db", fleet.Plain},
		{"database address with a short password", "postgres://app:abc@db:5432/app", fleet.Plain},
		{"address with a token for the user", "https://${TOKEN}:x-oauth-basic@github.com/", fleet.Variable},
		{"pattern of addresses", `^https?://([^:]+):([^@]+)@`, fleet.Plain},
		{"address of a repository", "ssh://git@git.example.test:22/fleet.git", fleet.Plain},
		{"database address with its password", "postgres://app:" + random + "@db:5432/${NAME}", fleet.Address},
		{"configuration", "host: ${HOST}\npassword: ${PASSWORD}\n", fleet.Variable},
		{"configuration with its password", "host: ${HOST}\npassword: " + random + "\n", fleet.Plain},
		{"configuration with a path", "host: ${HOST}\ntoken: /run/secrets/token\n", fleet.Variable},
		{"token beside a variable", "${USER}:" + "ghp_" + word(36), fleet.Token},

		{"private key", privateKey(), fleet.Key},
		{"private key in one line", strings.ReplaceAll(privateKey(), "\n", `\n`), fleet.Key},
		{"private key in base64", b64(privateKey()), fleet.Key},
		{"OpenPGP key", pemBlock("PGP PRIVATE KEY BLOCK", "Version: 1\n\n"+
			base64.StdEncoding.EncodeToString(randomBytes(90))+"\n=abcd"), fleet.Key},
		{"private key of dots", pemBlock("PRIVATE KEY", "..."), fleet.Empty},
		{"private key of crosses", pemBlock("PRIVATE KEY", strings.Repeat("X", 64)), fleet.Empty},
		{"private key of words", pemBlock("PRIVATE KEY",
			"the content of tls.key, without line breaks, as the tool wrote it"), fleet.Empty},
		{"certificate", pemBlock("CERTIFICATE", base64.StdEncoding.EncodeToString(randomBytes(90))), fleet.Public},

		{"kubeconfig with a key", kubeconfig("client-key-data: " + b64(privateKey())), fleet.Kubeconfig},
		{"kubeconfig with a token", kubeconfig("token: " + strings.ToLower(word(24))), fleet.Kubeconfig},
		{"kubeconfig in JSON", `{"apiVersion":"v1","kind":"Config","clusters":[],"users":[{"user":{"token":"` +
			word(24) + `"}}]}`, fleet.Kubeconfig},
		{"kubeconfig in base64", b64(kubeconfig("token: " + word(24))), fleet.Kubeconfig},
		{"kubeconfig with a dummy", kubeconfig("token: abcdef"), fleet.Empty},
		{"kubeconfig with a file", kubeconfig("tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"),
			fleet.Empty},
		{"kubeconfig to fill in", kubeconfig("client-key-data: <base64 of the key>"), fleet.Empty},
		{"kubeconfig with a variable", kubeconfig("token: ${TOKEN}"), fleet.Variable},
		{"kubeconfig that SOPS encrypted", kubeconfig("token: " + ciphertext("str")), fleet.Empty},

		{"JWT", jwt(), fleet.Token},
		{"JWT in a header", "Bearer " + jwt(), fleet.Token},
		{"AWS example", "AKIA" + "IOSFODNN7EXAMPLE", fleet.Plain},
		{"GitHub, crossed out", "ghp_" + strings.Repeat("x", 36), fleet.Empty},
		{"age", "# made for nobody\n" + "AGE-SECRET-KEY-1" + word(58), fleet.Token},
		{"Slack webhook", "https://hooks.slack.com/services/" + word(9) + "/" + word(9) + "/" + word(24), fleet.Token},
		{"Discord webhook", "https://discord.com/api/webhooks/123456789012345678/" + word(68), fleet.Token},
		{"inside a word", "x" + "ghp_" + word(36), fleet.Plain},

		{"1Password", "op://vault/item/field", fleet.Ref},
		{"bank-vaults", "vault:secret/data/app#password", fleet.Ref},
		{"argocd-vault-plugin", "<path:secret/data/app#password>", fleet.Ref},
		{"vals", "ref+sops://secrets.yaml#/password", fleet.Ref},
		{"container variable", "$(PASSWORD)", fleet.Ref},
		{"template", "{{ .Values.password }}", fleet.Ref},
		{"age file", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n", fleet.Ref},

		{"REPLACE_ME", "REPLACE_ME", fleet.Empty},
		{"changeme", "changeme", fleet.Empty},
		{"angle brackets", "<your-api-token>", fleet.Empty},
		{"crosses", "XXXXXXXX", fleet.Empty},
		{"dots", "...", fleet.Empty},
		{"todo", "TODO", fleet.Empty},
		{"instruction", "put-your-token-here", fleet.Empty},
		{"your", "YOUR_TOKEN", fleet.Empty},
		{"empty object", "{}", fleet.Empty},
		{"form to fill in",
			"your_node,your_user,your_password,https://your_host_or_address.of.the.server.example.test/path",
			fleet.Empty},

		{"truth value", "true", fleet.Empty},
		{"small number", "4", fleet.Empty},
		{"duration", "1h30m", fleet.Empty},
		{"address", "10.43.0.10", fleet.Empty},
		{"PIN", "4711", fleet.Plain},

		{"password", "not-a-real-password-1a2b", fleet.Plain},

		// What is in the clear beside a variable, and what has not the whole form of what is harmless.
		{"text before a variable", "plain-${CLUSTER}", fleet.Plain},
		{"text behind a variable", "${CLUSTER}-plain", fleet.Plain},
		{"text between variables", "${A}.plain.${B}", fleet.Plain},
		{"text before a path of variables", "plain/${A}", fleet.Plain},
		{"marks beside variables", "${A}:${B}!", fleet.Variable},
		{"default", "${X:=plain-password}", fleet.Plain},
		{"default with a dash", "${X:-plain-password}", fleet.Plain},
		{"default without a colon", "${X=plain-password}", fleet.Plain},
		{"default in a default", "${X:=${Y:=plain-password}}", fleet.Plain},
		{"variable in a default", "${X:=${Y}}", fleet.Variable},
		{"default that is a setting", "${X:=true}", fleet.Variable},
		{"default in an address", "https://${HOST:=example.test}/path", fleet.Variable},
		{"part of a variable", "${X:0:3}${Y/a/b}${#Z}", fleet.Variable},
		{"no name of a variable", "${hunter 2}", fleet.Plain},
		{"no variable", "${}", fleet.Plain},
		{"a variable of somebody else", "$${PASSWORD}", fleet.Variable},
		{"password of an address beside a variable", "postgres://app:plain-${A}@db/app", fleet.Plain},
		{"default in the password of an address", "postgres://app:${A:=hunter22}@db/app", fleet.Address},
		{"authorization", "Bearer ${TOKEN}", fleet.Variable},
		{"a user's password", "admin:${PASSWORD}", fleet.Variable},
		{"the password of a variable user", "${USER}:plain", fleet.Plain},
		{"settings of a driver", "host=db user=app password=${PASSWORD}", fleet.Variable},
		{"settings of a driver with its password", "host=${HOST} user=app password=hunter22", fleet.Plain},
		{"JSON", `{"user": "app", "password": "${PASSWORD}"}`, fleet.Variable},
		{"JSON with a password", `{"user": "${USER}", "password": "hunter22"}`, fleet.Plain},
		{"prefix of a token", "xoxb-${TOKEN}", fleet.Variable},
		{"empty directive", "plain{{}}", fleet.Plain},
		{"nothing in a directive", "{{ }}", fleet.Plain},
		{"text beside a directive", "plain-{{ .name }}", fleet.Plain},
		{"text in a directive", `{{ "hunter22" }}`, fleet.Plain},
		{"default of a directive", `{{ .password | default "hunter22" }}`, fleet.Plain},
		{"angle brackets around a word", "<plain>", fleet.Plain},
		{"angle brackets around a password", "<hunter2>", fleet.Plain},
		{"angle brackets around a field's name", "<base64 of the key>", fleet.Empty},
		{"lower case in parentheses", "$(plain)", fleet.Plain},
		{"your, and no field", "your-plain", fleet.Plain},
		{"your, and a password", "your-hunter2-password", fleet.Plain},
		{"your field", "Your encryption passphrase", fleet.Empty},
		{"instruction with a word", "replace-with-plain", fleet.Plain},
		{"bank-vaults, no path", "vault:plain", fleet.Plain},
		{"bank-vaults, no key", "vault:secret/data/app", fleet.Plain},
		{"bank-vaults, a version", ">>vault:secret/data/app#password#2", fleet.Ref},
		{"bank-vaults in braces", "${vault:secret/data/app#password}", fleet.Variable},
		{"bank-vaults in braces, no path", "${vault:plain}", fleet.Plain},
		{"1Password, no field", "op://plain", fleet.Plain},
		{"1Password, an item alone", "op://vault/plain", fleet.Plain},
		{"1Password, a section", "op://vault/item/section/field", fleet.Ref},
		{"argocd-vault-plugin, no key", "<path:plain>", fleet.Plain},
		{"argocd-vault-plugin, text behind it", "<path:secret/data/app#password>plain", fleet.Plain},
		{"vals, no scheme", "ref+plain", fleet.Plain},
		{"vals, nothing in it", "ref+vault://", fleet.Plain},
		{"AWS Secrets Manager", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf", fleet.Ref},
		{"AWS Secrets Manager, no account", "arn:aws:secretsmanager:plain", fleet.Plain},
		{"Ansible Vault, no ciphertext", "$ANSIBLE_VAULT;plain", fleet.Plain},
		{"no ciphertext", "ENC[AES256_GCM,plain]", fleet.Plain},
		{"more than a ciphertext", ciphertext("str") + "plain", fleet.Plain},
		{"percent-encoded", "postgres://u:p%40ss@h", fleet.Address},
		{"no percent-encoding", "postgres://u:%(password)s@h", fleet.Plain},
		{"AWS access key id", "AKIA" + word(16), fleet.Plain},
		{"a cipher", "aes-xts-plain64", fleet.Public},
		{"a hash", "sha256", fleet.Public},
		{"a way to derive a key", "argon2i", fleet.Public},
		{"a signature", "RS256", fleet.Public},
		{"begins like a cipher", "aes-hunter2", fleet.Plain},
		{"a public key", "ssh-ed25519 " + b64(string(randomBytes(48))) + " app@example.test", fleet.Public},
		{"certificate and more", pemBlock("CERTIFICATE", b64(string(randomBytes(90)))) + "plain", fleet.Plain},
		{"a certificate of something else", pemBlock("CERTIFICATE", "hunter2 hunter2"), fleet.Plain},
		{"a certificate to fill in", pemBlock("CERTIFICATE", "<base64 of the certificate>"), fleet.Empty},
		{"a certificate cut off", pemBlock("CERTIFICATE", "MIIB..."), fleet.Empty},
		{"two certificates", pemBlock("CERTIFICATE", b64(string(randomBytes(90)))) +
			pemBlock("CERTIFICATE", b64(string(randomBytes(90)))), fleet.Public},
		{"an example token", "ghp_" + strings.Repeat("x", 12), fleet.Empty},
		{"an example token of Slack", "xoxb-xxxx-xxxx", fleet.Empty},
		{"crosses behind a word", "plain-xxxx", fleet.Plain},
		{"begins like a placeholder", "changeme123", fleet.Plain},
		{"what stands for a credential that nobody asks for", "not-needed", fleet.Empty},
		{"the credential of a test", "test", fleet.Empty},
		{"begins like a test's", "test123", fleet.Plain},
		{"a network", "10.42.0.0/16", fleet.Empty},
		{"no network", "10.42.0.0/x16", fleet.Plain},
		{"user", "admin", fleet.Plain},
		{"markup", "<a>\n<b></b></a>", fleet.Plain},
	} {
		t.Run(test.name, func(t *testing.T) {
			class, length := Classify("key", test.value)
			want := len(test.value)
			if strings.HasPrefix(test.name, "ciphertext") {
				want = 9 // of what is encrypted
			}
			if class != test.want || length != want {
				t.Errorf("got %s, %d; want %s, %d", class, length, test.want, want)
			}
		})
	}
}

func TestClassifyDockerConfig(t *testing.T) {
	for _, test := range []struct {
		key, value string
		want       fleet.Class
	}{
		{".dockerconfigjson", `{}`, fleet.Empty},
		{".dockerconfigjson", `{"auths":{}}`, fleet.Empty},
		{".dockerconfigjson", `{"credsStore":"ecr-login"}`, fleet.Empty},
		{".dockerconfigjson", `{"auths":{"ghcr.io":{"username":"app","auth":""}}}`, fleet.Empty},
		{".dockerconfigjson", `{"auths":{"ghcr.io":{"identitytoken":"` + word(9) + `"}}}`, fleet.Plain},
		{".dockerconfigjson", `{"auths":{"ghcr.io":{"registrytoken":"` + word(9) + `"}}}`, fleet.Plain},
		{"config", `{"auths":{"a":{}, "ghcr.io":{"auth":"` + b64("app:"+word(9)) + `"}}}`, fleet.Plain},
		{"config", `{"auths":{"ghcr.io":{"auth":"${AUTH}"}}}`, fleet.Variable},
		{"config", `{"auths":{"ghcr.io":{"username":"${NAME}","password":"` + word(9) + `"}}}`, fleet.Plain},
		{".dockercfg", `{"ghcr.io":{"auth":"` + b64("app:"+word(9)) + `"}}`, fleet.Plain},
		{".dockercfg", `{"ghcr.io":{"auth":""}}`, fleet.Empty},
	} {
		if class, _ := Classify(test.key, test.value); class != test.want {
			t.Errorf("%s %s: got %s, want %s", test.key, test.value, class, test.want)
		}
	}
}

func TestClassifyData(t *testing.T) {
	for _, test := range []struct {
		name, value string
		class       fleet.Class
		length      int
	}{
		{"nothing", "", fleet.Empty, 0},
		{"text", b64("admin"), fleet.Plain, 5},
		{"text in two lines", b64("adm")[:2] + "\n" + b64("adm")[2:], fleet.Plain, 3},
		{"variable", "${TLS_KEY}", fleet.Variable, 10},
		{"variable in base64", b64("${TLS_KEY}"), fleet.Variable, 10},
		{"private key", b64(privateKey()), fleet.Key, len(privateKey())},
		{"ciphertext", ciphertext("str"), fleet.Encrypted, 9},
		{"placeholder", "REPLACE_ME", fleet.Empty, 10},
		{"placeholder that is base64", "changeme", fleet.Empty, 8},
		{"placeholder in base64", b64("changeme"), fleet.Empty, 8},
		{"no base64", "p@ssw0rd!", fleet.Plain, 9},
		{"SOPS in a generator", b64("A=" + ciphertext("str") + "\nsops_mac=" + ciphertext("str")), fleet.Encrypted,
			12 + 2*len(ciphertext("str"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			class, length := ClassifyData("key", test.value)
			if class != test.class || length != test.length {
				t.Errorf("got %s, %d; want %s, %d", class, length, test.class, test.length)
			}
		})
	}
}

// Every token shape is found behind other text, and hasToken's list of first letters leaves none out.
func TestTokenShapes(t *testing.T) {
	for _, shape := range tokenShapes {
		token := shape.prefix + word(shape.min)
		if !hasToken("key=" + token) {
			t.Errorf("%s…: not found", shape.prefix)
		}
		if hasToken("key=" + token[:len(token)-1]) {
			t.Errorf("%s…: found without its last character", shape.prefix)
		}
	}
}

func TestHasPrivateKey(t *testing.T) {
	for _, test := range []struct {
		name, text string
		line       int
		ok         bool
	}{
		{"nothing", "", 0, false},
		{"documentation", "the key begins with\n-----BEGIN " + "PRIVATE KEY-----\n...\n-----END " +
			"PRIVATE KEY-----\n", 0, false},
		{"no end", "-----BEGIN " + "PRIVATE KEY-----\n" + word(64), 0, false},
		{"a key", "# a\n# b\n" + privateKey(), 3, true},
		{"a key behind an example", pemBlock("RSA "+"PRIVATE KEY", "...") + privateKey(), 4, true},
		{"age", "# created: today\n" + "AGE-SECRET-KEY-1" + word(58) + "\n", 2, true},
		{"age, the prefix alone", "AGE-SECRET-KEY-1" + "...", 0, false},
		{"the first of two", "AGE-SECRET-KEY-1" + word(58) + "\n" + privateKey(), 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			line, ok := HasPrivateKey([]byte(test.text))
			if line != test.line || ok != test.ok {
				t.Errorf("got %d, %v; want %d, %v", line, ok, test.line, test.ok)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	for _, seed := range []string{"", "${A:=b}", ciphertext("int"), privateKey(), jwt(), kubeconfig("token: a"), "<a>",
		"{{ a }}"} {
		f.Add("password", seed)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		class, length := Classify(key, value)
		if class == "" || length != len(value) && (class != fleet.Encrypted || length > len(value)) {
			t.Errorf("got %q, %d for %d bytes", class, length, len(value))
		}
		if class, length := ClassifyData(key, value); class == "" || length > len(value) {
			t.Errorf("data: got %q, %d for %d bytes", class, length, len(value))
		}
		line, ok := HasPrivateKey([]byte(value))
		if ok != (line > 0) || line > 1+strings.Count(value, "\n") {
			t.Errorf("got line %d, %v", line, ok)
		}
	})
}
