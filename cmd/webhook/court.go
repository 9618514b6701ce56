package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
	"github.com/rollcall-dev/rollcall/internal/verify"
)

// court judges by the rules, the configuration and the fleet of one revision. The next revision takes the place of all three
// at once, since a repository brings its configuration and rules along.
type court struct {
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	// apiServer is the ID of the API server that asks, where a flag says so.
	apiServer string
	// asked are the API servers that have asked.
	asked asked
	loads *loads
	// newest is the revision that the source is known to have and that has not been refused; nil for none.
	newest atomic.Pointer[string]
	// refused is the last revision that did not load.
	refused atomic.Pointer[string]

	mu       sync.Mutex // guards docket, live and compared
	docket   *docket
	live     *fleet.Live
	reviewer atomic.Pointer[admission.Reviewer]

	// compared is told how what is live differs from Git, whenever either changes; nil for nobody.
	compared func([]fleet.Finding)

	failures [failureKinds]atomic.Pointer[failure]
}

// failureKind is what has failed. The failures of one kind are over when the next of that kind has none.
type failureKind int

const (
	loadFailure   failureKind = iota // the newest content does not serve
	againFailure                     // what serves could not be judged by what is live, or today
	sourceFailure                    // there is no content
	watchFailure                     // the newest content is not known
	failureKinds
)

// watchRetried is how long ago a watch may have failed that has not succeeded since: it is tried again within a minute, and nothing
// tells that it succeeds.
//
// Source: kubernetes/client-go v0.36.0 tools/cache/reflector.go, NewReflectorWithOptions (backoffManager).
const watchRetried = 2 * time.Minute

// newCourt has no fleet yet. A load may take so long.
func newCourt(log *slog.Logger, m *metrics, apiServer string, limit time.Duration) *court {
	return &court{log: log, metrics: m, now: time.Now, apiServer: apiServer, loads: newLoads(limit)}
}

// failure says why the newest content does not serve.
type failure struct {
	// Why is what the log says too.
	Why string `json:"why"`
	// Since is when that was first so; last is when it was so again, and told when it was logged.
	Since      time.Time `json:"since"`
	last, told time.Time
}

// docket is what a revision is judged by again when what is live, or the day, has changed.
type docket struct {
	content
	engine *engine.Engine
	tree   *fleet.Tree
}

// content is a repository's content to judge by: the folder or the artifact that it is in.
type content struct {
	checkout.Checkout
	// Revision is Flux's, "main@sha1:…", and empty for a folder; Digest is that of the content.
	Revision, Digest string
}

// serve judges by the content from now on. An error is reported, and leaves the last one serving.
func (c *court) serve(ctx context.Context, open func(context.Context) (content, error)) error {
	err := c.load(ctx, open)
	if err != nil {
		c.failed(ctx, loadFailure, err)
	}
	return err
}

// load is serve, for a caller that reports the error.
func (c *court) load(ctx context.Context, open func(context.Context) (content, error)) error {
	unbindMemory()
	defer bindMemory()
	start := c.now()
	err := c.loads.run(ctx, func(ctx context.Context) error {
		from, err := open(ctx)
		if err != nil {
			return err
		}
		next, err := read(ctx, from)
		if err != nil {
			return err
		}
		if err := c.prove(next); err != nil {
			return err
		}
		return c.sit(ctx, next, start)
	})
	if err == nil {
		c.well(ctx, loadFailure)
	} else {
		c.metrics.loading.Set(c.now().Sub(start).Seconds())
	}
	return err
}

// prove is an error where the content must not take the place of the one that serves.
func (c *court) prove(next *docket) error {
	c.mu.Lock()
	last, live := c.docket, c.live
	c.mu.Unlock()
	servers := map[string]string{}
	if c.apiServer != "" {
		servers[c.apiServer] = byFlag
	}
	if last == nil {
		return prove(nil, next.fleet(nil, ""), servers)
	}
	for _, id := range c.asked.since(c.now().Add(-askedLately)) {
		switch {
		case id != "":
			servers[id] = "which has asked within the last hour"
		case c.apiServer == "":
			if err := sameDefault(last.fleet(live, ""), next.fleet(live, "")); err != nil {
				return err
			}
		}
	}
	return prove(last.fleet(nil, ""), next.fleet(nil, ""), servers)
}

// sameDefault is an error where a review at /validate would not be of the same API server any more.
func sameDefault(last, next *fleet.Fleet) error {
	before, err := admission.Find(last, "")
	if err != nil {
		return nil
	}
	switch after, err := admission.Find(next, ""); {
	case err != nil:
		return fmt.Errorf("%w: %q has asked at %s within the last hour", err, before, root)
	case after != before:
		return fmt.Errorf("%q has asked at %s within the last hour, and the fleet has %q in its place", before, root, after)
	}
	return nil
}

// fleet is that of the revision, with what is live, on a day.
func (d *docket) fleet(live *fleet.Live, date string) *fleet.Fleet {
	of := d.Checkout
	of.Live, of.Date = live, date
	return of.Build(d.tree)
}

// know judges from now on by what is live too.
func (c *court) know(ctx context.Context, live fleet.Live) {
	live.Objects = slices.Clone(live.Objects)
	for i := range live.Objects {
		live.Objects[i].Content = secret.Redact(live.Objects[i].Content)
	}
	c.mu.Lock()
	c.live = &live
	c.mu.Unlock()
	c.again(ctx, func(*docket) bool { return true })
}

// observe has compared called from now on.
func (c *court) observe(compared func([]fleet.Finding)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compared = compared
}

