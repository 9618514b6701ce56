// Package serving keeps the fleet that the webhook judges by: it loads a revision, proves that it may take the place of
// the last one, and swaps them. The last good one serves until another is proven.
package serving

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

// Metrics count what a Store does.
type Metrics interface {
	// Loaded is called for each fleet that serves from now on, with the time that it took to load.
	Loaded(took time.Duration)
	// Failed is called each time that a fleet could not be loaded or had, LoadTook with the
	// time that a failed load took.
	Failed()
	LoadTook(took time.Duration)
	// Differ is called with the differences between what is live and Git.
	Differ(differences []fleet.Finding)
}

// Store judges by the rules, the configuration and the fleet of one revision. The next revision takes the place of all
// three at once, since a repository brings its configuration and rules along.
type Store struct {
	log     *slog.Logger
	metrics Metrics
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

	mu       sync.Mutex // guards loaded, live and onDrift
	loaded   *loaded
	live     *fleet.Live
	reviewer atomic.Pointer[admission.Reviewer]

	// onDrift is called with the differences between what is live and Git, whenever either changes; nil for nobody.
	onDrift func([]fleet.Finding)

	failures [failureKinds]atomic.Pointer[Failure]
}

// FailureKind is what has failed. The failures of one kind are over when the next of that kind has none.
type FailureKind int

const (
	LoadFailure    FailureKind = iota // the newest content does not serve
	rejudgeFailure                    // what serves could not be judged by what is live, or today
	SourceFailure                     // there is no content
	WatchFailure                      // the newest content is not known
	failureKinds
)

// SayAgain is how long the same failure is not said again: an API server keeps an Event for an hour.
const SayAgain = 50 * time.Minute

// Path is where reviews are asked for without an API server's ID.
const Path = "/validate"

// watchRetried is how long ago a watch may have failed that has not succeeded since: it is tried again within a minute,
// and nothing tells that it succeeds.
//
// Source: kubernetes/client-go v0.36.0 tools/cache/reflector.go, NewReflectorWithOptions (backoffManager).
const watchRetried = 2 * time.Minute

// NewStore has no fleet yet. apiServer is the ID of the API server that asks, empty where no flag says so; a
// load takes at most limit.
func NewStore(log *slog.Logger, m Metrics, apiServer string, limit time.Duration) *Store {
	return &Store{log: log, metrics: m, now: time.Now, apiServer: apiServer, loads: newLoads(limit)}
}

// Failure says why the newest content does not serve.
type Failure struct {
	// Why is what the log says too.
	Why string `json:"why"`
	// Since is when that was first so; last is when it was so again, and told when it was logged.
	Since      time.Time `json:"since"`
	last, told time.Time
}

// loaded is a revision that was read. It is judged again when what is live, or the day, has changed.
type loaded struct {
	Content
	engine *engine.Engine
	tree   *fleet.Tree
}

// Content is a repository's content to judge by: the folder or the artifact that it is in.
type Content struct {
	checkout.Checkout
	// Revision is Flux's, "main@sha1:…", and empty for a folder; Digest is that of the content.
	Revision, Digest string
}

// Serve judges by the content from now on. An error is reported, and leaves the last one serving.
func (s *Store) Serve(ctx context.Context, open func(context.Context) (Content, error)) error {
	err := s.Load(ctx, open)
	if err != nil {
		s.Failed(ctx, LoadFailure, err)
	}
	return err
}

// Load is Serve, for a caller that reports the error.
func (s *Store) Load(ctx context.Context, open func(context.Context) (Content, error)) error {
	unbindMemory()
	defer bindMemory()
	start := s.now()
	err := s.loads.run(ctx, func(ctx context.Context) error {
		from, err := open(ctx)
		if err != nil {
			return err
		}
		next, err := read(ctx, from)
		if err != nil {
			return err
		}
		if err := s.prove(next); err != nil {
			return err
		}
		return s.put(ctx, next, start)
	})
	if err == nil {
		s.Recovered(ctx, LoadFailure)
	} else {
		s.metrics.LoadTook(s.now().Sub(start))
	}
	return err
}

