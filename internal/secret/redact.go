package secret

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Redact is a Kubernetes object in its JSON form with {"$class": class, "$len": bytes} in the place of every secret
// leaf: the data and stringData of a v1 Secret, wherever it stands; ciphertexts, private keys, kubeconfigs, tokens,
// addresses and arguments with a password; and strings under a name that promises a credential or a key, unless a
// variable, a reference or what could be a mere name stands there.
//
// The object is shared and is not changed: what holds no secret is in both, and an object without any is returned as
// it is.
func Redact(object map[string]any) map[string]any {
	if redacted := redactMap("", object); redacted != nil {
		return redacted
	}
	return object
}

// redactMap is a copy of the map at key name with its secrets taken out; nil where it has none.
func redactMap(name string, m map[string]any) map[string]any {
	var out map[string]any
	isSecret := m["kind"] == "Secret" && m["apiVersion"] == "v1"
	has := func(key string) bool { _, ok := m[key]; return ok }
	for key, value := range m {
		var redacted any
		switch {
		case isSecret && (key == "data" || key == "stringData"):
			redacted = redactData(value, key == "data")
		case isSecret && key == "metadata":
			redacted = redactMetadata(value)
		case key == "value":
			redacted = redactValue(around{key: variableName(m), parent: name, has: has}, value)
		default:
			redacted = redactValue(around{key: key, parent: name, has: has}, value)
		}
		if redacted == nil {
			continue
		}
		if out == nil {
			out = maps.Clone(m)
		}
		out[key] = redacted
	}
	return out
}

// variableName is the name beside a value: of an environment variable, or of a parameter.
func variableName(m map[string]any) string {
	name, _ := m["name"].(string)
	return name
}

// redactValue is the value without its secrets; nil where it has none.
func redactValue(at around, value any) any {
	switch value := value.(type) {
	case string:
		if class := secretClass(at, value); class != "" {
			return redaction(class, length(class, value))
		}
	case int64, float64: // YAML's idea of password: 12345
		text := fmt.Sprint(value)
		if class := secretClass(at, text); class != "" {
			return redaction(class, len(text))
		}
	case map[string]any:
		if redacted := redactMap(at.key, value); redacted != nil {
			return redacted
		}
	case []any:
		if redacted := redactList(value); redacted != nil {
			return redacted
		}
	}
	return nil
}

func redactList(list []any) []any {
	var out []any
	before := ""
	for i, value := range list {
		redacted := redactValue(around{before: before}, value)
		before, _ = value.(string)
		if redacted == nil {
			continue
		}
		if out == nil {
			out = slices.Clone(list)
		}
		out[i] = redacted
	}
	return out
}

// redactData redacts every leaf of a Secret's data or stringData; nil where it has none.
func redactData(value any, isBase64 bool) any {
	if entries, ok := value.(map[string]any); value == nil || ok && len(entries) == 0 {
		return nil
	}
	return redactLeaves("", value, isBase64)
}

func redactLeaves(key string, value any, isBase64 bool) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, leaf := range value {
			out[key] = redactLeaves(key, leaf, isBase64)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, leaf := range value {
			out[i] = redactLeaves(key, leaf, isBase64)
		}
		return out
	case string:
		return redactLeaf(key, value, isBase64)
	case nil:
		return redaction(fleet.Empty, 0)
	default: // a number or a boolean, which Kubernetes refuses
		return redaction(Classify(key, fmt.Sprint(value)))
	}
}

// redactLeaf redacts one entry of a Secret. What a certificate in the clear says of itself stays, under "$certificate".
func redactLeaf(key, value string, isBase64 bool) map[string]any {
	class, length := Classify(key, value)
	text := value
	if isBase64 {
		class, length = ClassifyData(key, value)
		if decoded, ok := decodeBase64(value); ok {
			text = decoded
		}
	}
	return fleet.Redacted{Class: class, Length: length, Certificate: fleet.ReadCertificate(text)}.Content()
}

// redactMetadata takes out the annotation in which kubectl repeats a Secret.
func redactMetadata(value any) any {
	metadata, ok := value.(map[string]any)
	if !ok {
		return redactValue(around{key: "metadata"}, value)
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	applied, ok := annotations[lastApplied].(string)
	if !ok {
		return redactValue(around{key: "metadata"}, value)
	}
	annotations = maps.Clone(annotations)
	annotations[lastApplied] = redaction(fleet.Plain, len(applied))
	metadata = maps.Clone(metadata)
	metadata["annotations"] = annotations
	if redacted := redactMap("metadata", metadata); redacted != nil {
		return redacted
	}
	return metadata
}

func redaction(class fleet.Class, length int) map[string]any {
	return fleet.Redacted{Class: class, Length: length}.Content()
}

// credentialNames end the names of what holds a credential, in lower case without separators.
var credentialNames = []string{"password", "passwd", "passphrase", "apikey", "privatekey", "secretaccesskey", "token"}

// holdsCredential is true for a value under a name that promises a credential. A name that ends in "secret" or
// "credentials" holds the name of a Secret as often as not (existingSecret, imagePullSecret), so the value decides
// there: one that could be an object's name is taken for it.
func holdsCredential(key, value string) bool {
	// Most names are rejected by their last letter, before anything is copied.
	if key == "" || strings.IndexByte("dDeEyYnNtTsSlLwW", key[len(key)-1]) < 0 {
		return false
	}
	name := foldName(key)
	for _, suffix := range credentialNames {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	if isShortPassword(key) {
		return !isPath(value) // pwd is a working directory too
	}
	for _, suffix := range []string{"secret", "credential", "credentials"} {
		if before, ok := strings.CutSuffix(name, suffix); ok {
			return !isSecretReference(before) && !isObjectName(value)
		}
	}
	return false
}

// isShortPassword is true for a name whose last word is pw or pwd: dbPw, DB_PWD.
func isShortPassword(key string) bool {
	lower := strings.ToLower(key)
	for _, word := range []string{"pw", "pwd"} {
		before, ok := strings.CutSuffix(lower, word)
		if !ok {
			continue
		}
		if before == "" || !isAlphanumeric(before[len(before)-1]) {
			return true
		}
		if start := key[len(before):]; start[0] == 'P' && key[len(before)-1] >= 'a' {
			return true
		}
	}
	return false
}

func isSecretReference(before string) bool {
	for _, word := range []string{"existing", "pull", "from", "use", "tls", "cert", "certificate", "ca"} {
		if strings.HasSuffix(before, word) {
			return true
		}
	}
	return false
}

// isObjectName is true for a text that a person would give an object as its name: lower-case words, one by one.
func isObjectName(text string) bool {
	digits := 0
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != '-' && c != '.' && (c < 'a' || c > 'z'):
			return false
		}
	}
	return len(text) <= 253 && digits*4 <= len(text)
}

// foldName writes a name in lower case without the separators that its parts have.
func foldName(key string) string {
	var b strings.Builder
	b.Grow(len(key))
	for _, c := range []byte(key) {
		switch {
		case c == '-' || c == '_' || c == '.':
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
