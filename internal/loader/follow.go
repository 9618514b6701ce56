package loader

import (
	"cmp"
	"context"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// follower follows Flux through every cluster of a tree.
type follower struct {
	tree    *tree
	builder *builder
	workers int

	clusters       []fleet.Cluster
	kustomizations []fleet.Kustomization
	objects        []fleet.Object
	reached        map[string][]string
	artifacts      map[string]*artifact // by spec.ignore
}

func (f *follower) followAll(ctx context.Context, entries []entry) error {
	f.reached = map[string][]string{}
	f.artifacts = map[string]*artifact{}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.cluster, b.cluster) })
	for _, e := range entries {
		c := &cluster{follower: f, entry: e, own: map[string]map[string]any{}, seen: map[string]bool{}, dependsOn: map[string][]kustomizev1.DependencyReference{},
			fact: fleet.Cluster{Name: e.cluster, Entry: e.dir, Declared: !e.flat, Origin: e.origin, Variables: map[string]string{}, Incomplete: []fleet.Incomplete{}}}
		if e.flat {
			c.applyAll()
		} else if err := c.follow(ctx); err != nil {
			return err
		}
		c.finish()
	}
	return nil
}

// artifact is what a source with this spec.ignore holds.
func (f *follower) artifact(ignore string) *artifact {
	if f.artifacts[ignore] == nil {
		f.artifacts[ignore] = newArtifact(f.tree, ignore)
	}
	return f.artifacts[ignore]
}

// cluster is one Flux cluster being followed.
type cluster struct {
	*follower
	entry entry
	fact  fleet.Cluster
	// own are the objects on the cluster's own API server, unredacted, by kind/namespace/name: what Flux itself reads.
	own  map[string]map[string]any
	seen map[string]bool // Flux Kustomizations, by ID

	kustomizations []fleet.Kustomization
	dependsOn      map[string][]kustomizev1.DependencyReference // by ID
	objects        []fleet.Object
}

// item is a Flux Kustomization that waits to be built.
type item struct {
	fact   fleet.Kustomization
	spec   kustomizev1.KustomizationSpec
	object map[string]any
	vars   *variables
	build  *build
	// partial: a build above it was read without its patches, so what they would have put here is unknown.
	partial bool
}

