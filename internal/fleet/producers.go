package fleet

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Product is a Secret or ConfigMap that something in Git makes on an API server: Flux itself, or a controller in the
// cluster.
type Product struct {
	// By is the kind of what makes it, called as in Fleet.Objects; of several the first.
	By string `json:"by"`
	// Origin is the object that makes it.
	Origin Origin `json:"origin"`
	// Keys are the names of its entries, as far as Git shows them. AllKeys: it has no others.
	Keys    []string `json:"keys"`
	AllKeys bool     `json:"allKeys"`
	// Hashed: this is the name in the kustomization file, and the Secret or ConfigMap has a hash of its content behind
	// it.
	Hashed bool `json:"hashed"`

	// makers are all objects that make it.
	makers []key
}

// Entry is an entry of a Secret or ConfigMap. Field leads to it in the object that makes it.
type Entry struct {
	Name  string
	Field []any
}

// Made is a Secret or ConfigMap that an object makes.
type Made struct {
	// Kind is "Secret" or "ConfigMap"; Namespace AnyNamespace where every namespace may have it.
	Kind, Namespace, Name string
	// Entries are those that the object shows. All: there are no others.
	Entries []Entry
	All     bool
	hashed  bool
}

// AnyNamespace stands for every namespace.
const AnyNamespace = "*"

// readProducts indexes what the objects make.
func (f *Fleet) readProducts() {
	f.Products = map[string]map[string]map[string]map[string]*Product{}
	f.Makers = map[string]map[string]map[string]int{}
	for server, kinds := range f.Objects {
		for kind, namespaces := range kinds {
			if !mayMake(kind) {
				continue
			}
			for _, names := range namespaces {
				for _, object := range names {
					by := keyOf(*object)
					p := produce(*object, kind)
					for _, m := range p.made {
						at := key{server, m.Kind, m.Namespace, m.Name}
						product := within(within(within(f.Products, server), at.kind), at.namespace)
						if product[at.name] == nil {
							product[at.name] = &Product{}
						}
						product[at.name].makers = append(product[at.name].makers, by)
					}
					for _, open := range p.opens {
						within(within(f.Makers, open.server), open.namespace)[kind]++
					}
				}
			}
		}
	}
	for server, kinds := range f.Products {
		for kind, namespaces := range kinds {
			for namespace, names := range namespaces {
				for name, product := range names {
					names[name] = f.product(key{server, kind, namespace, name}, product.makers)
				}
			}
		}
	}
}

// product is what the makers make of a Secret or ConfigMap together; nil without any.
func (f *Fleet) product(at key, makers []key) *Product {
	slices.SortFunc(makers, key.compare)
	makers = slices.Compact(makers)
	var p *Product
	for _, by := range makers {
		object, _ := f.object(by)
		for _, m := range produce(object, by.kind).made {
			if m.Kind != at.kind || m.Namespace != at.namespace || m.Name != at.name {
				continue
			}
			if p == nil {
				p = &Product{By: by.kind, Origin: object.Origin, Keys: []string{}, makers: makers}
				p.AllKeys, p.Hashed = true, true
			}
			for _, entry := range m.Entries {
				p.Keys = append(p.Keys, entry.Name)
			}
			p.AllKeys, p.Hashed = p.AllKeys && m.All, p.Hashed && m.hashed
		}
	}
	if p != nil {
		slices.Sort(p.Keys)
		p.Keys = slices.Compact(p.Keys)
	}
	return p
}

// makeAgain brings the products up to date after an object has changed, and tells which differ. An object without
// content is not there.
func (f *Fleet) makeAgain(before, after Object) (changed []Path) {
	by := keyOf(after)
	if !mayMake(by.kind) {
		return nil
	}
	var touched []key
	counts := map[key]int{}
	for i, object := range []Object{before, after} {
		if object.Content == nil {
			continue
		}
		p := produce(object, by.kind)
		for _, m := range p.made {
			touched = append(touched, key{by.server, m.Kind, m.Namespace, m.Name})
		}
		for _, at := range p.opens {
			counts[at] += 2*i - 1
		}
	}
	slices.SortFunc(touched, key.compare)
	for _, at := range slices.Compact(touched) {
		old := f.Products[at.server][at.kind][at.namespace][at.name]
		var makers []key
		if old != nil {
			makers = slices.DeleteFunc(slices.Clone(old.makers), func(k key) bool { return k == by })
		}
		if after.Content != nil { // of which product takes what makes it
			makers = append(makers, by)
		}
		product := f.product(at, makers)
		f.Products = replace(f.Products, at, product, product != nil)
		if old == nil || product == nil || !old.equal(product) {
			changed = append(changed, Path{"products", at.server, at.kind, at.namespace, at.name})
		}
	}
	for at, more := range counts {
		if more == 0 {
			continue
		}
		count := f.Makers[at.server][at.namespace][by.kind] + more
		kinds := put(f.Makers[at.server][at.namespace], by.kind, count, count > 0)
		namespaces := put(f.Makers[at.server], at.namespace, kinds, len(kinds) > 0)
		f.Makers = put(f.Makers, at.server, namespaces, len(namespaces) > 0)
		changed = append(changed, Path{"makers", at.server, at.namespace})
	}
	return changed
}

