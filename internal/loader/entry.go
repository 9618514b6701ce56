package loader

import (
	"cmp"
	"path"
	"slices"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// entry is where one cluster's Flux starts.
type entry struct {
	cluster string
	dir     string
	// root is the Flux Kustomization of the folder, where it is in Git; else the folder was named at bootstrap.
	root   map[string]any
	origin fleet.Origin
	source sourceKey
	// flat: no entry point was found, and the folder's manifests count as applied.
	flat bool
	// byHand: the folder was applied by hand, whatever the source holds of it.
	byHand bool
}

// sourceKey names a Flux source. The namespace is empty where a parent sets it.
type sourceKey struct{ kind, namespace, name string }

func (s sourceKey) is(o sourceKey) bool {
	return s.kind == o.kind && s.name == o.name && (s.namespace == o.namespace || s.namespace == "" || o.namespace == "")
}

// fluxDoc is a Flux Kustomization as it lies in a file.
type fluxDoc struct {
	file  string
	index int
	// dir is its path; whole tells that there are no variables in it.
	dir    string
	whole  bool
	source sourceKey
	// name is namespace/name. One with a variable in it needs a parent that fills it in.
	name string
}

// holds tells whether the path holds the file, a variable in it taken for any one folder.
func (d fluxDoc) holds(file string) bool {
	if d.dir == "." {
		return true
	}
	if d.whole {
		return strings.HasPrefix(file, d.dir+"/")
	}
	want, have := strings.Split(d.dir, "/"), strings.Split(file, "/")
	return len(have) > len(want) && slices.EqualFunc(want, have[:len(want)], func(w, h string) bool {
		return w == h || strings.Contains(w, "$")
	})
}

// isRoot tells that the Kustomization applies itself: Flux starts there.
func (d fluxDoc) isRoot() bool {
	return d.whole && d.holds(d.file) && (d.dir != "." || d.isBootstrap())
}

// isCopyOf tells that both are one Kustomization, in two files: what was applied by hand to begin with, or a template of it.
func (d fluxDoc) isCopyOf(o fluxDoc) bool { return d.name == o.name && d.dir == o.dir }

// literal is the path up to its first variable.
func (d fluxDoc) literal() string {
	if before, _, found := strings.Cut(d.dir, "$"); found {
		return path.Dir(before + "x")
	}
	return d.dir
}

// findEntries finds the entry points. A Flux Kustomization that no other one applies is where a Flux starts, if anything
// shows that Flux was told so:
//
//   - its own path holds it (flux bootstrap's gotk-sync.yaml; a "cluster" Kustomization), or leads to the folder whose
//     kustomization file patches that path into it, or
//   - a FluxInstance, or the values of the flux-instance chart, name its folder, or
//   - its source is declared beside it, or in what the same kustomization file lists.
//
// Where nothing in the tree shows any of these, every such Kustomization whose path exists is one, those in a folder of
// clusters or of Flux before others; where no path exists, every one whose source is declared beside it. Others are files that nothing applies: an archive, a ks.yaml that is
// listed nowhere, a catalogue of Kustomizations for others to fill in.
func findEntries(t *tree) []entry {
	docs, syncs := fluxDocs(t)
	docs, sure := patchedRoots(t, docs)
	claimed, roots, declared := newClaims(docs), newClaims(slices.DeleteFunc(slices.Clone(docs), func(d fluxDoc) bool { return !d.isRoot() })), fluxSources(t)
	var beside, likely, broken []entry
	nested := false
	for _, d := range docs {
		root := d.isRoot()
		if t.lists.patches[d.file] || hidden(d.file) || strings.Contains(d.name, "$") || claimed.byOther(t.lists, d, root) ||
			!root && slices.ContainsFunc(roots[d.dir], d.isCopyOf) {
			continue
		}
		top := t.lists.top(d.file)
		e := entry{dir: top, origin: fleet.Origin{File: d.file, Document: d.index}, source: d.source}
		exists := d.dir != "." && t.isDir(d.literal()) || d.source.kind == "ExternalArtifact"
		nested = nested || !exists && d.inNestedRoot()
		switch hasSource := declared.beside(t.lists, d, top); {
		case root:
			e.dir, e.root = d.dir, objects(t.files[d.file].text())[d.index]
			sure = append(sure, e)
		case hasSource && exists:
			beside = append(beside, e)
		case exists:
			likely = append(likely, e)
		case hasSource && d.source.kind == "GitRepository":
			broken = append(broken, e)
		}
	}
	sure = append(sure, beside...)
	for _, s := range syncs {
		if t.isDir(s.dir) && !hidden(s.origin.File) && !slices.ContainsFunc(sure, func(e entry) bool { return e.dir == s.dir }) {
			sure = append(sure, s)
		}
	}
	if nested {
		broken = nil
	}
	likely, broken = slices.DeleteFunc(likely, toFillIn), slices.DeleteFunc(broken, toFillIn)
	if len(sure) == 0 {
		sure, likely = ofClusters(likely), nil
	}
	if len(sure) == 0 {
		sure, broken = broken, nil
	}
	for i := range broken { // of a cluster like another: nothing but a person can have applied its root
		broken[i].byHand = true
	}
	for _, e := range slices.Concat(broken, likely) { // a source beside it says more than a path that exists
		if slices.ContainsFunc(sure, e.isLike) && !slices.ContainsFunc(sure, e.overlaps) {
			sure = append(sure, e)
		}
	}
	return nameEntries(t, sure)
}

// patchedRoots finds the Kustomizations that take their path from a patch in the very folder that it leads to: one base
// for all clusters, and a patch in each cluster's folder. Docs become those that say where Flux goes: without patches,
// and with these in the place of their base.
func patchedRoots(t *tree, all []fluxDoc) (docs []fluxDoc, roots []entry) {
	for _, d := range all {
		if !t.lists.patches[d.file] {
			docs = append(docs, d)
			continue
		}
		base := slices.IndexFunc(all, func(o fluxDoc) bool { return o.name == d.name && o.source.name != "" && !t.lists.patches[o.file] })
		if base < 0 || !d.whole || !slices.Contains(t.lists.patchedIn[d.file], d.dir) || hidden(d.file) {
			continue
		}
		d.source = all[base].source
		docs = append(docs, d)
		roots = append(roots, entry{dir: d.dir, root: objects(t.files[d.file].text())[d.index], origin: fleet.Origin{File: d.file, Document: d.index}, source: d.source})
	}
	return docs, roots
}

// isBootstrap tells that the Kustomization is called like its GitRepository, as flux bootstrap calls them: the path "./"
// leads to this tree's root then. It is the usual one for other repositories, too.
func (d fluxDoc) isBootstrap() bool {
	return d.source.kind == "GitRepository" && path.Base(d.name) == d.source.name
}

// ofClusters are the entries in a folder of clusters or of Flux, where there are any: what else lies beside them is not
// listed, or waits for a Kustomization that leads there.
func ofClusters(all []entry) []entry {
	kept := slices.DeleteFunc(slices.Clone(all), func(e entry) bool {
		return !slices.ContainsFunc(strings.Split(e.dir, "/"), func(part string) bool {
			return part == "cluster" || part == "clusters" || part == "flux"
		})
	})
	if len(kept) == 0 {
		return all
	}
	return kept
}

// inNestedRoot tells that the path leads to a folder above the file once a part of the tree is taken for the
// repository: several repositories lie in this tree as folders.
func (d fluxDoc) inNestedRoot() bool {
	return d.whole && d.dir != "." && d.dir != "" && strings.Contains("/"+path.Dir(d.file)+"/", "/"+d.dir+"/")
}

// nameEntries joins the entries of one folder and names the clusters; without any entry, the folders below clusters/ are
// taken as they lie.
func nameEntries(t *tree, found []entry) []entry {
	var all []entry
	for _, e := range found {
		if !slices.ContainsFunc(all, func(o entry) bool { return o.dir == e.dir }) {
			all = append(all, e)
		}
	}
	names := map[string]int{}
	for i := range all {
		all[i].cluster = clusterName(all[i].dir)
		names[all[i].cluster]++
	}
	for i := range all {
		if names[all[i].cluster] > 1 {
			all[i].cluster = strings.TrimPrefix(all[i].dir, "clusters/")
		}
	}
	if len(all) > 0 {
		return all
	}
	if !t.isDir("clusters") {
		return []entry{{cluster: "default", dir: ".", flat: true}}
	}
	for _, dir := range t.dirs["clusters"] {
		if t.isDir(dir) {
			all = append(all, entry{cluster: path.Base(dir), dir: dir, flat: true})
		}
	}
	return all
}

// clusterName is the folder below the last clusters/ in an entry folder's path, else the last part that is not a usual
// name for the inside of a cluster's folder.
func clusterName(dir string) string {
	parts := strings.Split(dir, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		if parts[i] == "clusters" {
			return parts[i+1]
		}
	}
	for i := len(parts) - 1; i >= 0; i-- {
		switch parts[i] {
		case "flux", "flux-system", "config", "cluster", "clusters", "base", "apps", "bootstrap", "gitops", ".":
		default:
			return parts[i]
		}
	}
	return "default"
}

// isLike tells that two clusters' folders are laid out alike, or that the files are that say where Flux starts.
func (e entry) isLike(o entry) bool {
	file, other := path.Dir(e.origin.File), path.Dir(o.origin.File)
	return e.dir != o.dir && shape(e.dir) == shape(o.dir) || file != other && shape(file) == shape(other)
}

// overlaps tells that one folder is in the other: both are one cluster's.
func (e entry) overlaps(o entry) bool {
	return strings.HasPrefix(e.dir+"/", o.dir+"/") || strings.HasPrefix(o.dir+"/", e.dir+"/")
}

// shape is an entry folder's path without the cluster's name.
func shape(dir string) string {
	return strings.Replace("/"+dir+"/", "/"+clusterName(dir)+"/", "/*/", 1)
}

// hidden tells a file that its owner has put aside: a folder called .archive, _archive and the like.
func hidden(file string) bool {
	for _, part := range strings.Split(path.Dir(file), "/") {
		if part != "." && (strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_")) {
			return true
		}
	}
	return false
}

// toFillIn tells a folder that is copied for each new cluster or tenant: its paths lead nowhere until then.
func toFillIn(e entry) bool {
	name := strings.TrimSuffix(clusterName(e.dir), "s")
	return name == "template" || strings.HasSuffix(name, "-template")
}

// claims are the Flux Kustomizations by the folder that they hold; those whose path has variables by the folder before
// the first one.
type claims map[string][]fluxDoc

func newClaims(docs []fluxDoc) claims {
	c := claims{}
	for _, d := range docs {
		if d.dir != "" {
			c[d.literal()] = append(c[d.literal()], d)
		}
	}
	return c
}

// byOther tells whether the path of another Kustomization holds the file of d, or a kustomization file by which it is
// listed.
func (c claims) byOther(lists listGraph, d fluxDoc, root bool) bool {
	return c.hold(d.file, d, root) || slices.ContainsFunc(lists.above(d.file), func(dir string) bool {
		return c.hold(path.Join(dir, "kustomization.yaml"), d, root)
	})
}

// hold tells whether the path of another Kustomization than d holds the file. The path "./" holds everything where the
// source is this repository, and is as usual for sources elsewhere: it counts with the same source only. Against a
// Kustomization that holds itself a path with variables does not count: it may well lead elsewhere. Against what flux
// bootstrap wrote only another such one counts: a path that leads too high up does not make it a part of something else.
func (c claims) hold(file string, d fluxDoc, root bool) bool {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		for _, o := range c[dir] {
			counts := o.dir != "." || o.source.kind == "GitRepository" && (o.source.is(d.source) || d.source.name == "")
			if root && d.dir != "." && d.isBootstrap() {
				counts = counts && o.isBootstrap()
			}
			if counts && (o.whole || !root) && o.holds(file) && (o.file != d.file || o.index != d.index && o.dir != d.dir) && !(root && o.isCopyOf(d)) {
				return true
			}
		}
		if dir == "." {
			return false
		}
	}
}