// follow works through the Kustomizations in waves: those whose variables are known are built at once, all cores; what
// they apply may bring further Kustomizations, and the variables of others. When nothing else is left the rest is built
// with its variables unknown.
func (c *cluster) follow(ctx context.Context) error {
	queue := []*item{c.rootItem()}
	for len(queue) > 0 {
		var ready, waiting []*item
		for _, it := range queue {
			var all bool
			if it.vars, all = newVariables(it.spec.PostBuild, it.fact.Namespace, c.find); all {
				ready = append(ready, it)
			} else {
				waiting = append(waiting, it)
			}
		}
		if len(ready) == 0 {
			ready, waiting = waiting, nil
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(c.workers)
		for _, it := range ready {
			c.locate(it)
			if it.fact.PathState != fleet.Found {
				continue
			}
			a := c.artifactOf(it)
			g.Go(func() error {
				it.build = c.builder.build(a, it.fact.Path, newOverlaySpec(it.spec))
				return ctx.Err()
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil && len(ready) == 0 {
			return err
		}
		queue = waiting
		for _, it := range ready {
			queue = append(queue, c.integrate(it)...)
		}
	}
	return nil
}

// rootItem is the Kustomization at the entry point. One that is in Git and applies itself is taken as it applies
// itself: flux bootstrap's own kustomization.yaml patches decryption into it that way.
func (c *cluster) rootItem() *item {
	if c.entry.root == nil {
		it := &item{fact: fleet.Kustomization{ID: c.entry.cluster + "//", Cluster: c.entry.cluster, Origin: c.entry.origin, Implicit: true,
			Path: c.entry.dir, APIServer: c.entry.cluster}, partial: true}
		it.spec.Path = c.entry.dir
		it.spec.SourceRef = kustomizev1.CrossNamespaceSourceReference{Kind: c.entry.source.kind, Namespace: c.entry.source.namespace, Name: c.entry.source.name}
		it.fact.Chain = []string{it.fact.ID}
		return it
	}
	it := c.newItem(c.entry.root, c.entry.origin, nil)
	for range 3 {
		b := c.builder.build(c.artifactOf(it), c.entry.dir, newOverlaySpec(it.spec))
		i := slices.IndexFunc(b.objects, func(o built) bool {
			meta, _ := o.object["metadata"].(map[string]any)
			return isFluxKustomization(str(o.object, "apiVersion"), str(o.object, "kind")) &&
				str(meta, "name") == it.fact.Name && (str(meta, "namespace") == it.fact.Namespace || it.fact.Namespace == "")
		})
		if i < 0 || reflect.DeepEqual(b.objects[i].object, it.object) {
			break
		}
		it = c.newItem(b.objects[i].object, c.entry.origin, nil)
	}
	c.seen[it.fact.ID] = true
	return it
}

// newItem reads a Flux Kustomization as its parent applies it.
func (c *cluster) newItem(object map[string]any, origin fleet.Origin, parent *item) *item {
	it := &item{object: object}
	meta, _ := object["metadata"].(map[string]any)
	var typed kustomizev1.Kustomization
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &typed); err != nil {
		spec, _ := object["spec"].(map[string]any) // a variable stands where a number or a truth value belongs
		it.spec = kustomizev1.KustomizationSpec{Path: str(spec, "path"), TargetNamespace: str(spec, "targetNamespace")}
		ref, _ := spec["sourceRef"].(map[string]any)
		it.spec.SourceRef = kustomizev1.CrossNamespaceSourceReference{Kind: str(ref, "kind"), Namespace: str(ref, "namespace"), Name: str(ref, "name")}
		it.partial = true
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{Why: "the Kustomization's spec cannot be decoded: " + firstLine(err), Origin: origin})
	} else {
		it.spec = typed.Spec
	}
	it.fact.Cluster, it.fact.Namespace, it.fact.Name = c.entry.cluster, str(meta, "namespace"), str(meta, "name")
	it.fact.ID = path.Join(it.fact.Cluster, it.fact.Namespace, it.fact.Name)
	it.fact.Origin = origin
	it.fact.Suspended = it.spec.Suspend
	it.fact.APIServer = c.entry.cluster
	if kc := it.spec.KubeConfig; kc != nil {
		name := ""
		if kc.SecretRef != nil {
			name = kc.SecretRef.Name
		} else if kc.ConfigMapRef != nil {
			name = kc.ConfigMapRef.Name
		}
		it.fact.APIServer = path.Join(c.entry.cluster, it.fact.Namespace, name)
	}
	if it.spec.Decryption != nil {
		it.fact.Decryption = it.spec.Decryption.Provider
	}
	if parent != nil {
		it.fact.Parent = parent.fact.ID
		it.fact.Chain = slices.Concat(parent.fact.Chain, []string{it.fact.ID})
		it.fact.Suspended = it.fact.Suspended || parent.fact.Suspended
		it.partial = it.partial || parent.partial && !parent.fact.Implicit || parent.build.partial
	} else {
		it.fact.Chain = []string{it.fact.ID}
	}
	return it
}

// locate finds the source and the path of a Kustomization.
func (c *cluster) locate(it *item) {
	ref := it.spec.SourceRef
	source := sourceKey{ref.Kind, ref.Namespace, ref.Name}
	if source.namespace == "" {
		source.namespace = it.fact.Namespace
	}
	it.fact.Source = source.kind + "/" + source.namespace + "/" + source.name
	it.fact.Path = inTree(it.spec.Path)
	it.fact.PathState = fleet.Unknown
	it.fact.Local = c.isLocal(source)
	switch {
	case !it.fact.Local:
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{Why: "the source " + it.fact.Source + " is not this repository", Origin: it.fact.Origin})
	case strings.Contains(it.fact.Path, "$"):
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{Why: "the path holds a variable that has no known value", Origin: it.fact.Origin})
	case c.artifactOf(it).isDir(it.fact.Path):
		it.fact.PathState = fleet.Found
	case source.kind != "GitRepository" || c.includes(source):
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{Why: "what the source " + it.fact.Source + " holds besides this repository is not known", Origin: it.fact.Origin})
	default:
		it.fact.PathState = fleet.Missing
	}
}

// isLocal tells whether a source is this repository: it is the one that the entry point starts from, or a GitRepository
// with the same URL.
func (c *cluster) isLocal(source sourceKey) bool {
	if c.entry.source.is(source) {
		return true
	}
	root, other := c.gitRepository(c.entry.source), c.gitRepository(source)
	return root != nil && other != nil && root.Spec.URL == other.Spec.URL && reflect.DeepEqual(root.Spec.Reference, other.Spec.Reference)
}

