package loader

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"sync"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"golang.org/x/sync/errgroup"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/resourceset"
)

// follower follows Flux through every cluster of a tree.
type follower struct {
	tree    *tree
	builder *builder
	written *written
	cache   Cache
	workers int
	// previous is what clusters came to in the contents that these were made from.
	previous *previous
	// results are what the clusters come to, by name.
	results map[string]*clusterResult

	artifacts *artifacts
	// clusters are those that were followed, by name.
	clusters map[string]*cluster
}

// artifacts are what sources hold, by how they are packed.
type artifacts struct {
	mu  sync.Mutex
	all map[string]*artifact
}

func newFollower(t *tree, cache Cache, previous *previous) *follower {
	return &follower{tree: t, builder: newBuilder(), written: newWritten(t), cache: cache,
		workers: runtime.GOMAXPROCS(0), previous: previous,
		results: map[string]*clusterResult{}, artifacts: &artifacts{all: map[string]*artifact{}},
		clusters: map[string]*cluster{}}
}

// followAll follows all clusters but those of which the clusterResult stands already, several at once; each keeps what it
// finds to itself until all are done.
func (f *follower) followAll(ctx context.Context, entries []entry, reusable map[string]*clusterResult) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(f.workers)
	for _, e := range entries {
		if c := reusable[e.cluster]; c != nil {
			f.results[e.cluster] = c
			continue
		}
		c := newCluster(f, e)
		f.results[e.cluster], f.clusters[e.cluster] = c.clusterResult, c
		g.Go(func() error {
			follow := c.follow
			if e.flat {
				follow = c.applyAll
			}
			if err := follow(ctx); err != nil {
				return err
			}
			c.finish()
			return ctx.Err()
		})
	}
	return g.Wait()
}

// artifact is what a source that is packed like this holds.
func (f *follower) artifact(packed packing) *artifact {
	f.artifacts.mu.Lock()
	defer f.artifacts.mu.Unlock()
	key := fmt.Sprintf("%q %q %q", packed.root, packed.only, packed.ignore)
	if f.artifacts.all[key] == nil {
		f.artifacts.all[key] = newArtifact(f.tree, packed)
	}
	return f.artifacts.all[key]
}

// clusterResult is what following one cluster comes to.
type clusterResult struct {
	entry          entry
	fact           fleet.Cluster
	kustomizations []fleet.Kustomization
	objects        []*fleet.Object
	reached        map[string]bool // the files that its Flux reads
	rendered       renderings
	clear          []clearValue // of all Secrets
}

// cluster is one Flux cluster being followed.
type cluster struct {
	*follower
	*clusterResult
	// own are the objects on the cluster's own API server, unredacted, by kind/namespace/name: what Flux itself reads.
	own map[string]map[string]any
	// atEntry are the sources as they lie in files at the entry point, by kind/namespace/name:
	// objects, nil where there is none.
	atEntry *sync.Map
	// ownOrigin is where they come from.
	ownOrigin map[string]fleet.Origin
	seen      map[string]bool // Flux Kustomizations, by ID
	// generators are the ArtifactGenerators on the cluster's own API server.
	generators []map[string]any
	// values are those of all objects so far; limited: some of the cluster is left out.
	values  int
	limited bool
	// items are the Kustomizations that were followed, by ID; order is the order in which they were.
	items map[string]*item
	order []string
	// producers are what makes further objects inside the cluster.
	producers []fleet.Incomplete
	// sets are the ResourceSets that wait to be rendered, providers those of their inputs; setsSeen are all that
	// have come, by namespace/name.
	sets      []*resourceSet
	providers []inputProvider
	setsSeen  map[string]bool
	work      *resourceset.Budget // for all of them
	// keys are the entries of the Secrets, as keySecrets has them.
	keys func() map[string][]keyEntry
	// facts are those of the Kustomizations, by ID, once all of the cluster is known.
	facts func() map[string]fleet.Kustomization
	// instead is the object that stands in the place of one of own; come tells that a Kustomization has come, or gone.
	instead map[string]map[string]any
	come    map[string]bool

	mu   sync.Mutex // guards what is rendered
	kept renderings
}

func newCluster(f *follower, e entry) *cluster {
	c := &cluster{follower: f, clusterResult: &clusterResult{entry: e,
		fact: fleet.Cluster{Name: e.cluster, Entry: e.dir, Declared: !e.flat, Origin: e.origin,
			Variables: map[string]string{}, Incomplete: []fleet.Incomplete{}},
		reached: map[string]bool{}, rendered: renderings{}},
		own: map[string]map[string]any{}, ownOrigin: map[string]fleet.Origin{}, seen: map[string]bool{},
		setsSeen: map[string]bool{}, work: resourceset.NewBudget(),
		atEntry: &sync.Map{}, items: map[string]*item{}, kept: f.previous.renderings(e.cluster),
	}
	c.keys = sync.OnceValue(c.keySecrets)
	c.facts = sync.OnceValue(func() map[string]fleet.Kustomization {
		all := make(map[string]fleet.Kustomization, len(c.kustomizations))
		for _, k := range c.kustomizations {
			all[k.ID] = k
		}
		return all
	})
	return c
}

