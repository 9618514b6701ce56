package secret

import (
	"reflect"
	"strings"
	"testing"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// metadata is what SOPS writes, with one entry changed or more added.
func metadata(changes ...string) string {
	entries := []string{
		"age: [{recipient: age1, enc: '-----BEGIN AGE ENCRYPTED FILE-----'}]",
		"lastmodified: '2026-01-02T03:04:05Z'",
		"mac: " + ciphertext("str"),
		"encrypted_regex: ^(data|stringData)$",
		"version: 3.13.2",
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, ":")
		for i, entry := range entries {
			if strings.HasPrefix(entry, name+":") {
				entries[i] = ""
			}
		}
		if value != "" {
			entries = append(entries, change)
		}
	}
	out := "sops:\n"
	for _, entry := range entries {
		if entry != "" {
			out += "    " + entry + "\n"
		}
	}
	return out
}

func TestEncryption(t *testing.T) {
	const head = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, creationTimestamp: null}\n"
	cipher := ciphertext("str")
	good := head + "stringData: {a: '" + cipher + "', b: '', c: null}\n"
	found := func(faults ...fleet.EncryptionFault) *fleet.Encryption {
		e := &fleet.Encryption{Selector: "encrypted_regex", Pattern: "^(data|stringData)$", MAC: "found",
			Recipients: []string{"age"}, Faults: faults}
		if faults == nil {
			e.Faults = []fleet.EncryptionFault{}
		}
		return e
	}
	with := func(e *fleet.Encryption, change func(*fleet.Encryption)) *fleet.Encryption {
		change(e)
		return e
	}
	fault := func(kind, why string, class fleet.Class, length int, field ...any) fleet.EncryptionFault {
		return fleet.EncryptionFault{Field: field, Kind: kind, Why: why, Class: class, Length: length}
	}
	const (
		plain     = "the value is inside the encrypted region and is not encrypted"
		malformed = "the ciphertext cannot be decrypted: "
		outside   = "it is outside the encrypted region"
	)
	short := strings.Replace(cipher, "iv:", "iv:AAAA", 1)
	for _, test := range []struct {
		name, text string
		want       *fleet.Encryption
	}{
		{"no metadata", good, nil},
		{"a list", "- a\n", nil},
		{"nothing", "", nil},
		{"a package called sops", "sops: {version: 3.8.0, bottle: {}}\n", nil},
		{"values of a chart", "sops: {enabled: true, age: {key: a}}\n", nil},
		{"as it should be", good + metadata(), found()},
		{"types and a final line break", head + "data: {a: '" + ciphertext("int") + "', b: ['" + ciphertext("bool") +
			"']}\nstringData:\n  c: |\n    " + cipher + "\n" + metadata(), found()},
		{"a comment in the region", head + "stringData:\n  # plain\n  a: " + cipher + "\n" + metadata(), found()},

		{"plain text", head + "data: {a: YWJj}\nstringData: {a: abcd, b: 5, c: '${C}', d: true}\n" + metadata(), found(
			fault("plain", plain, fleet.Plain, 3, "data", "a"),
			fault("plain", plain, fleet.Plain, 4, "stringData", "a"),
			fault("plain", plain, fleet.Empty, 1, "stringData", "b"),
			fault("plain", plain, fleet.Variable, 4, "stringData", "c"),
			fault("plain", plain, fleet.Empty, 4, "stringData", "d"))},
		{"plain text behind an alias", "x: &x abcd\nstringData: {a: *x}\n" + metadata(),
			found(fault("plain", plain, fleet.Plain, 4, "stringData", "a"))},
		{"malformed", head + "stringData: {a: '" + short + "', b: 'ENC[AES256_GCM,data:a]', c: '" + ciphertext("text") +
			"', d: ' " + cipher + "'}\n" + metadata(), found(
			fault("malformed", malformed+"its part iv has the wrong length", fleet.Plain, len(short), "stringData",
				"a"),
			fault("malformed", malformed+"it does not have the four parts data, iv, tag and type", fleet.Plain, 22,
				"stringData", "b"),
			fault("malformed", malformed+"its type is unknown to SOPS", fleet.Plain, len(ciphertext("text")),
				"stringData", "c"),
			fault("plain", plain, fleet.Encrypted, 9, "stringData", "d"))},
		{"outside", "kind: Secret\nother: '" + cipher + "'\nnote: 'ENC[AES256_GCM,…]'\n" + metadata(),
			found(fault("outside", outside, fleet.Encrypted, 9, "other"))},
		{"an unanchored pattern reaches metadata", good + metadata("encrypted_regex: data"), with(
			found(fault("plain", plain, fleet.Plain, 1, "metadata", "name"),
				fault("outside", outside, fleet.Encrypted, 9, "stringData", "a")),
			func(e *fleet.Encryption) { e.Pattern = "data" })},

		{"the whole file", "kind: '" + cipher + "'\nnote_unencrypted: {a: b}\n" + metadata("encrypted_regex:"),
			with(found(),
				func(e *fleet.Encryption) { e.Selector, e.Pattern = "unencrypted_suffix", "_unencrypted" })},
		{"unencrypted_regex", "kind: Secret\ndata: {a: '" + cipher + "', kind: b}\nb: c\n" +
			metadata("encrypted_regex:", "unencrypted_regex: ^kind$"), with(
			found(fault("plain", plain, fleet.Plain, 1, "b")), func(e *fleet.Encryption) {
				e.Selector, e.Pattern = "unencrypted_regex", "^kind$"
			})},
		{"encrypted_suffix", "a_enc: {b: [c]}\nb: c\n" + metadata("encrypted_regex:", "encrypted_suffix: _enc"), with(
			found(fault("plain", plain, fleet.Plain, 1, "a_enc", "b", 0)), func(e *fleet.Encryption) {
				e.Selector, e.Pattern = "encrypted_suffix", "_enc"
			})},
		{"encrypted_comment_regex", "# enc\na: '" + cipher + "'\nb: c\nd: 'ENC[AES256_GCM]'\n" +
			metadata("encrypted_regex:", "encrypted_comment_regex: enc"), with(
			found(fault("malformed", malformed+"it is not of the form ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]",
				fleet.Plain, 15, "d")),
			func(e *fleet.Encryption) { e.Selector, e.Pattern = "encrypted_comment_regex", "enc" })},

		{"two selectors", good + "a: b\n" + metadata("unencrypted_suffix: _u"), with(
			found(fault("metadata",
				"encrypted_regex is set beside unencrypted_suffix, and SOPS accepts only one of them", fleet.Plain, 19,
				"sops", "encrypted_regex")),
			func(e *fleet.Encryption) { e.Selector, e.Pattern = "unencrypted_suffix", "_u" })},
		{"a broken pattern", good + metadata("encrypted_regex: '('"), with(
			found(fault("metadata", "encrypted_regex is not a valid regular expression, so it matches nothing",
				fleet.Plain, 1, "sops", "encrypted_regex")),
			func(e *fleet.Encryption) { e.Pattern = "(" })},
		{"no mac", good + metadata("mac:"), with(
			found(fault("metadata", "the metadata has no mac, so Flux takes the document for plain text", fleet.Empty,
				0, "sops")),
			func(e *fleet.Encryption) { e.MAC = "missing" })},
		{"a malformed mac", good + metadata("mac: abc"), with(
			found(fault("metadata",
				"the mac is not a ciphertext: it is not of the form ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]",
				fleet.Plain, 3, "sops", "mac")),
			func(e *fleet.Encryption) { e.MAC = "malformed" })},
		{"no time", good + metadata("lastmodified:"), found(
			fault("metadata", "the metadata has no lastmodified, and SOPS refuses to load it", fleet.Empty, 0,
				"sops"))},
		{"a malformed time", good + metadata("lastmodified: yesterday"), found(
			fault("metadata", "lastmodified is not an RFC 3339 time, and SOPS refuses to load it", fleet.Plain, 9,
				"sops", "lastmodified"))},
		{"no recipient", good + metadata("age: [{recipient: age1}]"), with(
			found(fault("metadata", "the data key is encrypted to no recipient, so nobody can decrypt the document",
				fleet.Empty, 0, "sops")),
			func(e *fleet.Encryption) { e.Recipients = []string{} })},
		{"key groups", good + metadata("age:",
			"key_groups: [{age: [{enc: a}], pgp: [{enc: a}, {enc: b}]}, {hc_vault: [{enc: a}], kms: null}]"), with(
			found(), func(e *fleet.Encryption) { e.Recipients = []string{"age", "pgp", "pgp", "hc_vault"} })},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Encryption(parse(t, test.text)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, test.want)
			}
		})
	}
}

func FuzzEncryption(f *testing.F) {
	f.Add([]byte("kind: Secret\nstringData: {a: " + ciphertext("str") + ", b: [c, 1, null]}\n" + metadata()))
	f.Add([]byte("a: &a {b: c}\nd: {<<: *a, ? [e] : f}\n" +
		metadata("encrypted_regex:", "unencrypted_comment_regex: a")))
	f.Add([]byte("sops: {mac: , age: [*a], key_groups: [a, [b], {age: c}]}"))
	for _, bomb := range bombs {
		f.Add([]byte(bomb))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var doc yaml.Node
		if !unmarshal(text, &doc) {
			return
		}
		e := Encryption(&doc)
		if e == nil {
			return
		}
		if e.Selector == "" || e.MAC == "" || e.Faults == nil || len(e.Recipients) == 0 && len(e.Faults) == 0 {
			t.Errorf("got %+v", e)
		}
		for _, fault := range e.Faults {
			if fault.Kind == "" || fault.Why == "" || fault.Class == "" {
				t.Errorf("got %+v", fault)
			}
		}
	})
}
