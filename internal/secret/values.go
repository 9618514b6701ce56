package secret

import (
	"cmp"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// lastApplied holds the whole object, as kubectl wrote it: SOPS with ^(data|stringData)$ leaves it in the clear.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Values are the leaves of a YAML document that hold, or should hold, secret material, in the order of the text:
//
//   - the data and stringData of a v1 Secret, at the root, in a List or inside another object (In "Secret");
//   - the literals of a kustomization's secretGenerator (In "generator") and inline patches of Secrets (In "patch"),
//     with the field in the patch;
//   - private keys, kubeconfigs, tokens and addresses with a password in anything else (In "object"); of a kubeconfig,
//     its credentials;
//   - what a generator of passwords has written, under a name that promises a credential; anything under such a name
//     in the template of an ExternalSecret or a SealedSecret, or in a Secret inside a text (In "beside");
//   - in a document without metadata of SOPS, ciphertexts of SOPS, which nothing decrypts (In "object").
//
// A Secret's fields that the API does not have, and its annotations with the name of a credential, are its values
// too, and so are those that kubectl's annotation repeats. An encrypted file that a leaf of a Secret holds is In
// "file".
//
// kustomizeFile says that the file is a kustomization by its name: kustomize takes one without a kind. The metadata
// of SOPS is left out. doc may be the document or the node in it. Nothing is said of a document whose aliases expand
// to more than a million nodes.
func Values(doc *yaml.Node, kustomizeFile bool) []fleet.Value {
	root := content(doc)
	if root == nil || IsBomb(root) {
		return nil
	}
	c := collector{}
	kind, api := scalar(root, "kind"), scalar(root, "apiVersion")
	c.kustomization = isKustomization(kind, api, kustomizeFile)
	c.kubeconfig = kind == "Config" && api == "v1" && get(root, "users") != nil
	c.secretList = kind == "SecretList" && api == "v1"
	c.isEncrypted = isMetadata(get(root, "sops"))
	c.isSealed = kind == "SealedSecret"
	c.overrides = strings.HasPrefix(api, "policy.karmada.io/") &&
		selectsSecrets(get(get(root, "spec"), "resourceSelectors"))
	c.makesSecret = c.isSealed || strings.HasSuffix(kind, "ExternalSecret")
	c.visit(root, nil)
	return c.values
}

func selectsSecrets(selectors *yaml.Node) bool {
	return selectors != nil && slices.ContainsFunc(selectors.Content, func(n *yaml.Node) bool {
		return scalar(resolve(n), "kind") == "Secret"
	})
}

func isKustomization(kind, api string, byName bool) bool {
	if strings.HasPrefix(api, "kustomize.config.k8s.io/") {
		return kind == "Kustomization" || kind == "Component" || kind == "" && byName
	}
	return byName && api == "" && (kind == "" || kind == "Kustomization")
}

type collector struct {
	values []fleet.Value

	kustomization, kubeconfig, secretList bool
	// isEncrypted: the document has metadata of SOPS; registries: it is a configuration of registries.
	isEncrypted, registries bool
	// makesSecret: a controller makes a Secret of the object's template, and isSealed: with data in base64.
	makesSecret, isSealed bool
	// overrides: the object is a policy of Karmada that changes Secrets.
	overrides bool
	// isNested: what is visited is an item of a list with metadata of its own.
	isNested bool
}

// visit looks through a node. An alias is not followed: what it stands for is visited at its anchor.
func (c *collector) visit(n *yaml.Node, field []any) {
	switch n.Kind {
	case yaml.ScalarNode:
		c.object(n, field, lastKey(field))
	case yaml.SequenceNode:
		for i, item := range n.Content {
			c.visit(item, append(field, i))
		}
	case yaml.MappingNode:
		if len(field) > 0 && !c.isNested && isMetadata(get(n, "sops")) {
			c.isNested = true
			defer func() { c.isNested = false }()
		}
		if c.isSecret(n, field) {
			c.secret(n, field)
			return
		}
		name := cmp.Or(scalar(n, "name"), scalar(n, "key")) // of a variable or a parameter, whose value is beside it
		if path, value := scalar(n, "path"), get(n, "value"); c.overrides && value != nil && isDataPath(path) {
			top, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
			c.data(value, append(field, "value"), key, top == "data")
			return
		}
		for key, value := range entries(n) {
			if key == "value" && name != "" && value.Kind == yaml.ScalarNode {
				c.object(value, append(field, key), name)
				continue
			}
			c.entry(key, value, append(field, key))
		}
	}
}

func (c *collector) entry(key string, value *yaml.Node, field []any) {
	switch {
	case key == "sops" && len(field) == 1 && isMetadata(resolve(value)):
	case key == "secretGenerator" && len(field) == 1 && c.kustomization:
		c.generators(resolve(value), field)
	case key == "patches" || key == "patchesStrategicMerge" || key == "patchesJson6902":
		c.patches(value, field)
	case c.makesSecret && (key == "data" || key == "stringData") && len(field) > 1 && field[len(field)-2] == "template":
		c.template(resolve(value), field, key == "data" && c.isSealed)
	default:
		c.visit(value, field)
	}
}

// template reports what an object that makes a Secret has in the clear for it, under a name that promises a credential.
//
// Source: external-secrets v0.20.4 apis/externalsecrets/v1/externalsecret_types.go, type ExternalSecretTemplate;
// sealed-secrets v0.32.2 pkg/apis/sealedsecrets/v1alpha1/types.go, type SecretTemplateSpec.
func (c *collector) template(n *yaml.Node, field []any, isBase64 bool) {
	for name, value := range entries(n) {
		at, before := append(field, name), len(c.values)
		c.visit(value, at)
		if len(c.values) > before || value.Kind != yaml.ScalarNode || strings.Contains(value.Value, "{{") {
			continue
		}
		isUser := foldName(name) != "secretaccesskey" && strings.HasSuffix(foldName(name), "accesskey") &&
			isObjectName(value.Value)
		if class, length := classifyNode(name, value, isBase64); class == fleet.Plain && PromisesCredential(name) &&
			!isUser {
			c.report(at, "beside", class, length)
		}
	}
}

// isSecret is true for a v1 Secret, and for what may be one whose kind is encrypted too: a ciphertext shows how
// long a text is. The items of a SecretList may go without a kind.
func (c *collector) isSecret(n *yaml.Node, field []any) bool {
	kind, api := scalar(n, "kind"), scalar(n, "apiVersion")
	if kind == "" && api == "" {
		return c.secretList && len(field) == 2 && field[0] == "items"
	}
	return is(kind, "Secret") && (is(api, "v1") || api == "")
}

// is tells whether a text is another, or may be it by its ciphertext.
func is(text, other string) bool {
	return text == other || isCiphertext(text) && plainLength(text) == len(other)
}

func (c *collector) secret(n *yaml.Node, field []any) {
	if scalar(n, "$patch") == "delete" {
		return
	}
	isWhole := is(scalar(n, "apiVersion"), "v1") && get(n, "metadata") != nil // and no reference to one
	for key, value := range entries(n) {
		at := append(field, key)
		switch {
		case key == "data" || key == "stringData":
			c.data(value, at, "", key == "data")
		case key == "sops" && len(field) == 0 && isMetadata(resolve(value)):
		case key == "metadata":
			c.metadata(value, at)
		case isWhole && !slices.Contains(secretFields, key): // a value that slipped out of its place
			c.data(value, at, key, false)
		default:
			c.visit(value, at)
		}
	}
	for _, part := range Merged(n) {
		for key, value := range entries(part) {
			if key == "data" || key == "stringData" {
				c.data(value, append(field, key), "", key == "data")
			}
		}
	}
}

// secretFields are a Secret's own fields, and the directives of a strategic merge patch.
var secretFields = []string{"apiVersion", "kind", "type", "immutable", "$patch", "$retainKeys",
	"$deleteFromPrimitiveList", "$setElementOrder", "<<"}

// metadataFields are the fields of an object's metadata.
//
// Source: k8s.io/apimachinery v0.36.4 pkg/apis/meta/v1/types.go, type ObjectMeta.
var metadataFields = []string{"name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation",
	"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations",
	"ownerReferences", "finalizers", "managedFields", "clusterName", "<<"}

// data reports every leaf, whatever its class. Only strings one level down make sense to Kubernetes; a linter reads
// what is there.
//
// key is the name of the value in the Secret where the field does not end in it.
func (c *collector) data(n *yaml.Node, field []any, key string, isBase64 bool) {
	switch n = resolve(n); n.Kind {
	case yaml.MappingNode:
		for name, value := range effective(n) {
			if strings.HasPrefix(name, "$") && slices.Contains(secretFields, strings.SplitN(name, "/", 2)[0]) {
				continue // a directive of a strategic merge patch
			}
			c.data(value, append(field, name), name, isBase64)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			c.data(item, append(field, i), key, isBase64)
		}
	case yaml.ScalarNode:
		if n.Tag == "!!null" && key == "" {
			return // data: with nothing in it
		}
		class, length := classifyNode(key, n, isBase64)
		in := "Secret"
		if class == fleet.Encrypted && (c.isNested || !isCiphertext(strings.TrimSpace(n.Value))) {
			in = "file" // which Flux decrypts by itself
		}
		c.report(field, in, class, length)
		if field[len(field)-1] == "value" && key != "value" { // of a JSON patch
			c.values[len(c.values)-1].Key = key
		}
	}
}

func keyOf(field []any) string {
	if len(field) > 0 {
		if key, ok := field[len(field)-1].(string); ok {
			return key
		}
	}
	return ""
}

func classifyNode(key string, n *yaml.Node, isBase64 bool) (fleet.Class, int) {
	switch {
	case n.Tag == "!!null":
		return fleet.Empty, 0
	case isBase64:
		return ClassifyData(key, n.Value)
	}
	return Classify(key, n.Value)
}

// metadata looks into the annotation that repeats the Secret, and for labels and annotations that are a
// credential by their names.
func (c *collector) metadata(n *yaml.Node, field []any) {
	for key, value := range entries(resolve(n)) {
		if !slices.Contains(metadataFields, key) { // a value whose stringData is missing above it
			c.data(value, append(field, key), key, false)
			continue
		}
		if key != "annotations" && key != "labels" || resolve(value).Kind != yaml.MappingNode {
			c.visit(value, append(field, key))
			continue
		}
		for name, value := range entries(resolve(value)) {
			at, text := append(field, key, name), resolve(value)
			if text.Kind == yaml.ScalarNode && name != lastApplied && holdsCredential(nameOf(name), text.Value) {
				if class, length := Classify(name, text.Value); class == fleet.Plain {
					c.report(at, "Secret", class, length)
					continue
				}
			}
			if name == lastApplied && text.Kind == yaml.ScalarNode {
				for _, v := range documentValues(text.Value) {
					c.report(append(slices.Clone(at), v.Field...), v.In, v.Class, v.Length)
				}
			} else {
				c.visit(value, at)
			}
		}
	}
}

// nameOf is an annotation's name without its prefix.
func nameOf(annotation string) string { return annotation[strings.LastIndexByte(annotation, '/')+1:] }

// object reports a leaf of an object that is no Secret, where the leaf shows by itself what it is.
//
// name is that of the value: its key, or what stands in "name" beside it.
func (c *collector) object(n *yaml.Node, field []any, name string) {
	if c.kubeconfig && len(field) > 3 && field[0] == "users" && field[2] == "user" {
		switch key := keyOf(field); key {
		case "client-key-data", "token", "password", "id-token", "access-token", "refresh-token":
			if isUserCredential(key, n.Value) {
				c.report(field, "object", fleet.Kubeconfig, len(n.Value))
			}
			return
		}
	}
	switch class := shape(strings.TrimSpace(n.Value)); class {
	case fleet.Key, fleet.Kubeconfig, fleet.Token, fleet.Address:
		c.report(field, "object", class, len(n.Value))
	case fleet.Encrypted:
		if text := strings.TrimSpace(n.Value); !c.isEncrypted && !c.isNested && isCiphertext(text) {
			c.report(field, "object", class, plainLength(text))
		}
	case "":
		text := strings.TrimSpace(n.Value)
		if flag, value, ok := strings.Cut(text, "="); ok && strings.HasPrefix(flag, "-") { // --password=value
			name, text = strings.TrimLeft(flag, "-"), value
		}
		if PromisesCredential(name) && looksGenerated(name, text) && !isNameOfSecret(name, text) &&
			classify(name, text) == fleet.Plain {
			c.beside(field, Name(name), len(text))
		} else if name := credentialInside(n.Value); name != "" {
			c.beside(field, name, len(n.Value))
		}
	}
}

// beside reports a value that only its name tells.
func (c *collector) beside(field []any, name string, length int) {
	c.report(field, "beside", fleet.Plain, length)
	if name != lastKey(field) {
		c.values[len(c.values)-1].Key = name
	}
}

// credentialInside is the name of the first value of a Secret in a text, such as a manifest in a ConfigMap, that is in
// the clear and whose name promises a credential; empty where there is none. A Secret without a name of its own is an
// example.
func credentialInside(text string) (name string) {
	if !strings.Contains(text, "Secret") || !secretKind.MatchString(text) {
		return ""
	}
	eachDocument(text, func(root *yaml.Node) {
		if metadata := get(root, "metadata"); name != "" || metadata == nil || scalar(metadata, "name") == "" {
			return
		}
		var c collector
		c.visit(root, nil)
		for _, v := range c.values {
			key := keyOf(v.Field)
			if v.In == "Secret" && v.Class == fleet.Plain && PromisesCredential(key) {
				name = key
				return
			}
		}
	})
	return name
}

func (c *collector) report(field []any, in string, class fleet.Class, length int) {
	c.values = append(c.values, fleet.Value{Field: slices.Clone(field), In: in, Class: class, Length: length})
}
