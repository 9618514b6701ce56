package loader

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/glob"
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
		matches, err := glob.Compile(r.Paths)
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

// drift compares the recipients of a file's encrypted documents, or of the creation rules in it, with those that are
// allowed.
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
		governed := p.governed(f.tree, path.Dir(f.path), rules[path.Dir(f.path)])
		for i, rule := range rules[path.Dir(f.path)] {
			for _, entry := range governed[i] {
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

// governed are, by the number of a creation rule of a folder's configuration, the entries for the files that it is for:
// the encrypted ones in the tree, and where there is none yet the one for the path that the rule's pattern begins with.
func (p pins) governed(t *tree, dir string, rules []creationRule) map[int][]*pin {
	all := map[int][]*pin{}
	add := func(rule int, name string) {
		if entry := p.of(name); entry != nil && !slices.Contains(all[rule], entry) {
			all[rule] = append(all[rule], entry)
		}
	}
	encrypted := func(d document) bool { return d.Encryption != nil }
	for _, name := range t.paths {
		if dir != "." && !strings.HasPrefix(name, dir+"/") || !slices.ContainsFunc(t.files[name].docs, encrypted) {
			continue
		}
		below := strings.TrimPrefix(name, dir+"/")
		first := slices.IndexFunc(rules, func(r creationRule) bool { return r.pattern.MatchString(below) })
		if first >= 0 {
			add(first, name)
		}
	}
	for i, rule := range rules {
		if len(all[i]) > 0 {
			continue
		}
		begins := ""
		if re, err := regexp.Compile(strings.TrimPrefix(rule.pattern.String(), "^")); err == nil {
			begins, _ = re.LiteralPrefix()
		}
		add(i, path.Join(dir, begins+"x"))
	}
	return all
}

// generated tells whether a secretGenerator reads a file.
func (g listGraph) generated(name string) bool {
	return slices.ContainsFunc(g.secrets, func(s secretSource) bool { return s.file == name })
}
