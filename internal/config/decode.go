package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// decoder turns YAML nodes into a Config and keeps everything that is wrong with them.
type decoder struct {
	file string
	errs []*Error
}

type position struct{ line, column int }

// fail notes an error. It may quote a key but never a value: what is wrong may be a file that was never meant as ours.
func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, &Error{d.file, n.Line, n.Column, secret.Message(fmt.Sprintf(format, args...))})
}

func (d *decoder) config(n *yaml.Node) Config {
	c := Config{rules: map[string]position{}, modes: map[string]position{}}
	var members, order []*yaml.Node
	d.mapping(n, "the configuration", map[string]func(*yaml.Node){
		"members": func(n *yaml.Node) { c.Members, members, c.described = d.members(n) },
		"failover": func(n *yaml.Node) {
			d.mapping(n, "failover", map[string]func(*yaml.Node){
				"order": func(n *yaml.Node) { c.Failover.Order, order = d.names(n, "failover.order", d.member) },
			})
		},
		"clusters":       func(n *yaml.Node) { c.Clusters = d.clusters(n) },
		"sources":        func(n *yaml.Node) { c.Sources = d.sources(n) },
		"rules":          func(n *yaml.Node) { c.Rules = byRule(d, n, "rules", "severity", severities, c.rules) },
		"rulePaths":      func(n *yaml.Node) { c.RulePaths, _ = d.names(n, "rulePaths", d.folder) },
		"exclude":        func(n *yaml.Node) { c.Exclude, _ = d.names(n, "exclude", d.glob) },
		"recipients":     func(n *yaml.Node) { c.Recipients = d.recipients(n) },
		"minFollowed":    func(n *yaml.Node) { c.MinFollowed = d.percent(n, "minFollowed") },
		"baseline":       func(n *yaml.Node) { c.Baseline = d.inTree(n, "baseline").Value },
		"exceptions":     func(n *yaml.Node) { c.Exceptions = d.exceptions(n) },
		"karmadaVersion": func(n *yaml.Node) { c.KarmadaVersion = d.version(n) },
		"admission":      func(n *yaml.Node) { c.Admission = d.admission(n, c.modes) },
	})
	if members != nil {
		for _, entry := range order {
			if !slices.Contains(c.Members, entry.Value) {
				d.fail(entry, "failover.order: the entry is not in members%s",
					spelling.DidYouMean(entry.Value, c.Members))
			}
		}
	}
	return c
}

// mapping reads a mapping's known keys. One without a value counts as left out.
func (d *decoder) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	d.entries(n, what, func(key, value *yaml.Node) {
		read, ok := keys[key.Value]
		if !ok {
			known := slices.Sorted(maps.Keys(keys))
			hint := spelling.DidYouMean(key.Value, known)
			if hint == "" {
				hint = "; " + what + " has " + strings.Join(known, ", ")
			}
			d.fail(key, "unknown key %q%s", key.Value, hint)
			return
		}
		if value := resolve(value); !isNull(value) {
			read(value)
		}
	})
}

// entries gives a mapping's keys and values, each key once.
func (d *decoder) entries(n *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s must be a mapping, not %s", what, kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := resolve(n.Content[i])
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fail(key, "a key of %s must be text, not %s", what, kindOf(key))
		case seen[key.Value]:
			d.fail(key, "key %q is there twice", key.Value)
		default:
			seen[key.Value] = true
			each(key, n.Content[i+1])
		}
	}
}

// names reads a list of texts, each once and each passing check. It gives the texts with their nodes; nil for none.
func (d *decoder) names(n *yaml.Node, what string, check func(*yaml.Node, string)) ([]string, []*yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "%s must be a list, not %s", what, kindOf(n))
		return nil, nil
	}
	var texts []string
	var nodes []*yaml.Node
	seen := map[string]bool{}
	for _, item := range n.Content {
		item = resolve(item)
		if !d.text(item, "an entry of "+what) {
			continue
		}
		if seen[item.Value] {
			d.fail(item, "%s: the entry is there twice", what)
			continue
		}
		seen[item.Value] = true
		check(item, what)
		texts, nodes = append(texts, item.Value), append(nodes, item)
	}
	return texts, nodes
}

