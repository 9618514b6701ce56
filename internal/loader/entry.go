package loader

import (
	"cmp"
	"path"
	"slices"
	"strings"

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
	// base is the folder that the source's artifact is made of; "." for the tree.
	base string
	// flat: no entry point was found, and the folder's manifests count as applied.
	flat bool
	// byHand: the folder was applied by hand, whatever the source holds of it.
	byHand bool
	// told: the Flux Operator makes the source, and a Kustomization of the same name.
	told bool
	// variables are those that Flux gets by other ways than Git.
	variables map[string]string
}

// sourceKey names a Flux source. The namespace is empty where a parent sets it.
type sourceKey struct{ kind, namespace, name string }

func (s sourceKey) is(o sourceKey) bool {
	return s.kind == o.kind && s.name == o.name && (s.namespace == o.namespace || s.namespace == "" ||
		o.namespace == "")
}

// fluxDoc is a Flux Kustomization as it lies in a file.
type fluxDoc struct {
	file  string
	index int
	// path is its path as it stands there, dir where that leads in the tree; whole tells that
	// there are no variables in it.
	path   string
	dir    string
	whole  bool
	source sourceKey
	// packer is the source that an ArtifactGenerator makes it of.
	packer sourceKey
	// name is namespace/name. One with a variable in it needs a parent that fills it in.
	name string
	// url is that of the source, as far as the tree tells; components are the folders that spec.components names.
	url        string
	components []string
}

// covers tells whether the path may be the folder, a variable in it taken for any one name.
func (d fluxDoc) covers(dir string) bool {
	if d.whole {
		return d.dir == dir
	}
	return matchesFolder(d.dir, dir)
}

// matchesFolder tells whether a path with variables may be the folder.
func matchesFolder(pattern, dir string) bool {
	return slices.EqualFunc(strings.Split(pattern, "/"), strings.Split(dir, "/"), func(want, have string) bool {
		return want == have || strings.Contains(want, "$")
	})
}

// isAround tells whether the file is somewhere below the path, whether or not Flux reads it there.
func (d fluxDoc) isAround() bool {
	return d.whole && d.dir != "." && d.dir != "" && strings.HasPrefix(d.file, d.dir+"/")
}

// isCopyOf tells that both are one Kustomization, in two files: what was applied by hand to begin
// with, or a template of it.
func (d fluxDoc) isCopyOf(o fluxDoc) bool { return d.name == o.name && d.dir == o.dir }

// literal is the path up to its first variable.
func (d fluxDoc) literal() string {
	if before, _, found := strings.Cut(d.dir, "$"); found {
		return path.Dir(before + "x")
	}
	return d.dir
}

// evidence says how sure it is that a Flux starts in a folder. The surest come first.
type evidence int

const (
	// told: a FluxInstance, or the values of the flux-instance chart, name the folder.
	told evidence = iota
	// bootstrapped: flux bootstrap's gotk-sync.yaml names the folder, which Flux reads that file in.
	bootstrapped
	// applied: the folder holds the Kustomization that leads to it, and its source.
	applied
	// provisioned: Terraform names the folder, for flux bootstrap or for the flux-instance chart.
	provisioned
	// declared: nothing applies the Kustomization, whose source is declared beside it, and its path exists.
	declared
	// alone: the folder holds the Kustomization that leads to it. Its source is not in the tree.
	alone
	// placed: nothing applies the Kustomization, its path exists, and it lies in a folder of clusters or of Flux.
	placed
	// unlisted: the path leads to the Kustomization's own folder, where the kustomization file does not list it.
	unlisted
	// likely: nothing applies the Kustomization, and its path exists.
	likely
	// broken: nothing applies the Kustomization, whose source is declared beside it, and its path does not exist.
	broken
)

// steps say what evidence is taken: that of the first step at which there is any. A weaker entry inside the folder of
// another is a part of that. alike is what is taken besides, for a folder that is laid out like one that was found: a
// source beside a Kustomization says more there than a path that exists.
var (
	steps = [][]evidence{{told, bootstrapped, applied, provisioned, declared}, {alone}, {placed}, {unlisted}, {likely},
		{broken}}
	alike = []evidence{alone, broken, placed, likely}
)

// candidate is an entry with its evidence.
type candidate struct {
	entry
	evidence
	url string
}