// turn judges by the same content again once the day has changed: certificates expire.
func (c *court) turn(ctx context.Context) {
	c.again(ctx, func(d *docket) bool { return d.Date != c.now().UTC().Format(time.DateOnly) })
}

// again judges by the same content again, where that is wanted.
func (c *court) again(ctx context.Context, wanted func(*docket) bool) {
	err := c.loads.run(ctx, func(ctx context.Context) error {
		c.mu.Lock()
		last := c.docket
		c.mu.Unlock()
		if last == nil || !wanted(last) {
			return nil
		}
		return c.sit(ctx, last, c.now())
	})
	if err != nil {
		c.failed(ctx, againFailure, err)
		return
	}
	c.well(ctx, againFailure)
}

// sit judges by the content and what is live from now on. What has been judged already, as where something live has changed that
// Git decides on, is not judged again.
func (c *court) sit(ctx context.Context, of *docket, start time.Time) error {
	c.mu.Lock()
	live, fresh := c.live, of != c.docket
	c.mu.Unlock()
	next := *of
	next.Date, next.Live = start.UTC().Format(time.DateOnly), live
	var differences []fleet.Finding
	if live != nil {
		differences = verify.Compare(next.fleet(nil, next.Date), *live).Findings()
	}
	f := next.fleet(live, next.Date)
	var reviewer *admission.Reviewer
	if fresh || !reflect.DeepEqual(f, c.Current().Fleet) {
		var err error
		if reviewer, err = c.judge(ctx, &next, f, start); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil { // given up: another load may have come meanwhile
		return err
	}
	c.docket = &next
	if reviewer != nil {
		c.reviewer.Store(reviewer)
		took := c.now().Sub(start)
		c.metrics.loaded(took)
		c.log.InfoContext(ctx, "fleet loaded", "revision", next.Revision, "digest", next.Digest, "clusters", len(f.Clusters),
			"members", len(f.Members), "files", len(f.Files), "live", live != nil, "duration", took.Seconds())
	}
	if live != nil {
		c.metrics.differ(differences)
		if c.compared != nil {
			c.compared(differences)
		}
	}
	return nil
}

// judge judges a fleet once.
func (c *court) judge(ctx context.Context, next *docket, f *fleet.Fleet, start time.Time) (*admission.Reviewer, error) {
	reviewer, err := admission.NewReviewer(next.engine, next.Config)
	if err != nil {
		return nil, err
	}
	reviewer.Newest = func() string {
		if revision := c.newest.Load(); revision != nil {
			return *revision
		}
		return ""
	}
	s := &admission.Snapshot{Fleet: f, Revision: next.Revision, Digest: next.Digest, Loaded: c.now()}
	err = reviewer.Serve(ctx, s)
	s.Took = c.now().Sub(start)
	return reviewer, err
}

// failed reports that no content could be had, or none to judge by. It is counted each time, and logged when it is news: another
// failure than the last, or one of which the Event has expired. news is what there is to tell, without a value of the content; empty
// for nothing.
func (c *court) failed(ctx context.Context, kind failureKind, err error) (news string) {
	if ctx.Err() != nil {
		return ""
	}
	c.metrics.loads.WithLabelValues("failure").Inc()
	now := c.now()
	next := &failure{Why: secret.Message(err.Error()), Since: now.UTC(), last: now, told: now}
	news = next.Why
	if last := c.failures[kind].Load(); last != nil && last.Why == next.Why {
		next.Since = last.Since
		if now.Sub(last.told) < eventAgain {
			next.told, news = last.told, ""
		}
	}
	c.failures[kind].Store(next)
	if news != "" {
		c.log.ErrorContext(ctx, "the fleet could not be loaded", "error", next.Why, "serving", c.Current() != nil)
	}
	return news
}

// well reports that what has failed before has not failed now.
func (c *court) well(ctx context.Context, kind failureKind) {
	if last := c.failures[kind].Swap(nil); last != nil && ctx.Err() == nil {
		c.log.InfoContext(ctx, "what failed is over", "error", last.Why, "since", last.Since)
	}
}

// failure is why the newest content does not serve; nil where it does.
func (c *court) failure() *failure {
	for i := range c.failures {
		f := c.failures[i].Load()
		if f != nil && (failureKind(i) != watchFailure || c.now().Sub(f.last) < watchRetried) {
			return f
		}
	}
	return nil
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
	g.Go(func() error {
		contents, err := from.Contents(both, from.FS)
		if err != nil {
			return err
		}
		if next.tree, err = from.Follow(both, contents); err != nil {
			return err
		}
		next.tree.Share()
		next.Follower = contents.Follower()
		return nil
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

// expect tells that the source has a revision, which will be judged by soon: what it may mend warns until then.
func (c *court) expect(revision string) {
	if refused := c.refused.Load(); refused == nil || *refused != revision { // which is seen again with each reconciliation
		c.newest.Store(&revision)
	}
}

// refuse tells that a revision does not serve: what it was to mend is refused by the one that does.
func (c *court) refuse(revision string) {
	c.refused.Store(&revision)
	if newest := c.newest.Load(); newest != nil && *newest == revision {
		c.newest.CompareAndSwap(newest, nil)
	}
}

// Review judges one request, as admission.Reviewer does.
func (c *court) Review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*admission.Verdict, error) {
	r := c.reviewer.Load()
	if r == nil {
		return nil, errors.New("no fleet is loaded yet")
	}
	v, err := r.Review(ctx, apiServer, req)
	if err == nil {
		c.asked.note(apiServer, c.now())
	}
	return v, err
}