// declaredSources are the files that declare a Flux source.
type declaredSources map[sourceKey][]string

func fluxSources(t *tree) declaredSources {
	all := declaredSources{}
	for _, p := range t.paths {
		for _, d := range t.files[p].docs {
			if isFluxSource(d) {
				key := sourceKey{d.Kind, d.Namespace, d.Name}
				all[key] = append(all[key], p)
			}
		}
	}
	return all
}

// beside tells whether the source of a Kustomization is declared in the folder that lists it, or in what is listed there.
func (s declaredSources) beside(lists listGraph, d fluxDoc, top string) bool {
	for key, files := range s {
		if d.source.name != "" && d.source.is(key) && slices.ContainsFunc(files, func(file string) bool {
			return file == d.file || path.Dir(file) == top || lists.top(file) == top
		}) {
			return true
		}
	}
	return false
}

func isFluxSource(d document) bool {
	return strings.HasPrefix(d.APIVersion, "source.toolkit.fluxcd.io/") && (d.Kind == "GitRepository" || d.Kind == "OCIRepository" || d.Kind == "Bucket")
}

func isFluxKustomization(apiVersion, kind string) bool {
	return kind == "Kustomization" && strings.HasPrefix(apiVersion, "kustomize.toolkit.fluxcd.io/")
}