// findEntries finds where Flux starts: the folders that the configuration names, else those for which there is
// evidence. Whatever another Kustomization applies is no start, and a Kustomization whose source has another URL than
// those of the surest says nothing of this tree. Others are files that nothing applies: an archive, a ks.yaml that is
// listed nowhere, a catalogue of Kustomizations for others to fill in.
func findEntries(t *tree) []entry {
	s := newSearch(t)
	if len(t.options.Clusters) > 0 {
		return s.configured()
	}
	by := map[evidence][]candidate{}
	for _, c := range s.candidates() {
		by[c.evidence] = append(by[c.evidence], c)
	}
	var found []candidate
	for _, step := range steps {
		for _, e := range step {
			all := by[e]
			if e > applied {
				all = joined(slices.DeleteFunc(slices.Clone(all), toFillIn))
			}
			for _, c := range all {
				if e <= applied || !slices.ContainsFunc(found, func(o candidate) bool { return inside(c.dir, o.dir) }) {
					found = append(found, c)
				}
			}
		}
		if len(found) > 0 {
			break
		}
	}
	for _, e := range alike {
		for _, c := range by[e] {
			c.byHand = e == broken // of a cluster like another: nothing but a person can have applied its root
			if !toFillIn(c) && slices.ContainsFunc(found, c.isLike) && !slices.ContainsFunc(found, c.overlaps) {
				found = append(found, c)
			}
		}
	}
	return nameEntries(t, found)
}

// joined are the candidates with one for each cluster: of several in the folder clusters/a the
// folder is what they share.
func joined(all []candidate) []candidate {
	for i := range all {
		for _, o := range all {
			if top := clusterFolder(all[i].dir); top != "" && top == clusterFolder(o.dir) {
				for !inside(o.dir, all[i].dir) {
					all[i].dir, all[i].root = path.Dir(all[i].dir), nil
				}
			}
		}
	}
	return all
}

// clusterFolder is the folder below the last clusters/ in a path; empty where there is none.
func clusterFolder(dir string) string {
	parts := strings.Split(dir, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		if parts[i] == "clusters" {
			return path.Join(parts[:i+2]...)
		}
	}
	return ""
}

// inside tells whether a folder is the other one, or in it.
func inside(dir, other string) bool {
	return other == "." || dir == other || strings.HasPrefix(dir, other+"/")
}

// candidates are the folders for which there is evidence, in the order of the files.
func (s *search) candidates() (all []candidate) {
	for _, c := range s.told {
		if s.t.isDir(c.dir) && !hidden(c.origin.File) && !s.isLedTo(c.dir) {
			all = append(all, c)
		}
	}
	all = append(all, s.patched...)
	nested := false
	for _, d := range s.docs {
		if s.lists.patches[d.file] || hidden(d.file) || strings.Contains(d.name, "$") || s.claimed(d) ||
			!s.appliesItself(d) && slices.ContainsFunc(s.roots[d.dir], d.isCopyOf) {
			continue
		}
		top := s.lists.top(d.file)
		c := candidate{entry: entry{dir: top, base: ".", origin: fleet.Origin{File: d.file, Document: d.index},
			source: d.source}, url: d.url}
		exists := d.dir != "." && d.dir != "" && s.t.isDir(d.literal()) || d.source.kind == "ExternalArtifact"
		nested = nested || !exists && d.inNestedRoot()
		hasSource := s.sources.beside(s.lists, d, top)
		switch {
		case s.appliesItself(d):
			c.evidence = alone
			if hasSource || s.holdsSource(d) {
				c.evidence = applied
			}
			if d.isSync() {
				c.evidence = bootstrapped
			}
			c.dir, c.root = d.dir, objects(s.t.files[d.file].text())[d.index]
		case exists && d.isAround() && d.dir == path.Dir(d.file):
			c.evidence, c.dir, c.root = unlisted, d.dir, objects(s.t.files[d.file].text())[d.index]
		case hasSource && exists:
			c.evidence = declared
		case exists:
			c.evidence = likely
			if isPlaced(top) {
				c.evidence = placed
			}
		case hasSource && d.source.kind == "GitRepository" && d.dir != "." && !strings.ContainsAny(d.dir, "{}<>"):
			c.evidence = broken
		default:
			continue
		}
		if d.packer.name != "" {
			c.source = d.packer
		} else if c.evidence >= alone && c.evidence < broken {
			c.source = s.sourceOf(c.dir, c.source)
		}
		all = append(all, c)
	}
	if nested { // several repositories lie in this tree as folders
		all = slices.DeleteFunc(all, func(c candidate) bool { return c.evidence == broken })
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.evidence, b.evidence) })
	return all
}

