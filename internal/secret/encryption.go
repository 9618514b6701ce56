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
// Beside the kinds that fleet.EncryptionFault names there is "outside": a ciphertext outside the encrypted region,
// which is never decrypted. Where the region depends on comments, or on metadata that is itself at fault, only
// ciphertexts are looked at. Of a document whose aliases expand to more than a million nodes it says nothing.
//
// Source: getsops/sops v3.13.2 sops.go shouldBeEncrypted and Decrypt, stores/stores.go ToInternal.
func Encryption(doc *yaml.Node) *fleet.Encryption {
	root := content(doc)
	meta := get(root, "sops")
	if !isMetadata(meta) || IsBomb(root) {
		return nil
	}
	isObject := scalar(root, "apiVersion") != "" && scalar(root, "kind") != ""
	e := &examination{root: root, isObject: isObject,
		Encryption: fleet.Encryption{Recipients: []string{}, Faults: []fleet.EncryptionFault{}}}
	e.selector(meta)
	e.mac(meta)
	e.lastModified(meta)
	e.recipients(meta)
	e.visit(root, nil, !e.include)
	if e.match != nil && e.left && !e.taken && !isObject {
		e.fault(fleet.EncryptionFault{Field: []any{"sops", e.Selector}, Kind: "region", Class: fleet.Empty,
			Why: e.Selector + " covers no value of the file, so nothing in it is encrypted"})
	}
	found := e.Encryption // a pointer into e would keep the whole document
	return &found
}

// Misspells is true where the region has a key in other letters alone: stringdata for stringData.
func (r Region) Misspells(key string) bool {
	if r.Selector != "encrypted_regex" || r.match(key) {
		return false
	}
	folded, err := regexp.Compile("(?i)" + r.pattern)
	return err == nil && folded.MatchString(key)
}

// Others are the values that none of the faults is about.
func Others(e *fleet.Encryption, values []fleet.Value) []fleet.Value {
	if e == nil || len(e.Faults) == 0 {
		return values
	}
	at := make(map[string]bool, len(e.Faults))
	for _, fault := range e.Faults {
		at[fmt.Sprintf("%q", fault.Field)] = true
	}
	var others []fleet.Value
	for _, v := range values {
		if !at[fmt.Sprintf("%q", v.Field)] {
			others = append(others, v)
		}
	}
	return others
}

type examination struct {
	fleet.Encryption
	root     *yaml.Node
	isObject bool

	// match is true for a path component that the selector names; nil where the region is not known. include says
	// that a match brings the leaves below into the region, rather than taking them out.
	match   func(component string) bool
	include bool

	// taken: a leaf is in the region, or a ciphertext; left: another is not.
	taken, left bool
}

func (e *examination) selector(meta *yaml.Node) {
	for _, name := range selectors {
		pattern := scalar(meta, name)
		if pattern == "" {
			continue
		}
		if e.Selector != "" {
			e.metadata(name, pattern, fmt.Sprintf("%s is set beside %s, and SOPS accepts only one of them", name,
				e.Selector))
			e.match = nil
			return
		}
		e.Selector, e.Pattern = name, pattern
		e.include = strings.HasPrefix(name, "encrypted_")
		match, err := matcher(name, pattern)
		switch {
		case err != nil:
			e.metadata(name, pattern, name+" is not a valid regular expression, so it matches nothing")
		case match == nil && e.isObject:
			e.metadata(name, pattern, "Flux decrypts an object without its comments, so "+name+" matches nothing")
		}
		e.match = match
	}
	if e.Selector == "" {
		e.Selector, e.Pattern = "unencrypted_suffix", "_unencrypted"
		e.match, _ = matcher(e.Selector, e.Pattern)
	}
}

// matcher tells which components of a path a selector matches; nil for one of comments.
func matcher(selector, pattern string) (func(component string) bool, error) {
	switch {
	case strings.HasSuffix(selector, "_comment_regex"):
		return nil, nil
	case strings.HasSuffix(selector, "_suffix"):
		return func(component string) bool { return strings.HasSuffix(component, pattern) }, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}

// Region is what a creation rule of SOPS, or a file's metadata, has encrypted.
type Region struct {
	// Selector is one of those that fleet.Encryption names.
	Selector string
	pattern  string
	match    func(component string) bool
	include  bool
}

// NewRegion is the region by the selectors of a mapping; ok is false where SOPS refuses them, or where comments decide.
func NewRegion(rule *yaml.Node) (r Region, ok bool) {
	r.Selector, r.pattern = "unencrypted_suffix", "_unencrypted"
	named := 0
	for _, name := range selectors {
		if text := scalar(rule, name); text != "" {
			r.Selector, r.pattern = name, text
			named++
		}
	}
	match, err := matcher(r.Selector, r.pattern)
	r.match, r.include = match, strings.HasPrefix(r.Selector, "encrypted_")
	return r, err == nil && match != nil && named <= 1
}

// Has tells whether a leaf is encrypted. Only the keys of mappings count.
func (r Region) Has(field []any) bool {
	return r.include == slices.ContainsFunc(field, func(step any) bool {
		key, isKey := step.(string)
		return isKey && r.match(key)
	})
}

func (e *examination) mac(meta *yaml.Node) {
	mac := scalar(meta, "mac")
	switch err := parseLeaf(mac); {
	case mac == "":
		e.MAC = "missing"
		e.metadata("mac", "", "the metadata has no mac, so Flux takes the document for plain text")
	case err != nil:
		e.MAC = "malformed"
		e.metadata("mac", mac, "the mac is not a ciphertext: "+err.Error())
	default:
		e.MAC = "found"
	}
}

func (e *examination) lastModified(meta *yaml.Node) {
	text := scalar(meta, "lastmodified")
	if _, err := time.Parse(time.RFC3339, text); text == "" {
		e.metadata("lastmodified", "", "the metadata has no lastmodified, and SOPS refuses to load it")
	} else if err != nil {
		e.metadata("lastmodified", text, "lastmodified is not an RFC 3339 time, and SOPS refuses to load it")
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
	e.taken = e.taken || inside || parseLeaf(n.Value) == nil
	e.left = true
	switch isLeaf := isText && strings.HasPrefix(n.Value, "ENC["); {
	case isLeaf && known && !inside:
		if parseLeaf(n.Value) != nil {
			return // text that speaks of ciphertexts
		}
		fault.Kind, fault.Why = "outside", "it is outside the encrypted region"
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