func (d *decoder) text(n *yaml.Node, what string) bool {
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && n.Value != "":
		return true
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!str" && !isNull(n):
		d.fail(n, "%s must be text, not %s: write it in quotes", what, kindOf(n))
	default:
		d.fail(n, "%s must be text, not %s", what, kindOf(n))
	}
	return false
}

// memberForm is that of an object's name, which a member's is. Karmada asks for more; rules see to that.
var memberForm = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`)

func (d *decoder) member(n *yaml.Node, what string) {
	if !memberForm.MatchString(n.Value) {
		d.fail(n,
			"%s: the entry cannot be the name of a cluster: it must be lowercase letters, digits, \"-\" and \".\"",
			what)
	}
}

// members reads a list of names, and of mappings that have a name and say more of the member.
func (d *decoder) members(n *yaml.Node) (names []string, nodes []*yaml.Node, described map[string]Member) {
	if n.Kind != yaml.SequenceNode {
		names, nodes = d.names(n, "members", d.member)
		return names, nodes, nil
	}
	plain := *n
	plain.Content = nil
	more := map[string]Member{}
	for _, item := range n.Content {
		item = resolve(item)
		if item.Kind == yaml.MappingNode {
			name, m := d.describedMember(item)
			if name == nil {
				continue
			}
			more[name.Value], item = m, name
		}
		plain.Content = append(plain.Content, item)
	}
	names, nodes = d.names(&plain, "members", d.member)
	for name, m := range more {
		if described == nil {
			described = map[string]Member{}
		}
		described[name] = m
	}
	return names, nodes, described
}

func (d *decoder) describedMember(n *yaml.Node) (name *yaml.Node, m Member) {
	const what = "an entry of members"
	d.mapping(n, what, map[string]func(*yaml.Node){
		"name":     func(n *yaml.Node) { name = n },
		"mode":     func(n *yaml.Node) { m.Mode = oneOf(d, n, "members.mode", []string{"Push", "Pull"}) },
		"provider": d.textInto(&m.Provider, "members.provider"),
		"region":   d.textInto(&m.Region, "members.region"),
		"zones":    func(n *yaml.Node) { m.Zones, _ = d.names(n, "members.zones", anything) },
		"zone": func(n *yaml.Node) {
			if d.text(n, "members.zone") {
				m.Zones = append(m.Zones, n.Value)
			}
		},
		"labels": func(n *yaml.Node) {
			m.Labels = map[string]string{}
			d.entries(n, "members.labels", func(key, value *yaml.Node) {
				if value = resolve(value); value.Kind == yaml.ScalarNode && value.ShortTag() == "!!str" ||
					d.text(value, "a value of members.labels") {
					m.Labels[key.Value] = value.Value
				}
			})
		},
		"taints": func(n *yaml.Node) {
			m.Taints = []fleet.Taint{}
			d.list(n, "members.taints", func(_ int, n *yaml.Node) {
				var t fleet.Taint
				d.mapping(n, "an entry of members.taints", map[string]func(*yaml.Node){
					"key":    d.textInto(&t.Key, "members.taints.key"),
					"value":  d.textInto(&t.Value, "members.taints.value"),
					"effect": func(n *yaml.Node) { t.Effect = oneOf(d, n, "members.taints.effect", taintEffects) },
				})
				d.needs(n, "an entry of members.taints", map[string]string{"key": t.Key, "effect": t.Effect})
				m.Taints = append(m.Taints, t)
			})
		},
	})
	if name == nil {
		d.fail(n, "%s needs %q", what, "name")
	}
	return name, m
}

var taintEffects = []string{"NoSchedule", "NoExecute", "PreferNoSchedule"}

func (d *decoder) folder(n *yaml.Node, what string) {
	if !d.inside(n.Value) {
		d.fail(n, "%s: the entry must be a folder inside the tree, relative to its root, with slashes", what)
	}
}

func (d *decoder) glob(n *yaml.Node, what string) {
	if path.IsAbs(n.Value) || slices.Contains(strings.Split(n.Value, "/"), "..") {
		d.fail(n, "%s: the entry must be relative to the root of the tree and stay in it", what)
	}
	if strings.ContainsAny(n.Value, "[]{}") {
		d.fail(n,
			"%s: the entry has a bracket or brace, which is not supported: the wildcards are \"*\", \"?\" and \"**\"",
			what)
	}
}

func (d *decoder) clusters(n *yaml.Node) (all []Cluster) {
	names, paths := map[string]bool{}, map[string]bool{}
	d.list(n, "clusters", func(i int, n *yaml.Node) {
		c := Cluster{field: []any{"clusters", i}}
		d.mapping(n, "an entry of clusters", map[string]func(*yaml.Node){
			"name": func(n *yaml.Node) { c.Name = d.once(n, "clusters.name", names) },
			"path": func(n *yaml.Node) { c.Path = d.once(d.inTree(n, "clusters.path"), "clusters.path", paths) },
			"root": func(n *yaml.Node) { c.Root = d.inTree(n, "clusters.root").Value },
			"variables": func(n *yaml.Node) {
				c.Variables = map[string]string{}
				d.entries(n, "clusters.variables", func(key, value *yaml.Node) {
					if value = resolve(value); value.Kind == yaml.ScalarNode && value.ShortTag() == "!!str" ||
						d.text(value, "a value of clusters.variables") {
						c.Variables[key.Value] = value.Value
					}
					if !variableForm.MatchString(key.Value) {
						d.fail(key, "clusters.variables: %q is no name of a variable", key.Value)
					}
				})
			},
		})
		d.needs(n, "an entry of clusters", map[string]string{"name": c.Name, "path": c.Path})
		all = append(all, c)
	})
	return all
}

func (d *decoder) sources(n *yaml.Node) (all []Source) {
	d.list(n, "sources", func(_ int, n *yaml.Node) {
		var s Source
		d.mapping(n, "an entry of sources", map[string]func(*yaml.Node){
			"kind":      func(n *yaml.Node) { s.Kind = oneOf(d, n, "sources.kind", sourceKinds) },
			"namespace": d.textInto(&s.Namespace, "sources.namespace"),
			"name":      d.textInto(&s.Name, "sources.name"),
			"path":      func(n *yaml.Node) { s.Path = d.inTree(n, "sources.path").Value },
		})
		d.needs(n, "an entry of sources", map[string]string{"kind": s.Kind, "name": s.Name, "path": s.Path})
		all = append(all, s)
	})
	return all
}

var (
	sourceKinds  = []string{"GitRepository", "OCIRepository", "Bucket", "ExternalArtifact"}
	variableForm = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)
)

func (d *decoder) exceptions(n *yaml.Node) (all []Exception) {
	d.list(n, "exceptions", func(_ int, n *yaml.Node) {
		x := Exception{line: n.Line, column: n.Column}
		d.mapping(n, "an entry of exceptions", map[string]func(*yaml.Node){
			"rule":     d.textInto(&x.Rule, "exceptions.rule"),
			"reason":   d.textInto(&x.Reason, "exceptions.reason"),
			"owner":    d.textInto(&x.Owner, "exceptions.owner"),
			"until":    func(n *yaml.Node) { x.Until = d.date(n, "exceptions.until") },
			"severity": func(n *yaml.Node) { x.Severity = d.lesser(n, "exceptions.severity") },
			"paths":    d.namesInto(&x.Paths, "exceptions.paths", d.glob),
			"clusters": d.namesInto(&x.Clusters, "exceptions.clusters", anything),
			"objects":  d.namesInto(&x.Objects, "exceptions.objects", d.object),
		})
		for _, text := range []*string{&x.Rule, &x.Reason, &x.Owner} {
			*text = secret.Message(strings.TrimSpace(*text))
		}
		d.needs(n, "an entry of exceptions", map[string]string{"rule": x.Rule, "reason": x.Reason})
		if len(x.Paths)+len(x.Clusters)+len(x.Objects) == 0 {
			d.fail(n,
				"an entry of exceptions must name paths, clusters or objects; \"rules\" turns a rule off everywhere")
		}
		all = append(all, x)
	})
	return all
}

// lesser reads a severity that is less than that of an error and more than none.
func (d *decoder) lesser(n *yaml.Node, what string) fleet.Severity {
	switch s := fleet.Severity(n.Value); {
	case n.Kind == yaml.ScalarNode && (s == fleet.Warning || s == fleet.Info):
		return s
	}
	d.fail(n, "%s must be warning or info", what)
	return ""
}

func (d *decoder) percent(n *yaml.Node, what string) int {
	number, err := strconv.Atoi(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || number < 0 || number > 100 {
		d.fail(n, "%s must be a number from 0 to 100", what)
		return 0
	}
	return number
}

// date reads a day, which YAML takes for a time where it is not quoted.
func (d *decoder) date(n *yaml.Node, what string) string {
	if _, err := time.Parse(time.DateOnly, n.Value); n.Kind != yaml.ScalarNode || err != nil {
		d.fail(n, "%s must be a day, like 2026-12-31", what)
		return ""
	}
	return n.Value
}

func (d *decoder) object(n *yaml.Node, what string) {
	if parts := strings.Split(n.Value, "/"); len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		d.fail(n, "%s: the entry must be Kind/name or Kind/namespace/name", what)
	}
}

// textInto reads a text.
func (d *decoder) textInto(into *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if d.text(n, what) {
			*into = n.Value
		}
	}
}

// namesInto reads a list of texts, as names does.
func (d *decoder) namesInto(into *[]string, what string, check func(*yaml.Node, string)) func(*yaml.Node) {
	return func(n *yaml.Node) { *into, _ = d.names(n, what, check) }
}

// anything is a check that all texts pass.
func anything(*yaml.Node, string) {}

// list reads the entries of a list.
func (d *decoder) list(n *yaml.Node, what string, each func(int, *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "%s must be a list, not %s", what, kindOf(n))
		return
	}
	for i, item := range n.Content {
		if item = resolve(item); item.Kind != yaml.MappingNode {
			d.fail(item, "an entry of %s must be a mapping, not %s", what, kindOf(item))
			continue
		}
		each(i, item)
	}
}

// needs says what of a mapping is left out.
func (d *decoder) needs(n *yaml.Node, what string, values map[string]string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if there := slices.ContainsFunc(n.Content, func(k *yaml.Node) bool {
			return k.Value == key
		}); values[key] == "" && !there {
			d.fail(n, "%s needs %q", what, key)
		}
	}
}

// once reads a text that no other entry has.
func (d *decoder) once(n *yaml.Node, what string, seen map[string]bool) string {
	if n.Value == "" || !d.text(n, what) {
		return ""
	}
	if seen[n.Value] {
		d.fail(n, "%s: %q is there twice", what, n.Value)
	}
	seen[n.Value] = true
	return n.Value
}

// inTree reads the path of a folder in the tree, and gives it clean; empty where it is none.
func (d *decoder) inTree(n *yaml.Node, what string) *yaml.Node {
	clean := *n
	clean.Value = ""
	if d.text(n, what) {
		if d.folder(n, what); d.inside(n.Value) {
			clean.Value = path.Clean(n.Value)
		}
	}
	return &clean
}

func (d *decoder) inside(p string) bool {
	clean := path.Clean(p)
	return !path.IsAbs(clean) && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.Contains(clean, `\`)
}

// recipients reads a list of entries, each with paths and keys.
func (d *decoder) recipients(n *yaml.Node) (all []Recipients) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "recipients must be a list, not %s", kindOf(n))
		return nil
	}
	for _, item := range n.Content {
		var r Recipients
		item = resolve(item)
		d.mapping(item, "an entry of recipients", map[string]func(*yaml.Node){
			"paths": func(n *yaml.Node) { r.Paths, _ = d.names(n, "recipients.paths", d.glob) },
			"keys":  func(n *yaml.Node) { r.Keys, _ = d.names(n, "recipients.keys", d.key) },
		})
		if item.Kind == yaml.MappingNode || isNull(item) {
			if len(r.Paths) == 0 || len(r.Keys) == 0 {
				d.fail(item, "an entry of recipients must have paths and keys")
			}
		}
		all = append(all, r)
	}
	return all
}

// keyForm is that of a public key of age or SSH, of a fingerprint of PGP, and of the kinds of other keys in SOPS's
// metadata. What is none is not shown: it may be a private key.
var keyForm = regexp.MustCompile(`^(?:age1[0-9a-z]+|ssh-[0-9a-z-]+ [0-9A-Za-z+/=]+(?: .*)?|(?:0x)?[0-9A-Fa-f ]{8,80}|` +
	`kms|gcp_kms|azure_kv|hc_vault|hckms)$`)

func (d *decoder) key(n *yaml.Node, what string) {
	if !keyForm.MatchString(n.Value) {
		d.fail(n, "%s: this is no public key of age or SSH, no fingerprint of PGP and none of "+
			"kms, gcp_kms, azure_kv, hc_vault, hckms", what)
	}
}

func (d *decoder) admission(n *yaml.Node, at map[string]position) (a Admission) {
	d.mapping(n, "admission", map[string]func(*yaml.Node){
		"mode":  func(n *yaml.Node) { a.Mode = oneOf(d, n, "admission.mode", modes) },
		"rules": func(n *yaml.Node) { a.Rules = byRule(d, n, "admission.rules", "mode", modes, at) },
		"exempt": func(n *yaml.Node) {
			d.mapping(n, "admission.exempt", map[string]func(*yaml.Node){
				"namespaces": d.namesInto(&a.Exempt.Namespaces, "admission.exempt.namespaces", anything),
				"users":      d.namesInto(&a.Exempt.Users, "admission.exempt.users", anything),
				"groups":     d.namesInto(&a.Exempt.Groups, "admission.exempt.groups", anything),
			})
		},
	})
	return a
}

var (
	severities = []fleet.Severity{fleet.Error, fleet.Warning, fleet.Info, fleet.Off}
	modes      = []Mode{Enforce, Warn, Audit}
)

// byRule reads what a mapping says of rules, each one of several words, and notes where.
func byRule[T ~string](d *decoder, n *yaml.Node, what, noun string, words []T, at map[string]position) map[string]T {
	all := map[string]T{}
	d.entries(n, what, func(key, value *yaml.Node) {
		value = resolve(value)
		if value.Kind == yaml.ScalarNode && value.Value != "" {
			if word := oneOf(d, value, what, words); word != "" {
				all[key.Value] = word
				at[key.Value] = position{key.Line, key.Column}
			}
			return
		}
		d.fail(value, "%s: the %s of %q must be one of %s, not %s", what, noun, key.Value, list(words), kindOf(value))
	})
	return all
}

// oneOf reads one of several words; empty where it is none.
func oneOf[T ~string](d *decoder, n *yaml.Node, what string, words []T) T {
	if word := T(n.Value); n.Kind == yaml.ScalarNode && slices.Contains(words, word) {
		return word
	}
	if n.Kind == yaml.ScalarNode {
		d.fail(n, "%s: the value is none of %s", what, list(words))
	} else {
		d.fail(n, "%s must be one of %s, not %s", what, list(words), kindOf(n))
	}
	return ""
}

func list[T ~string](words []T) string {
	var texts []string
	for _, word := range words {
		texts = append(texts, string(word))
	}
	return strings.Join(texts, ", ")
}

var (
	versionForm = regexp.MustCompile(`^v?\d+\.\d+(\.\d+)?([+-][0-9A-Za-z.+-]+)?$`)
	// knownVersions are the releases of Karmada whose behaviour is known: 1.0 to 1.19.
	knownVersions = regexp.MustCompile(`^v?1\.(1?[0-9])(\.(0|[1-9][0-9]*))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

