package secret

import (
	"bytes"
	"regexp"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// Store is the format in which SOPS has written an encrypted file: "yaml", "json", "binary", "dotenv" or "ini"; empty for
// any other file. A JSON file that holds nothing but a text called data is binary.
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
	iniMAC      = regexp.MustCompile("(?m)^mac[ \\t]*=[ \\t]*[\"`]?ENC\\[AES256_GCM,")
)

// HasTopLevel tells whether the first document of a text is a mapping with a text under the key.
func HasTopLevel(file []byte, key string) (has bool) {
	first := true
	eachRoot(file, func(root *yaml.Node) {
		value := get(root, key)
		has, first = has || first && value != nil && value.Kind == yaml.ScalarNode, false
	})
	return has
}

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