// item is a Flux Kustomization that waits to be built.
type item struct {
	fact fleet.Kustomization
	// start is the fact before the path was looked for.
	start  fleet.Kustomization
	spec   kustomizev1.KustomizationSpec
	object map[string]any
	vars   *variables
	// redacted are the variables of spec.postBuild whose values are not shown, by name.
	redacted map[string]any
	// rendering is nil where the path cannot be read here.
	rendering *rendering
	// unpatched: a build above it was read without some of its patches, so what they would have put here is unknown.
	unpatched bool
	// noPath: the path cannot be decoded.
	noPath bool
	// whole: all of what brought it could be read, so that its spec is the one that Flux sees. literal:
	// nothing was substituted in it.
	whole, literal bool
}

// follow works through the Kustomizations in waves: those whose variables are known are built at once, all cores; what
// they apply may bring further Kustomizations, and the variables of others. When nothing else is left, those are built
// that wait for their source or for optional variables alone, and at last the rest, with its variables unknown.
// ResourceSets are rendered once their inputs are known, before Kustomizations that wait for something.
func (c *cluster) follow(ctx context.Context) error {
	defer c.withCache()()
	queue := []*item{c.rootItem(ctx)}
	for len(queue)+len(c.sets) > 0 {
		var by [someMissing + 1][]*item
		for _, it := range queue {
			var found sources
			it.vars, found = c.newVariables(it)
			it.vars.open = it.vars.open || it.unpatched // a patch may bring a further source
			if !c.knowsSource(it) {
				found = max(found, optionalMissing)
			}
			by[found] = append(by[found], it)
		}
		if len(by[allFound]) == 0 {
			if children, rendered := c.renderSets(len(queue) == 0); rendered {
				queue = append(queue, children...)
				continue
			}
		}
		var ready []*item
		queue = nil
		for _, items := range by {
			if ready == nil {
				ready = items
			} else {
				queue = append(queue, items...)
			}
		}
		if err := c.buildAll(ctx, ready); err != nil {
			return err
		}
		for _, it := range ready {
			queue = append(queue, c.bounded(it, c.integrate(it))...)
		}
	}
	return nil
}

// withCache takes up what an earlier run has kept of the cluster. What it returns keeps what has
// been rendered until then.
func (c *cluster) withCache() (keep func()) {
	if c.cache == nil {
		return func() {}
	}
	c.cache.Get("cluster "+c.entry.cluster, &c.kept)
	return func() { c.keepRenderings(c.cache) }
}

const (
	// maxKustomizations bounds those of one cluster. One whose name and variables hold a variable can
	// apply itself again and again.
	maxKustomizations = 5_000
	// maxChain bounds how many of them bring one another. Ten are a lot.
	maxChain = 100
	// maxValues bounds what the API servers of one cluster receive, in values and keys of all objects. It is 30 times
	// what the largest clusters of public repositories have.
	maxValues = 20_000_000
)

// bounded are the Kustomizations that a cluster has room for. What they all come to, and what is left
// out, is told where it begins.
func (c *cluster) bounded(it *item, children []*item) []*item {
	why := ""
	switch {
	case len(children) == 0:
		return nil
	case len(it.fact.Chain) >= maxChain:
		why = fmt.Sprintf("%q is the last of %d Kustomizations that apply one another, and no more are followed",
			it.fact.Name, maxChain)
	case len(c.seen) > maxKustomizations:
		why = fmt.Sprintf("the cluster %q has more than %d Kustomizations, and no more are followed", c.entry.cluster,
			maxKustomizations)
	case c.values > maxValues:
		why = fmt.Sprintf(
			"the objects of the cluster %q have more than %d values, and no more Kustomizations are followed",
			c.entry.cluster, maxValues)
	default:
		return children
	}
	k := c.kustomizationOf(it)
	k.Incomplete = append(k.Incomplete, fleet.Incomplete{Kind: fleet.UnknownBuild, Why: why, Origin: k.Origin})
	if !c.limited {
		c.limited = true
		k.Problems = append(k.Problems, fleet.BuildProblem{Kind: "limit", Message: why, Origin: k.Origin})
	}
	return nil
}