func (d *decoder) version(n *yaml.Node) string {
	if !d.text(n, "karmadaVersion") {
		return ""
	}
	switch {
	case !versionForm.MatchString(n.Value):
		d.fail(n, "karmadaVersion is no version, like \"1.18\" or \"v1.18.2\"")
	case !knownVersions.MatchString(n.Value):
		d.fail(n, "karmadaVersion is none of the versions that are known here, 1.0 to 1.19; left out, the tree tells")
	}
	return n.Value
}

// CheckRules says where the configuration speaks of rules that are none of the known ones.
func (c Config) CheckRules(known []string) error {
	d := decoder{file: c.name}
	for _, places := range []map[string]position{c.rules, c.modes} {
		for id, at := range places {
			if !slices.Contains(known, id) {
				d.fail(&yaml.Node{Line: at.line, Column: at.column}, "no rule is called %q%s", id,
					spelling.DidYouMean(id, known))
			}
		}
	}
	return d.err()
}

// err is everything that is wrong, in the order of the file.
func (d *decoder) err() error {
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var all []error
	for _, e := range d.errs {
		all = append(all, e)
	}
	return errors.Join(all...)
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n), n.Value == "":
		return "nothing"
	case n.ShortTag() == "!!int", n.ShortTag() == "!!float":
		return "a number"
	case n.ShortTag() == "!!bool":
		return "a boolean"
	}
	return "text"
}