func (c *cluster) includes(source sourceKey) bool {
	repo := c.gitRepository(source)
	return repo != nil && (len(repo.Spec.Include) > 0 || len(repo.Spec.SparseCheckout) > 0 || repo.Spec.RecurseSubmodules)
}

func (c *cluster) artifactOf(it *item) *artifact {
	ref := it.spec.SourceRef
	ignore := ""
	if repo := c.gitRepository(sourceKey{ref.Kind, ref.Namespace, ref.Name}); repo != nil && repo.Spec.Ignore != nil {
		ignore = *repo.Spec.Ignore
	}
	return c.follower.artifact(ignore)
}

// gitRepository is a source's object: as the cluster has it, else as it lies in a file at the entry point, which is
// where Flux starts from before it has applied anything.
func (c *cluster) gitRepository(source sourceKey) *sourcev1.GitRepository {
	object := c.find(source.kind, source.namespace, source.name)
	if object == nil {
		object = c.sourceAtEntry(source)
	}
	var repo sourcev1.GitRepository
	if object == nil || runtime.DefaultUnstructuredConverter.FromUnstructured(object, &repo) != nil {
		return nil
	}
	return &repo
}

func (c *cluster) sourceAtEntry(source sourceKey) map[string]any {
	key := "entry " + source.kind + "/" + source.name
	if object, ok := c.own[key]; ok {
		return object
	}
	c.own[key] = nil
	for _, p := range c.tree.paths {
		if !strings.HasPrefix(p, c.entry.dir+"/") && c.entry.dir != "." {
			continue
		}
		for _, d := range c.tree.files[p].docs {
			if isFluxSource(d) && source.is(sourceKey{d.Kind, d.Namespace, d.Name}) {
				c.own[key] = objects(c.tree.files[p].data)[d.Index]
				return c.own[key]
			}
		}
	}
	return nil
}

// find finds an object on the cluster's own API server.
func (c *cluster) find(kind, namespace, name string) map[string]any {
	return c.own[kind+"/"+namespace+"/"+name]
}

// reconcileLabel on an object, as a label or an annotation with the value "disabled", keeps Flux from applying it.
const reconcileLabel = "kustomize.toolkit.fluxcd.io/reconcile"

// integrate takes a built Kustomization into the cluster and returns the Kustomizations that it applies.
func (c *cluster) integrate(it *item) []*item {
	k := &it.fact
	k.Build = fleet.Unknown
	var children []*item
	if it.build != nil {
		k.Build = it.build.state()
		k.Problems = it.build.problems
		k.Incomplete = append(k.Incomplete, it.build.incomplete...)
		k.Encrypted = slices.Clone(it.build.encrypted)
		for _, name := range it.build.files {
			if at := c.reached[name]; len(at) == 0 || at[len(at)-1] != c.entry.cluster {
				c.reached[name] = append(at, c.entry.cluster)
			}
		}
		k.Substitutes = it.spec.PostBuild != nil && it.vars.any()
		for _, b := range it.build.objects {
			children = append(children, c.apply(it, b)...)
		}
		if it.build.partial {
			k.Incomplete = append(k.Incomplete, fleet.Incomplete{Why: "the build fails here, so its objects are read without patches", Origin: k.Origin})
		}
	}
	if k.Decryption == "" && it.partial {
		k.Decryption = "unknown"
	}
	c.name(it)
	c.dependsOn[k.ID] = it.spec.DependsOn
	c.kustomizations = append(c.kustomizations, *k)
	return children
}

