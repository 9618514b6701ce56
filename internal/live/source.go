package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// Source is a Flux source whose artifact is the fleet.
type Source struct{ Kind, Namespace, Name string }

// sourceResources are the resources of the kinds that ParseSource takes.
var sourceResources = map[string]string{
	"GitRepository":    "gitrepositories",
	"OCIRepository":    "ocirepositories",
	"Bucket":           "buckets",
	"ExternalArtifact": "externalartifacts",
}

// ParseSource reads KIND/NAMESPACE/NAME, the kind in any case: gitrepository/flux-system/flux-system.
func ParseSource(text string) (Source, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return Source{}, fmt.Errorf("%q is not of the form KIND/NAMESPACE/NAME", text)
	}
	kinds := slices.Collect(maps.Keys(sourceResources))
	kind := slices.IndexFunc(kinds, func(kind string) bool { return strings.EqualFold(kind, parts[0]) })
	if kind < 0 {
		return Source{}, fmt.Errorf("%q: the kind is none of gitrepository, ocirepository, bucket, externalartifact",
			text)
	}
	for _, name := range parts[1:] {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return Source{}, fmt.Errorf("%q: %q is no name of an object", text, name)
		}
	}
	return Source{kinds[kind], parts[1], parts[2]}, nil
}

// String is KIND/NAMESPACE/NAME: GitRepository/flux-system/flux-system.
func (s Source) String() string { return s.Kind + "/" + s.Namespace + "/" + s.Name }

// Source: fluxcd/source-controller v1.9.1 api/v1; all four kinds are of this version.
var sourceVersion = schema.GroupVersion{Group: "source.toolkit.fluxcd.io", Version: "v1"}

// Follower keeps a fleet at the artifact of a Flux source.
type Follower struct {
	Client dynamic.Interface
	Source Source
	// Load reads an artifact and puts it to use. While it fails, it is called again with the same one, each time after
	// twice the Retry before, a hundred at most, until there is a newer one. Whatever was in use stays.
	Load func(context.Context, meta.Artifact) error
	// Retry is the first pause after a failure.
	Retry time.Duration
	// Seen is called each time that the source is seen to have an artifact, before that is loaded; may be nil.
	Seen func(meta.Artifact)
	// Failed is called with each failure: of Load, which is an ErrLoad, of watching, an ErrWatch, and where the source
	// has no artifact; and with the UID of the source, empty where that is not known.
	Failed func(types.UID, error)
}

// Patience is how long a load may take before a newer revision ends it.
const Patience = 10 * time.Second

var (
	// ErrLoad is what Load failed with.
	ErrLoad = errors.New("load")
	// ErrWatch is that the source cannot be watched.
	ErrWatch = errors.New("watch")
	// ErrSuperseded is why a load was ended for a newer revision.
	ErrSuperseded = errors.New("it took long, and there is a newer one")
)

// Run follows the source until ctx is done. An error means that it could not begin.
//
// Source: fluxcd/pkg apis/meta Artifact; fluxcd/source-controller v1.9.1 docs/spec/v1/gitrepositories.md.
func (f Follower) Run(ctx context.Context) error {
	gvr := sourceVersion.WithResource(sourceResources[f.Source.Kind])
	informer := dynamicinformer.NewFilteredDynamicInformer(
		f.Client, gvr, f.Source.Namespace, 0, nil, func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, f.Source.Name).String()
		}).Informer()
	newest := &newest{changed: make(chan struct{}, 1)}
	take := func(item any) {
		artifact, err := artifactOf(item)
		newest.is(item)
		if err != nil {
			f.fail(newest, err)
			return
		}
		if f.Seen != nil {
			f.Seen(artifact)
		}
		newest.set(artifact)
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    take,
		UpdateFunc: func(_, after any) { take(after) },
		DeleteFunc: func(any) { f.fail(newest, errors.New("it is gone")) },
	})
	if err == nil {
		err = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			f.fail(newest, fmt.Errorf("%w: %w", ErrWatch, err))
		})
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", f.Source, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go informer.RunWithContext(ctx)
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) && len(informer.GetStore().List()) == 0 {
			f.fail(newest, errors.New("there is none of this name"))
		}
	}()
	f.load(ctx, newest)
	return nil
}

// load loads each artifact that is the newest when its turn comes.
func (f Follower) load(ctx context.Context, newest *newest) {
	var done meta.Artifact
	var again <-chan time.Time
	wait := f.Retry
	for {
		select {
		case <-ctx.Done():
			return
		case <-newest.changed:
			wait = f.Retry
		case <-again:
		}
		artifact := newest.get()
		if again = nil; artifact.Digest == done.Digest && artifact.Revision == done.Revision {
			continue
		}
		if err := f.loadOne(ctx, newest, artifact); err != nil {
			f.fail(newest, fmt.Errorf("%w %s: %w", ErrLoad, artifact.Revision, err))
			done, again = meta.Artifact{}, time.After(wait)
			wait = min(2*wait, 100*f.Retry)
			continue
		}
		done = artifact
	}
}

// loadOne loads one artifact. A load that has taken long is ended once there is a newer one, so that
// it does not hold that up.
func (f Follower) loadOne(ctx context.Context, newest *newest, artifact meta.Artifact) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- f.Load(ctx, artifact) }()
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	var changed <-chan struct{} // not looked at while the load may be about to end
	for {
		select {
		case err := <-done:
			return err
		case <-patience.C:
			changed = newest.changed
		case <-changed:
			newest.mark()
			changed = nil
			cancel(ErrSuperseded)
		}
	}
}

func (f Follower) fail(newest *newest, err error) {
	f.Failed(newest.source(), fmt.Errorf("%s: %w", f.Source, err))
}

// newest is the last artifact that was seen.
type newest struct {
	mu       sync.Mutex
	uid      types.UID
	artifact meta.Artifact
	changed  chan struct{}
}

func (n *newest) set(a meta.Artifact) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.artifact.Digest == a.Digest && n.artifact.Revision == a.Revision && n.artifact.URL == a.URL {
		return // the source was reconciled, and nothing has changed
	}
	n.artifact = a
	n.mark()
}

// mark has the newest looked at.
func (n *newest) mark() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// is notes which source has the artifact.
func (n *newest) is(item any) {
	if source, ok := item.(*unstructured.Unstructured); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.uid = source.GetUID()
	}
}

func (n *newest) source() types.UID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.uid
}

func (n *newest) get() meta.Artifact {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.artifact
}

// artifactOf is what a source's status says of its artifact.
func artifactOf(item any) (a meta.Artifact, err error) {
	source, ok := item.(*unstructured.Unstructured)
	if !ok {
		return a, fmt.Errorf("a %T is no source", item)
	}
	fields, found, err := unstructured.NestedMap(source.Object, "status", "artifact")
	if err != nil {
		return a, errors.New("its status.artifact cannot be read")
	}
	if !found {
		return a, errors.New("it has no artifact yet" + notReady(source))
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &a); err != nil {
		return a, errors.New("its status.artifact cannot be read")
	}
	return a, nil
}

// notReady gives the reason of a source that is not ready. Its message may quote a server's answer, and is left out.
func notReady(source *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(source.Object, "status", "conditions")
	at := slices.IndexFunc(conditions, func(c any) bool {
		fields, _ := c.(map[string]any)
		return fields["type"] == "Ready" && fields["status"] == "False"
	})
	if at < 0 {
		return ""
	}
	return fmt.Sprintf(": %v", conditions[at].(map[string]any)["reason"])
}
