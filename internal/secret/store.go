package secret

import (
	"bytes"
	"regexp"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// Store is the format in which SOPS has written an encrypted file: "yaml", "json", "binary", "dotenv" or "ini"; empty
// for any other file. A JSON file that holds nothing but a text called data is binary.
//
// Source: getsops/sops v3.13.2 stores: dotenv and ini flatten the metadata, json.BinaryStore wraps the file.
func Store(file []byte) string {
	if !bytes.Contains(file, []byte(leafPrefix)) {
		return ""
	}
	switch {
	case dotenvMAC.Match(file):
		return "dotenv"
	case iniMetadata.Match(file) && iniMAC.Match(file):
		return "ini"
	case !bytes.Contains(file, []byte("sops")):
		return ""
	}
	store, isJSON := "", bytes.HasPrefix(bytes.TrimSpace(file), []byte("{"))
	eachRoot(file, func(root *yaml.Node) {
		meta := get(root, "sops")
		if store != "" || !isMetadata(meta) || !strings.HasPrefix(scalar(meta, "mac"), leafPrefix) {
			return
		}
		data := get(root, "data")
		switch {
		case !isJSON:
			store = "yaml"
		case len(root.Content) == 4 && data != nil && data.Kind == yaml.ScalarNode:
			store = "binary"
		default:
			store = "json"
		}
	})
	return store
}

var (
	dotenvMAC   = regexp.MustCompile(`(?m)^sops_mac=ENC\[AES256_GCM,`)
	iniMetadata = regexp.MustCompile(`(?m)^\[sops\][ \t]*\r?$`)
	iniMAC      = regexp.MustCompile(`(?m)^mac[ \t]*=[ \t]*ENC\[AES256_GCM,`)
)

// Emits tells whether SOPS can write what it has decrypted from one store in the format of another. Into binary goes
// a text called data alone, into dotenv nothing that is nested, and into INI nothing that is not.
//
// Source: getsops/sops v3.13.2 stores/json/store.go BinaryStore.EmitPlainFile, stores/dotenv/store.go,
// stores/ini/store.go.
func Emits(file []byte, store, format string) bool {
	if store == format || format == "yaml" || format == "json" {
		return true
	}
	switch store {
	case "ini":
		return false
	case "dotenv":
		return format == "binary" && dotenvData.Match(file)
	}
	emits, first := true, true
	eachRoot(file, func(root *yaml.Node) {
		if !first {
			return
		}
		first = false
		data := get(root, "data")
		hasText := data != nil && data.Kind == yaml.ScalarNode
		if format == "binary" {
			emits = hasText
			return
		}
		for key, value := range entries(root) {
			if key != "sops" {
				emits = emits && (resolve(value).Kind == yaml.ScalarNode) == (format == "dotenv")
			}
		}
	})
	return emits
}

var dotenvData = regexp.MustCompile(`(?m)^data=`)

// eachRoot calls do for the root of each YAML document of a file, up to the first that does not parse.
func eachRoot(file []byte, do func(root *yaml.Node)) {
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	for {
		root, err := nextDocument(decoder)
		if err != nil {
			return
		}
		if root != nil && !IsBomb(root) {
			do(root)
		}
	}
}

// StoreRecipients are the keys that a file without YAML documents is encrypted to, as Encryption calls them: those of
// the flat metadata of dotenv and INI, and of the JSON around a binary file.
func StoreRecipients(file []byte) (all []string) {
	switch Store(file) {
	case "dotenv", "ini":
		for _, m := range flatKey.FindAllSubmatch(file, -1) {
			all = append(all, Recipient(string(m[1]), strings.Trim(string(m[2]), "\"`\r")))
		}
	case "json", "binary", "yaml":
		eachRoot(file, func(root *yaml.Node) {
			if e := Encryption(root); e != nil {
				all = append(all, e.Recipients...)
			}
		})
	}
	return all
}

// flatKey is the entry of the flat metadata that names a key.
var flatKey = regexp.MustCompile(`(?m)^(?:sops_)?(age|pgp|kms|gcp_kms|azure_kv|hc_vault|hckms)__list_\d+__map_` +
	`(?:recipient|fp|arn|resource_id|key_id|vaultUrl|vault_address)[ \t]*=[ \t]*(.*)$`)