// mayMake is false for kinds that certainly make no Secrets and no ConfigMaps.
func mayMake(kind string) bool {
	switch group := group(kind); {
	case kind == "Secret" || kind == "ConfigMap" || kind == helmReleaseKind || isBinding(kind):
		return true
	case targets[kind] != nil || kind == sealedKind || strings.HasPrefix(kind, "ENC["):
		return true
	default:
		return group != "" && !quiet[group] && !strings.HasSuffix(group, ".toolkit.fluxcd.io") &&
			!strings.HasSuffix(group, ".k8s.io")
	}
}

const (
	sealedKind   = "SealedSecret.bitnami.com"
	externalKind = "ExternalSecret.external-secrets.io"
)

// quiet are groups whose controllers make no Secret or ConfigMap that others name.
var quiet = setOf(
	"aadpodidentity.k8s.io", "apps", "autoscaling", "autoscaling.k8s.io", "azconfig.io", "batch",
	"bitnami.com", "cert-manager.io", "cilium.io", "cluster.karmada.io", "crd.projectcalico.org", "extensions",
	"externaldns.k8s.io", "flagger.app", "fluxcd.controlplane.io", "gateway.envoyproxy.io",
	"grafana.integreatly.org", "k8s.cni.cncf.io", "karpenter.k8s.aws", "karpenter.sh", "keda.sh", "kured.io",
	"kustomize.config.k8s.io", "metallb.io", "monitoring.coreos.com", "networking.istio.io",
	"networking.karmada.io", "nfd.k8s-sigs.io", "operator.victoriametrics.com", "policy", "policy.karmada.io",
	"projectcalico.org", "security.istio.io", "source.extensions.fluxcd.io", "talos.dev", "telemetry.istio.io",
	"traefik.containo.us", "traefik.io", "upgrade.cattle.io", "velero.io", "volsync.backube",
	"work.karmada.io",
)

func setOf(all ...string) map[string]bool {
	set := map[string]bool{}
	for _, text := range all {
		set[text] = true
	}
	return set
}

// target is where an object of a controller names what it makes.
type target struct {
	// kind is "Secret" unless given; namespace leads to the namespace where the object names one, or is AnyNamespace.
	kind, namespace string
	// name leads to the name, through lists too; where it is empty or leads nowhere that of the object is taken.
	name string
	// needed: without the field nothing is made.
	needed bool
	keys   []string
}

