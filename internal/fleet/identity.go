package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Identity is a finding's identity, which survives that lines move and that messages are worded anew: a hash of its
// rule, object and field; of its file where it is about no object. An entry of a list is named by its key, as far as
// the fleet has the object, else by its index. Secret values are not in an object's content, so that none is in an
// identity, where a short one could be guessed.
func (f *Fleet) Identity(finding Finding) string {
	o := finding.Object
	parts := []any{finding.Rule, o.APIServer, o.Group, o.Kind, o.Namespace, o.Name}
	if o.Name == "" {
		parts = append(parts, finding.Place.File)
	}
	object, _ := f.object(key{o.APIServer, GroupKind(o.Group, o.Kind), o.Namespace, o.Name})
	data, err := json.Marshal(append(parts, keyed(finding.Field, any(object.Content))...))
	if err != nil { // a field holds texts and numbers only
		data = fmt.Append(nil, parts)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// keyed is the field with each index replaced by the entry's key.
func keyed(field []any, content any) []any {
	out := make([]any, len(field))
	for i, step := range field {
		out[i] = step
		if key, ok := step.(string); ok {
			m, _ := content.(map[string]any)
			content = m[key]
			continue
		}
		n, ok := Index(step)
		list, _ := content.([]any)
		if !ok || n < 0 || n >= len(list) {
			content = nil
			continue
		}
		content = list[n]
		if name := entryKey(content); name != "" {
			// Of entries with the same key, each has its number.
			same := 0
			for _, other := range list[:n] {
				if entryKey(other) == name {
					same++
				}
			}
			out[i] = fmt.Sprintf("%s#%d", name, same)
		}
	}
	return out
}

// Index is a step of a field that counts the entries of a list.
func Index(step any) (int, bool) {
	switch n := step.(type) {
	case int:
		return n, true
	case int64:
		return int(n), true
	case float64:
		return int(n), true
	case json.Number:
		i, err := n.Int64()
		return int(i), err == nil
	}
	return 0, false
}

// entryKey names an entry of a list: a text by itself, a mapping by its name, an affinity or weight by its clusters.
func entryKey(entry any) string {
	switch e := entry.(type) {
	case string:
		return e
	case map[string]any:
		for _, key := range []string{"name", "affinityName", "key", "apiVersion"} {
			if name, ok := e[key].(string); ok && name != "" {
				if kind, ok := e["kind"].(string); ok {
					name = kind + "/" + name
				}
				return name
			}
		}
		if target, ok := e["targetCluster"].(map[string]any); ok {
			e = target
		}
		if names, ok := e["clusterNames"].([]any); ok {
			var all []string
			for _, name := range names {
				if text, ok := name.(string); ok {
					all = append(all, text)
				}
			}
			slices.Sort(all)
			return strings.Join(all, ",")
		}
	}
	return ""
}
