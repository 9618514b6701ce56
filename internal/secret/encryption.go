package secret

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

var selectors = []string{"unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex",
	"unencrypted_comment_regex", "encrypted_comment_regex"}

// isMetadata tells the metadata of SOPS from another mapping called sops, such as a package in a lock file.
func isMetadata(n *yaml.Node) bool {
	if n == nil || n.Kind != yaml.MappingNode {
		return false
	}
	own, foreign, telling := false, false, false
	for key, value := range entries(n) {
		isGroup := slices.Contains(keyGroups, key) || key == "key_groups"
		switch {
		case isGroup && (resolve(value).Kind == yaml.SequenceNode || resolve(value).Tag == "!!null"),
			slices.Contains(selectors, key), key == "version", key == "shamir_threshold", key == "mac_only_encrypted":
			own = true
		case key == "mac", key == "lastmodified":
			telling = true
		default:
			foreign = true
		}
	}
	return telling || own && !foreign
}

// Encryption is what can be known, without a key, of a document that SOPS encrypted; nil where the document has no
// metadata of SOPS. Faults come in the order of the metadata, then of the text.
//
// Beside the kinds that fleet.EncryptionFault names there is "outside": a ciphertext outside the encrypted region, which
// is never decrypted. Where the region depends on comments, or on metadata that is itself at fault, only ciphertexts
// are looked at. Of a document whose aliases expand to more than a million nodes it says nothing.
//
// Source: getsops/sops v3.13.2 sops.go shouldBeEncrypted and Decrypt, stores/stores.go ToInternal.
func Encryption(doc *yaml.Node) *fleet.Encryption {
	root := content(doc)
	meta := get(root, "sops")
	if !isMetadata(meta) || IsBomb(root) {
		return nil
	}
	e := &examination{root: root, Encryption: fleet.Encryption{Recipients: []string{}, Faults: []fleet.EncryptionFault{}}}
	e.selector(meta)
	e.mac(meta)
	e.lastModified(meta)
	e.recipients(meta)
	e.visit(root, nil, !e.include)
	found := e.Encryption // a pointer into e would keep the whole document
	return &found
}

type examination struct {
	fleet.Encryption
	root *yaml.Node

	// match is true for a path component that the selector names; nil where the region is not known. include says
	// that a match brings the leaves below into the region, rather than taking them out.
	match   func(component string) bool
	include bool
}

func (e *examination) selector(meta *yaml.Node) {
	for _, name := range selectors {
		pattern := scalar(meta, name)
		if pattern == "" {
			continue
		}
		if e.Selector != "" {
			e.metadata(name, pattern, fmt.Sprintf("%s stands beside %s, and SOPS accepts one of them", name, e.Selector))
			e.match = nil
			return
		}
		e.Selector, e.Pattern = name, pattern
		e.include = strings.HasPrefix(name, "encrypted_")
		switch {
		case strings.HasSuffix(name, "_comment_regex"):
		case strings.HasSuffix(name, "_suffix"):
			e.match = func(component string) bool { return strings.HasSuffix(component, pattern) }
		default:
			re, err := regexp.Compile(pattern)
			if err != nil {
				e.metadata(name, pattern, name+" is no valid regular expression, so it matches nothing")
				continue
			}
			e.match = re.MatchString
		}
	}
	if e.Selector == "" {
		e.Selector, e.Pattern = "unencrypted_suffix", "_unencrypted"
		e.match = func(component string) bool { return strings.HasSuffix(component, "_unencrypted") }
	}
}

func (e *examination) mac(meta *yaml.Node) {
	mac := scalar(meta, "mac")
	switch err := parseLeaf(mac); {
	case mac == "":
		e.MAC = "missing"
		e.metadata("mac", "", "the metadata has no mac, so Flux takes the document for plain text")
	case err != nil:
		e.MAC = "malformed"
		e.metadata("mac", mac, "the mac is no ciphertext: "+err.Error())
	default:
		e.MAC = "found"
	}
}

func (e *examination) lastModified(meta *yaml.Node) {
	text := scalar(meta, "lastmodified")
	if _, err := time.Parse(time.RFC3339, text); text == "" {
		e.metadata("lastmodified", "", "the metadata has no lastmodified, and SOPS refuses to load it")
	} else if err != nil {
		e.metadata("lastmodified", text, "lastmodified is no RFC 3339 time, and SOPS refuses to load it")
	}
}

func (e *examination) recipients(meta *yaml.Node) {
	groups := []*yaml.Node{meta}
	if n := get(meta, "key_groups"); n != nil && n.Kind == yaml.SequenceNode {
		groups = append(groups, n.Content...)
	}
	for _, group := range groups {
		for _, name := range keyGroups {
			keys := get(resolve(group), name)
			if keys == nil || keys.Kind != yaml.SequenceNode {
				continue
			}
			for _, key := range keys.Content {
				if key = resolve(key); scalar(key, "enc") != "" {
					e.Recipients = append(e.Recipients, Recipient(name, scalar(key, idOf[name])))
				}
			}
		}
	}
	if len(e.Recipients) == 0 {
		e.fault(fleet.EncryptionFault{Field: []any{"sops"}, Kind: "metadata", Class: fleet.Empty,
			Why: "the data key is encrypted to no recipient, so nobody can decrypt the document"})
	}
}

// idOf is what names a key of a kind in the metadata.
var idOf = map[string]string{"age": "recipient", "pgp": "fp"}

func (e *examination) metadata(name, value, why string) {
	class, length := Classify(name, value)
	field := []any{"sops", name}
	if value == "" {
		field = field[:1]
	}
	e.fault(fleet.EncryptionFault{Field: field, Kind: "metadata", Why: why, Class: class, Length: length})
}

// visit judges the leaves below n. Only mapping keys count as path components, and "<<" is one like any other.
func (e *examination) visit(n *yaml.Node, field []any, inside bool) {
	switch n = resolve(n); n.Kind {
	case yaml.MappingNode:
		for key, value := range entries(n) {
			if key == "sops" && n == e.root {
				continue
			}
			below := inside
			if e.match != nil && inside != e.include && e.match(key) {
				below = e.include
			}
			e.visit(value, append(field, key), below)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			e.visit(item, append(field, i), inside)
		}
	case yaml.ScalarNode:
		e.leaf(n, field, inside)
	}
}

// leaf judges a leaf. SOPS leaves null and the empty string as they are.
func (e *examination) leaf(n *yaml.Node, field []any, inside bool) {
	isText := n.Tag == "!!str" || strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!")
	if n.Tag == "!!null" || isText && n.Value == "" {
		return
	}
	fault := fleet.EncryptionFault{Field: slices.Clone(field)}
	isBase64 := len(field) == 2 && field[0] == "data"
	fault.Class, fault.Length = classifyNode(keyOf(field), n, isBase64)
	known := e.match != nil
	switch isLeaf := isText && strings.HasPrefix(n.Value, "ENC["); {
	case isLeaf && known && !inside:
		if parseLeaf(n.Value) != nil {
			return // text that speaks of ciphertexts
		}
		fault.Kind, fault.Why = "outside", "a ciphertext outside the encrypted region is never decrypted"
	case isLeaf:
		err := parseLeaf(n.Value)
		if err == nil {
			return
		}
		fault.Kind, fault.Why = "malformed", "the ciphertext cannot be decrypted: "+err.Error()
	case known && inside:
		fault.Kind, fault.Why = "plain", "the value is inside the encrypted region and is not encrypted"
	default:
		return
	}
	e.fault(fault)
}

func (e *examination) fault(f fleet.EncryptionFault) {
	e.Faults = append(e.Faults, f)
}
