package secret

import (
	"cmp"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// around is what stands around a string.
type around struct {
	// key is the string's own, or the name beside a value; parent is that of the mapping that it stands in.
	key, parent string
	// has is true for the keys of that mapping; nil where the string stands in a list.
	has func(key string) bool
	// before is the string before it in a list.
	before string
	// many: it stands in a list or mapping of credentials.
	many bool
}

// Hidden are the strings of a YAML document that Redact takes out of it for their names or for what they look like, in
// the order of the text. What a Secret holds is not among them, and neither are ciphertexts, which may be shown.
func Hidden(root *yaml.Node) []*yaml.Node {
	if IsBomb(root) {
		return nil
	}
	var found []*yaml.Node
	hide(root, around{}, &found)
	return found
}

func hide(n *yaml.Node, at around, found *[]*yaml.Node) {
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			hide(c, at, found)
		}
	case yaml.MappingNode:
		find := finder(n)
		has := func(key string) bool { return find(key) != nil }
		many := at.many || manyCredentials(at.key)
		for key, value := range entries(n) {
			name, inner := key, many
			if key == "value" {
				path := cmp.Or(scalarText(find("name")), scalarText(find("path")), scalarText(find("subPath")),
					scalarText(find("key")))
				name, inner = path[strings.LastIndexByte(path, '/')+1:], many || isDataPath(scalarText(find("path")))
			}
			hide(value, around{key: name, parent: at.key, has: has, many: inner}, found)
		}
	case yaml.SequenceNode:
		before := ""
		many := at.many || manyCredentials(at.key)
		for _, item := range n.Content {
			hide(item, around{before: before, many: many}, found)
			before = resolve(item).Value
		}
	case yaml.ScalarNode, yaml.AliasNode:
		text := resolve(n)
		if text.Kind != yaml.ScalarNode || slices.Contains([]string{"!!null", "!!bool"}, text.Tag) {
			return
		}
		if class := secretClass(at, text.Value); class != "" && class != fleet.Encrypted {
			*found = append(*found, n)
		}
	}
}

// secretClass is the class of a string that must not be shown outside a Secret; empty where it may be.
func secretClass(at around, value string) fleet.Class {
	text := strings.TrimSpace(value)
	if text == "" {
		return ""
	}
	if class := shape(text); class != "" {
		return class
	}
	if onlyVariable(text) {
		return ""
	}
	if urlPassword(text) || hasCredentialFlag(at.before, text) || !mayEmbed(text) && inlineCredential(text) {
		return fleet.Plain
	}
	if promises(at.key, text) || at.many && !namesInCredentials(at.key) {
		switch class := classify(at.key, text); {
		case class == fleet.Variable, class == fleet.Ref && !isReference(text): // with something else beside
			return fleet.Plain
		case class != fleet.Ref:
			return class
		}
	} else if isKey(at, text) && classify(at.key, text) == fleet.Plain {
		return fleet.Plain
	}
	return ""
}

// hasCredentialFlag is true for an argument, or a whole command line, that gives a credential in the clear; the flag
// may be the argument before.
func hasCredentialFlag(before, text string) bool {
	if flag := strings.TrimLeft(before, "-"); flag != before && isCredentialFlag(flag, text) {
		return true
	}
	return strings.Contains(text, "=") && hasFlag(text, "=")
}

// isCredentialFlag leaves out paths: a flag often names the file that holds the credential.
func isCredentialFlag(flag, value string) bool {
	return holdsCredential(flag, value) && !isPath(value) && !strings.HasPrefix(value, "-") &&
		classify(flag, value) == fleet.Plain
}

// isKey is true for a value under a name that ends in "key" and that is key material. A key is also what a label, a
// taint or an entry of a ConfigMap goes by, and those must stay readable: the surroundings decide, then the value.
func isKey(at around, value string) bool {
	before, ok := strings.CutSuffix(foldName(at.key), "key")
	if !ok || isPath(value) || strings.HasPrefix(value, "ssh-") || endsIn(before, "public", "pub") {
		return false
	}
	switch {
	case endsIn(before, "secret", "password", "token"):
		return looksRandom(value) || len(value) >= minKnown && !isIdentifier(value) && !strings.Contains(value, " ")
	case endsIn(before, "username", "topology", "label", "remote"):
		return looksRandom(value)
	case endsIn(before, "tls", "ssl", "client", "server", "kubeconfig", "encryption", "signing"),
		before == "" && beside(at):
		return !isFileName(value)
	case before == "" && selects(at):
		return false
	}
	return looksRandom(value) || !isIdentifier(value)
}

// beside is true of a key next to its certificate, or in a mapping that is named for such a pair.
func beside(at around) bool {
	return endsIn(foldName(at.parent), "tls", "ssl", "kubeconfig", "cert", "certificate") ||
		at.has != nil && slices.ContainsFunc([]string{"crt", "cert", "certificate", "caCrt"}, at.has)
}

// selects is true of a key in a mapping that names it: a selector, a toleration, a reference.
func selects(at around) bool {
	return endsIn(foldName(at.parent), "ref", "extract", "selector") || at.has != nil &&
		slices.ContainsFunc([]string{"name", "operator", "effect", "path", "property", "values", "secretKey"}, at.has)
}

func endsIn(name string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.HasSuffix(name, word) })
}

// isPath is true for the path of a file and for an address.
func isPath(text string) bool {
	return strings.HasPrefix(text, "/") || strings.HasPrefix(text, "./") || strings.Contains(text, "://")
}

// isFileName is true for what an entry of a Secret is called: tls.key, ca.crt.
func isFileName(text string) bool {
	return endsIn(text, ".key", ".crt", ".pem") && isIdentifier(text) || text == "key"
}

// isIdentifier is true for a text that a person or a program would give as a name: words, with few digits.
func isIdentifier(text string) bool {
	digits := 0
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case !isAlphanumeric(c) && strings.IndexByte("-_./:", c) < 0:
			return false
		}
	}
	return len(text) <= 253 && digits*4 <= len(text)
}