// buildAll builds and renders the Kustomizations whose path is there, all cores at once.
func (c *cluster) buildAll(ctx context.Context, items []*item) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.workers)
	for _, it := range items {
		it.fact.Incomplete = slices.Clip(it.fact.Incomplete)
		it.start = it.fact
		c.locate(it)
		if it.fact.PathState != fleet.Found {
			continue
		}
		a := c.artifactOf(it)
		g.Go(func() error {
			var err error
			it.rendering, err = c.renderInTime(ctx, it, a)
			return err
		})
	}
	return g.Wait()
}

// renderInTime is renderOnce, but for what is not done when ctx is: kustomize cannot be
// interrupted, and is left behind.
func (c *cluster) renderInTime(ctx context.Context, it *item, a *artifact) (*rendering, error) {
	type outcome struct {
		rendering *rendering
		panicked  any
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			done <- o
		}()
		o.rendering = c.renderOnce(it, a)
	}()
	select {
	case o := <-done:
		if o.panicked != nil {
			panic(o.panicked)
		}
		return o.rendering, ctx.Err()
	case <-ctx.Done():
		return nil, fmt.Errorf("build the Kustomization %s: %w", it.fact.ID, context.Cause(ctx))
	}
}

// rootItem is the Kustomization at the entry point. One that is in Git and applies itself is taken as it applies
// itself: flux bootstrap's own kustomization.yaml patches decryption into it that way.
func (c *cluster) rootItem(ctx context.Context) *item {
	if c.entry.root == nil {
		it := &item{fact: fleet.Kustomization{ID: c.entry.cluster + "//", Cluster: c.entry.cluster,
			Origin: c.entry.origin, Implicit: true,
			Path: c.entry.dir, APIServer: c.entry.cluster}, unpatched: true}
		it.spec.Path = c.entry.dir
		it.spec.SourceRef = kustomizev1.CrossNamespaceSourceReference{
			Kind: c.entry.source.kind, Namespace: c.entry.source.namespace, Name: c.entry.source.name}
		it.fact.Chain = []string{it.fact.ID}
		if len(c.entry.variables) > 0 {
			it.spec.PostBuild = &kustomizev1.PostBuild{Substitute: c.entry.variables}
		}
		if c.entry.told {
			c.seen[fleet.IDOf(c.entry.cluster, cmp.Or(c.entry.source.namespace, "flux-system"), c.entry.source.name)] =
				true
		}
		return it
	}
	it := c.newItem(c.entry.root, c.entry.origin, nil)
	for range 3 { // its own variables may refer to one another
		object := c.asAppliedByItself(ctx, it)
		if object == nil || reflect.DeepEqual(object, it.object) {
			break
		}
		it = c.newItem(object, c.entry.origin, nil)
	}
	c.seen[it.fact.ID] = true
	return it
}

// asAppliedByItself is the Kustomization at the entry point among the objects of its own path;
// nil where it is not there.
func (c *cluster) asAppliedByItself(ctx context.Context, it *item) map[string]any {
	probe := *it
	probe.fact.Path = c.entry.dir
	var found sources
	if probe.vars, found = c.newVariables(it); found != allFound {
		probe.vars = &variables{}
	}
	rendering, err := c.renderInTime(ctx, &probe, c.artifactOf(it))
	if err != nil {
		return nil // which the build itself says too
	}
	for _, r := range rendering.Objects {
		o := r.Object
		if isFluxKustomization(str(o.Content, "apiVersion"), o.Kind) && o.Name == it.fact.Name &&
			(o.Namespace == it.fact.Namespace || it.fact.Namespace == "") {
			return r.asApplied()
		}
	}
	return nil
}

// newItem reads a Flux Kustomization as its parent applies it.
func (c *cluster) newItem(object map[string]any, origin fleet.Origin, parent *item) *item {
	it := &item{object: object}
	meta, _ := object["metadata"].(map[string]any)
	spec, _ := object["spec"].(map[string]any)
	for _, field := range it.readSpec(spec) {
		it.unpatched = it.unpatched || !slices.Contains(timing, field)
		it.noPath = it.noPath || field == "path"
		at := origin
		at.Field = slices.Concat(at.Field, []any{"spec", field})
		it.fact.Incomplete = append(it.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownSpec, Why: fmt.Sprintf("spec.%s cannot be decoded", field), Origin: at})
	}
	it.fact.Cluster, it.fact.Namespace, it.fact.Name = c.entry.cluster, str(meta, "namespace"), str(meta, "name")
	it.fact.ID = fleet.IDOf(it.fact.Cluster, it.fact.Namespace, it.fact.Name)
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
		it.fact.APIServer = fleet.IDOf(c.entry.cluster, it.fact.Namespace, name)
	}
	if it.spec.Decryption != nil {
		it.fact.Decryption = it.spec.Decryption.Provider
	}
	if parent != nil {
		it.fact.Parent = parent.fact.ID
		it.fact.Chain = slices.Concat(parent.fact.Chain, []string{it.fact.ID})
		it.fact.Suspended = it.fact.Suspended || parent.fact.Suspended
		it.unpatched = it.unpatched || parent.unpatched && !parent.fact.Implicit || parent.rendering.Unpatched
		it.whole = !it.unpatched && parent.whole && parent.rendering.whole()
		it.literal = it.whole && !parent.fact.Substitutes
	} else {
		it.whole = !it.unpatched
		it.fact.Chain = []string{it.fact.ID}
	}
	it.fact.Applying = fleet.Applying{Known: !it.unpatched, Prune: it.spec.Prune, Suspend: it.spec.Suspend,
		Force:          it.spec.Force,
		DeletionPolicy: it.spec.DeletionPolicy}
	return it
}

