package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/rules"
)

// court judges by the rules, the configuration and the fleet of one revision. The next revision takes the place of all three
// at once, since a repository brings its configuration and rules along.
type court struct {
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time

	sitting  sync.Mutex // one load at a time
	reviewer atomic.Pointer[admission.Reviewer]

	said atomic.Pointer[string] // the last failure that was logged, nil once all is well
}

// content is a repository's content to judge by: the folder or the artifact that it is in.
type content struct {
	checkout.Checkout
	// Revision is Flux's, "main@sha1:…", and empty for a folder; Digest is that of the content.
	Revision, Digest string
}

// serve judges by the content from now on. An error is reported, and leaves the last one serving.
func (c *court) serve(ctx context.Context, from content) error {
	c.sitting.Lock()
	defer c.sitting.Unlock()
	start := c.now()
	from.Date = start.UTC().Format(time.DateOnly)
	reviewer, err := c.prepare(ctx, from)
	if err != nil {
		c.failed(ctx, err)
		return err
	}
	c.reviewer.Store(reviewer)
	c.said.Store(nil)
	took := c.now().Sub(start)
	c.metrics.loaded(took)
	f := reviewer.Current().Fleet
	c.log.InfoContext(ctx, "fleet loaded", "revision", from.Revision, "digest", from.Digest, "clusters", len(f.Clusters),
		"members", len(f.Members), "files", len(f.Files), "duration", took)
	return nil
}

// failed reports that no content could be had, or none to judge by. It is counted each time, and logged when it is another
// failure than the last.
func (c *court) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	c.metrics.loads.WithLabelValues("failure").Inc()
	text := err.Error()
	if last := c.said.Swap(&text); last == nil || *last != text {
		c.log.ErrorContext(ctx, "the fleet could not be loaded", "error", text, "serving", c.Current() != nil)
	}
}

func (c *court) prepare(ctx context.Context, from content) (*admission.Reviewer, error) {
	if err := from.Configure(from.FS, config.Name); err != nil {
		return nil, err
	}
	var engine *rules.Engine
	var f *fleet.Fleet
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error {
		dirs, err := from.RuleDirs()
		if err != nil {
			return err
		}
		engine, err = from.Rules(both, dirs)
		return err
	})
	g.Go(func() (err error) {
		f, err = from.Fleet(both)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(f.Files) == 0 { // everything would be unknown, and so allowed
		return nil, fmt.Errorf("%s: there is no fleet: it has no YAML file", from.Name)
	}
	reviewer, err := admission.NewReviewer(engine, from.Config)
	if err != nil {
		return nil, err
	}
	return reviewer, reviewer.Serve(ctx, &admission.Snapshot{Fleet: f, Revision: from.Revision, Digest: from.Digest, Loaded: c.now()})
}

// Current is what is judged by, nil before the first load.
func (c *court) Current() *admission.Snapshot {
	if r := c.reviewer.Load(); r != nil {
		return r.Current()
	}
	return nil
}

// Review judges one request, as admission.Reviewer does.
func (c *court) Review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*admission.Verdict, error) {
	r := c.reviewer.Load()
	if r == nil {
		return nil, errors.New("no fleet is loaded yet")
	}
	return r.Review(ctx, apiServer, req)
}

// knows is true for the ID of an API server of the fleet.
func (c *court) knows(apiServer string) bool {
	s := c.Current()
	if s == nil {
		return false
	}
	_, known := s.Fleet.APIServers[apiServer]
	return known
}
