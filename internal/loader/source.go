package loader

import (
	"cmp"
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// locate finds the source and the path of a Kustomization.
func (c *cluster) locate(it *item) {
	source := it.source()
	it.fact.Source = source.kind + "/" + source.namespace + "/" + source.name
	packed, local := c.packingOf(source)
	it.fact.Path = inTree(it.spec.Path)
	if local && !it.fact.Implicit { // else it is the folder's own
		it.fact.Path = path.Join(packed.base, it.fact.Path)
	}
	it.fact.PathState = fleet.Unknown
	it.fact.Local = local
	own := ""
	if local && !it.literal && !it.noPath {
		own = c.ownFolder(it.fact.Path, c.artifactOf(it))
	}
	switch {
	case !it.fact.Local:
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownSource, Why: secret.Message("the source " + it.fact.Source + " is not this repository"),
			Origin: it.at("spec", "sourceRef", "name")})
	case it.noPath: // which spec.path says already
	case own != "":
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownPath, Why: secret.Message("the path holds a variable that has no known value; " + own +
				" is read, by the names in the cluster's own path"), Origin: it.at("spec", "path")})
		it.fact.Path, it.fact.PathState = own, fleet.Found
	case strings.Contains(it.fact.Path, "$") && !it.literal:
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownPath, Why: "the path holds a variable that has no known value",
			Origin: it.at("spec", "path")})
	case c.artifactOf(it).isDir(it.fact.Path):
		it.fact.PathState = fleet.Found
	case !packed.exact || c.includes(source):
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownSource, Why: secret.Message("what the source " + it.fact.Source +
				" holds besides this repository is not known"), Origin: it.at("spec", "path")})
	case it.fact.Implicit: // that Flux starts there is a guess, which the source's ignore rules contradict
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownPath, Why: fmt.Sprintf("the folder %q is not in what the source holds", it.fact.Path),
			Origin: it.fact.Origin})
	case it.unpatched:
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownPath, Why: "a patch that cannot be read may lead the path elsewhere",
			Origin: it.at("spec", "path")})
	default:
		it.fact.PathState = fleet.Missing
	}
}

// ownFolder is the folder that a path with variables leads to if their values are names in the path of the
// cluster's entry point: clusters/eu/01 has apps/${REGION}/${NUMBER} in apps/eu/01. It is empty unless there
// is one such folder alone.
func (c *cluster) ownFolder(pattern string, a *artifact) string {
	if !strings.Contains(pattern, "$") {
		return ""
	}
	names := append(strings.Split(c.entry.dir, "/"), c.entry.cluster)
	found := []string{""}
	for _, part := range strings.Split(pattern, "/") {
		var next []string
		for _, dir := range found {
			for _, name := range names {
				if !strings.Contains(part, "$") {
					name = part
				} else if !wholeVariable.MatchString(part) {
					return ""
				}
				if at := path.Join(dir, name); c.tree.isDir(at) && !slices.Contains(next, at) {
					next = append(next, at)
				}
			}
		}
		found = next
	}
	if len(found) != 1 || !a.isDir(found[0]) {
		return ""
	}
	return found[0]
}

// wholeVariable is a part of a path that is nothing but a variable.
var wholeVariable = regexp.MustCompile(`^\$\{[_a-zA-Z][_a-zA-Z0-9]*\}$`)

// at is a field of the Kustomization, as an origin.
func (it *item) at(field ...any) fleet.Origin {
	origin := it.fact.Origin
	origin.Field = slices.Concat(origin.Field, field)
	return origin
}

// source is the Kustomization's source; its namespace is the Kustomization's own where none is given.
func (it *item) source() sourceKey {
	ref := it.spec.SourceRef
	return sourceKey{ref.Kind, cmp.Or(ref.Namespace, it.fact.Namespace), ref.Name}
}

// knowsSource tells whether the Kustomization's source is known by now: what is applied beside it may bring it.
func (c *cluster) knowsSource(it *item) bool {
	source := it.source()
	_, packed := c.packingOf(source)
	return packed || c.find(source.kind, source.namespace, source.name) != nil
}

// isEntrySource tells whether a source is the one that the entry point starts from, or a
// GitRepository with the same URL.
func (c *cluster) isEntrySource(source sourceKey) bool {
	if c.entry.source.is(source) {
		return true
	}
	root, other := c.gitRepository(c.entry.source), c.gitRepository(source)
	return root != nil && other != nil && root.Spec.URL == other.Spec.URL &&
		reflect.DeepEqual(root.Spec.Reference, other.Spec.Reference)
}

func (c *cluster) includes(source sourceKey) bool {
	repo := c.gitRepository(source)
	return repo != nil && (len(repo.Spec.Include) > 0 || len(repo.Spec.SparseCheckout) > 0 ||
		repo.Spec.RecurseSubmodules)
}

func (c *cluster) artifactOf(it *item) *artifact {
	source := it.source()
	packed, _ := c.packingOf(source)
	if source.kind == "ExternalArtifact" {
		for _, object := range c.generators {
			if made := generated(object)[source]; made != nil {
				source = made.source
			}
		}
	}
	if repo := c.gitRepository(source); repo != nil && repo.Spec.Ignore != nil &&
		!(it.fact.Implicit && c.entry.byHand) {
		packed.ignore = *repo.Spec.Ignore
	}
	return c.follower.artifact(packed)
}

// gitRepository is a source's object: as the cluster has it, else as it lies in a file at the entry point, which is
// where Flux starts from before it has applied anything.
func (c *cluster) gitRepository(source sourceKey) *sourcev1.GitRepository {
	object := c.sourceObject(source)
	var repo sourcev1.GitRepository
	if source.kind != "GitRepository" || object == nil ||
		runtime.DefaultUnstructuredConverter.FromUnstructured(object, &repo) != nil {
		return nil
	}
	return &repo
}

func (c *cluster) sourceObject(source sourceKey) map[string]any {
	object := c.find(source.kind, source.namespace, source.name)
	if _, gone := c.instead[source.kind+"/"+source.namespace+"/"+source.name]; object == nil && !gone {
		object = c.sourceAtEntry(source)
	}
	return object
}

func (c *cluster) sourceAtEntry(source sourceKey) map[string]any {
	if object, ok := c.atEntry.Load(source); ok {
		return object.(map[string]any)
	}
	var found map[string]any
	defer func() { c.atEntry.Store(source, found) }()
	for _, p := range c.tree.paths {
		if !strings.HasPrefix(p, c.entry.dir+"/") && c.entry.dir != "." {
			continue
		}
		for _, d := range c.tree.files[p].docs {
			if isFluxSource(d) && source.is(sourceKey{d.Kind, d.Namespace, d.Name}) {
				found = objects(c.tree.files[p].text())[d.Index]
				return found
			}
		}
	}
	return nil
}