// readSpec decodes a spec, and gives the fields that cannot be decoded, sorted: a variable stands where a number or a
// truth value belongs. Metadata are not decoded: a label that is no text keeps nobody from the rest.
func (it *item) readSpec(spec map[string]any) (broken []string) {
	decode := func(fields map[string]any) (spec kustomizev1.KustomizationSpec, err error) {
		return spec, k8sruntime.DefaultUnstructuredConverter.FromUnstructured(fields, &spec)
	}
	var err error
	if spec, it.redacted = withoutRedacted(spec); len(it.redacted) > 0 {
		defer func() { it.spec.PostBuild = cmp.Or(it.spec.PostBuild, &kustomizev1.PostBuild{}) }()
	}
	if it.spec, err = decode(spec); err == nil {
		return nil
	}
	rest := maps.Clone(spec)
	for _, field := range slices.Sorted(maps.Keys(spec)) {
		if _, err := decode(map[string]any{field: spec[field]}); err != nil {
			broken = append(broken, field)
			delete(rest, field)
		}
	}
	it.spec, _ = decode(rest)
	if ref, _ := spec["sourceRef"].(map[string]any); slices.Contains(broken, "sourceRef") {
		it.spec.SourceRef = kustomizev1.CrossNamespaceSourceReference{
			Kind: str(ref, "kind"), Namespace: str(ref, "namespace"), Name: str(ref, "name")}
	}
	return broken
}

// withoutRedacted takes the variables out of a spec whose values are not shown, as secret.Redact leaves them.
func withoutRedacted(spec map[string]any) (map[string]any, map[string]any) {
	postBuild, _ := spec["postBuild"].(map[string]any)
	substitute, _ := postBuild["substitute"].(map[string]any)
	redacted := map[string]any{}
	for name, value := range substitute {
		if fields, ok := value.(map[string]any); ok && fields["$class"] != nil {
			redacted[name] = value
		}
	}
	if len(redacted) == 0 {
		return spec, nil
	}
	spec, postBuild, substitute = maps.Clone(spec), maps.Clone(postBuild), maps.Clone(substitute)
	maps.DeleteFunc(substitute, func(name string, _ any) bool { return redacted[name] != nil })
	spec["postBuild"], postBuild["substitute"] = postBuild, substitute
	return spec, redacted
}

// timing are the fields of a spec that tell nothing of what is applied, or from where.
var timing = []string{"deletionPolicy", "force", "interval", "prune", "retryInterval", "serviceAccountName", "timeout",
	"wait"}

// newVariables reads the variables of a Kustomization. Where a source of them is not in Git, they are those that the
// configuration gives the cluster, and any others.
func (c *cluster) newVariables(it *item) (*variables, sources) {
	v, found := newVariables(it.spec.PostBuild, it.fact, c.findFrom)
	for name, value := range it.redacted {
		v.set(name, "", true)
		v.lines[name] = linesOfRedacted(value)
	}
	if found != allFound {
		for name, value := range c.entry.variables {
			if _, ok := v.values[name]; !ok && !v.hidden[name] {
				v.set(name, value, false)
			}
		}
	}
	return v, found
}

// find finds an object on the cluster's own API server.
func (c *cluster) find(kind, namespace, name string) map[string]any {
	key := kind + "/" + namespace + "/" + name
	if object, ok := c.instead[key]; ok {
		return object
	}
	return c.own[key]
}

// has tells whether the cluster has a Kustomization of an ID.
func (c *cluster) has(id string) bool {
	if here, ok := c.come[id]; ok {
		return here
	}
	return c.seen[id]
}

// findFrom is find, with where the object comes from.
func (c *cluster) findFrom(kind, namespace, name string) (map[string]any, fleet.Origin) {
	return c.find(kind, namespace, name), c.ownOrigin[kind+"/"+namespace+"/"+name]
}
