package loader

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// keyEntry is one entry of a Secret, as what makes the Secret shows it.
type keyEntry struct {
	name   string
	origin fleet.Origin
	field  []any
}

// keySecrets are the entries of the Secrets on a cluster's own API server, by namespace/name; nil where Git does not
// show all of one.
func (c *cluster) keySecrets() map[string][]keyEntry {
	all := map[string][]keyEntry{}
	for _, o := range c.objects {
		if o.APIServer != c.entry.cluster {
			continue
		}
		name, entries, makes := secretEntries(o)
		if !makes {
			continue
		}
		at := o.Namespace + "/" + name
		if known, ok := all[at]; len(entries) == 0 || ok && known == nil {
			all[at] = nil
		} else {
			all[at] = append(known, entries...)
		}
	}
	return all
}

// secretEntries are the name and the entries of the Secret that an object is or makes; no entries where there may be
// further ones.
//
// Source: external-secrets v1 externalsecret_types.go (target, template), sealed-secrets v1alpha1 types.go.
func secretEntries(o *fleet.Object) (name string, all []keyEntry, makes bool) {
	add := func(field ...any) {
		m, _ := at(o.Content, field).(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(m)) {
			all = append(all, keyEntry{key, o.Origin, append(slices.Clone(field), key)})
		}
	}
	spec, _ := o.Content["spec"].(map[string]any)
	switch kind := fleet.GroupKind(o.Group, o.Kind); {
	case kind == "Secret" && !labelled(o.Content, ssaLabel, "Merge"):
		add("data")
		add("stringData")
	case kind == "SealedSecret.bitnami.com":
		add("spec", "encryptedData")
		add("spec", "template", "data")
		if at(spec, []any{"template", "metadata", "annotations", "sealedsecrets.bitnami.com/patch"}) != nil {
			all = nil
		}
	case kind == "ExternalSecret.external-secrets.io":
		target, _ := spec["target"].(map[string]any)
		template, _ := target["template"].(map[string]any)
		if name = str(target, "name"); name == "" {
			name = o.Name
		}
		add("spec", "target", "template", "data")
		if len(all) == 0 || template["mergePolicy"] == "Merge" {
			data, _ := spec["data"].([]any)
			for i, entry := range data {
				m, _ := entry.(map[string]any)
				key := str(m, "secretKey")
				if key == "" {
					return name, nil, true
				}
				all = append(all, keyEntry{key, o.Origin, []any{"spec", "data", i, "secretKey"}})
			}
			if spec["dataFrom"] != nil {
				all = nil
			}
		}
		policy := str(target, "creationPolicy")
		if template["templateFrom"] != nil || target["manifest"] != nil || policy == "Merge" || policy == "None" {
			all = nil
		}
		return name, all, true
	case kind != "Secret":
		return "", nil, false
	}
	return o.Name, all, true
}

// ssaLabel on an object, with the value "Merge", leaves the fields that others set.
const ssaLabel = "kustomize.toolkit.fluxcd.io/ssa"

// keyFault tells whether the Secret that a Kustomization decrypts with has no entry of which Flux takes the key that
// the encrypted documents ask for.
//
// Source: fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:80 and ImportKeys.
func (c *cluster) keyFault(k *fleet.Kustomization, name string, entries []keyEntry) *fleet.KeyFault {
	has := map[string]bool{}
	for _, e := range entries {
		if strings.Contains(e.name, "${") {
			return nil
		}
		switch ext := path.Ext(e.name); {
		case ext == ".agekey" || ext == ".asc":
			has[ext] = true
		case slices.Contains([]string{"sops.vault-token", "sops.aws-kms", "sops.azure-kv", "sops.gcp-kms"}, e.name):
			has["other"] = true
		}
	}
	if len(entries) == 0 {
		return nil
	}
	wants, service := c.wantedKeys(k)
	for _, want := range wants {
		if !slices.ContainsFunc(want, func(ext string) bool { return has[ext] }) {
			return newKeyFault(name, want, entries)
		}
	}
	if len(wants) == 0 && len(has) == 0 && !service {
		f := newKeyFault(name, []string{".agekey"}, entries)
		f.Unused = len(k.Encrypted) == 0
		return f
	}
	return nil
}

func newKeyFault(name string, extensions []string, entries []keyEntry) *fleet.KeyFault {
	e := entries[0]
	if i := slices.IndexFunc(entries, func(e keyEntry) bool {
		lower := strings.ToLower(e.name)
		return strings.Contains(lower, "age") || strings.Contains(lower, "sops") || strings.Contains(lower, "key")
	}); i >= 0 {
		e = entries[i]
	}
	return &fleet.KeyFault{Secret: name, Extensions: extensions, Origin: e.origin, Field: e.field}
}

// wantedKeys are, for each encrypted document of a Kustomization that age or PGP alone opens, the extensions of such
// keys; service tells that another may be opened by a service that knows Flux without a Secret.
func (c *cluster) wantedKeys(k *fleet.Kustomization) (all [][]string, service bool) {
	for _, origin := range k.Encrypted {
		f := c.tree.files[origin.File]
		if f == nil {
			continue
		}
		for _, d := range f.docs {
			if d.Index != origin.Document || d.Encryption == nil || len(d.Encryption.Recipients) == 0 {
				continue
			}
			var want []string
			for _, recipient := range d.Encryption.Recipients {
				ext := ".asc"
				if strings.HasPrefix(recipient, "age1") {
					ext = ".agekey"
				} else if strings.Trim(recipient, "0123456789ABCDEF") != "" { // a service's, or one that has no name
					want, service = nil, true
					break
				}
				if !slices.Contains(want, ext) {
					want = append(want, ext)
				}
			}
			slices.Sort(want)
			same := func(other []string) bool { return slices.Equal(other, want) }
			if want != nil && !slices.ContainsFunc(all, same) {
				all = append(all, want)
			}
		}
	}
	return all, service
}

// findKeyFaults looks at the Secrets that the Kustomizations decrypt with.
func (c *cluster) findKeyFaults() {
	for i := range c.kustomizations {
		k := &c.kustomizations[i]
		if it := c.items[k.ID]; it != nil {
			c.findKeyFault(k, it.decryptsWith())
		}
	}
}

// findKeyFault looks at the Secret of a name that a Kustomization decrypts with, none where it is empty.
func (c *cluster) findKeyFault(k *fleet.Kustomization, name string) {
	if name == "" {
		return
	}
	if f := c.keyFault(k, name, c.keys()[k.Namespace+"/"+name]); f != nil {
		k.KeyFaults = append(k.KeyFaults, *f)
	}
}
