package secret

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// generators reports the literals of secretGenerator; what its files hold is for Literals.
func (c *collector) generators(n *yaml.Node, field []any) {
	if n == nil || n.Kind != yaml.SequenceNode {
		return
	}
	for i, entry := range n.Content {
		literals := get(resolve(entry), "literals")
		if literals == nil || literals.Kind != yaml.SequenceNode {
			continue
		}
		for j, item := range literals.Content {
			if item = resolve(item); item.Kind != yaml.ScalarNode {
				continue
			}
			key, value, _ := strings.Cut(item.Value, "=")
			class, length := Classify(key, Unquote(value))
			c.report(append(field, i, "literals", j), "generator", class, length)
			if strings.Trim(value, "=") != "" { // else what stands before may be all there is, in base64
				c.values[len(c.values)-1].Key = key
			}
		}
	}
}

// Unquote takes quotes off as kustomize does: both or none.
// Source: kustomize api v0.21.1 kv/kv.go removeQuotes.
func Unquote(value string) string {
	if n := len(value); n > 1 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		return value[1 : n-1]
	}
	return value
}

// patches reports what inline patches put into Secrets, each leaf at the patch, and looks through the others.
func (c *collector) patches(n *yaml.Node, field []any) {
	if n.Kind != yaml.SequenceNode {
		c.visit(n, field)
		return
	}
	for i, item := range n.Content {
		at := append(field, i)
		entry, text := resolve(item), resolve(item)
		if entry.Kind == yaml.MappingNode {
			text = get(entry, "patch")
		}
		found := false
		if text != nil && text.Kind == yaml.ScalarNode {
			if text != entry {
				at = append(at, "patch")
			}
			for _, v := range patchValues(text.Value, scalar(get(entry, "target"), "kind")) {
				v.Field, v.In = slices.Concat(at, v.Field), "patch"
				c.values, found = append(c.values, v), true
			}
		}
		if !found {
			c.visit(item, at[:len(field)+1])
		}
	}
}

// patchValues are the leaves that a patch puts into Secrets: a strategic merge patch of one, or JSON patch operations
// on data where the target is one. Another patch has none.
func patchValues(patch, target string) []fleet.Value {
	if target != "Secret" && !strings.Contains(patch, "Secret") {
		return nil
	}
	var c collector
	eachDocument(patch, func(root *yaml.Node) {
		switch {
		case root.Kind == yaml.SequenceNode && target == "Secret":
			c.operations(root)
		case root.Kind == yaml.MappingNode && target == "Secret" && scalar(root, "kind") == "":
			c.secret(root, nil)
		default:
			c.visit(root, nil)
		}
	})
	values := c.values[:0]
	for _, v := range c.values {
		if v.In == "Secret" {
			values = append(values, v)
		}
	}
	return values
}

func (c *collector) operations(patch *yaml.Node) {
	for i, op := range patch.Content {
		op = resolve(op)
		value := get(op, "value")
		if value == nil {
			continue
		}
		path := scalar(op, "path")
		top, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if top == "data" || top == "stringData" {
			c.data(value, []any{i, "value"}, key, top == "data")
		}
	}
}

// documentValues are the values of all documents of a text.
func documentValues(text string) []fleet.Value {
	var all []fleet.Value
	eachDocument(text, func(root *yaml.Node) {
		var c collector
		c.visit(root, nil)
		all = append(all, c.values...)
	})
	return all
}

// maxInline bounds a document inside a document, in bytes.
const maxInline = 1 << 20

// eachDocument calls do for the root of each YAML document of a text, up to the first that does not parse.
func eachDocument(text string, do func(root *yaml.Node)) {
	if len(text) > maxInline {
		return
	}
	eachRoot([]byte(text), do)
}

func nextDocument(decoder *yaml.Decoder) (root *yaml.Node, err error) {
	defer func() {
		if recover() != nil { // the parser recovers its own panics only
			err = errors.New("parse YAML: the parser gave up")
		}
	}()
	var doc yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		return nil, err
	}
	return content(&doc), nil
}

// Literals are the values in a text that a secretGenerator reads and that is no YAML, and the state of its
// encryption; nil where it has no metadata of SOPS. The kind is "envs" for lines of KEY=value, each a value with
// the field [KEY]; with any other, they are what Leaves finds in it, by its sections and names. Where that is
// nothing, the text is one value without a field, In "file".
//
// Source: kustomize api v0.21.1 kv/kv.go keyValuesFromLine.
func Literals(text []byte, kind string) ([]fleet.Value, *fleet.Encryption) {
	root := Text(text)
	e := Encryption(root)
	var values []fleet.Value
	if kind != "envs" {
		if root != nil {
			values = Leaves(root)
		}
		if class, length := Classify("", string(text)); len(values) == 0 && e == nil || class == fleet.Key {
			values = append(values, fleet.Value{In: "file", Class: class, Length: length})
		}
		return Others(e, values), e
	}
	for line := range strings.Lines(string(bytes.TrimPrefix(text, []byte("\ufeff")))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok { // a name whose value is that of the environment, or a value without a name
			if class := shape(line); class != "" && class != fleet.Encrypted {
				values = append(values, fleet.Value{Field: []any{}, In: "generator", Class: class, Length: len(line)})
			} else if environmentName.MatchString(line) {
				values = append(values, fleet.Value{Field: []any{line}, In: "generator", Class: fleet.Empty})
			}
			continue
		}
		key = Name(key) // which may be the beginning of a value
		class, length := Classify(key, Unquote(value))
		if e != nil && (class == fleet.Encrypted || strings.HasPrefix(key, "sops_")) {
			continue
		}
		values = append(values, fleet.Value{Field: []any{key}, In: "generator", Class: class, Length: length})
	}
	return Others(e, values), e
}

