package loader

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// pins are the recipients that the configuration allows, by files.
type pins []pin

type pin struct {
	matches func(string) bool
	keys    []string // as secret.Recipient calls them, sorted
	origin  fleet.Origin
}

func newPins(all []fleet.Recipients) (pins, error) {
	var out pins
	for _, r := range all {
		matches, err := globs(r.Paths)
		if err != nil {
			return nil, err
		}
		p := pin{matches: matches, origin: r.Origin}
		for _, key := range r.Keys {
			p.keys = append(p.keys, pinnedRecipient(key))
		}
		out = append(out, p)
	}
	return out, nil
}

// pinnedRecipient is a key of the configuration as secret.Recipient calls it: one of a service by the service alone.
func pinnedRecipient(key string) string {
	for _, kind := range []string{"age", "pgp"} {
		if r := secret.Recipient(kind, key); r != kind {
			return r
		}
	}
	return key
}

// of is the first entry for a path; nil for none.
func (p pins) of(name string) *pin {
	if i := slices.IndexFunc(p, func(p pin) bool { return p.matches(name) }); i >= 0 {
		return &p[i]
	}
	return nil
}

// compare is nil where the recipients are those of the entry, or may be.
func (p *pin) compare(recipients []string) *fleet.PinDrift {
	if p == nil {
		return nil
	}
	missing, extra := without(p.keys, recipients), slices.DeleteFunc(without(recipients, p.keys), secret.IsUnnamed)
	if slices.ContainsFunc(recipients, secret.IsUnnamed) {
		missing = []string{}
	}
	if len(recipients) == 0 || len(missing)+len(extra) == 0 {
		return nil
	}
	return &fleet.PinDrift{Missing: missing, Extra: extra, Allowed: p.origin}
}

// drift compares the recipients of a file's encrypted documents, or of the creation rules in it, with those that are allowed.
func (p pins) drift(f *file, rules creationRules) (all []fleet.PinDrift) {
	if len(p) == 0 {
		return nil
	}
	add := func(drift *fleet.PinDrift, document int, field ...any) {
		if drift != nil {
			drift.Document, drift.Field = document, field
			all = append(all, *drift)
		}
	}
	if path.Base(f.path) == sopsConfig {
		for i, rule := range rules[path.Dir(f.path)] {
			for _, entry := range p.governed(f, rules, i) {
				add(entry.compare(rule.recipients), 0, rule.origin.Field...)
			}
		}
		return all
	}
	for _, d := range f.docs {
		if d.Encryption != nil {
			add(p.of(f.path).compare(d.Encryption.Recipients), d.Index, "sops")
		}
	}
	if !f.isYAML && len(f.docs) == 0 && f.tree.lists.generated(f.path) {
		add(p.of(f.path).compare(secret.StoreRecipients(f.text())), -1, "sops_mac")
	}
	return all
}

// governed are the entries for the files that a creation rule is for: the encrypted ones in the tree, and where there is none yet the
// one that the rule's pattern begins with.
func (p pins) governed(config *file, rules creationRules, i int) (entries []*pin) {
	dir := path.Dir(config.path)
	add := func(name string) {
		if entry := p.of(name); entry != nil && !slices.Contains(entries, entry) {
			entries = append(entries, entry)
		}
	}
	for _, name := range config.tree.paths {
		f := config.tree.files[name]
		if dir != "." && !strings.HasPrefix(name, dir+"/") || !slices.ContainsFunc(f.docs, func(d document) bool { return d.Encryption != nil }) {
			continue
		}
		first := slices.IndexFunc(rules[dir], func(r creationRule) bool { return r.pattern.MatchString(strings.TrimPrefix(name, dir+"/")) })
		if first == i {
			add(name)
		}
	}
	if len(entries) == 0 {
		begins := ""
		if re, err := regexp.Compile(strings.TrimPrefix(rules[dir][i].pattern.String(), "^")); err == nil {
			begins, _ = re.LiteralPrefix()
		}
		add(path.Join(dir, begins+"x"))
	}
	return entries
}

// generated tells whether a secretGenerator reads a file.
func (g listGraph) generated(name string) bool {
	return slices.ContainsFunc(g.secrets, func(s secretSource) bool { return s.file == name })
}