// fluxSpec is where a Flux Kustomization leads to, or the sync part of what installs a Flux.
type fluxSpec struct {
	Path                                    string
	SourceKind, SourceNamespace, SourceName string
}

// newFluxSpec is nil for a document that leads nowhere: another kind, or a patch.
//
// Source: controlplaneio-fluxcd/flux-operator api/v1 fluxinstance_types.go: the source and the Kustomization are called
// after the namespace where sync.name is empty.
func newFluxSpec(root *yaml.Node, apiVersion, kind string) *fluxSpec {
	var sync *yaml.Node
	switch {
	case isFluxKustomization(apiVersion, kind):
		ref := lookup(root, "spec", "sourceRef")
		if text(root, "spec", "path") == "" && ref == nil {
			return nil
		}
		return &fluxSpec{text(root, "spec", "path"), text(ref, "kind"), text(ref, "namespace"), text(ref, "name")}
	case kind == "FluxInstance":
		sync = lookup(root, "spec", "sync")
	case kind == "HelmRelease":
		sync = lookup(root, "spec", "values", "instance", "sync")
	}
	dir := text(sync, "path")
	if dir == "" || strings.Contains(dir, "$") {
		return nil
	}
	return &fluxSpec{Path: dir, SourceKind: cmp.Or(text(sync, "kind"), "GitRepository"), SourceName: cmp.Or(text(sync, "name"), "flux-system")}
}

