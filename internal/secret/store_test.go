package secret

import (
	"slices"
	"strings"
	"testing"
)

const leaf = "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]"

func TestStore(t *testing.T) {
	meta := "sops:\n  mac: " + leaf + "\n  lastmodified: \"2026-01-02T03:04:05Z\"\n"
	jsonMeta := `"sops": {"mac": "` + leaf + `", "lastmodified": "2026-01-02T03:04:05Z"}`
	for _, c := range []struct{ file, store, emits string }{
		{"a: " + leaf + "\n" + meta, "yaml", "yaml json dotenv"},
		{"a:\n  b: " + leaf + "\n" + meta, "yaml", "yaml json ini"},
		{"data: " + leaf + "\n" + meta, "yaml", "yaml json dotenv binary"},
		{`{"a": "` + leaf + `", ` + jsonMeta + `}`, "json", "yaml json dotenv"},
		{`{"data": "` + leaf + `", ` + jsonMeta + `}`, "binary", "yaml json dotenv binary"},
		{"A=" + leaf + "\nsops_mac=" + leaf + "\n", "dotenv", "yaml json dotenv"},
		{"[a]\nb = " + leaf + "\n\n[sops]\nmac = " + leaf + "\n", "ini", "yaml json ini"},
		{"#sops_mac=ENC[AES256_GCM,\nA=b\n", "", ""},
		{"a: b\nmac: " + leaf + "\n", "", ""},
		{"", "", ""},
	} {
		store := Store([]byte(c.file))
		if store != c.store {
			t.Errorf("Store(%q) = %q, want %q", c.file, store, c.store)
			continue
		}
		var emits []string
		for _, format := range []string{"yaml", "json", "dotenv", "ini", "binary"} {
			if store != "" && Emits([]byte(c.file), store, format) {
				emits = append(emits, format)
			}
		}
		if got := strings.Join(emits, " "); got != c.emits {
			t.Errorf("%q can be written as %q, want %q", c.file, got, c.emits)
		}
	}
}

func TestStoreRecipients(t *testing.T) {
	const age, fp = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
		"1F35C1B2C3D4E5F60718293A4B5C6D7E8F901234"
	for file, want := range map[string][]string{
		"A=b\nsops_age__list_0__map_recipient=" + age + "\nsops_pgp__list_0__map_fp=" + fp + "\nsops_mac=" + leaf +
			"\n": {age, fp},
		"[sops]\nkms__list_0__map_arn = arn:aws:kms:x\nmac = " + leaf +
			"\n": {"kms"},
		"A=b\nsops_age__list_0__map_recipient=" + age +
			"\n": nil,
	} {
		if got := StoreRecipients([]byte(file)); !slices.Equal(got, want) {
			t.Errorf("StoreRecipients(%q) = %q, want %q", file, got, want)
		}
	}
}