// Leaves are the leaves of a file that show what they are, that are the hash of a password, or that stand in the
// clear under a name that promises a credential, In "generator"; ciphertexts too, where the document has no
// metadata of SOPS.
func Leaves(root *yaml.Node) []fleet.Value {
	if root = content(root); root == nil || IsBomb(root) {
		return nil
	}
	c := collector{isEncrypted: isMetadata(get(root, "sops")), registries: get(root, "auths") != nil}
	c.leaves(root, nil)
	return c.values
}

func (c *collector) leaves(n *yaml.Node, field []any) {
	switch n.Kind {
	case yaml.MappingNode:
		for key, value := range entries(n) {
			if key != "sops" || len(field) > 0 || !c.isEncrypted {
				c.leaves(value, append(field, key))
			}
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			c.leaves(item, append(field, i))
		}
	case yaml.ScalarNode:
		if class, length := c.leafClass(lastKey(field), n, field); class != "" {
			c.report(field, "generator", class, length)
		}
	}
}

// leafClass is the class of a leaf that has one to tell of.
func (c *collector) leafClass(key string, n *yaml.Node, field []any) (fleet.Class, int) {
	text := strings.TrimSpace(n.Value)
	class, length := Classify(key, n.Value)
	switch class {
	case fleet.Key, fleet.Kubeconfig, fleet.Token, fleet.Address:
		return class, length
	case fleet.Encrypted:
		if isCiphertext(text) && !c.isEncrypted {
			return class, length
		}
	case fleet.Plain:
		if words := nameWords(key); len(words) > 0 && (words[len(words)-1] == "accesskey" || len(words) > 1 &&
			words[len(words)-2] == "access" &&
			words[len(words)-1] == "key") && !looksRandom(text) {
			return "", 0 // the public part of a pair, more often than not
		}
		registry := c.registries && len(field) > 2 && field[0] == "auths" && key == "auth"
		if registry || passwordHash.MatchString(text) || PromisesCredential(key) && !isPath(text) &&
			!isNameOfSecret(key, text) || literalCredential(text) {
			return class, length
		}
	}
	return "", 0
}

// passwordHash is what htpasswd, crypt and a directory keep of a password.
var passwordHash = regexp.MustCompile(
	`^(?:\$(?:apr1|1|2[abxy]?|5|6|7|y|argon2(?:id|i|d)|scrypt|pbkdf2[a-z0-9-]*)\$|\{(?:SSHA|SHA|SMD5|CRYPT|PBKDF2)[A-Z0-9]*\})\S{13,}$`)

// isNameOfSecret is true for a text that can be the name of the Secret that a chart is to take, or of a key in it:
// under a name that ends in "secret" or "secretKey", always after "existing" and the like, and not in "password",
// "token" or "apiKey".
func isNameOfSecret(key, text string) bool {
	for _, suffix := range []string{"secret", "credentials"} {
		if before, ok := strings.CutSuffix(foldName(key), suffix); ok && isSecretReference(before) {
			return true
		}
	}
	if !isObjectName(text) {
		return false
	}
	words := nameWords(key)
	last := words[len(words)-1]
	if last == "key" || last == "keys" {
		return len(words) == 1 || slices.Contains([]string{"secret", "password", "token", "user", "username"},
			words[len(words)-2])
	}
	return endsIn(last, "secret", "secrets", "credential", "credentials", "secretkey")
}

// lastKey is the last key on a path; the items of a list go by the list's.
func lastKey(field []any) string {
	for _, step := range slices.Backward(field) {
		if key, ok := step.(string); ok {
			return key
		}
	}
	return ""
}

// isEncryptedFile is true for the text of a file that SOPS encrypted, in any of its formats.
// Source: fluxcd/kustomize-controller v1.9.4 internal/decryptor/decryptor.go, the format markers.
func isEncryptedFile(text string) bool {
	if !strings.Contains(text, leafPrefix) {
		return false
	}
	for _, marker := range []string{"sops_mac=ENC[", "[sops]", `"mac": "ENC[`, `"mac":"ENC[`, "mac: ENC["} {
		if strings.Contains(text, marker) {
			return true
		}
	}
	return false
}

// environmentName is the name of an environment variable, as kustomize takes one.
//
// Source: k8s.io/apimachinery pkg/util/validation IsEnvVarName.
var environmentName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