// patchedRoots finds the Kustomizations that take their path from a patch in the very folder that it leads to: one base
// for all clusters, and a patch in each cluster's folder. Docs become those that say where Flux goes: without patches,
// and with these in the place of their base.
func patchedRoots(t *tree, all []fluxDoc) (docs []fluxDoc, roots []candidate) {
	for _, d := range all {
		if !t.lists.patches[d.file] {
			docs = append(docs, d)
			continue
		}
		base := slices.IndexFunc(all, func(o fluxDoc) bool {
			return o.name == d.name && o.source.name != "" && !t.lists.patches[o.file]
		})
		if base < 0 || !d.whole || !slices.Contains(t.lists.patchedIn[d.file], d.dir) || hidden(d.file) {
			continue
		}
		d.source = all[base].source
		docs = append(docs, d)
		roots = append(roots, candidate{evidence: applied, url: d.url,
			entry: entry{dir: d.dir, base: ".", root: objects(t.files[d.file].text())[d.index],
				origin: fleet.Origin{File: d.file, Document: d.index}, source: d.source}})
	}
	return docs, roots
}

// isBootstrap tells that the Kustomization is called like its GitRepository, as flux bootstrap calls them: the path
// "./" leads to this tree's root then. It is the usual one for other repositories, too.
func (d fluxDoc) isBootstrap() bool {
	return d.source.kind == "GitRepository" && path.Base(d.name) == d.source.name
}

// isSync tells that flux bootstrap wrote the Kustomization.
func (d fluxDoc) isSync() bool { return path.Base(d.file) == "gotk-sync.yaml" && d.isBootstrap() }

// isPlaced tells that a folder is one of clusters or of Flux: what else lies beside those is not listed, or waits for a
// Kustomization that leads there.
func isPlaced(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool {
		return part == "cluster" || part == "clusters" || part == "flux"
	})
}

// inNestedRoot tells that the path leads to a folder above the file once a part of the tree is taken for the
// repository: several repositories lie in this tree as folders.
func (d fluxDoc) inNestedRoot() bool {
	return d.whole && d.dir != "." && d.dir != "" && strings.Contains("/"+path.Dir(d.file)+"/", "/"+d.dir+"/")
}

// nameEntries joins the entries of one folder and names the clusters; without any entry, the folders below
// clusters/ are taken as they lie.
func nameEntries(t *tree, found []candidate) []entry {
	var all []entry
	for _, c := range found {
		if !slices.ContainsFunc(all, func(o entry) bool { return o.dir == c.dir }) {
			all = append(all, c.entry)
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
		return []entry{{cluster: "default", dir: ".", base: ".", flat: true}}
	}
	for _, dir := range t.dirs["clusters"] {
		if t.isDir(dir) {
			all = append(all, entry{cluster: path.Base(dir), dir: dir, base: ".", flat: true})
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
func (e candidate) isLike(o candidate) bool {
	file, other := path.Dir(e.origin.File), path.Dir(o.origin.File)
	return e.dir != o.dir && shape(e.dir) == shape(o.dir) || file != other && shape(file) == shape(other)
}

// overlaps tells that one folder is in the other: both are one cluster's.
func (e candidate) overlaps(o candidate) bool { return inside(e.dir, o.dir) || inside(o.dir, e.dir) }

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
func toFillIn(c candidate) bool { return isTemplate(clusterName(c.dir)) }

func isTemplate(name string) bool {
	name = strings.TrimSuffix(name, "s")
	return name == "template" || strings.HasSuffix(name, "-template")
}

func isFluxSource(d document) bool {
	return strings.HasPrefix(d.APIVersion, "source.toolkit.fluxcd.io/") &&
		(d.Kind == "GitRepository" || d.Kind == "OCIRepository" || d.Kind == "Bucket")
}

func isFluxKustomization(apiVersion, kind string) bool {
	return kind == "Kustomization" && strings.HasPrefix(apiVersion, "kustomize.toolkit.fluxcd.io/")
}

// str is a string entry of a mapping, or nothing.
func str(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}