// targets are what the objects of well-known controllers make, by kind.
//
// Source: the custom resources' references in the documentation of the controllers that the groups name.
var targets = map[string][]target{
	"Certificate.cert-manager.io": {
		{name: "spec.secretName", needed: true, keys: []string{"tls.crt", "tls.key"}},
	},
	"Issuer.cert-manager.io": {
		{name: "spec.acme.privateKeySecretRef.name", needed: true},
	},
	"ClusterIssuer.cert-manager.io": {
		{name: "spec.acme.privateKeySecretRef.name", needed: true, namespace: AnyNamespace},
	},
	"ClusterExternalSecret.external-secrets.io": {
		{name: "spec.externalSecretName", namespace: AnyNamespace},
		{name: "spec.externalSecretSpec.target.name", needed: true, namespace: AnyNamespace},
	},
	"VaultStaticSecret.secrets.hashicorp.com":  {{name: "spec.destination.name", needed: true}},
	"VaultDynamicSecret.secrets.hashicorp.com": {{name: "spec.destination.name", needed: true}},
	"VaultPKISecret.secrets.hashicorp.com":     {{name: "spec.destination.name", needed: true}},
	"HCPVaultSecretsApp.secrets.hashicorp.com": {{name: "spec.destination.name", needed: true}},
	"VaultSecret.ricoberger.de":                {{}},
	"VaultSecret.redhatcop.redhat.io":          {{name: "spec.output.name", needed: true}},
	"OnePasswordItem.onepassword.com":          {{}},
	"DopplerSecret.secrets.doppler.com": {
		{name: "spec.managedSecret.name", needed: true, namespace: "spec.managedSecret.namespace"},
	},
	"InfisicalSecret.secrets.infisical.com": {
		{name: "spec.managedSecretReference.secretName", needed: true,
			namespace: "spec.managedSecretReference.secretNamespace"},
		{name: "spec.managedKubeSecretReferences.secretName", needed: true, namespace: AnyNamespace},
		{kind: "ConfigMap", name: "spec.managedKubeConfigMapReferences.configMapName", needed: true,
			namespace: AnyNamespace},
	},
	"BitwardenSecret.k8s.bitwarden.com": {{name: "spec.secretName", needed: true}},
	"SopsSecret.isindir.github.com": {
		{name: "spec.secretTemplates.name", needed: true},
	},
	"AzureKeyVaultSecret.spv.no": {
		{name: "spec.output.secret.name", needed: true},
		{kind: "ConfigMap", name: "spec.output.configMap.name", needed: true},
	},
	"Terraform.infra.contrib.fluxcd.io": {
		{name: "spec.writeOutputsToSecret.name", needed: true},
	},
	"Bundle.trust.cert-manager.io": {
		{namespace: AnyNamespace},
		{kind: "ConfigMap", namespace: AnyNamespace},
	},
	"ObjectBucketClaim.objectbucket.io": {{}, {kind: "ConfigMap"}},
	"KafkaUser.kafka.strimzi.io":        {{}},
	"SecretProviderClass.secrets-store.csi.x-k8s.io": {
		{name: "spec.secretObjects.secretName", needed: true},
	},
	"StringSecret.secretgenerator.mittwald.de":     {{}},
	"BasicAuth.secretgenerator.mittwald.de":        {{}},
	"SSHKeyPair.secretgenerator.mittwald.de":       {{}},
	"ClusterSecret.clustersecret.io":               {{namespace: AnyNamespace}},
	"ExternalSecret.kubernetes-client.io":          {{}},
	"GoogleSecretManagerSecret.secrets.google.com": {{}},
	"VaultAuth.secrets.hashicorp.com":              nil,
	"VaultConnection.secrets.hashicorp.com":        nil,
}

// production is what an object makes: Secrets and ConfigMaps, and the namespaces in which it may make further ones that
// nothing names.
type production struct {
	made  []Made
	opens []key
}

// produce tells what an object makes. A chart, a controller that is not known, and whoever has rights at the API server
// may make anything in its namespace.
func produce(object Object, kind string) (p production) {
	open := func(server string, namespaces ...string) {
		for _, namespace := range namespaces {
			if hasVariable(namespace) {
				namespace = AnyNamespace
			}
			p.opens = append(p.opens, key{server: server, namespace: namespace})
		}
	}
	for _, m := range MadeBy(object) {
		if hasVariable(m.Namespace) {
			m.Namespace = AnyNamespace
		}
		switch plain := hashed.ReplaceAllString(m.Name, ""); {
		case hasVariable(m.Name):
			open(object.APIServer, m.Namespace)
		case m.Name != "":
			p.made = append(p.made, m)
			if plain != m.Name && isGenerated(object) {
				m.Name, m.hashed = plain, true
				p.made = append(p.made, m)
			}
		}
	}
	_, known := targets[kind]
	switch {
	case strings.HasPrefix(kind, "ENC["): // an object that is encrypted as a whole
		open(object.APIServer, AnyNamespace)
	case kind == "Secret" || kind == "ConfigMap":
	case kind == helmReleaseKind && isElsewhere(object):
		open(object.APIServer, AnyNamespace)
	case kind == helmReleaseKind:
		open(chartTarget(object), cmp.Or(textAt(object.Content, "spec", "targetNamespace"), object.Namespace))
	case isBinding(kind):
		namespaces := []string{object.Namespace}
		for _, subject := range listAt(object.Content, "subjects") {
			namespaces = append(namespaces, textAt(subject, "namespace"))
		}
		slices.Sort(namespaces)
		open(object.APIServer, slices.DeleteFunc(slices.Compact(namespaces), func(n string) bool { return n == "" })...)
	case kind == "ClusterPolicy.kyverno.io":
		generates := func(rule any) bool { return at(rule, "generate") != nil }
		if slices.ContainsFunc(listAt(object.Content, "spec", "rules"), generates) {
			open(object.APIServer, AnyNamespace)
		}
	case known || strings.HasSuffix(kind, ".external-secrets.io") || quiet[group(kind)]:
	case object.Namespace != "":
		open(object.APIServer, object.Namespace)
	}
	return p
}