// apply takes one object of a build into the cluster.
func (c *cluster) apply(it *item, b built) []*item {
	object := b.object
	if m := it.spec.CommonMetadata; m != nil {
		object = withMetadata(object, m.Labels, m.Annotations)
	}
	if it.spec.PostBuild != nil && b.variables && it.vars.any() {
		substituted, err := it.vars.apply(object)
		if err != nil {
			it.fact.Build = fleet.Missing
			it.fact.Problems = append(slices.Clone(it.fact.Problems), fleet.BuildProblem{Kind: "substitution", Origin: b.origin,
				Message: "substitution fails for this object, and with it the whole Kustomization: " + firstLine(err)})
		} else {
			object = substituted
		}
	}
	if labelled(object, reconcileLabel, "disabled") {
		return nil
	}
	if c.isEncrypted(b.origin) && !labelled(object, "kustomize.toolkit.fluxcd.io/decrypt", "disabled") {
		it.fact.Encrypted = append(it.fact.Encrypted, b.origin)
	}
	o := newObject(c.entry.cluster, it.fact.APIServer, object, b.origin)
	o.Kustomization, o.Suspended = it.fact.ID, it.fact.Suspended
	c.objects = append(c.objects, o)
	if it.fact.APIServer != c.entry.cluster {
		return nil
	}
	key := o.Kind + "/" + o.Namespace + "/" + o.Name
	switch {
	case o.Kind == "ConfigMap" || o.Kind == "Secret" || o.Group == "source.toolkit.fluxcd.io":
		c.own[key] = object
	case o.Kind == "HelmRelease":
		c.own[key] = map[string]any{}
	case o.Kind == "ResourceSet" || o.Kind == "ArtifactGenerator" && o.Group == "source.extensions.fluxcd.io":
		c.fact.Incomplete = append(c.fact.Incomplete, fleet.Incomplete{Why: "the " + o.Kind + " " + o.Name + " makes further objects", Origin: b.origin})
	case isFluxKustomization(str(object, "apiVersion"), o.Kind):
		child := c.newItem(object, b.origin, it)
		if c.seen[child.fact.ID] {
			return nil
		}
		c.seen[child.fact.ID] = true
		return []*item{child}
	}
	return nil
}

func newObject(cluster, apiServer string, object map[string]any, origin fleet.Origin) fleet.Object {
	meta, _ := object["metadata"].(map[string]any)
	group, _, ok := strings.Cut(str(object, "apiVersion"), "/")
	if !ok {
		group = ""
	}
	o := fleet.Object{Cluster: cluster, APIServer: apiServer, Group: group, Kind: str(object, "kind"),
		Namespace: str(meta, "namespace"), Name: str(meta, "name"), Origin: origin, Content: secret.Redact(object)}
	o.ID = apiServer + "/" + fleet.GroupKind(group, o.Kind) + "/" + o.Namespace + "/" + o.Name
	return o
}

func (c *cluster) isEncrypted(o fleet.Origin) bool {
	f := c.tree.files[o.File]
	return f != nil && slices.ContainsFunc(f.docs, func(d document) bool { return d.Index == o.Document && d.Encryption != nil && len(o.Field) == 0 })
}

// withMetadata is the object with spec.commonMetadata; the object itself stays as it is.
func withMetadata(object map[string]any, labels, annotations map[string]string) map[string]any {
	out := maps.Clone(object)
	meta, _ := object["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	for field, added := range map[string]map[string]string{"labels": labels, "annotations": annotations} {
		if len(added) == 0 || meta == nil {
			continue
		}
		old, _ := meta[field].(map[string]any)
		all := maps.Clone(old)
		if all == nil {
			all = map[string]any{}
		}
		for k, v := range added {
			all[k] = v
		}
		meta[field] = all
	}
	out["metadata"] = meta
	return out
}

// namesCluster tells the variables by which a cluster is called.
var namesCluster = regexp.MustCompile(`(?i)cluster|location|site|region|member`)

// name keeps the variables by which the cluster is called. What a Kustomization far from the entry point sets itself says
// something of that Kustomization only.
func (c *cluster) name(it *item) {
	if it.vars == nil {
		return
	}
	for name, value := range it.vars.values {
		near := len(it.fact.Chain) <= 2 || it.spec.PostBuild.Substitute[name] == ""
		if near && namesCluster.MatchString(name) && len(value) <= 63 && !strings.Contains(value, "${") {
			c.fact.Variables[name] = cmp.Or(c.fact.Variables[name], value)
		}
	}
}

