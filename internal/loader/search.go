package loader

import (
	"cmp"
	"path"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// search is what is known of a tree when the places are looked for where Flux starts.
type search struct {
	t       *tree
	lists   listGraph
	docs    []fluxDoc
	told    []candidate
	patched []candidate
	sources declaredSources
	// claims are the Kustomizations by the folders that they build, as far as these have no variables; roots are
	// those that apply themselves.
	claims, roots map[string][]fluxDoc
	readers       map[string][]string
}

func newSearch(t *tree) *search {
	s := &search{t: t, lists: t.lists, sources: fluxSources(t), readers: map[string][]string{}}
	all, told := fluxDocs(t)
	s.told = append(told, t.provisioned()...)
	for i := range all {
		all[i].url = s.sources.urlOf(t.lists, all[i])
	}
	s.docs, s.patched = patchedRoots(t, all)
	home := s.home()
	s.docs = slices.DeleteFunc(s.docs, func(d fluxDoc) bool { return len(home) > 0 && d.url != "" && !home[d.url] })
	s.rebase()
	s.claims, s.roots = map[string][]fluxDoc{}, map[string][]fluxDoc{}
	for _, d := range s.docs {
		if d.dir == "" {
			continue
		}
		for _, dir := range append([]string{d.literal()}, d.components...) {
			s.claims[dir] = append(s.claims[dir], d)
		}
		if s.appliesItself(d) {
			s.roots[d.dir] = append(s.roots[d.dir], d)
		}
	}
	for _, c := range s.told {
		s.claims[c.dir] = append(s.claims[c.dir], fluxDoc{
			file: c.origin.File, index: c.origin.Document, dir: c.dir, whole: true, source: c.source, url: c.url})
	}
	return s
}

// rebase leads the paths of Kustomizations whose source is packed from a folder of the tree to where that lies.
func (s *search) rebase() {
	type generatedIn struct {
		file string
		all  map[sourceKey]*made
	}
	var generators []generatedIn
	for _, p := range s.t.paths {
		for _, d := range s.t.files[p].docs {
			if d.Kind == "ArtifactGenerator" {
				generators = append(generators, generatedIn{p, generated(objects(s.t.files[p].text())[d.Index])})
			}
		}
	}
	for i := range s.docs {
		d := &s.docs[i]
		base, found := ".", false
		if p, ok := s.t.declaredPacking(d.source); ok {
			base, found = p.base, true
		} else if d.source.kind == "OCIRepository" && d.url != "" {
			base, found = s.t.pushed(d.url)
		}
		for _, cluster := range s.t.options.Clusters {
			if !found && inside(d.file, cluster.Root) && cluster.Root != "." && d.source.kind != "ExternalArtifact" {
				base, found = cluster.Root, true
			}
		}
		near := -1
		for _, g := range generators {
			if made := g.all[d.source]; made != nil {
				if shared := sharedFolders(g.file, d.file); shared > near {
					near, base, found, d.packer = shared, made.base, true, made.source
				}
			}
		}
		if found {
			d.dir = path.Join(base, inTree(d.path))
			d.whole = !strings.ContainsAny(d.dir, "${}<>")
		}
	}
}

// sharedFolders counts the folders that two files are both in.
func sharedFolders(a, b string) int {
	n := 0
	for dir := path.Dir(a); dir != "."; dir = path.Dir(dir) {
		if inside(b, dir) {
			n++
		}
	}
	return n
}

// home are the URLs of this repository: those of the sources that the surest entries start from. Where two lead to one
// folder, only the surer one is of this repository: a path like that is as usual in others.
func (s *search) home() map[string]bool {
	urls := map[string]bool{}
	for _, c := range s.told {
		if c.evidence == told && c.url != "" {
			urls[c.url] = true
		}
	}
	votes := map[string]int{}
	var all []fluxDoc
	for _, d := range s.docs {
		if d.url == "" {
			continue
		}
		if d.whole && d.dir != "." && s.t.isDir(d.dir) {
			votes[d.url]++
		}
		if s.appliesItself(d) && !hidden(d.file) {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b fluxDoc) int {
		sure := func(d fluxDoc) int {
			if d.isSync() {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(sure(a), sure(b)), cmp.Compare(votes[b.url], votes[a.url]))
	})
	var taken []fluxDoc
	for _, d := range all {
		rival := func(o fluxDoc) bool { return o.url != d.url && (inside(d.dir, o.dir) || inside(o.dir, d.dir)) }
		if !slices.ContainsFunc(taken, rival) && (d.isSync() || !s.bringsAnother(urls, d)) {
			taken = append(taken, d)
			urls[d.url] = true
		}
	}
	return urls
}

// bringsAnother tells whether a Kustomization of one of the repositories brings d, which is of another.
func (s *search) bringsAnother(urls map[string]bool, d fluxDoc) bool {
	return slices.ContainsFunc(s.docs, func(o fluxDoc) bool {
		return o.url != d.url && urls[o.url] && o.whole && slices.Contains(s.readersOf(d.file), o.dir)
	})
}

// appliesItself tells that the Kustomization is among what it applies: Flux starts there. The path "./" is the usual
// one for other repositories too: it leads to this tree's root where the Kustomization is called like its
// GitRepository, as flux bootstrap calls them, and that is there.
func (s *search) appliesItself(d fluxDoc) bool {
	switch {
	case !d.whole || d.dir == "":
		return false
	case d.dir == "." && !(d.isBootstrap() && s.sources.beside(s.lists, d, path.Dir(d.file))):
		return false
	case d.isSync() && d.isAround(): // flux bootstrap applied it, and does so again
		return true
	}
	return slices.Contains(s.readersOf(d.file), d.dir)
}

// holdsSource tells whether the source of a Kustomization is among what it applies.
func (s *search) holdsSource(d fluxDoc) bool {
	for key, all := range s.sources {
		if d.source.is(key) && d.source.name != "" && slices.ContainsFunc(all, func(o declaredSource) bool {
			return o.file == d.file || slices.Contains(s.readersOf(o.file), d.dir)
		}) {
			return true
		}
	}
	return false
}

// readersOf are the folders that bring a file when Flux builds them: those whose kustomization file lists it, directly
// or through others, and those without such a file around it.
func (s *search) readersOf(file string) []string {
	if all, ok := s.readers[file]; ok {
		return all
	}
	var all []string
	seen := map[string]bool{}
	add := func(dir string) {
		if !seen[dir] {
			seen[dir] = true
			all = append(all, dir)
		}
	}
	around := func(dir string) { // Flux scans a folder that has no kustomization file
		for ; !s.lists.kustomized[dir]; dir = path.Dir(dir) {
			add(dir)
			if dir == "." {
				return
			}
		}
	}
	listed := func(at string) {
		for _, dir := range s.lists.listedIn[at] {
			add(dir)
		}
	}
	listed(file)
	around(path.Dir(file))
	for i := 0; i < len(all); i++ {
		if listed(all[i]); s.lists.kustomized[all[i]] && all[i] != "." {
			around(path.Dir(all[i]))
		}
	}
	s.readers[file] = all
	return all
}

// claimed tells whether another Kustomization applies d. The path "./" counts with the same source only. Against what
// applies itself a path with variables does not count: it may well lead elsewhere. Against what flux bootstrap wrote
// only another such one counts: a path that leads too high up does not make it a part of something else.
func (s *search) claimed(d fluxDoc) bool {
	root := s.appliesItself(d)
	counts := func(o fluxDoc) bool {
		switch {
		case o.file == d.file && (o.index == d.index || o.dir == d.dir), root && o.isCopyOf(d), root && !o.whole:
			return false
		case root && d.dir != "." && d.isBootstrap() && o.name != "" && !o.isBootstrap():
			return false
		}
		return o.dir != "." || o.source.kind == "GitRepository" && (o.source.is(d.source) || d.source.name == "")
	}
	for _, reader := range s.readersOf(d.file) {
		for dir := reader; ; dir = path.Dir(dir) {
			for _, o := range s.claims[dir] {
				if (o.covers(reader) || dir == reader && slices.Contains(o.components, reader)) && counts(o) {
					return true
				}
			}
			if dir == "." {
				break
			}
		}
	}
	return false
}

// isLedTo tells whether a Kustomization that lies elsewhere leads to a folder.
func (s *search) isLedTo(dir string) bool {
	return slices.ContainsFunc(s.claims[dir], func(o fluxDoc) bool {
		return o.name != "" && o.whole && o.dir == dir && !inside(path.Dir(o.file), dir) &&
			!strings.Contains(o.name, "$") && !hidden(o.file)
	})
}

// declaredSource is a file that declares a Flux source, and its URL.
type declaredSource struct{ file, url string }

// declaredSources are the Flux sources in files.
type declaredSources map[sourceKey][]declaredSource

func fluxSources(t *tree) declaredSources {
	all := declaredSources{}
	for _, p := range t.paths {
		for _, d := range t.files[p].docs {
			if isFluxSource(d) {
				key, url := sourceKey{d.Kind, d.Namespace, d.Name}, ""
				if d.Flux != nil {
					url = d.Flux.Address
				}
				all[key] = append(all[key], declaredSource{p, url})
			}
		}
	}
	return all
}

// beside tells whether the source of a Kustomization is declared in the folder that lists it,
// or in what is listed there.
func (s declaredSources) beside(lists listGraph, d fluxDoc, top string) bool {
	return len(s.nextTo(lists, d, top)) > 0
}

func (s declaredSources) nextTo(lists listGraph, d fluxDoc, top string) (found []declaredSource) {
	for key, all := range s {
		if d.source.name == "" || !d.source.is(key) {
			continue
		}
		for _, o := range all {
			if o.file == d.file || path.Dir(o.file) == top || lists.top(o.file) == top {
				found = append(found, o)
			}
		}
	}
	return found
}

// urlOf is the URL of a Kustomization's source; empty where the tree does not tell one.
func (s declaredSources) urlOf(lists listGraph, d fluxDoc) string {
	if d.source.name == "" {
		return ""
	}
	found := s.nextTo(lists, d, lists.top(d.file))
	if len(found) == 0 {
		for key, all := range s {
			if d.source.is(key) {
				found = append(found, all...)
			}
		}
	}
	for _, o := range found {
		if o.url != found[0].url {
			return ""
		}
	}
	if len(found) == 0 {
		return ""
	}
	return found[0].url
}

// addressOf is a repository's address, by which the same one is the same over HTTPS and SSH: of an OCI artifact as it
// is, of any other a hash, for there may be a password in it. It is empty where there is a variable in it.
func addressOf(url string) string {
	if url == "" || strings.Contains(url, "$") {
		return ""
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		rest = url
	}
	host, name, _ := strings.Cut(rest, "/")
	host = host[strings.LastIndex(host, "@")+1:]
	if scheme == "oci" {
		return "oci://" + host + "/" + name
	}
	host, _, _ = strings.Cut(host, ":")
	return hash([]byte(strings.ToLower(host) + "/" + strings.TrimSuffix(strings.TrimSuffix(name, "/"), ".git")))
}

// fluxSpec is where a Flux Kustomization leads to, the address of a source, or the sync part of what installs a Flux.
type fluxSpec struct {
	Path                                    string
	SourceKind, SourceNamespace, SourceName string
	Address                                 string // of the source
	Components                              []string
	// Values are the ConfigMaps that a release of the flux-instance chart takes values from, its own excepted.
	Values []valuesRef
}

// valuesRef is a key of a ConfigMap.
type valuesRef struct{ Name, Key string }

// newFluxSpec is nil for a document that leads nowhere: another kind, or a patch.
//
// Source: controlplaneio-fluxcd/flux-operator v0.59.0 internal/controller/fluxinstance_controller.go:395: the source
// and the Kustomization lie in the FluxInstance's namespace, and are called after it where sync.name is empty. The
// chart's FluxInstance lies in the release's.
func newFluxSpec(root *yaml.Node, apiVersion, kind string) *fluxSpec {
	switch {
	case isFluxKustomization(apiVersion, kind):
		ref := lookup(root, "spec", "sourceRef")
		if text(root, "spec", "path") == "" && ref == nil {
			return nil
		}
		return &fluxSpec{Path: text(root, "spec", "path"), SourceKind: text(ref, "kind"),
			SourceNamespace: text(ref, "namespace"), SourceName: text(ref, "name"),
			Components: texts(lookup(root, "spec", "components"))}
	case strings.HasPrefix(apiVersion, "source.toolkit.fluxcd.io/"):
		return &fluxSpec{Address: addressOf(text(root, "spec", "url"))}
	case kind == "FluxInstance":
		return newSync(lookup(root, "spec", "sync"), text(root, "metadata", "namespace"))
	case kind == "HelmRelease":
		namespace := cmp.Or(text(root, "spec", "targetNamespace"), text(root, "metadata", "namespace"))
		if sync := newSync(lookup(root, "spec", "values", "instance", "sync"), namespace); sync != nil {
			return sync
		}
		if !strings.Contains(cmp.Or(text(root, "spec", "chart", "spec", "chart"),
			text(root, "spec", "chartRef", "name")), "flux-instance") {
			return nil
		}
		spec := &fluxSpec{SourceNamespace: namespace}
		if refs := lookup(root, "spec", "valuesFrom"); refs != nil && refs.Kind == yaml.SequenceNode {
			for _, ref := range refs.Content {
				if text(ref, "kind") == "ConfigMap" {
					spec.Values = append(spec.Values, valuesRef{text(ref, "name"),
						cmp.Or(text(ref, "valuesKey"), "values.yaml")})
				}
			}
		}
		return spec
	}
	return nil
}

// newSync is the sync part of a FluxInstance in a namespace; nil where it names no folder.
func newSync(sync *yaml.Node, namespace string) *fluxSpec {
	if text(sync, "path") == "" {
		return nil
	}
	return &fluxSpec{Path: text(sync, "path"), SourceKind: cmp.Or(text(sync, "kind"), "GitRepository"),
		SourceNamespace: namespace,
		SourceName:      cmp.Or(text(sync, "name"), namespace, "flux-system"), Address: addressOf(text(sync, "url"))}
}

// texts are the scalars of a list.
func texts(n *yaml.Node) (all []string) {
	if n != nil && n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			if item = resolve(item); item.Kind == yaml.ScalarNode {
				all = append(all, item.Value)
			}
		}
	}
	return all
}

