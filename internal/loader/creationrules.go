package loader

import (
	"path"
	"regexp"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// creationRules are what SOPS is told to encrypt new files to, by the folder of the .sops.yaml that says so; nil
// where SOPS could not read it.
type creationRules map[string][]creationRule

type creationRule struct {
	// pattern is of the files that the rule is for, by their paths from the folder.
	pattern *regexp.Regexp
	// recipients are sorted, each once; none where the rule leaves them to the command line.
	recipients []string
	origin     fleet.Origin
	// region is what the rule has encrypted; known is false where that is not to be told.
	region secret.Region
	known  bool
	// left are the Secrets whose values the region leaves out, by the part that they are in.
	left map[string][]fleet.Origin
}

const (
	// sopsConfig is the name of SOPS's configuration.
	sopsConfig = ".sops.yaml"
	// maxCreationRules is how many rules of one are read. Each is tried on every encrypted file.
	maxCreationRules = 1000
)

// creationRules reads each configuration of SOPS in the tree.
func (t *tree) creationRules() creationRules {
	all := creationRules{}
	for _, p := range t.paths {
		if path.Base(p) == sopsConfig {
			all[path.Dir(p)] = nil
			t.files[p].safely(func(f *file) { all[path.Dir(p)] = f.creationRules() })
		}
	}
	return all
}

// creationRules are those of a .sops.yaml; nil where SOPS could not read it.
//
// Source: getsops/sops v3.13.2 config/config.go loadConfigFile and parseCreationRuleForFile: the first document counts.
func (f *file) creationRules() []creationRule {
	var root *yaml.Node
	err := eachNode(f.text(), func(index int, n *yaml.Node) {
		if index == 0 {
			root = n
		}
	})
	if err != nil || f.broken { // by aliases without an end, too
		return nil
	}
	rules := list(lookup(root, "creation_rules"))
	if len(rules) > maxCreationRules {
		return nil
	}
	all := []creationRule{}
	for i, rule := range rules {
		pattern, err := regexp.Compile(text(rule, "path_regex"))
		if err != nil || lookup(rule, "<<") != nil {
			return nil
		}
		region, known := secret.NewRegion(rule)
		all = append(all, creationRule{pattern, ruleRecipients(rule), fleet.Origin{File: f.path,
			Field: []any{"creation_rules", i}},
			region, known, map[string][]fleet.Origin{}})
	}
	return all
}

// keyLists are the lists of keys in a creation rule and in a key group, and the kinds of keys as metadata call them.
var keyLists = map[string]string{"age": "age", "pgp": "pgp", "kms": "kms", "gcp_kms": "gcp_kms", "hckms": "hckms",
	"azure_keyvault": "azure_kv", "hc_vault": "hc_vault", "hc_vault_transit_uri": "hc_vault"}

// ruleRecipients are those of a creation rule: of its key groups, and where it has none its own. None where a group
// takes keys from elsewhere by "<<".
func ruleRecipients(rule *yaml.Node) (all []string) {
	groups := slices.Clone(list(lookup(rule, "key_groups")))
	if len(groups) == 0 {
		groups = []*yaml.Node{rule}
	}
	for len(groups) > 0 {
		group := groups[0]
		if lookup(group, "<<") != nil {
			return nil
		}
		groups = append(groups[1:], list(lookup(group, "merge"))...)
		for name, kind := range keyLists {
			all = append(all, recipients(kind, lookup(group, name))...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// recipients are those that a list of keys names, or a text with commas in between.
func recipients(kind string, keys *yaml.Node) (all []string) {
	switch keys = resolve(keys); {
	case keys == nil || keys.Tag == "!!null":
	case keys.Kind == yaml.SequenceNode:
		for _, key := range keys.Content {
			all = append(all, recipients(kind, key)...)
		}
	case keys.Kind == yaml.MappingNode:
		all = append(all, kind)
	default:
		for id := range strings.SplitSeq(keys.Value, ",") {
			if strings.TrimSpace(id) != "" {
				all = append(all, secret.Recipient(kind, id))
			}
		}
	}
	return all
}

// list are the entries of a sequence.
func list(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// parts are where a Secret has its values.
var parts = []string{"data", "stringData"}

// cover notes what the creation rule for a file would leave out of its Secrets. SOPS takes the configuration that
// is next above.
func (c creationRules) cover(f *file) {
	secrets := slices.ContainsFunc(f.docs, func(d document) bool { return d.Kind == "Secret" && d.APIVersion == "v1" })
	if !secrets {
		return
	}
	for dir := path.Dir(f.path); ; dir = path.Dir(dir) {
		rules, configured := c[dir]
		i := slices.IndexFunc(rules,
			func(r creationRule) bool { return r.pattern.MatchString(strings.TrimPrefix(f.path, dir+"/")) })
		switch {
		case i >= 0 && rules[i].known:
			rules[i].cover(f)
			return
		case configured || dir == ".":
			return
		}
	}
}

func (r creationRule) cover(f *file) {
	for _, d := range f.docs {
		if d.Kind != "Secret" || d.APIVersion != "v1" {
			continue
		}
		for _, part := range parts {
			byPart := slices.ContainsFunc(parts, func(part string) bool { return r.region.Has([]any{part}) })
			left := slices.ContainsFunc(d.Values, func(v fleet.Value) bool {
				if v.In != "Secret" || len(v.Field) < 2 || v.Field[0] != part || slices.Contains(harmless, v.Class) ||
					r.region.Has(v.Field) {
					return false
				}
				key, _ := v.Field[1].(string)
				return byPart || secret.PromisesCredential(key) // else the rule names the keys that it is about
			})
			if left && len(r.left[part]) < 3 {
				r.left[part] = append(r.left[part], fleet.Origin{File: f.path, Document: d.Index})
			}
		}
	}
}

// harmless are the classes of what need not be encrypted.
var harmless = []fleet.Class{fleet.Variable, fleet.Ref, fleet.Public, fleet.Empty}

// gaps are the creation rules in a file that leave values of Secrets in the clear.
func (c creationRules) gaps(f *file) []fleet.RegionGap {
	all := []fleet.RegionGap{}
	if path.Base(f.path) != sopsConfig {
		return all
	}
	for _, r := range c[path.Dir(f.path)] {
		for _, part := range parts {
			if secrets := r.left[part]; len(secrets) > 0 || r.known && r.region.Misspells(part) {
				all = append(all, fleet.RegionGap{Field: append(slices.Clone(r.origin.Field), r.region.Selector),
					Selector: r.region.Selector,
					Part:     part, Secrets: append([]fleet.Origin{}, secrets...)})
			}
		}
	}
	return all
}

// drift compares the recipients of a file's encrypted documents with those of the creation rule for the file. SOPS
// takes the configuration that is next above the folder that it is called in: the file's own folder, or any above. So
// recipients are right where one of these has a rule for them, and unknown where one cannot be read. Else they are
// compared with the next rule.
func (c creationRules) drift(f *file) (all []fleet.KeyDrift) {
	for _, d := range f.facts() {
		if d.Encryption == nil || len(d.Encryption.Recipients) == 0 {
			continue
		}
		if drift := c.compare(f.path, d.Encryption.Recipients); drift != nil {
			drift.Document = d.Index
			all = append(all, *drift)
		}
	}
	return all
}

func (c creationRules) compare(name string, recipients []string) (next *fleet.KeyDrift) {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		rules, configured := c[dir]
		i := slices.IndexFunc(rules, func(r creationRule) bool {
			return r.pattern.MatchString(strings.TrimPrefix(name, dir+"/"))
		})
		switch {
		case configured && rules == nil:
			return nil
		case i >= 0:
			drift := rules[i].compare(recipients)
			if drift == nil {
				return nil
			}
			if next == nil || len(next.Rule.Field) == 0 {
				next = drift
			}
		case len(rules) > 0 && next == nil:
			next = &fleet.KeyDrift{Rule: fleet.Origin{File: path.Join(dir, sopsConfig)}, Missing: []string{},
				Extra: []string{}}
		}
		if dir == "." {
			return next
		}
	}
}

// compare is nil where the recipients are those of the rule, or may be.
func (r creationRule) compare(recipients []string) *fleet.KeyDrift {
	missing, extra := without(r.recipients, recipients), without(recipients, r.recipients)
	if len(r.recipients) == 0 || len(missing)+len(extra) == 0 ||
		slices.ContainsFunc(slices.Concat(missing, extra), secret.IsUnnamed) {
		return nil
	}
	return &fleet.KeyDrift{Rule: r.origin, Missing: missing, Extra: extra}
}

// without are the texts that the others do not have, sorted, each once.
func without(texts, others []string) []string {
	rest := slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return slices.Contains(others, s) })
	slices.Sort(rest)
	if rest = slices.Compact(rest); rest == nil {
		return []string{}
	}
	return rest
}
