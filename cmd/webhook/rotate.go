package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientcache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// rotation makes certificates in a Secret, and serves the one that is there. Every replica does: whoever comes first
// writes, for the others the Secret has changed meanwhile. So there is no leader to wait for.
type rotation struct {
	log     *slog.Logger
	secret  types.NamespacedName
	client  kubernetes.Interface
	manager manager.Manager
	present atomic.Pointer[tls.Certificate]
	// dir is where the rotator looks whether the Secret has arrived.
	dir string
	// failed is why there is no certificate.
	failed *lastError
}

// rotated is a certificate that the replicas make and rotate together.
func (c *certificateFlags) rotated(kubeconfig string, log *slog.Logger) (*certificate, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig %s: %w", kubeconfig, err)
	}
	r := &rotation{log: log}
	r.secret.Namespace, r.secret.Name, _ = strings.Cut(c.secret, "/")
	if r.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("--kubeconfig %s: %w", kubeconfig, err)
	}
	r.manager, err = manager.New(config, manager.Options{
		Logger:  logr.FromSlogHandler(log.Handler()),
		Metrics: metricsserver.Options{BindAddress: "0"}, // the program serves them itself
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {
			Namespaces: map[string]cache.Config{r.secret.Namespace: {}},
			Field:      fields.OneTermEqualSelector("metadata.name", r.secret.Name),
		}}},
	})
	if err != nil {
		return nil, fmt.Errorf("rotate certificates: %w", err)
	}
	if r.dir, err = os.MkdirTemp("", "rollcall-webhook-"); err != nil {
		return nil, fmt.Errorf("rotate certificates: %w", err)
	}
	err = rotator.AddRotator(r.manager, &rotator.CertRotator{
		SecretKey:      r.secret,
		CertDir:        r.dir,
		CAName:         "rollcall-webhook-ca",
		CAOrganization: "rollcall",
		DNSName:        c.dnsNames[0],
		ExtraDNSNames:  c.dnsNames[1:],
		IsReady:        make(chan struct{}),
		Webhooks:       []rotator.WebhookInfo{{Name: c.configuration, Type: rotator.Validating}},
		FieldOwner:     "rollcall-webhook",
	})
	if err != nil {
		return nil, fmt.Errorf("rotate certificates: %w", err)
	}
	cert := &certificate{
		get:  func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return r.present.Load(), nil },
		keep: r.keep,
	}
	r.failed = &cert.failed
	return cert, nil
}

// keep makes and rotates the certificate until ctx is done.
func (r *rotation) keep(ctx context.Context) error {
	defer os.RemoveAll(r.dir)
	r.ensureSecret(ctx)
	informer, err := r.manager.GetCache().GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch Secret %s: %w", r.secret, err)
	}
	_, err = informer.AddEventHandler(clientcache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { r.take(ctx, object) },
		UpdateFunc: func(_, object any) { r.take(ctx, object) },
		DeleteFunc: func(any) { go r.ensureSecret(ctx) }, // whoever deletes it wants another one
	})
	if err != nil {
		return fmt.Errorf("watch Secret %s: %w", r.secret, err)
	}
	if err := r.manager.Start(ctx); err != nil {
		return fmt.Errorf("rotate certificates: %w", err)
	}
	return nil
}

// ensureSecret makes the Secret, which the rotator does not. It waits for an API server that is not there yet: that may
// be starting too, and meanwhile this program must be alive.
func (r *rotation) ensureSecret(ctx context.Context) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.secret.Namespace, Name: r.secret.Name}}
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		_, err := r.client.CoreV1().Secrets(r.secret.Namespace).Create(
			ctx, secret, metav1.CreateOptions{FieldManager: "rollcall-webhook"})
		if err == nil || apierrors.IsAlreadyExists(err) {
			return
		}
		if ctx.Err() == nil {
			r.failed.note(fmt.Errorf("make Secret %s: %w", r.secret, err))
			r.log.ErrorContext(ctx, "the Secret of the certificate cannot be made", "secret", r.secret.String(),
				"error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// take serves the certificate in the Secret from now on. One that is none leaves the last one serving.
func (r *rotation) take(ctx context.Context, object any) {
	secret, ok := object.(*corev1.Secret)
	if !ok || len(secret.Data[corev1.TLSCertKey]) == 0 {
		return // not made yet
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil { // the error may quote the Secret
		r.log.ErrorContext(ctx, "the Secret has no certificate with its key", "secret", r.secret.String())
		return
	}
	r.present.Store(&pair)
	// The rotator takes it that the Secret is mounted, and gives up where this file does not appear.
	err = os.WriteFile(filepath.Join(r.dir, corev1.TLSCertKey), secret.Data[corev1.TLSCertKey], 0o600)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.log.ErrorContext(ctx, "the certificate could not be written", "error", err)
	}
	r.log.InfoContext(ctx, "certificate taken from the Secret", "secret", r.secret.String(), "expires",
		pair.Leaf.NotAfter)
}
