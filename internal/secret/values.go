package secret

import (
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
//   - the literals of a kustomization's secretGenerator (In "generator") and inline patches of Secrets (In "patch"), with
//     the field in the patch;
//   - private keys, kubeconfigs, tokens and addresses with a password in anything else (In "object"); of a kubeconfig, its credentials.
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
	c.visit(root, nil)
	return c.values
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
}

// visit looks through a node. An alias is not followed: what it stands for is visited at its anchor.
func (c *collector) visit(n *yaml.Node, field []any) {
	switch n.Kind {
	case yaml.ScalarNode:
		c.object(n, field)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			c.visit(item, append(field, i))
		}
	case yaml.MappingNode:
		if c.isSecret(n, field) {
			c.secret(n, field)
			return
		}
		for key, value := range entries(n) {
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
	default:
		c.visit(value, field)
	}
}

// isSecret is true for a v1 Secret. The items of a SecretList may go without a kind.
func (c *collector) isSecret(n *yaml.Node, field []any) bool {
	kind, api := scalar(n, "kind"), scalar(n, "apiVersion")
	if kind == "" && api == "" {
		return c.secretList && len(field) == 2 && field[0] == "items"
	}
	return kind == "Secret" && (api == "v1" || api == "")
}

func (c *collector) secret(n *yaml.Node, field []any) {
	if scalar(n, "$patch") == "delete" {
		return
	}
	for key, value := range entries(n) {
		at := append(field, key)
		switch {
		case key == "data" || key == "stringData":
			c.data(value, at, "", key == "data")
		case key == "sops" && len(field) == 0 && isMetadata(resolve(value)):
		case key == "metadata":
			c.metadata(value, at)
		default:
			c.visit(value, at)
		}
	}
	for _, part := range merged(n) {
		for key, value := range entries(part) {
			if key == "data" || key == "stringData" {
				c.data(value, append(field, key), "", key == "data")
			}
		}
	}
}

// data reports every leaf, whatever its class. Only strings one level down make sense to Kubernetes; a linter reads
// what is there.
//
// key is the name of the value in the Secret where the field does not end in it.
func (c *collector) data(n *yaml.Node, field []any, key string, isBase64 bool) {
	switch n = resolve(n); n.Kind {
	case yaml.MappingNode:
		for name, value := range effective(n) {
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
		c.report(field, "Secret", class, length)
		if last := &c.values[len(c.values)-1]; key != keyOf(field) {
			last.Key = key
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

// metadata looks into the annotation that repeats the Secret.
func (c *collector) metadata(n *yaml.Node, field []any) {
	annotation := get(get(resolve(n), "annotations"), lastApplied)
	if annotation == nil || annotation.Kind != yaml.ScalarNode {
		c.visit(n, field)
		return
	}
	if class := worst(documentValues(annotation.Value)); class != "" {
		c.report(append(slices.Clone(field), "annotations", lastApplied), "Secret", class, len(annotation.Value))
	}
}

// worst is the class of the leaf that tells most, and nothing where no leaf is in the clear.
func worst(values []fleet.Value) fleet.Class {
	for _, class := range []fleet.Class{fleet.Key, fleet.Kubeconfig, fleet.Token, fleet.Address, fleet.Plain} {
		if slices.ContainsFunc(values, func(v fleet.Value) bool { return v.Class == class }) {
			return class
		}
	}
	return ""
}

// object reports a leaf of an object that is no Secret, where the leaf shows by itself what it is.
func (c *collector) object(n *yaml.Node, field []any) {
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
	}
}

func (c *collector) report(field []any, in string, class fleet.Class, length int) {
	c.values = append(c.values, fleet.Value{Field: slices.Clone(field), In: in, Class: class, Length: length})
}
