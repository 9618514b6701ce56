// Package admission judges what an API server asks: a request is a change of the fleet, and what the change introduces
// is the answer. It knows no rule, and nothing of HTTP.
package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Snapshot is a fleet as reviews are judged against it; never changed.
type Snapshot struct {
	Fleet *fleet.Fleet
	// Revision is Flux's, "main@sha1:…", and empty for a folder; Digest is that of the content.
	Revision, Digest string
	Loaded           time.Time
	// Took is how long it took to read the fleet and to judge it.
	Took time.Duration
}

// Name is what a snapshot is called wherever it is named: its revision, else when it was loaded.
func (s *Snapshot) Name() string { return cmp.Or(s.Revision, s.Loaded.UTC().Format(time.RFC3339)) }

// Reviewer judges requests against the fleet that it serves. It may be used by several goroutines.
type Reviewer struct {
	// Newest is the newest revision that the source is known to have; empty where that is not known, and nil where
	// nothing can tell. Not to be changed once requests are judged.
	Newest func() string

	engine *engine.Engine
	rules  map[string]engine.Rule // by ID
	config config.Admission
	served atomic.Pointer[served]
}

// NewReviewer judges by the rules of an engine, as the configuration wants it. A mode of a rule that
// does not exist is an error.
func NewReviewer(e *engine.Engine, c config.Config) (*Reviewer, error) {
	r := &Reviewer{engine: e, rules: map[string]engine.Rule{}, config: c.Admission}
	var ids []string
	for _, rule := range e.Rules() {
		r.rules[rule.ID] = rule
		ids = append(ids, rule.ID)
	}
	if err := c.CheckRules(ids); err != nil {
		return nil, err
	}
	return r, nil
}

// Serve judges the fleet once, and from then on requests are judged against it. An error leaves the last one serving.
func (r *Reviewer) Serve(ctx context.Context, s *Snapshot) error {
	judgement, err := r.engine.Judge(ctx, s.Fleet)
	if err != nil {
		return err
	}
	r.served.Store(newServed(s, judgement))
	return nil
}

// Current is what is served, nil before the first.
func (r *Reviewer) Current() *Snapshot {
	if b := r.served.Load(); b != nil {
		return b.snapshot
	}
	return nil
}

// Decision is what a request comes to.
type Decision string

// Decisions.
const (
	Allow Decision = "allow"
	Warn  Decision = "warn" // admitted, with warnings
	Deny  Decision = "deny"
	Skip  Decision = "skip" // admitted, and not judged
)

// Verdict is the answer to a request.
type Verdict struct {
	Response *admissionv1.AdmissionResponse
	Decision Decision
	// Rules are the ids of those that denied or warned, sorted.
	Rules []string
	// Done is what was done about the findings of a rule, by its ID: Deny, Warn, or Allow where they were noted alone.
	Done map[string]Decision
}

// Review judges one request of an API server; its ID is "" for the fleet's only one. An error means that the request
// could not be judged: no fleet is served, the API server is none of the fleet's, ctx is done, or a rule failed. Never
// is it an answer; it is an *Error.
func (r *Reviewer) Review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*Verdict, error) {
	v, err := r.review(ctx, apiServer, req)
	if err != nil {
		return nil, newError(err)
	}
	return v, nil
}

// Error is why a request could not be judged.
type Error struct {
	// Text says so without anything of the object.
	Text string
	err  error
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// newError tells a rule's failure, which may quote the object, by its place, and of the rest
// nothing that may be a value.
func newError(err error) *Error {
	text := err.Error()
	if failure := (*engine.Failure)(nil); errors.As(err, &failure) {
		text = strings.ReplaceAll(text, failure.Error(), failure.Place)
	}
	return &Error{secret.Message(text), err}
}

func (r *Reviewer) review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*Verdict, error) {
	b := r.served.Load()
	if b == nil {
		return nil, errors.New("no fleet is served yet")
	}
	server, err := Find(b.snapshot.Fleet, apiServer)
	if err != nil {
		return nil, err
	}
	if why := r.skipReason(req); why != "" {
		return r.skip(b.snapshot, req, why), nil
	}
	change, why, err := read(ctx, server, req)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return r.skip(b.snapshot, req, why), nil
	}
	found, err := b.introduced(ctx, change, len(req.Object.Raw)+len(req.OldObject.Raw))
	if err != nil {
		return nil, fmt.Errorf("judge %s %s/%s: %w", req.Kind.Kind, change.Object.Namespace, change.Object.Name, err)
	}
	return r.answer(b.snapshot, req, change, found), nil
}

// skipReason says why a request is not judged at all; empty where it is.
func (r *Reviewer) skipReason(req *admissionv1.AdmissionRequest) string {
	judged := []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete}
	exempt := r.config.Exempt
	switch {
	case !slices.Contains(judged, req.Operation):
		return "operation"
	case req.SubResource != "":
		return "subresource"
	case slices.Contains(exempt.Namespaces, req.Namespace) && req.Namespace != "":
		return "namespace"
	case slices.Contains(exempt.Users, req.UserInfo.Username):
		return "user"
	case slices.ContainsFunc(req.UserInfo.Groups, func(group string) bool {
		return slices.Contains(exempt.Groups, group)
	}):
		return "group"
	}
	return ""
}

// Find is the ID of the API server that asks: the one that is named, or for "" the fleet's only one. An error says
// which there are: to judge by another one's part of the fleet is to judge wrongly.
func Find(f *fleet.Fleet, id string) (string, error) {
	ids := slices.Sorted(maps.Keys(f.APIServers))
	switch _, known := f.APIServers[id]; {
	case known:
		return id, nil
	case len(ids) == 0:
		return "", errors.New("the fleet has no API server")
	case id != "":
		return "", fmt.Errorf("the fleet has no API server %q; it has %s", secret.Name(id), listed(ids))
	case len(ids) > 1:
		return "", fmt.Errorf(
			"the fleet has several API servers, and nothing says which one asks: /validate/ID does, with one of %s",
			listed(ids))
	}
	return ids[0], nil
}

// maxListed is how many IDs of API servers an error lists.
const maxListed = 20

func listed(ids []string) string {
	var all []string
	for _, id := range ids[:min(len(ids), maxListed)] {
		all = append(all, strconv.Quote(secret.Name(id)))
	}
	text := strings.Join(all, ", ")
	if more := len(ids) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
