package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"

	"github.com/rollcall-dev/rollcall/internal/artifact"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/live"
	"github.com/rollcall-dev/rollcall/internal/secret"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

const (
	program = "rollcall-webhook"
	// retrySource is the first pause after an artifact that could not be loaded.
	retrySource = 5 * time.Second
	// livePause is the least time between two judgements of what is live.
	livePause = 10 * time.Second
	// leaseNamespace is where Karmada keeps its own leases.
	leaseNamespace = "karmada-system"
)

// follow has the store serve the artifact of a Flux source in the cluster that the webhook runs in.
func (a *app) follow(ctx context.Context, store *serving.Store) error {
	source, err := live.ParseSource(a.source)
	if err != nil {
		return fmt.Errorf("--source %s: %w", a.source, err)
	}
	host, err := a.host()
	if err != nil {
		return fmt.Errorf("--source %s: %w", a.source, err)
	}
	client, err := dynamic.NewForConfig(host)
	if err != nil {
		return fmt.Errorf("--source %s: %w", a.source, err)
	}
	typed, err := kubernetes.NewForConfig(host)
	if err != nil {
		return fmt.Errorf("--source %s: %w", a.source, err)
	}
	recorder, stop := recorder(ctx, typed)
	defer stop()
	web := artifact.NewClient()
	follower := live.Follower{Client: client, Source: source, Retry: retrySource,
		Load: func(ctx context.Context, a meta.Artifact) error {
			err := store.Load(ctx, func(ctx context.Context) (serving.Content, error) {
				fsys, err := artifact.Fetch(ctx, web, a, artifact.DefaultLimits())
				return serving.Content{Revision: a.Revision, Digest: a.Digest,
					Checkout: checkout.Checkout{FS: fsys, Name: source.String(),
						ConfigName: source.String() + "/" + config.Name}}, err
			})
			if err != nil {
				store.Refuse(a.Revision)
			}
			return err
		},
		Seen: func(a meta.Artifact) {
			store.Expect(a.Revision)
			store.Recovered(ctx, serving.SourceFailure)
			store.Recovered(ctx, serving.WatchFailure)
		},
		// Each replica speaks for itself: one may fail where another does not.
		Failed: func(uid types.UID, err error) {
			kind := serving.SourceFailure
			switch {
			case errors.Is(err, live.ErrLoad):
				kind = serving.LoadFailure
			case errors.Is(err, live.ErrWatch):
				kind = serving.WatchFailure
			}
			if why := store.Failed(ctx, kind, err); why != "" {
				live.NotLoaded(recorder, source, uid, why)
			}
		},
	}
	return follower.Run(ctx)
}

// host is how to reach the cluster that the webhook runs in.
func (a *app) host() (*rest.Config, error) {
	if a.sourceKubeconfig != "" {
		return clientcmd.BuildConfigFromFlags("", a.sourceKubeconfig)
	}
	return rest.InClusterConfig()
}

// watch has the store serve what a Karmada API server has, and tells in Events there how its members differ from Git.
// Of several replicas one does: the one that holds the lease.
func (a *app) watch(ctx context.Context, log *slog.Logger, store *serving.Store, known *atomic.Bool,
	failed *lastError) error {
	karmada, err := clientcmd.BuildConfigFromFlags("", a.kubeconfig)
	if err != nil {
		return fmt.Errorf("--kubeconfig %s: %w", a.kubeconfig, err)
	}
	client, err := dynamic.NewForConfig(karmada)
	if err != nil {
		return fmt.Errorf("--kubeconfig %s: %w", a.kubeconfig, err)
	}
	typed, err := kubernetes.NewForConfig(karmada)
	if err != nil {
		return fmt.Errorf("--kubeconfig %s: %w", a.kubeconfig, err)
	}
	stop := func() {}
	defer func() { stop() }()
	return live.Watcher{Client: client, Resources: typed.Discovery(), Pause: livePause,
		Begun: func() { stop = a.report(ctx, log, typed, store) },
		Absent: func() {
			log.InfoContext(ctx, "the API server of --kubeconfig is not Karmada's, so nothing live is watched")
			known.Store(true)
		},
		Changed: func(l fleet.Live) {
			l.APIServer = a.apiServer
			store.SetLive(ctx, l)
			known.Store(true)
		},
		Failed: func(err error) {
			failed.note(err)
			log.WarnContext(ctx, "what is live in Karmada cannot be watched", "error", secret.Message(err.Error()))
		},
	}.Run(ctx)
}

// report writes Events while this replica leads. It must be called before the store knows of anything live.
func (a *app) report(ctx context.Context, log *slog.Logger, client kubernetes.Interface,
	store *serving.Store) (stop func()) {
	recorder, stop := recorder(ctx, client)
	events := &live.Events{Again: serving.SayAgain, Now: time.Now, Recorder: recorder}
	findings := make(chan []fleet.Finding, 1)
	store.OnDrift(func(found []fleet.Finding) {
		select { // the newest replaces one that nobody has taken
		case <-findings:
		default:
		}
		findings <- found
	})
	tell := func(ctx context.Context) {
		again := time.NewTicker(serving.SayAgain)
		defer again.Stop()
		var last []fleet.Finding
		for {
			select {
			case <-ctx.Done():
				return
			case last = <-findings:
			case <-again.C:
			}
			events.Report(last)
		}
	}
	go leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: program, Namespace: leaseNamespace},
			Client: client.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{
				Identity: hostname() + "_" + string(uuid.NewUUID())}},
		LeaseDuration: 30 * time.Second, RenewDeadline: 20 * time.Second, RetryPeriod: 5 * time.Second,
		ReleaseOnCancel: true,
		Name:            program,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: tell,
			OnStoppedLeading: func() { log.InfoContext(ctx, "no longer the replica that writes Events") },
		},
	})
	return stop
}

// recorder writes Events to an API server until it is stopped.
func recorder(ctx context.Context, client kubernetes.Interface) (record.EventRecorder, func()) {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: program, Host: hostname()}),
		broadcaster.Shutdown
}

// hostname is the pod's name.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return program
	}
	return name
}
