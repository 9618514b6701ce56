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
func Redact(object map[string]any) map[string]any { return RedactKnown(object, nil) }

// RedactKnown is Redact for an object that may repeat texts that are known to be secret, as the source of a
// kustomize replacement does. What Redact takes out of an object is known in the rest of it: an alias or a
// configuration repeats it.
func RedactKnown(object map[string]any, known []string) map[string]any {
	out := redactMap(around{}, object)
	switch {
	case out == nil:
		out = object
	case object["kind"] == "Secret":
		known = append(slices.Clip(known), Texts(object)...)
	default:
		known = takenOut(object, out, slices.Clip(known))
	}
	if len(known) > 0 {
		if redacted, ok := withoutKnown(out, known).(map[string]any); ok {
			out = redacted
		}
	}
	return out
}

// RedactAt is an object with a class in the place of the text that a field leads to, or the text that the field is a
// part of. It is the object itself where no text is there.
func RedactAt(object map[string]any, field []any, class fleet.Class) map[string]any {
	if out, ok := redactAt(object, field, class).(map[string]any); ok {
		return out
	}
	return object
}

// redactAt is the value so; nil where it stays as it is.
func redactAt(value any, field []any, class fleet.Class) any {
	if text, ok := value.(string); ok {
		return redaction(class, len(text))
	}
	if len(field) == 0 {
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		key, _ := field[0].(string)
		if redacted := redactAt(value[key], field[1:], class); redacted != nil {
			out := maps.Clone(value)
			out[key] = redacted
			return out
		}
	case []any:
		if i, ok := field[0].(int); ok && i >= 0 && i < len(value) {
			if redacted := redactAt(value[i], field[1:], class); redacted != nil {
				out := slices.Clone(value)
				out[i] = redacted
				return out
			}
		}
	}
	return nil
}

// minKnown is the length of the shortest text that is looked for elsewhere, in bytes: a shorter one may be any word.
const minKnown = 8

// Texts are the plain texts of a Secret's data and stringData that are long enough to be known elsewhere.
func Texts(object map[string]any) []string {
	var all []string
	for _, field := range []string{"data", "stringData"} {
		values, _ := object[field].(map[string]any)
		for key, value := range values {
			text, _ := value.(string)
			if decoded, ok := decodeBase64(text); ok && field == "data" {
				text = decoded
			}
			if len(text) >= minKnown && classify(key, text) == fleet.Plain {
				all = append(all, text)
			}
		}
	}
	slices.Sort(all)
	return all
}

// takenOut adds the texts of a value that are a class in what is left of it.
func takenOut(value, left any, found []string) []string {
	switch value := value.(type) {
	case string:
		if m, ok := left.(map[string]any); ok && len(value) >= minKnown && m["$class"] != string(fleet.Encrypted) &&
			m["$class"] != string(fleet.Empty) {
			found = append(found, value)
		}
	case map[string]any:
		left, _ := left.(map[string]any)
		for key := range value {
			found = takenOut(value[key], left[key], found)
		}
	case []any:
		left, _ := left.([]any)
		for i := range min(len(value), len(left)) {
			found = takenOut(value[i], left[i], found)
		}
	}
	return found
}

// withoutKnown is a value without the strings that hold a known text; nil where it has none.
func withoutKnown(value any, known []string) any {
	switch value := value.(type) {
	case string:
		if slices.ContainsFunc(known, func(text string) bool { return strings.Contains(value, text) }) {
			return redaction(fleet.Plain, len(value))
		}
	case map[string]any:
		var out map[string]any
		for key, inner := range value {
			if key == "kind" || key == "apiVersion" || key == "name" || key == "namespace" {
				continue
			}
			if redacted := withoutKnown(inner, known); redacted != nil {
				if out == nil {
					out = maps.Clone(value)
				}
				out[key] = redacted
			}
		}
		if out != nil {
			return out
		}
	case []any:
		var out []any
		for i, inner := range value {
			if redacted := withoutKnown(inner, known); redacted != nil {
				if out == nil {
					out = slices.Clone(value)
				}
				out[i] = redacted
			}
		}
		if out != nil {
			return out
		}
	}
	return nil
}

