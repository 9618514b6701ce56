// Package live watches API servers: the Clusters and policies that a Karmada API server holds, and the artifact of a
// Flux source. It tells what is there, and writes Events about what is wrong with it. Only what runs inside a cluster
// imports it: nothing that lints a tree does.
package live

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Watcher watches a Karmada API server. No admission webhook ever sees its Clusters: karmada-aggregated-apiserver
// serves them, and runs no admission.
//
// Source: karmada v1.18.2 cmd/aggregated-apiserver/app/options/options.go:56.
type Watcher struct {
	Client dynamic.Interface
	// Resources tells whether a resource that may not be listed is served at all; nil where nothing can tell.
	Resources discovery.ServerResourcesInterface
	// Pause is the least time between two calls of Changed: members report their status every ten seconds.
	Pause time.Duration
	// Changed is called with what is live: once all is known, and then whenever it differs from the last call.
	Changed func(fleet.Live)
	// Failed is called when a list or watch fails; it is tried again, and what was known stays. May be nil.
	Failed func(error)
	// Begun is called once, before the first call of Changed; may be nil. It is not called where nothing is
	// served, and neither is Changed.
	Begun func()
	// Absent is called where the API server serves no kind of Karmada's; may be nil.
	Absent func()
}

// Run watches until ctx is done, or until it has seen that there is nothing to watch. An error
// means that it could not begin.
func (w Watcher) Run(ctx context.Context) error {
	dirty := make(chan struct{}, 1)
	mark := func() {
		select {
		case dirty <- struct{}{}:
		default:
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var informers []cache.SharedIndexInformer
	for _, resource := range fleet.LiveResources() {
		gvr := schema.GroupVersionResource{Group: resource.Group, Version: resource.Version,
			Resource: resource.Resource}
		served, err := w.serves(ctx, gvr)
		if err != nil {
			return nil // ctx is done
		}
		if !served {
			continue
		}
		informer, err := w.informer(gvr, mark)
		if err != nil {
			return fmt.Errorf("watch %s: %w", gvr.Resource, err)
		}
		informers = append(informers, informer)
	}
	if len(informers) == 0 {
		if w.Absent != nil {
			w.Absent()
		}
		return nil
	}
	if w.Begun != nil {
		w.Begun()
	}
	synced := make([]cache.InformerSynced, len(informers))
	for i, informer := range informers {
		go informer.RunWithContext(ctx)
		synced[i] = informer.HasSynced
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil
	}
	w.follow(ctx, informers, dirty)
	return nil
}

// serves asks whether the API server has a resource at all: an older release of Karmada lacks some, and another
// API server all. While it does not answer, nobody can tell. Who may not list a resource is told so whether there
// is such a resource or not.
//
// Source: kubernetes/apiserver v0.36.0 pkg/server/config.go DefaultBuildHandlerChain: authorization
// comes before the handlers.
func (w Watcher) serves(ctx context.Context, gvr schema.GroupVersionResource) (bool, error) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		_, err := w.Client.Resource(gvr).List(ctx, metav1.ListOptions{Limit: 1})
		if err == nil || apierrors.IsNotFound(err) {
			return err == nil, nil
		}
		if apierrors.IsForbidden(err) && w.unknown(gvr) {
			return false, nil
		}
		w.fail(fmt.Errorf("list %s: %w", gvr.Resource, err))
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// unknown tells whether the API server says that it has no such resource. Every account may ask that.
func (w Watcher) unknown(gvr schema.GroupVersionResource) bool {
	if w.Resources == nil {
		return false
	}
	list, err := w.Resources.ServerResourcesForGroupVersion(gvr.GroupVersion().String())
	if err != nil {
		return apierrors.IsNotFound(err)
	}
	return !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == gvr.Resource })
}

// informer keeps the objects of one resource, reduced to what Live keeps of them, and marks when that changes.
func (w Watcher) informer(gvr schema.GroupVersionResource, mark func()) (cache.SharedIndexInformer, error) {
	informer := dynamicinformer.NewFilteredDynamicInformer(w.Client, gvr, metav1.NamespaceAll, 0, nil, nil).Informer()
	err := informer.SetTransform(reduced)
	if err == nil {
		err = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			w.fail(fmt.Errorf("watch %s: %w", gvr.Resource, err))
		})
	}
	if err == nil {
		_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { mark() },
			DeleteFunc: func(any) { mark() },
			UpdateFunc: func(before, after any) {
				if !reflect.DeepEqual(contentOf(before), contentOf(after)) {
					mark()
				}
			},
		})
	}
	return informer, err
}

func (w Watcher) fail(err error) {
	if w.Failed != nil {
		w.Failed(err)
	}
}

// follow hands over what is live now, and then each time that it has changed.
func (w Watcher) follow(ctx context.Context, informers []cache.SharedIndexInformer, dirty <-chan struct{}) {
	var last *fleet.Live
	for {
		live := read(informers)
		if last == nil || !reflect.DeepEqual(*last, live) {
			w.Changed(live)
			last = &live
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.Pause):
		}
		select {
		case <-ctx.Done():
			return
		case <-dirty:
		}
	}
}

// read is what the informers hold, in a fixed order.
func read(informers []cache.SharedIndexInformer) fleet.Live {
	live := fleet.Live{Objects: []fleet.Object{}}
	for _, informer := range informers {
		for _, item := range informer.GetStore().List() {
			if object, ok := fleet.LiveObject(contentOf(item)); ok {
				live.Objects = append(live.Objects, object)
			}
		}
	}
	slices.SortFunc(live.Objects, func(a, b fleet.Object) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return live
}

// reduced is what an informer keeps of an object: what Live does, and what the informer itself needs.
func reduced(item any) (any, error) {
	whole, ok := item.(*unstructured.Unstructured)
	if !ok {
		return item, nil
	}
	object, ok := fleet.LiveObject(whole.Object)
	if !ok {
		return item, nil
	}
	kept := &unstructured.Unstructured{Object: object.Content}
	kept.SetResourceVersion(whole.GetResourceVersion())
	return kept, nil
}

// contentOf is an object without its version: that changes when nothing else does.
func contentOf(item any) map[string]any {
	u, ok := item.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	object, _ := fleet.LiveObject(u.Object)
	return object.Content
}