// finish looks the dependencies up, when all of the cluster is known, and hands the cluster over.
func (c *cluster) finish() {
	for i := range c.kustomizations {
		k := &c.kustomizations[i]
		for _, inc := range k.Incomplete {
			if !strings.HasSuffix(inc.Why, ".yaml is remote") && !strings.HasSuffix(inc.Why, ".yml is remote") {
				c.fact.Incomplete = append(c.fact.Incomplete, inc)
			}
		}
		object := c.dependsOn[k.ID]
		k.DependsOn = make([]fleet.Reference, 0, len(object))
		for _, ref := range object {
			if ref.Namespace == "" {
				ref.Namespace = k.Namespace
			}
			r := fleet.Reference{Namespace: ref.Namespace, Name: ref.Name, State: fleet.Missing}
			switch {
			case strings.Contains(ref.Name, "$"):
				r.State = fleet.Unknown
			case c.seen[path.Join(c.entry.cluster, ref.Namespace, ref.Name)]:
				r.State = fleet.Found
			case c.own["HelmRelease/"+ref.Namespace+"/"+ref.Name] != nil:
				r.OtherKind = "HelmRelease"
			}
			k.DependsOn = append(k.DependsOn, r)
		}
		fillEmpty(k)
	}
	f := c.follower
	f.clusters = append(f.clusters, c.fact)
	f.kustomizations = append(f.kustomizations, c.kustomizations...)
	f.objects = append(f.objects, c.objects...)
}

// fillEmpty makes lists out of what is nil, so that the JSON form has no null in their place.
func fillEmpty(k *fleet.Kustomization) {
	if k.Problems == nil {
		k.Problems = []fleet.BuildProblem{}
	}
	if k.Incomplete == nil {
		k.Incomplete = []fleet.Incomplete{}
	}
	if k.Encrypted == nil {
		k.Encrypted = []fleet.Origin{}
	}
	if k.Chain == nil {
		k.Chain = []string{}
	}
	for i := range k.Problems {
		if k.Problems[i].At == nil {
			k.Problems[i].At = []any{}
		}
	}
}

// applyAll takes every manifest below the folder as applied to the cluster: the tree shows no entry point, so nothing
// tells which of them Flux reads.
func (c *cluster) applyAll() {
	k := fleet.Kustomization{ID: c.entry.cluster + "//", Cluster: c.entry.cluster, Implicit: true, Chain: []string{c.entry.cluster + "//"},
		APIServer: c.entry.cluster, Path: c.entry.dir, PathState: fleet.Found, Local: true, Build: fleet.Found, Decryption: "unknown"}
	for _, p := range c.tree.paths {
		f := c.tree.files[p]
		inside := c.entry.dir == "." || strings.HasPrefix(p, c.entry.dir+"/")
		if !inside || !f.isYAML || f.class == fleet.Template || f.class == fleet.Text || c.tree.lists.patches[p] || hidden(p) {
			continue
		}
		c.reached[p] = append(c.reached[p], c.entry.cluster)
		if f.class != fleet.Manifest {
			continue
		}
		for index, object := range sortedObjects(f.data) {
			for i, o := range flatten(object) {
				origin := fleet.Origin{File: p, Document: index}
				if i >= 0 {
					origin.Field = []any{"items", i}
				}
				if str(o, "kind") != "" && str(o, "apiVersion") != "" {
					applied := newObject(c.entry.cluster, c.entry.cluster, o, origin)
					applied.Kustomization = k.ID
					c.objects = append(c.objects, applied)
				}
			}
		}
	}
	c.kustomizations = append(c.kustomizations, k)
}

// flatten yields the object, with the number -1, or the items of a List with theirs.
func flatten(object map[string]any) func(func(int, map[string]any) bool) {
	return func(yield func(int, map[string]any) bool) {
		items, ok := object["items"].([]any)
		if !ok || !strings.HasSuffix(str(object, "kind"), "List") {
			yield(-1, object)
			return
		}
		for i, item := range items {
			if o, ok := item.(map[string]any); ok && !yield(i, o) {
				return
			}
		}
	}
}

// unreachedObjects are the objects of a file that nothing reconciles, of the kinds that an agent can be or can take its
// values from.
func unreachedObjects(f *file) []fleet.Object {
	if !slices.ContainsFunc(f.docs, func(d document) bool { return ofAgent(d.Kind) }) {
		return nil
	}
	var all []fleet.Object
	for index, object := range sortedObjects(f.data) {
		if ofAgent(str(object, "kind")) {
			all = append(all, newObject("", "", object, fleet.Origin{File: f.path, Document: index}))
		}
	}
	return all
}

func ofAgent(kind string) bool {
	switch kind {
	case "HelmRelease", "Deployment", "ConfigMap", "Secret", "OCIRepository", "HelmChart":
		return true
	}
	return false
}