// redactMap is a copy of the map with its secrets taken out; nil where it has none. It stands where a string would.
func redactMap(in around, m map[string]any) map[string]any {
	var out map[string]any
	many := in.many || manyCredentials(in.key)
	has := func(key string) bool { _, ok := m[key]; return ok }
	isSecret := m["kind"] == "Secret" && (m["apiVersion"] == "v1" || has("metadata")) // and no reference to one
	for key, value := range m {
		var redacted any
		switch {
		case isSecret && key == "data", key == "stringData": // which only Secrets have, and what was to be one
			redacted = redactData(value, key == "data")
		case isSecret && key == "metadata":
			redacted = redactMetadata(value)
		case key == "items" && m["kind"] == "SecretList":
			redacted = redactSecrets(value)
		case key == "sops" && in.key == "" && isStamp(value):
			redacted = redaction(fleet.Encrypted, 0)
		case isSecret && !slices.Contains(secretFields, key): // data under a misspelt name, say
			redacted = redactData(value, false)
		case key == "value" && patchesData(m):
			redacted = redactLeaves("", value, false)
		case key == "value":
			redacted = redactValue(around{key: variableName(m), parent: in.key, has: has, many: many}, value)
		default:
			redacted = redactValue(around{key: key, parent: in.key, has: has, many: many}, value)
		}
		if strings.ContainsAny(key, "=@: ") && inlineCredential(key) {
			if out == nil {
				out = maps.Clone(m)
			}
			delete(out, key)
			key, redacted = withheld, redaction(fleet.Plain, 0)
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

// variableName is the name beside a value: of an environment variable, of a parameter, of an entry of a store, or of
// the field that a JSON patch or an override of Karmada sets.
func variableName(m map[string]any) string {
	for _, key := range []string{"name", "path", "subPath", "key"} {
		if name, _ := m[key].(string); name != "" {
			return name[strings.LastIndexByte(name, '/')+1:]
		}
	}
	return ""
}

// isStamp is true for the metadata of SOPS: what stands there is not checked by anybody but SOPS.
func isStamp(value any) bool {
	metadata, _ := value.(map[string]any)
	_, hasMAC := metadata["mac"]
	return hasMAC
}

// patchesData is true for an operation of a JSON patch on the data of what may be a Secret.
func patchesData(m map[string]any) bool {
	path, _ := m["path"].(string)
	return isDataPath(path)
}

func isDataPath(path string) bool {
	top, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return path != "" && path[0] == '/' && (top == "data" || top == "stringData")
}

// redactValue is the value without its secrets; nil where it has none.
func redactValue(at around, value any) any {
	switch value := value.(type) {
	case string:
		if isUserAlone(value) && !promises(at.key, value) {
			scheme, rest, _ := strings.Cut(value, "://")
			return scheme + "://" + withheld + rest[strings.LastIndexByte(rest, '@'):]
		}
		if class := secretClass(at, value); class != "" {
			return redaction(class, length(class, value))
		}
		return redactText(value)
	case int, int64, float64: // YAML's idea of password: 12345
		text := fmt.Sprint(value)
		if class := secretClass(at, text); class != "" {
			return redaction(class, len(text))
		}
	case map[string]any:
		if redacted := redactMap(at, value); redacted != nil {
			return redacted
		}
	case map[any]any: // of a document inside a text, with keys that are none in JSON
		return redaction(fleet.Plain, 0)
	case []any:
		if redacted := redactList(at, value); redacted != nil {
			return redacted
		}
	}
	return nil
}

func redactList(in around, list []any) []any {
	var out []any
	before := ""
	many := in.many || manyCredentials(in.key)
	for i, value := range list {
		redacted := redactValue(around{before: before, many: many}, value)
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

// redactSecrets are the items of a SecretList, which may go without a kind.
func redactSecrets(value any) any {
	items, _ := value.([]any)
	out := slices.Clone(items)
	for i := range out {
		item, ok := out[i].(map[string]any)
		if !ok {
			continue
		}
		item = maps.Clone(item)
		item["apiVersion"], item["kind"] = "v1", "Secret"
		if redacted := redactMap(around{}, item); redacted != nil {
			out[i] = redacted
		}
	}
	if out == nil {
		return nil
	}
	return out
}

// redactMetadata takes out the annotation in which kubectl repeats a Secret, and what is no field of metadata.
func redactMetadata(value any) any {
	metadata, ok := value.(map[string]any)
	if !ok {
		return redactValue(around{key: "metadata"}, value)
	}
	out, redacted := maps.Clone(metadata), false
	for key, value := range metadata {
		if slices.Contains(metadataFields, key) {
			value = redactValue(around{key: key, parent: "metadata"}, value)
		} else {
			value = redactData(value, false)
		}
		if value != nil {
			out[key], redacted = value, true
		}
	}
	annotations, _ := out["annotations"].(map[string]any)
	if applied, ok := annotations[lastApplied]; ok {
		text, _ := applied.(string)
		annotations = maps.Clone(annotations)
		annotations[lastApplied] = redaction(fleet.Plain, len(text))
		out["annotations"], redacted = annotations, true
	}
	if !redacted {
		return nil
	}
	return out
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
	if !strings.ContainsFunc(key, func(r rune) bool {
		return r == '-' || r == '_' || r == '.' || r >= 'A' && r <= 'Z'
	}) {
		return key
	}
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
