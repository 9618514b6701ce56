package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/verify"
	"github.com/rollcall-dev/rollcall/rules"
)

// court judges by the rules, the configuration and the fleet of one revision. The next revision takes the place of all three
// at once, since a repository brings its configuration and rules along.
type court struct {
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time

	sitting  sync.Mutex // one load at a time; it guards case and live
	docket   *docket
	live     *fleet.Live
	reviewer atomic.Pointer[admission.Reviewer]

	// compared is told how what is live differs from Git, whenever either changes; nil for nobody.
	compared func([]fleet.Finding)

	said atomic.Pointer[string] // the last failure that was logged, nil once all is well
}

// docket is what a revision is judged by again when what is live, or the day, has changed.
type docket struct {
	content
	engine *rules.Engine
	tree   *fleet.Tree
}

// content is a repository's content to judge by: the folder or the artifact that it is in.
type content struct {
	checkout.Checkout
	// Revision is Flux's, "main@sha1:…", and empty for a folder; Digest is that of the content.
	Revision, Digest string
}

// serve judges by the content from now on. An error is reported, and leaves the last one serving.
func (c *court) serve(ctx context.Context, from content) error {
	err := c.load(ctx, from)
	if err != nil {
		c.failed(ctx, err)
	}
	return err
}

// load is serve, for a caller that reports the error.
func (c *court) load(ctx context.Context, from content) error {
	c.sitting.Lock()
	defer c.sitting.Unlock()
	start := c.now()
	unbindMemory()
	defer bindMemory()
	next, err := read(ctx, from)
	if err != nil {
		return err
	}
	return c.sit(ctx, next, start)
}

// know judges from now on by what is live too.
func (c *court) know(ctx context.Context, live fleet.Live) {
	c.sitting.Lock()
	defer c.sitting.Unlock()
	c.live = &live
	c.again(ctx)
}

// observe has compared called from now on.
func (c *court) observe(compared func([]fleet.Finding)) {
	c.sitting.Lock()
	defer c.sitting.Unlock()
	c.compared = compared
}

// turn judges by the same content again once the day has changed: certificates expire.
func (c *court) turn(ctx context.Context) {
	c.sitting.Lock()
	defer c.sitting.Unlock()
	if c.docket != nil && c.docket.Date != c.now().UTC().Format(time.DateOnly) {
		c.again(ctx)
	}
}

func (c *court) again(ctx context.Context) {
	if c.docket == nil {
		return
	}
	if err := c.sit(ctx, c.docket, c.now()); err != nil {
		c.failed(ctx, err)
	}
}

// sit judges by the content and what is live from now on. What has been judged already, as where something live has changed that
// Git decides on, is not judged again.
func (c *court) sit(ctx context.Context, next *docket, start time.Time) error {
	next.Date = start.UTC().Format(time.DateOnly)
	var differences []fleet.Finding
	if next.Live = nil; c.live != nil {
		differences = verify.Compare(next.Build(next.tree), *c.live).Findings()
	}
	next.Live = c.live
	f := next.Build(next.tree)
	if next != c.docket || !reflect.DeepEqual(f, c.Current().Fleet) {
		if err := c.judge(ctx, next, f, start); err != nil {
			return err
		}
	}
	c.said.Store(nil)
	if c.live != nil {
		c.metrics.differ(differences)
		if c.compared != nil {
			c.compared(differences)
		}
	}
	return nil
}

// judge judges a fleet once, and judges by it from then on.
func (c *court) judge(ctx context.Context, next *docket, f *fleet.Fleet, start time.Time) error {
	reviewer, err := admission.NewReviewer(next.engine, next.Config)
	if err != nil {
		return err
	}
	err = reviewer.Serve(ctx, &admission.Snapshot{Fleet: f, Revision: next.Revision, Digest: next.Digest, Loaded: c.now()})
	if err != nil {
		return err
	}
	c.docket = next
	c.reviewer.Store(reviewer)
	took := c.now().Sub(start)
	c.metrics.loaded(took)
	c.log.InfoContext(ctx, "fleet loaded", "revision", next.Revision, "digest", next.Digest, "clusters", len(f.Clusters),
		"members", len(f.Members), "files", len(f.Files), "live", c.live != nil, "duration", took)
	return nil
}

// failed reports that no content could be had, or none to judge by. It is counted each time, and logged when it is news:
// another failure than the last.
func (c *court) failed(ctx context.Context, err error) (news bool) {
	if ctx.Err() != nil {
		return false
	}
	c.metrics.loads.WithLabelValues("failure").Inc()
	text := err.Error()
	last := c.said.Swap(&text)
	if news = last == nil || *last != text; news {
		c.log.ErrorContext(ctx, "the fleet could not be loaded", "error", text, "serving", c.Current() != nil)
	}
	return news
}

// read reads a revision: its configuration, its rules and its tree.
func read(ctx context.Context, from content) (*docket, error) {
	if err := from.Configure(from.FS, config.Name); err != nil {
		return nil, err
	}
	next := &docket{content: from}
	g, both := errgroup.WithContext(ctx)
	g.Go(func() error {
		dirs, err := from.RuleDirs()
		if err != nil {
			return err
		}
		next.engine, err = from.Rules(both, dirs)
		return err
	})
	g.Go(func() (err error) {
		if next.tree, err = from.Read(both, from.FS); err == nil {
			next.tree.Share()
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(next.tree.Files) == 0 { // everything would be unknown, and so allowed
		return nil, fmt.Errorf("%s: there is no fleet: it has no YAML file", from.Name)
	}
	return next, nil
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