func isGenerated(o Object) bool {
	return len(o.Origin.Field) > 0 && slices.Contains([]any{"configMapGenerator", "secretGenerator"}, o.Origin.Field[0])
}

func isBinding(kind string) bool {
	return kind == "RoleBinding.rbac.authorization.k8s.io" || kind == "ClusterRoleBinding.rbac.authorization.k8s.io"
}

func group(kind string) string {
	_, group, _ := strings.Cut(kind, ".")
	return group
}

// hashed is the end of a name that kustomize makes of the content.
//
// Source: kubernetes-sigs/kustomize api/v0.21.1 hasher/hasher.go encode.
var hashed = regexp.MustCompile(`-[2456789bcdfghkmt]{10}$`)

// MadeBy are the Secrets and ConfigMaps that an object is or makes.
func MadeBy(o Object) (all []Made) {
	kind, spec := kindOf(o), mapAt(o.Content, "spec")
	switch {
	case kind == "Secret" || kind == "ConfigMap":
		m := Made{Kind: kind, Namespace: o.Namespace, Name: o.Name, All: isWhole(o.Content)}
		m.add(o.Content, "data")
		m.add(o.Content, "stringData")
		m.add(o.Content, "binaryData")
		m.All = m.All && len(m.Entries) > 0
		return mirrored(append(all, m), o.Content)
	case kind == sealedKind:
		m := Made{Kind: "Secret", Namespace: o.Namespace, Name: nameAt(o, "spec", "template", "metadata", "name")}
		m.add(o.Content, "spec", "encryptedData")
		m.add(o.Content, "spec", "template", "data")
		patches := at(spec, "template", "metadata", "annotations", "sealedsecrets.bitnami.com/patch") != nil
		m.All = !patches && len(m.Entries) > 0
		return mirrored(append(all, m), mapAt(spec, "template"))
	case kind == externalKind:
		m := Made{Kind: "Secret", Namespace: o.Namespace, Name: nameAt(o, "spec", "target", "name")}
		if textAt(spec, "target", "manifest", "kind") == "ConfigMap" {
			m.Kind = "ConfigMap"
		}
		m.readExternal(o.Content, spec)
		return mirrored(append(all, m), mapAt(spec, "target", "template"))
	}
	for _, t := range targets[kind] {
		names := textsBelow(o.Content, strings.Split(t.name, "."))
		if len(names) == 0 && !t.needed {
			names = []string{o.Name}
		}
		namespace := o.Namespace
		if t.namespace == AnyNamespace {
			namespace = AnyNamespace
		} else if t.namespace != "" {
			namespace = cmp.Or(textAt(o.Content, strings.Split(t.namespace, ".")...), namespace)
		}
		for _, name := range names {
			m := Made{Kind: cmp.Or(t.kind, "Secret"), Namespace: namespace, Name: name}
			for _, key := range t.keys {
				m.Entries = append(m.Entries, Entry{Name: key})
			}
			all = append(all, m)
		}
	}
	if to := mapAt(spec, "writeConnectionSecretToRef"); to != nil { // of Crossplane
		namespace := cmp.Or(textAt(to, "namespace"), o.Namespace)
		all = append(all, Made{Kind: "Secret", Namespace: namespace, Name: textAt(to, "name")})
	}
	return mirrored(all, mapAt(spec, "secretTemplate"))
}

func (m *Made) add(content map[string]any, field ...string) {
	var steps []any
	for _, step := range field {
		steps = append(steps, step)
	}
	for _, name := range sorted(mapAt(content, field...)) {
		m.Entries = append(m.Entries, Entry{name, append(slices.Clone(steps), name)})
	}
}