// prove is an error where the content must not take the place of the one that serves.
func (s *Store) prove(next *loaded) error {
	s.mu.Lock()
	last, live := s.loaded, s.live
	s.mu.Unlock()
	servers := map[string]string{}
	if s.apiServer != "" {
		servers[s.apiServer] = byFlag
	}
	if last == nil {
		return prove(nil, next.fleet(nil, ""), servers)
	}
	for _, id := range s.asked.since(s.now().Add(-askedLately)) {
		switch {
		case id != "":
			servers[id] = "which has asked within the last hour"
		case s.apiServer == "":
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
		return fmt.Errorf("%w: %q has asked at %s within the last hour", err, before, Path)
	case after != before:
		return fmt.Errorf("%q has asked at %s within the last hour, and the fleet has %q in its place", before, Path,
			after)
	}
	return nil
}

// fleet is that of the revision, with what is live, on a day.
func (d *loaded) fleet(live *fleet.Live, date string) *fleet.Fleet {
	of := d.Checkout
	of.Live, of.Date = live, date
	return of.Build(d.tree)
}

// SetLive judges from now on by what is live too.
func (s *Store) SetLive(ctx context.Context, live fleet.Live) {
	live.Objects = slices.Clone(live.Objects)
	for i := range live.Objects {
		live.Objects[i].Content = secret.Redact(live.Objects[i].Content)
	}
	s.mu.Lock()
	s.live = &live
	s.mu.Unlock()
	s.rejudge(ctx, func(*loaded) bool { return true })
}

// OnDrift has the function called with the differences between what is live and Git, whenever either changes.
func (s *Store) OnDrift(call func([]fleet.Finding)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onDrift = call
}

// RefreshDate judges by the same content again once the day has changed: certificates expire.
func (s *Store) RefreshDate(ctx context.Context) {
	s.rejudge(ctx, func(d *loaded) bool { return d.Date != s.now().UTC().Format(time.DateOnly) })
}

// rejudge judges by the same content again, where that is wanted.
func (s *Store) rejudge(ctx context.Context, wanted func(*loaded) bool) {
	err := s.loads.run(ctx, func(ctx context.Context) error {
		s.mu.Lock()
		last := s.loaded
		s.mu.Unlock()
		if last == nil || !wanted(last) {
			return nil
		}
		return s.put(ctx, last, s.now())
	})
	if err != nil {
		s.Failed(ctx, rejudgeFailure, err)
		return
	}
	s.Recovered(ctx, rejudgeFailure)
}

// put judges by the content and what is live from now on. What has been judged already, as where something live has
// changed that Git decides on, is not judged again.
func (s *Store) put(ctx context.Context, of *loaded, start time.Time) error {
	s.mu.Lock()
	live, fresh := s.live, of != s.loaded
	s.mu.Unlock()
	next := *of
	next.Date, next.Live = start.UTC().Format(time.DateOnly), live
	var differences []fleet.Finding
	if live != nil {
		differences = verify.Compare(next.fleet(nil, next.Date), *live).Findings()
	}
	f := next.fleet(live, next.Date)
	var reviewer *admission.Reviewer
	if fresh || !reflect.DeepEqual(f, s.Current().Fleet) {
		var err error
		if reviewer, err = s.judge(ctx, &next, f, start); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil { // given up: another load may have come meanwhile
		return err
	}
	s.loaded = &next
	if reviewer != nil {
		s.reviewer.Store(reviewer)
		took := s.now().Sub(start)
		s.metrics.Loaded(took)
		s.log.InfoContext(ctx, "fleet loaded", "revision", next.Revision, "digest", next.Digest, "clusters",
			len(f.Clusters),
			"members", len(f.Members), "files", len(f.Files), "live", live != nil, "duration", took.Seconds())
	}
	if live != nil {
		s.metrics.Differ(differences)
		if s.onDrift != nil {
			s.onDrift(differences)
		}
	}
	return nil
}

// judge judges a fleet once.
func (s *Store) judge(ctx context.Context, next *loaded, f *fleet.Fleet, start time.Time) (*admission.Reviewer, error) {
	reviewer, err := admission.NewReviewer(next.engine, next.Config)
	if err != nil {
		return nil, err
	}
	reviewer.Newest = func() string {
		if revision := s.newest.Load(); revision != nil {
			return *revision
		}
		return ""
	}
	snapshot := &admission.Snapshot{Fleet: f, Revision: next.Revision, Digest: next.Digest, Loaded: s.now()}
	err = reviewer.Serve(ctx, snapshot)
	snapshot.Took = s.now().Sub(start)
	return reviewer, err
}

// Failed reports that no content could be had, or none to judge by. It is counted each time, and logged when it is
// news: another failure than the last, or one of which the Event has expired. news is what there is to tell, without a
// value of the content; empty for nothing.
func (s *Store) Failed(ctx context.Context, kind FailureKind, err error) (news string) {
	if ctx.Err() != nil {
		return ""
	}
	s.metrics.Failed()
	now := s.now()
	next := &Failure{Why: secret.Message(err.Error()), Since: now.UTC(), last: now, told: now}
	news = next.Why
	if last := s.failures[kind].Load(); last != nil && last.Why == next.Why {
		next.Since = last.Since
		if now.Sub(last.told) < SayAgain {
			next.told, news = last.told, ""
		}
	}
	s.failures[kind].Store(next)
	if news != "" {
		s.log.ErrorContext(ctx, "the fleet could not be loaded", "error", next.Why, "serving", s.Current() != nil)
	}
	return news
}

// Recovered reports that what has failed before has not failed now.
func (s *Store) Recovered(ctx context.Context, kind FailureKind) {
	if last := s.failures[kind].Swap(nil); last != nil && ctx.Err() == nil {
		s.log.InfoContext(ctx, "what failed is over", "error", last.Why, "since", last.Since)
	}
}

// Failure is why the newest content does not serve; nil where it does.
func (s *Store) Failure() *Failure {
	for i := range s.failures {
		f := s.failures[i].Load()
		if f != nil && (FailureKind(i) != WatchFailure || s.now().Sub(f.last) < watchRetried) {
			return f
		}
	}
	return nil
}

// read reads a revision: its configuration, its rules and its tree.
func read(ctx context.Context, from Content) (*loaded, error) {
	if err := from.Configure(from.FS, config.Name); err != nil {
		return nil, err
	}
	next := &loaded{Content: from}
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
func (s *Store) Current() *admission.Snapshot {
	if r := s.reviewer.Load(); r != nil {
		return r.Current()
	}
	return nil
}

// Expect says that the source has a revision, which will be judged by soon: what it may mend warns until then.
func (s *Store) Expect(revision string) {
	// which is seen again with each reconciliation
	if refused := s.refused.Load(); refused == nil || *refused != revision {
		s.newest.Store(&revision)
	}
}

// Refuse says that a revision does not serve: what it was to mend is refused by the one that does.
func (s *Store) Refuse(revision string) {
	s.refused.Store(&revision)
	if newest := s.newest.Load(); newest != nil && *newest == revision {
		s.newest.CompareAndSwap(newest, nil)
	}
}

// Review judges one request, as admission.Reviewer does.
func (s *Store) Review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*admission.Verdict,
	error) {
	r := s.reviewer.Load()
	if r == nil {
		return nil, errors.New("no fleet is loaded yet")
	}
	v, err := r.Review(ctx, apiServer, req)
	if err == nil {
		s.asked.note(apiServer, s.now())
	}
	return v, err
}
