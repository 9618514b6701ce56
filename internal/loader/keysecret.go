package loader

import (
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
		for _, made := range fleet.MadeBy(*o) {
			if made.Kind != "Secret" {
				continue
			}
			at := made.Namespace + "/" + made.Name
			if known, ok := all[at]; !made.All || ok && known == nil {
				all[at] = nil
				continue
			}
			for _, e := range made.Entries {
				all[at] = append(all[at], keyEntry{e.Name, o.Origin, e.Field})
			}
		}
	}
	return all
}

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