// readExternal reads the entries that an ExternalSecret shows.
//
// Source: external-secrets v1 externalsecret_types.go (target, template).
func (m *Made) readExternal(content, spec map[string]any) {
	m.add(content, "spec", "target", "template", "data")
	template := mapAt(spec, "target", "template")
	policy := textAt(spec, "target", "creationPolicy")
	m.All = at(template, "templateFrom") == nil && at(spec, "target", "manifest") == nil &&
		policy != "Merge" && policy != "None"
	if len(m.Entries) > 0 && textAt(template, "mergePolicy") != "Merge" {
		return
	}
	for i, entry := range listAt(spec, "data") {
		name := textAt(entry, "secretKey")
		m.All = m.All && name != ""
		m.Entries = append(m.Entries, Entry{name, []any{"spec", "data", i, "secretKey"}})
	}
	m.All = m.All && at(spec, "dataFrom") == nil && len(m.Entries) > 0
}

// isWhole is false for a Secret or ConfigMap that something in the cluster may write to.
func isWhole(content map[string]any) bool {
	if textAt(content, "type") == "kubernetes.io/service-account-token" {
		return false
	}
	for _, field := range []string{"annotations", "labels"} {
		for name, value := range mapAt(content, "metadata", field) {
			prefix, _, _ := strings.Cut(name, "/")
			if strings.HasPrefix(name, "kustomize.toolkit.fluxcd.io/") &&
				slices.Contains([]any{"Merge", "IfNotPresent", "Ignore", "disabled"}, value) &&
				!strings.HasSuffix(name, "/prune") && !strings.HasSuffix(name, "/substitute") {
				return false
			}
			for _, writer := range writers {
				if prefix == writer || strings.HasSuffix(prefix, "."+writer) {
					return false
				}
			}
		}
	}
	return true
}

// writers are the owners of annotations and labels by which something is written into a Secret or ConfigMap.
var writers = []string{"mittwald.de", "emberstack.com", "cert-manager.io", "openshift.io", "appscode.com",
	"clustersecret.io", "vault.security.banzaicloud.io", "fluxcd.controlplane.io"}

// mirrored are the same in every namespace too, where annotations say so.
func mirrored(all []Made, of map[string]any) []Made {
	for name := range mapAt(of, "metadata", "annotations") {
		if prefix, _, _ := strings.Cut(name, "/"); mirrors[prefix] {
			return everywhere(all)
		}
	}
	for name := range mapAt(of, "annotations") {
		if prefix, _, _ := strings.Cut(name, "/"); mirrors[prefix] {
			return everywhere(all)
		}
	}
	return all
}

func everywhere(all []Made) []Made {
	for _, m := range slices.Clone(all) {
		m.Namespace, m.All = AnyNamespace, false
		all = append(all, m)
	}
	return all
}

// mirrors are the owners of annotations by which something copies a Secret or ConfigMap into other namespaces.
var mirrors = setOf("reflector.v1.k8s.emberstack.com", "replicator.v1.mittwald.de", "kubed.appscode.com",
	"config.syncer.appscode.com")

// nameAt is the name at a field, that of the object where there is none there. It has a variable where what leads to it
// is one.
func nameAt(o Object, field ...string) string {
	if names := textsBelow(o.Content, field); len(names) > 0 {
		return names[0]
	}
	return o.Name
}

// textsBelow are the texts that a path leads to, through lists; a variable on the way is one.
func textsBelow(content any, steps []string) (all []string) {
	if list, ok := content.([]any); ok {
		for _, entry := range list {
			all = append(all, textsBelow(entry, steps)...)
		}
		return all
	}
	if text, ok := content.(string); ok && text != "" && (len(steps) == 0 || hasVariable(text)) {
		return []string{text}
	}
	if len(steps) == 0 {
		return nil
	}
	return textsBelow(at(content, steps[0]), steps[1:])
}

// equal is true for two products of one place with the same facts.
func (p *Product) equal(other *Product) bool {
	a, b := p.Origin, other.Origin
	return p == other || p.By == other.By && p.AllKeys == other.AllKeys && p.Hashed == other.Hashed &&
		slices.Equal(p.Keys, other.Keys) &&
		a.File == b.File && a.Document == b.Document && slices.Equal(a.Field, b.Field)
}

// differentMakers are the facts in which the makers of two fleets differ.
func differentMakers(a, b map[string]map[string]map[string]int) (changed []Path) {
	compare(a, b, func(server string, a, b map[string]map[string]int, _ bool) {
		compare(a, b, func(namespace string, a, b map[string]int, _ bool) {
			if !maps.Equal(a, b) {
				changed = append(changed, Path{"makers", server, namespace})
			}
		})
	})
	return changed
}
