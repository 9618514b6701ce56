package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/rollcall-dev/rollcall/internal/serving"
)

const (
	// maxConnections bounds connections, of some 40 KiB each. An API server keeps 25 and opens
	// more while it needs them.
	maxConnections = 1000
	// drainTimeout is how long what is being judged at the end may take; longer than any API server waits.
	drainTimeout = maxTimeout + 5*time.Second
)

// serve answers reviews until ctx is done and all of them are answered.
func (a *app) serve(ctx context.Context, log *slog.Logger) error {
	cert, err := a.certificate(log)
	if err != nil {
		return err
	}
	m := newMetrics()
	store := serving.NewStore(log, m, a.apiServer, a.loadTimeout)
	m.registry.MustRegister(newFleetMetrics(store.Current, store.Failure), cert.expiry())
	draining, known, watching := &atomic.Bool{}, &atomic.Bool{}, &lastError{}
	ready := []check{
		fleetLoaded(store.Current, store.Failure),
		holds("certificate", cert.has, "there is no certificate yet", &cert.failed),
		serverKnown(store.Current, a.apiServer),
		holds("live", func() bool {
			return a.kubeconfig == "" || known.Load()
		}, "what is live in Karmada is not known yet", watching),
		holds("shutdown", func() bool { return !draining.Load() }, "shutting down"),
	}
	// What is being judged when ctx ends is judged to its end.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	reviews, err := a.reviewServer(work, log, store, cert, m, draining)
	if err != nil {
		return err
	}
	defer reviews.Close()
	status, err := a.statusServer(statusHandler(store.Current, store.Failure, time.Now, m, ready), log)
	if err != nil {
		return err
	}
	defer status.Close()

	g, failed := errgroup.WithContext(work)
	g.Go(reviews.serve)
	g.Go(status.serve)
	g.Go(func() error { return cert.keep(failed) })
	g.Go(func() error { return a.load(failed, store) })
	if a.kubeconfig != "" {
		g.Go(func() error { return a.watch(failed, log, store, known, watching) })
	}
	log.InfoContext(ctx, "serving", "reviews", reviews.address(), "status", status.address())
	g.Go(func() error {
		defer stop()
		select {
		case <-failed.Done(): // something else has ended
		case <-ctx.Done():
			draining.Store(true)
			log.InfoContext(work, "shutting down", "delay", a.shutdown.String())
			select { // until endpoints know, and clients have opened their connections elsewhere
			case <-failed.Done():
			case <-time.After(a.shutdown):
			}
		}
		drained, cancel := context.WithTimeout(work, drainTimeout)
		defer cancel()
		return errors.Join(reviews.Shutdown(drained), status.Shutdown(drained))
	})
	return g.Wait()
}

// load has the store serve the fleet, wherever it is, until ctx is done.
func (a *app) load(ctx context.Context, store *serving.Store) error {
	if a.source == "" {
		watched := &folder{dir: a.fleet, every: a.interval, now: time.Now, store: store}
		return watched.Start(ctx)
	}
	go func() {
		hourly := time.NewTicker(time.Hour)
		defer hourly.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hourly.C:
				store.RefreshDate(ctx)
			}
		}
	}()
	return a.follow(ctx, store)
}

// server is an HTTP server with its listener, which is open from the start; without a listener it serves nothing.
type server struct {
	http.Server
	listener net.Listener
}

func (s *server) address() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

func (s *server) serve() error {
	if s.listener == nil {
		return nil
	}
	err := s.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// reviewServer serves reviews over TLS 1.3 and HTTP/1.1. API servers use no other version for webhooks:
// https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/util/webhook/client.go, "NextProtos".
func (a *app) reviewServer(ctx context.Context, log *slog.Logger, r reviewer, cert *certificate, m *metrics,
	draining *atomic.Bool) (*server, error) {
	h := newHandler(log, m, r, a.apiServer, a.limits, draining)
	routes := http.NewServeMux()
	// What is registered there is counted under controller-runtime's own names.
	counted := webhook.NewServer(webhook.Options{WebhookMux: routes})
	counted.Register(root, h)
	counted.Register(root+"/", h)

	listener, err := net.Listen("tcp", a.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", a.listen, err)
	}
	config := &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: cert.get,
	}
	if err := a.clients.require(config, log); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &server{listener: tls.NewListener(bounded(listener, maxConnections), config)}
	s.Handler = routes
	a.bound(ctx, &s.Server, log)
	return s, nil
}

func (a *app) statusServer(h http.Handler, log *slog.Logger) (*server, error) {
	s := &server{}
	if a.status == "" {
		return s, nil
	}
	listener, err := net.Listen("tcp", a.status)
	if err != nil {
		return nil, fmt.Errorf("--status-listen %s: %w", a.status, err)
	}
	s.listener, s.Handler = bounded(listener, maxConnections), short(h)
	a.bound(context.Background(), &s.Server, log)
	return s, nil
}

// bound bounds what a client can take.
func (a *app) bound(ctx context.Context, s *http.Server, log *slog.Logger) {
	s.ReadHeaderTimeout = min(5*time.Second, a.limits.readTimeout)
	s.ReadTimeout = a.limits.readTimeout
	s.WriteTimeout = a.limits.readTimeout + drainTimeout
	// Longer than an API server keeps a connection that it does not use, 90 s, so that it is the one to close it: where
	// the server does, a review that is sent at that moment is lost.
	s.IdleTimeout = 2 * time.Minute
	s.MaxHeaderBytes = 32 << 10
	s.ConnContext = withConnection
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug) // what scanners do to a TLS port
}