// fluxDocs finds the Flux Kustomizations in the tree's files, and the entry folders that the Flux Operator is told.
func fluxDocs(t *tree) (docs []fluxDoc, syncs []candidate) {
	for _, p := range t.paths {
		for _, d := range t.files[p].docs {
			switch {
			case d.Flux == nil || isFluxSource(d):
			case isFluxKustomization(d.APIVersion, d.Kind):
				docs = append(docs, newFluxDoc(p, d))
			case d.Kind == "FluxInstance" || d.Kind == "HelmRelease":
				spec := d.Flux
				if spec.Path == "" {
					if spec = t.syncFrom(p, d); spec == nil {
						continue
					}
				}
				for _, dir := range t.folders(inTree(spec.Path)) {
					syncs = append(syncs, candidate{evidence: told, url: spec.Address,
						entry: entry{dir: dir, base: ".", told: true,
							origin: fleet.Origin{File: p, Document: d.Index},
							source: sourceKey{spec.SourceKind, spec.SourceNamespace, spec.SourceName}}})
				}
			}
		}
	}
	return docs, syncs
}

func newFluxDoc(file string, doc document) fluxDoc {
	spec := doc.Flux
	d := fluxDoc{file: file, index: doc.Index, path: spec.Path, dir: inTree(spec.Path),
		name:   doc.Namespace + "/" + doc.Name,
		source: sourceKey{spec.SourceKind, cmp.Or(spec.SourceNamespace, doc.Namespace), spec.SourceName}}
	d.whole = !strings.ContainsAny(d.dir, "${}<>") // a variable, or what somebody is to fill in
	if d.source.kind == "ExternalArtifact" {       // its paths are the artifact's own
		d.dir, d.whole = "", false
		return d
	}
	for _, component := range spec.Components {
		d.components = append(d.components, path.Join(d.dir, component))
	}
	return d
}