// fluxDocs finds the Flux Kustomizations in the tree's files, and the entry folders that the Flux Operator is told.
func fluxDocs(t *tree) (docs []fluxDoc, syncs []entry) {
	for _, p := range t.paths {
		for _, d := range t.files[p].docs {
			switch {
			case d.Flux == nil:
			case isFluxKustomization(d.APIVersion, d.Kind):
				docs = append(docs, newFluxDoc(p, d))
			default:
				syncs = append(syncs, entry{dir: inTree(d.Flux.Path), origin: fleet.Origin{File: p, Document: d.Index},
					source: sourceKey{kind: d.Flux.SourceKind, name: d.Flux.SourceName}})
			}
		}
	}
	return docs, syncs
}

func newFluxDoc(file string, doc document) fluxDoc {
	spec := doc.Flux
	d := fluxDoc{file: file, index: doc.Index, dir: inTree(spec.Path), name: doc.Namespace + "/" + doc.Name,
		source: sourceKey{spec.SourceKind, cmp.Or(spec.SourceNamespace, doc.Namespace), spec.SourceName}}
	d.whole = !strings.Contains(d.dir, "$")
	if d.source.kind == "ExternalArtifact" { // its paths are the artifact's own
		d.dir, d.whole = "", false
	}
	return d
}

// str is a string entry of a mapping, or nothing.
func str(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
